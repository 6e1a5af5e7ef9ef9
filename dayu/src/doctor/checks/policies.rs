//! The admission policies are there that hold the layer's pods to what is theirs.
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::daemons::is_ours;
use crate::doctor::finding::Finding;

const CHECK: &str = "policy";
const REMEDY: &str = "install deploy/dayu.yaml, or the chart, again: on Kubernetes 1.30 or newer";

/// Those of the installation, and what goes unhindered without them.
const WANTED: [(&str, &str); 4] = [
    ("dayu-gm-leads", "what a global manager sent before it was deposed is taken however late it comes"),
    ("dayu-gm-own-lease", "the account of the global manager may say of any pod that it leads"),
    ("dayu-lm-own-lease", "the local manager of one device may pass for that of another"),
    ("dayu-lm-own-events", "the local manager of one device may speak for another"),
];

/// Of an installation whose daemons are pods: those that are processes have accounts of their own. A policy does nothing without
/// a binding of its name.
pub(super) fn check(policies: &[String], bindings: &[String], pods: &[Pod]) -> Vec<Finding> {
    if !pods.iter().any(is_ours) {
        return Vec::new();
    }
    let (policies, bindings): (BTreeSet<_>, BTreeSet<_>) = (policies.iter().collect(), bindings.iter().collect());
    let missing = |name: &String| match (policies.contains(name), bindings.contains(name)) {
        (true, true) => None,
        (true, false) => Some("is not bound"),
        (false, _) => Some("is not installed"),
    };
    let findings: Vec<_> = WANTED
        .into_iter()
        .filter_map(|(name, unhindered)| {
            let missing = missing(&name.to_owned())?;
            Some(Finding::warning(CHECK, name, format!("{missing}: {unhindered}"), REMEDY))
        })
        .collect();
    if findings.is_empty() {
        vec![Finding::good(CHECK, "admission", "each daemon is held to what is its own")]
    } else {
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ours() -> Pod {
        let metadata = json!({"name": "p", "namespace": "dayu-system", "labels": {"app.kubernetes.io/name": "dayu"}});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    /// What the installation brings of a kind.
    fn installed(kind: &str) -> Vec<String> {
        let manifests = include_str!("../../../../deploy/dayu.yaml");
        let of_kind =
            manifests.split("\n---\n").filter(|text| text.lines().any(|line| line == format!("kind: {kind}")));
        of_kind.map(|text| text.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap().to_owned()).collect()
    }

    #[test]
    fn what_the_installation_brings_is_all_that_is_wanted() {
        let (policies, bindings) =
            (installed("ValidatingAdmissionPolicy"), installed("ValidatingAdmissionPolicyBinding"));
        let [finding] = check(&policies, &bindings, &[ours()]).try_into().unwrap();
        assert_eq!(finding.state.word(), "ok");
        assert_eq!((policies.len(), bindings.len()), (WANTED.len(), WANTED.len()));
    }

    #[test]
    fn one_that_is_missing_or_not_bound_is_told() {
        let all: Vec<String> = WANTED.iter().map(|(name, _)| (*name).to_owned()).collect();
        let [leads, lease] = check(&all[1..], &[&all[..1], &all[2..]].concat(), &[ours()]).try_into().unwrap();
        assert!(leads.found.starts_with("is not installed: what a global manager sent"), "{leads:?}");
        assert!(lease.about == "dayu-gm-own-lease" && lease.found.starts_with("is not bound"), "{lease:?}");
    }

    #[test]
    fn where_no_daemon_is_a_pod_none_is_wanted() {
        assert_eq!(check(&[], &[], &[]), []);
    }
}
