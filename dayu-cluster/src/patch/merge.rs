//! The lists that a strategic merge patch merges, and by which field.
//!
//! Kubernetes says so in markers of its Go types (`patchStrategy`, `patchMergeKey`); they differ from those of
//! server-side apply (ports of a container merge by number alone).

/// How a strategic merge patch treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    Replace,
    /// Of single values: united.
    Unite,
    /// Of objects: merged with the one that has the same value here.
    By(&'static str),
}

/// Field of the list (in any object of a built-in kind), merge key. The same name means the same everywhere, but where
/// the parent decides.
const LISTS: &[(&str, &str)] = &[
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("conditions", "type"),
    ("ownerReferences", "uid"),
    ("secrets", "name"),
    ("podIPs", "ip"),
    ("hostIPs", "ip"),
    ("addresses", "type"),
];

const SETS: &[&str] = &["finalizers", "podCIDRs"];

pub(super) fn strategy(kind: &str, parent: &str, name: &str) -> Strategy {
    match (kind, parent, name) {
        ("Service", "spec", "ports") => Strategy::By("port"),
        (_, "containers" | "initContainers" | "ephemeralContainers", "ports") => Strategy::By("containerPort"),
        // The same names, other lists.
        ("EndpointSlice" | "Endpoints" | "CustomResourceDefinition", _, "addresses" | "conditions") => {
            Strategy::Replace
        }
        (_, "volumes" | "projected" | "secret" | "configMap", "secrets" | "conditions") => Strategy::Replace,
        _ if SETS.contains(&name) => Strategy::Unite,
        _ => LISTS.iter().find(|row| row.0 == name).map_or(Strategy::Replace, |row| Strategy::By(row.1)),
    }
}
