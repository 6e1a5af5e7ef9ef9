//! Which groups, versions and resources there are, in the form that every client understands.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::registry::{Kind, Kinds, Origin};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// `/api`
pub(super) fn core() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// `/apis`
pub(super) fn groups(kinds: &Kinds) -> Value {
    let mut groups: Vec<&str> = Vec::new();
    for kind in kinds.iter().filter(|kind| !kind.group.is_empty()) {
        if !groups.contains(&kind.group.as_str()) {
            groups.push(&kind.group);
        }
    }
    let groups: Vec<Value> = groups.into_iter().filter_map(|name| group(kinds, name)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/{group}`
pub(super) fn group(kinds: &Kinds, name: &str) -> Option<Value> {
    let mut versions: BTreeMap<(std::cmp::Reverse<Priority>, &str), ()> = BTreeMap::new();
    for kind in kinds.iter().filter(|kind| kind.group == name) {
        versions.insert((std::cmp::Reverse(priority(&kind.version)), &kind.version), ());
    }
    let versions: Vec<Value> = versions
        .into_keys()
        .map(|(_, version)| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    let preferred = versions.first()?.clone();
    Some(
        json!({ "kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": versions, "preferredVersion": preferred }),
    )
}

/// `/api/v1`, `/apis/{group}/{version}`
pub(super) fn resources(kinds: &Kinds, group: &str, version: &str) -> Option<Value> {
    let here: Vec<_> = kinds.iter().filter(|kind| kind.group == group && kind.version == version).collect();
    let api_version = here.first()?.api_version();
    let resources: Vec<Value> = here.iter().flat_map(|kind| entries(kind)).collect();
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources }))
}

fn entries(kind: &Kind) -> Vec<Value> {
    let verbs: &[&str] = if matches!(kind.origin, Origin::Review) { &VERBS[..1] } else { &VERBS };
    let mut main = json!({
        "name": kind.plural(),
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs,
    });
    for (field, list) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !list.is_empty() {
            main[field] = json!(list);
        }
    }
    let part = |name: &str, kind_name: &str, verbs: &[&str]| {
        json!({
            "name": format!("{}/{name}", kind.plural()),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind_name,
            "verbs": verbs,
        })
    };
    let mut entries = vec![main];
    if kind.status {
        entries.push(part("status", &kind.kind, &["get", "patch", "update"]));
    }
    if kind.scale.is_some() {
        let mut scale = part("scale", "Scale", &["get", "patch", "update"]);
        scale["group"] = "autoscaling".into();
        scale["version"] = "v1".into();
        entries.push(scale);
    }
    if kind.resource == crate::store::PODS {
        entries.push(part("log", "Pod", &["get"]));
        entries.push(part("binding", "Binding", &["create"]));
        entries.push(part("eviction", "Eviction", &["create"]));
    }
    entries
}

/// How mature a version is: `v2` before `v1` before `v1beta1` before `v1alpha1`.
type Priority = (u8, u32, u32);

fn priority(version: &str) -> Priority {
    let number = |text: &str| text.parse().unwrap_or(0);
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    if let Some((major, minor)) = rest.split_once("beta") {
        (2, number(major), number(minor))
    } else if let Some((major, minor)) = rest.split_once("alpha") {
        (1, number(major), number(minor))
    } else {
        (3, number(rest), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::built_in;

    #[test]
    fn mature_versions_come_first() {
        let mut versions = ["v1alpha1", "v1", "v2beta1", "v2", "odd", "v10"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1alpha1", "odd"]);
    }

    #[test]
    fn pods_are_discovered_with_their_parts() {
        let kinds = built_in().kinds();
        let list = resources(&kinds, "", "v1").unwrap();
        let names: Vec<&str> =
            list["resources"].as_array().unwrap().iter().filter_map(|resource| resource["name"].as_str()).collect();
        for name in ["pods", "pods/log", "pods/status", "nodes"] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(resources(&kinds, "apps", "v9"), None);
        assert_eq!(group(&kinds, "apps").unwrap()["preferredVersion"]["version"], "v1");
    }
}
