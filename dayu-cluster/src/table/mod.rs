//! Objects as rows, for people: `meta.k8s.io/v1` Table.
//!
//! Which columns there are is known for built-in kinds and said by CustomResourceDefinitions
//! (`additionalPrinterColumns`); dates become ages here, so that clients print what they get.

mod builtin;
mod column;
mod columns;
pub(crate) mod path;
mod scalar;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(crate) use columns::Columns;

/// What of each object goes along with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum IncludeObject {
    #[default]
    Metadata,
    Object,
    None,
}

impl IncludeObject {
    /// Reads the query parameter `includeObject`; `None` where it has no meaning.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            "None" => Some(Self::None),
            _ => None,
        }
    }
}

/// How tables are made in one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`.
    pub api_version: &'a str,
    pub include: IncludeObject,
    /// For ages.
    pub now: Timestamp,
    /// Leave the definitions of the columns out: an event of a watch after the first.
    pub headless: bool,
}

/// The table of some objects; `metadata` is that of the list.
pub(crate) fn table<'a>(
    columns: &Columns,
    objects: impl IntoIterator<Item = &'a Value>,
    metadata: &Value,
    options: Options<'_>,
) -> Value {
    let rows: Vec<Value> = objects.into_iter().map(|object| row(columns, object, options)).collect();
    let definitions = if options.headless { Value::Null } else { columns.definitions() };
    json!({
        "kind": "Table",
        "apiVersion": options.api_version,
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn row(columns: &Columns, object: &Value, options: Options<'_>) -> Value {
    let mut row = Map::new();
    row.insert("cells".into(), columns.cells(object, options.now).into());
    match options.include {
        IncludeObject::None => {
            row.insert("object".into(), Value::Null);
        }
        IncludeObject::Object => {
            row.insert("object".into(), object.clone());
        }
        IncludeObject::Metadata => {
            let partial = json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": options.api_version,
                "metadata": object["metadata"],
            });
            row.insert("object".into(), partial);
        }
    }
    if let Some(condition) = finished(object) {
        row.insert("conditions".into(), json!([condition]));
    }
    Value::Object(row)
}

/// Pods that have run to their end are marked, so that clients may leave them out.
fn finished(object: &Value) -> Option<Value> {
    if object["kind"] != "Pod" {
        return None;
    }
    let (reason, message) = match object["status"]["phase"].as_str()? {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({ "type": "Completed", "status": "True", "reason": reason, "message": message }))
}

#[cfg(test)]
mod tests;
