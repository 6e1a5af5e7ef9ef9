//! The kinds that this program knows.

use super::{Kind, Origin, Scale};
use crate::store::ResourceRef;

/// group, version, kind, plural, short names, traits (see [`Traits`])
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], Traits);

/// n: namespaced, s: status subresource, c: scale subresource, a: category `all`, g: counts generations, r: review, never stored.
type Traits = &'static str;

const ROWS: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", &["ns"], "s"),
    ("", "v1", "Node", "nodes", &["no"], "s"),
    ("", "v1", "Pod", "pods", &["po"], "nsag"),
    ("", "v1", "Service", "services", &["svc"], "nsa"),
    ("", "v1", "Endpoints", "endpoints", &["ep"], "n"),
    ("", "v1", "ConfigMap", "configmaps", &["cm"], "n"),
    ("", "v1", "Secret", "secrets", &[], "n"),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], "n"),
    ("", "v1", "Event", "events", &["ev"], "n"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], "ns"),
    ("", "v1", "PersistentVolume", "persistentvolumes", &["pv"], "s"),
    ("", "v1", "ResourceQuota", "resourcequotas", &["quota"], "ns"),
    ("", "v1", "LimitRange", "limitranges", &["limits"], "n"),
    ("", "v1", "ReplicationController", "replicationcontrollers", &["rc"], "nscag"),
    ("", "v1", "PodTemplate", "podtemplates", &[], "n"),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], "nscag"),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], "nscag"),
    ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], "nsag"),
    ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], "nscag"),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", &[], "n"),
    ("batch", "v1", "Job", "jobs", &[], "nsag"),
    ("batch", "v1", "CronJob", "cronjobs", &["cj"], "nsag"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[], "ng"),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], "n"),
    ("events.k8s.io", "v1", "Event", "events", &["ev"], "n"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], "n"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[], ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[], ""),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], "nsg"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"], "nsg"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"], "ng"),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", &["pc"], "g"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", &["sc"], ""),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], "sg"),
    ("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[], "r"),
    ("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[], "r"),
    ("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", &[], "r"),
];

pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    ROWS.iter().map(kind)
}

fn kind(&(group, version, kind, plural, short_names, traits): &Row) -> Kind {
    let is = |letter| traits.contains(letter);
    Kind {
        resource: ResourceRef::fixed(stored_group(group, plural), plural),
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        list_kind: format!("{kind}List"),
        singular: kind.to_lowercase(),
        short_names: short_names.iter().map(|&name| name.into()).collect(),
        categories: categories(kind, is('a')),
        namespaced: is('n'),
        generation: is('g'),
        status: is('s'),
        scale: is('c').then(|| Scale {
            spec_replicas: ".spec.replicas".into(),
            status_replicas: ".status.replicas".into(),
            selector: Some(".spec.selector".into()),
        }),
        origin: if is('r') { Origin::Review } else { Origin::BuiltIn },
    }
}

/// What `kubectl get all` and the like mean.
fn categories(kind: &str, all: bool) -> Vec<String> {
    match kind {
        "CustomResourceDefinition" => vec!["api-extensions".into()],
        _ if all => vec!["all".into()],
        _ => Vec::new(),
    }
}

/// Events of both groups are the same objects.
fn stored_group(group: &'static str, plural: &str) -> &'static str {
    if plural == "events" { "" } else { group }
}
