//! Definitions of kinds.

use serde_json::Value;

use crate::table::column::Column;
use crate::table::scalar::join;

pub(super) fn definition() -> Vec<Column> {
    vec![
        Column::name(),
        Column::text("Scope", "/spec/scope", ""),
        Column::new("Versions", "string", |definition, _| served(definition).into()),
        Column::created_at(),
        Column::text("Group", "/spec/group", "").wide(),
        Column::text("Kind", "/spec/names/kind", "").wide(),
        Column::new("ShortNames", "string", |definition, _| short_names(definition).into()).wide(),
        Column::new("Established", "boolean", |definition, _| established(definition).into()).wide(),
    ]
}

fn served(definition: &Value) -> String {
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let served: Value = versions.filter(|version| version["served"] == true).cloned().collect();
    join(&served, "name")
}

fn short_names(definition: &Value) -> String {
    let names = definition["spec"]["names"]["shortNames"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

fn established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}
