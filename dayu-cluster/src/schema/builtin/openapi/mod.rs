//! The definitions that Kubernetes publishes of its kinds, as OpenAPI documents have them.
//!
//! They are data: packed text, and read one by one when somebody asks. As code that makes them from types they would be a
//! tenth of the whole program.

#[cfg(test)]
mod tests;

use miniz_oxide::inflate::decompress_to_vec;
use serde_json::{Map, Value};

use super::markers;

/// The definition of `metadata` of an object.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The definition of `metadata` of a list.
pub(crate) const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// By name, each schema packed by the build out of `definitions.txt`: a line for each, its name, a space and its schema, written
/// by a test, which also tells when it is not current.
static DEFINITIONS: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/definitions.rs"));

const REFERENCE: &str = "#/components/schemas/";

/// How a schema says that it is the definition `name`.
pub(crate) fn to(name: &str) -> String {
    format!("{REFERENCE}{name}")
}

/// The definition that `schema` says it is.
pub(crate) fn reference(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str();
    direct.or_else(|| schema["allOf"][0]["$ref"].as_str())?.strip_prefix(REFERENCE)
}

/// The schema of the definition `name`.
pub(crate) fn definition(name: &str) -> Option<Value> {
    let at = DEFINITIONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    let (_, packed) = DEFINITIONS.get(at)?;
    serde_json::from_slice(&decompress_to_vec(packed).ok()?).ok()
}

/// The definition `name` with all that it is made of, for clients.
pub(crate) fn definitions(name: &str) -> Map<String, Value> {
    let mut found = Map::new();
    let mut wanted = vec![name.to_owned()];
    while let Some(name) = wanted.pop() {
        if found.contains_key(&name) {
            continue;
        }
        if let Some(mut schema) = definition(&name) {
            markers::mark(&name, &mut schema);
            each_reference(&schema, &mut |name| wanted.push(name.into()));
            found.insert(name, schema);
        }
    }
    found
}

fn each_reference(schema: &Value, see: &mut impl FnMut(&str)) {
    if let Some(name) = reference(schema) {
        see(name);
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| each_reference(field, see)),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, see)),
        _ => {}
    }
}
