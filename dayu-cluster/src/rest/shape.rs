//! Objects and lists in the shape that was asked for.

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::accept::Shape;
use super::error::ApiError;
use super::list::{Page, encode_list};
use super::query::Query;
use crate::registry::Kind;
use crate::store::{Object, Store};
use crate::table::{Columns, IncludeObject, Options, table};

/// Renders objects of one kind for one request.
#[derive(Debug)]
pub(crate) struct Shaper {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Whole,
    Metadata,
    Table(Box<Table>),
}

#[derive(Debug)]
struct Table {
    api_version: &'static str,
    include: IncludeObject,
    columns: Columns,
    store: Store,
    /// The columns were described on this stream.
    described: bool,
}

impl Shaper {
    pub(crate) fn negotiate(store: &Store, kind: &Kind, headers: &HeaderMap, query: &Query) -> Result<Self, ApiError> {
        let form = match Shape::negotiate(headers)? {
            Shape::Whole => Form::Whole,
            Shape::Metadata => Form::Metadata,
            Shape::Table(api_version) => Form::Table(Box::new(Table {
                api_version,
                include: include(query)?,
                columns: match kind.custom() {
                    Some(custom) => Columns::declared(&custom.declared),
                    None => Columns::builtin(&kind.group, &kind.kind),
                },
                store: store.clone(),
                described: false,
            })),
        };
        Ok(Self { form })
    }

    pub(crate) fn object(&self, kind: &Kind, object: &Object) -> Bytes {
        match &self.form {
            Form::Whole => kind.bytes(object),
            Form::Metadata => metadata_only(object).into(),
            Form::Table(table) => table.of(&[parsed(kind, object)], &version(object), false),
        }
    }

    pub(crate) fn list(&self, kind: &Kind, page: &Page) -> Bytes {
        let values = || page.objects.iter().map(|object| parsed(kind, object));
        match &self.form {
            Form::Whole => encode_list(kind, page),
            Form::Metadata => {
                let items: Vec<String> = page.objects.iter().map(|object| metadata_only(object)).collect();
                let head = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":"#;
                format!(r#"{head}{},"items":[{}]}}"#, page.metadata, items.join(",")).into()
            }
            Form::Table(table) => {
                let mut metadata = page.metadata.clone();
                if metadata["continue"] == ""
                    && let Some(fields) = metadata.as_object_mut()
                {
                    fields.remove("continue");
                }
                table.of(&values().collect::<Vec<_>>(), &metadata, false)
            }
        }
    }

    /// An object within a watch event. Only the first table describes its columns.
    pub(crate) fn event(&mut self, kind: &Kind, object: &Object) -> Bytes {
        if let Form::Table(table) = &mut self.form {
            let described = std::mem::replace(&mut table.described, true);
            return table.of(&[parsed(kind, object)], &version(object), described);
        }
        self.object(kind, object)
    }

    pub(crate) fn bookmark(&self, kind: &Kind, metadata: &Value) -> Bytes {
        let (name, version) = match &self.form {
            Form::Whole => (kind.kind.as_str(), kind.api_version()),
            Form::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".into()),
            Form::Table(table) => return table.of(&[], metadata, true),
        };
        json!({ "kind": name, "apiVersion": version, "metadata": metadata }).to_string().into()
    }
}

impl Table {
    fn of(&self, values: &[Value], metadata: &Value, headless: bool) -> Bytes {
        let now = self.store.environment().now();
        let options = Options { api_version: self.api_version, include: self.include, now, headless };
        table(&self.columns, values, metadata, options).to_string().into()
    }
}

fn include(query: &Query) -> Result<IncludeObject, ApiError> {
    let asked = query.get("includeObject").unwrap_or_default();
    IncludeObject::parse(asked).ok_or_else(|| {
        ApiError::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"{asked}\": must be 'Metadata', 'Object', 'None', or empty"
        ))
    })
}

fn parsed(kind: &Kind, object: &Object) -> Value {
    kind.value(object).unwrap_or_default()
}

fn version(object: &Object) -> Value {
    json!({ "resourceVersion": object.meta.resource_version.to_string() })
}

/// The metadata as it is stored, which is the same in all versions: the rest is not read.
fn metadata_only(object: &Object) -> String {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let metadata = serde_json::from_slice(&object.json).map_or("{}", |Envelope { metadata }| metadata.get());
    format!(r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{metadata}}}"#)
}
