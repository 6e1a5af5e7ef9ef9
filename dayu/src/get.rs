//! `dayu get`: the server's own tables, columns aligned, and below each why something in it is not ready.
use http::{Request, header};
use kube::{Client, Resource, core::DynamicObject};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cause::{Said, cause},
    cli::Get,
    kinds::{Kind, Kinds, Unknown},
    output,
};
use dayu_core::connect::{self, told};

/// What is shown when no kind is named, in this order.
const OWN_KINDS: [&str; 4] = ["runtimeservices", "jointmultiedgeservices", "services", "pods"];
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io, application/json";

/// Why nothing could be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error(transparent)]
    Unknown(#[from] Unknown),
    #[error("cannot list {what}: {}", told(.source))]
    List { what: String, source: kube::Error },
    #[error("no {kind} is called {name:?}, in any namespace; `dayu get {kind}` lists them")]
    NotFound { kind: String, name: String },
}

/// The parts of a `meta.k8s.io/v1` Table that are printed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(default)]
    priority: i32,
}

#[derive(Debug, Deserialize)]
struct Row {
    cells: Vec<Value>,
    #[serde(default)]
    object: Value,
}

/// Prints a table, or one for each of the layer's own kinds.
pub(crate) async fn run(options: &Get) -> Result<(), Error> {
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    let discovered = Kinds::discover(&client).await;
    let kinds = discovered.map_err(|source| Error::List { what: "the server's kinds".to_owned(), source })?;
    if let Some(name) = &options.kind {
        output::raw(&table(&client, kinds.named(name)?, options).await?);
        return Ok(());
    }
    for name in OWN_KINDS {
        // A cluster on which the global manager never ran lacks our kinds; the others are still worth showing.
        if let Ok(kind) = kinds.named(name) {
            output::line(&format!("# {name}"));
            output::raw(&table(&client, kind, options).await?);
        }
    }
    Ok(())
}

async fn table(client: &Client, kind: &Kind, options: &Get) -> Result<String, Error> {
    let namespace = options.namespace.as_deref().filter(|_| kind.namespaced);
    let path = DynamicObject::url_path(&kind.resource, namespace);
    let everywhere = kind.namespaced && namespace.is_none();
    let (path, query) = match &options.name {
        None => (path, String::new()),
        // One that may be in any namespace has no address of its own.
        Some(name) if everywhere => (path, format!("&fieldSelector=metadata.name%3D{name}")),
        Some(name) => (format!("{path}/{name}"), String::new()),
    };
    let failed = |source| Error::List { what: path.clone(), source };
    let request = Request::get(format!("{path}?includeObject=Object{query}")).header(header::ACCEPT, TABLE);
    let request = request.body(Vec::new()).map_err(|error| failed(kube::Error::HttpError(error)))?;
    let table: Table = client.request(request).await.map_err(failed)?;
    if let Some(name) = options.name.as_ref().filter(|_| table.rows.is_empty()) {
        return Err(Error::NotFound { kind: kind.resource.plural.clone(), name: name.clone() });
    }
    let notes = table.rows.iter().filter_map(|row| note(&row.object));
    Ok(render(&table, everywhere) + &notes.collect::<String>())
}

/// Why an object is not ready, as a line; none if it is, or has done its work.
fn note(object: &Value) -> Option<String> {
    let said = object.pointer("/status/conditions")?.as_array()?.iter().map(Said::deserialize);
    let cause = cause(&said.collect::<Result<Vec<_>, _>>().ok()?).filter(|cause| cause.reason != "PodCompleted")?;
    let name = object.pointer("/metadata/name")?.as_str()?;
    Some(format!("  {name}: {}: {}\n", cause.reason, cause.message))
}

fn render(table: &Table, with_namespace: bool) -> String {
    let shown: Vec<usize> =
        (0..table.column_definitions.len()).filter(|&at| table.column_definitions[at].priority == 0).collect();
    let mut headings: Vec<String> = shown.iter().map(|&at| table.column_definitions[at].name.to_uppercase()).collect();
    if with_namespace {
        headings.insert(0, "NAMESPACE".to_owned());
    }
    let rows = table.rows.iter().map(|row| {
        let mut cells: Vec<String> = shown.iter().map(|&at| cell(row.cells.get(at))).collect();
        if with_namespace {
            cells.insert(0, cell(row.object.pointer("/metadata/namespace")));
        }
        cells
    });
    output::table(&headings.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wide_columns_are_left_out_and_the_namespace_is_put_in_front() {
        let table: Table = serde_json::from_value(json!({
            "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "IP", "priority": 1}, {"name": "Ready"}],
            "rows": [{"cells": ["a", "10.0.0.1", 3], "object": {"metadata": {"namespace": "n"}}}],
        }))
        .unwrap();
        let text = render(&table, true);
        assert_eq!(text, "NAMESPACE   NAME   READY\nn           a      3\n");
    }
    #[test]
    fn what_is_not_ready_says_why() {
        let object = |reason: &str| {
            let ready = json!({"type": "Ready", "status": "False", "reason": reason, "message": "m", "lastTransitionTime": null});
            json!({"metadata": {"name": "a"}, "status": {"conditions": [ready]}})
        };
        assert_eq!(note(&object("ContainersNotReady")).as_deref(), Some("  a: ContainersNotReady: m\n"));
        assert_eq!(note(&object("PodCompleted")), None);
        assert_eq!(note(&json!({"metadata": {"name": "a"}})), None);
    }
}
