//! The marks by which children are found again: whose they are, which worker, what was applied.
use kube::ResourceExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Label on every child and every pod: UID of the resource it belongs to.
pub(super) const OWNER: &str = "dayu.io/resource-uid";
/// Label on pods: name of the Deployment that they belong to.
pub(super) const WORKER: &str = "dayu.io/worker";
/// Annotation on children: hash of what was applied.
pub(super) const APPLIED: &str = "dayu.io/applied-hash";

/// One child as it is to be applied.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) kind: ChildKind,
    pub(super) name: String,
    /// The whole object, marks and owner included.
    pub(super) object: Value,
    /// Stands for the object: equal plans, equal hash.
    pub(super) hash: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ChildKind {
    Deployment,
    Service,
}

impl ChildKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Service => "Service",
        }
    }
}

/// Puts namespace, owner and marks on a planned child.
pub(super) fn mark<K: kube::Resource<DynamicType = ()>>(owner: &K, kind: ChildKind, mut object: Value) -> Child {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let uid = owner.uid().unwrap_or_default();
    let metadata = &mut object["metadata"];
    metadata["namespace"] = owner.namespace().unwrap_or_default().into();
    metadata["labels"][OWNER] = uid.as_str().into();
    metadata["ownerReferences"] = json!([{
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "name": owner.name_any(), "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    if kind == ChildKind::Deployment {
        let labels = &mut object["spec"]["template"]["metadata"]["labels"];
        labels[OWNER] = uid.as_str().into();
        labels[WORKER] = name.as_str().into();
    }
    let hash = hash(&object);
    object["metadata"]["annotations"][APPLIED] = format!("{hash:016x}").into();
    Child { kind, name, object, hash }
}

fn hash(object: &Value) -> u64 {
    let digest = Sha256::digest(object.to_string().as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Whether a list that Kubernetes merges by key has a key twice: server-side apply refuses such an object.
pub(super) fn has_repeated_keys(object: &Value) -> bool {
    let containers = |field: &str| object["spec"]["template"]["spec"][field].as_array().into_iter().flatten();
    containers("containers").chain(containers("initContainers")).any(|container| {
        repeats(&container["env"], &["name"])
            || repeats(&container["ports"], &["containerPort", "protocol"])
            || repeats(&container["volumeMounts"], &["mountPath"])
    })
}

fn repeats(list: &Value, keys: &[&str]) -> bool {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let same = |a: &Value, b: &Value| keys.iter().all(|key| a[*key] == b[*key]);
    items.iter().enumerate().any(|(at, item)| items[..at].iter().any(|earlier| same(earlier, item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_environment_names_are_seen() {
        let object = |env: Value| json!({"spec": {"template": {"spec": {"containers": [{"env": env}]}}}});
        assert!(has_repeated_keys(&object(json!([{"name": "A"}, {"name": "B"}, {"name": "A", "value": "2"}]))));
        assert!(!has_repeated_keys(&object(json!([{"name": "A"}, {"name": "B"}]))));
        assert!(!has_repeated_keys(&json!({"spec": {}})));
    }

    #[test]
    fn equal_plans_have_equal_hashes_and_an_edit_has_another() {
        let owner: k8s_openapi::api::core::v1::ConfigMap =
            serde_json::from_value(json!({"metadata": {"name": "o", "namespace": "n", "uid": "u"}})).unwrap();
        let service = |port: u16| json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": port}]}});
        let first = mark(&owner, ChildKind::Service, service(1));
        assert_eq!(first.hash, mark(&owner, ChildKind::Service, service(1)).hash);
        assert_ne!(first.hash, mark(&owner, ChildKind::Service, service(2)).hash);
        assert_eq!(first.object["metadata"]["labels"][OWNER], "u");
        assert_eq!(first.object["metadata"]["ownerReferences"][0]["kind"], "ConfigMap");
    }
}
