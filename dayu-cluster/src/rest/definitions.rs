//! What a CustomResourceDefinition must be, and what completes a new one: it is served once stored.

use serde_json::{Value, json};

use crate::registry::{self, CLEANUP};
use crate::schema::builtin::is_dns1035_label;
use crate::schema::{Cause, Structural};
use crate::store::Store;

/// Completes a new definition; where its names are free it is served from the moment it is stored.
pub(super) fn establish(store: &Store, definition: &mut Value) {
    match definition["metadata"]["finalizers"].as_array_mut() {
        Some(finalizers) if finalizers.iter().any(|finalizer| finalizer == CLEANUP) => {}
        Some(finalizers) => finalizers.push(CLEANUP.into()),
        None => definition["metadata"]["finalizers"] = json!([CLEANUP]),
    }
    definition["status"] = json!({ "storedVersions": storage_version(definition).into_iter().collect::<Vec<_>>() });
    registry::settle(store, definition);
}

/// Completes a definition that was changed.
pub(super) fn change(store: &Store, definition: &mut Value, old: &Value) {
    note_storage_version(definition);
    if definition["spec"]["names"] != old["spec"]["names"] {
        registry::settle(store, definition);
    }
}

/// What is wrong with a definition beside its form.
pub(super) fn validate(definition: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = old.map(|old| unchanged(&old["spec"], &definition["spec"])).unwrap_or_default();
    let (name, spec) = (&definition["metadata"]["name"], &definition["spec"]);
    if text(name) != format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"])) {
        causes.push(Cause::invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
    }
    if !matches!(spec["scope"].as_str(), Some("Cluster" | "Namespaced")) {
        causes.push(Cause::unsupported("spec.scope", &spec["scope"], ["Cluster", "Namespaced"]));
    }
    names(&spec["names"], &mut causes);
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &spec["versions"], why));
    }
    let stores = old.is_some() || storage_version(definition).is_some();
    for (index, version) in versions.iter().enumerate() {
        if version["schema"]["openAPIV3Schema"].is_null() {
            causes.push(Cause::required(format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
        }
    }
    for (path, version) in declared(versions, "selectableFields") {
        let some = version["selectableFields"].as_array().is_some_and(|fields| !fields.is_empty());
        if some && version["schema"]["openAPIV3Schema"].is_null() {
            let why = "may only be set when validations.schema is included";
            causes.push(Cause::invalid(format!("{path}.selectableFields"), &"".into(), why));
        }
    }
    for (path, version) in declared(versions, "schema") {
        let path = if path == "spec" { "spec.validation".to_owned() } else { format!("{path}.schema") };
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_null() {
            causes.extend(Structural::refusals(schema, &format!("{path}.openAPIV3Schema")));
        }
    }
    for (path, version) in declared(versions, "additionalPrinterColumns") {
        let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
        for (column, declared) in columns.enumerate() {
            printer_column(declared, &format!("{path}.additionalPrinterColumns[{column}]"), &mut causes);
        }
    }
    if !stores {
        causes.push(Cause::invalid("status.storedVersions", &Value::Null, "must have at least one stored version"));
    }
    causes
}

/// The versions that have a field of their own, and where Kubernetes says that it is: what all versions have alike is the
/// definition's, and is looked at once.
fn declared<'a>(versions: &'a [Value], field: &str) -> Vec<(String, &'a Value)> {
    match versions {
        [first, others @ ..] if others.iter().all(|other| other[field] == first[field]) => vec![("spec".into(), first)],
        _ => versions.iter().enumerate().map(|(at, version)| (format!("spec.versions[{at}]"), version)).collect(),
    }
}

/// What paths to stored objects are made of stays.
fn unchanged(old: &Value, new: &Value) -> Vec<Cause> {
    let fields = ["/group", "/names/plural", "/scope", "/names/kind"];
    let changed = fields.into_iter().filter(|field| old.pointer(field) != new.pointer(field));
    let cause = |field: &str| {
        let value = new.pointer(field).unwrap_or(&Value::Null);
        Cause::invalid(format!("spec{}", field.replace('/', ".")), value, "field is immutable")
    };
    changed.map(cause).collect()
}

/// Paths are made of names.
fn names(names: &Value, causes: &mut Vec<Cause>) {
    for field in ["plural", "singular"] {
        let why = names[field].as_str().and_then(is_dns1035_label);
        causes.extend(why.map(|why| Cause::invalid(format!("spec.names.{field}"), &names[field], &why)));
    }
    let kind = text(&names["kind"]);
    let list_kind = names["listKind"].as_str().map_or_else(|| format!("{kind}List"), str::to_owned);
    for (field, name) in [("kind", kind), ("listKind", list_kind)] {
        let why = is_dns1035_label(&name.to_lowercase());
        let why = why.map(|why| format!("may have mixed case, but should otherwise match: {why}"));
        causes.extend(why.map(|why| Cause::invalid(format!("spec.names.{field}"), &name.clone().into(), &why)));
    }
}

fn printer_column(declared: &Value, path: &str, causes: &mut Vec<Cause>) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    if !TYPES.contains(&text(&declared["type"]).as_str()) {
        let why = format!("must be one of {}", TYPES.join(","));
        causes.push(Cause::invalid(format!("{path}.type"), &declared["type"], &why));
    }
    if !text(&declared["jsonPath"]).starts_with('.') {
        let why = "must be a simple json path starting with .";
        causes.push(Cause::invalid(format!("{path}.JSONPath"), &declared["jsonPath"], why));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Notes that objects may from now on be stored in another version, too.
fn note_storage_version(definition: &mut Value) {
    let Some(version) = storage_version(definition) else { return };
    if let Some(stored) = definition["status"]["storedVersions"].as_array_mut()
        && !stored.contains(&version)
    {
        stored.push(version);
    }
}

fn storage_version(definition: &Value) -> Option<Value> {
    let mut versions = definition["spec"]["versions"].as_array()?.iter();
    versions.find(|version| version["storage"] == true).map(|version| version["name"].clone())
}
