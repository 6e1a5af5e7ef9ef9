//! The form that every client understands: one document for each group and version.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::registry::{Kind, Kinds, Origin};

/// `/api`
pub(super) fn core() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

/// `/apis`
pub(super) fn groups(kinds: &Kinds) -> Value {
    let groups = super::groups(kinds).into_iter().filter(|name| !name.is_empty());
    let groups: Vec<Value> = groups.filter_map(|name| named(kinds, name)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/{group}`
pub(super) fn group(kinds: &Kinds, name: &str) -> Option<Value> {
    let mut group = named(kinds, name)?;
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn named(kinds: &Kinds, name: &str) -> Option<Value> {
    let versions: Vec<Value> = super::versions(kinds, name)
        .into_iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({ "name": name, "versions": versions, "preferredVersion": preferred }))
}

/// `/api/v1`, `/apis/{group}/{version}`
pub(super) fn resources(kinds: &Kinds, group: &str, version: &str) -> Option<Value> {
    let here: Vec<_> = kinds.iter().filter(|kind| kind.group == group && kind.version == version).collect();
    let api_version = here.first()?.api_version();
    let resources: Vec<Value> = here.iter().flat_map(|kind| entries(kind)).collect();
    let mut list = json!({ "kind": "APIResourceList", "groupVersion": api_version, "resources": resources });
    // The first group is older than this field.
    if !group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

fn entries(kind: &Kind) -> Vec<Value> {
    let mut main = json!({
        "name": kind.plural(),
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": super::verbs(kind),
    });
    super::names(kind, &mut main);
    if !matches!(kind.origin, Origin::Review) {
        main["storageVersionHash"] = storage_version(kind).into();
    }
    let parts = super::parts(kind).into_iter().map(|part| {
        let mut entry = json!({
            "name": format!("{}/{}", kind.plural(), part.name),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": part.kind,
            "verbs": part.verbs,
        });
        if (part.group, part.version) != (&*kind.group, &*kind.version) {
            entry["group"] = part.group.into();
            entry["version"] = part.version.into();
        }
        entry
    });
    std::iter::once(main).chain(parts).collect()
}

/// Stands for the version that objects of a kind are stored in, the same as in Kubernetes: who keeps it sees when that changes.
fn storage_version(kind: &Kind) -> String {
    let stored = kind.stored_api_version();
    let (group, version) = stored.split_once('/').unwrap_or(("", &stored));
    let digest = Sha256::digest(format!("{group}/{version}/{}", kind.kind));
    BASE64.encode(&digest[..8])
}
