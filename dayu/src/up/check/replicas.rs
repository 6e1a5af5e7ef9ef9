//! Who should answer: the replicas of each service, by device, as the pods say.
use std::collections::{BTreeMap, BTreeSet};

use dayu_core::api::lean::Lean;
use k8s_openapi::api::core::v1::{Pod, Service};

use crate::up::counts::Key;

/// All of `services`, ready or not.
pub(super) fn of(services: &[Service], pods: &[Lean<Pod>]) -> BTreeSet<Key> {
    let of_service = |service| pods.iter().filter_map(move |pod| replica(service, pod));
    services.iter().flat_map(of_service).collect()
}

fn replica(service: &Service, pod: &Pod) -> Option<Key> {
    let selector = service.spec.as_ref()?.selector.as_ref()?;
    let selected = is_within(selector, pod.metadata.labels.as_ref()?);
    if !selected || pod.metadata.namespace != service.metadata.namespace || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let device = pod.spec.as_ref()?.node_name.clone()?;
    Some(Key { service: service.metadata.name.clone()?, device, replica: pod.metadata.name.clone()? })
}

fn is_within(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn those_that_the_service_selects_and_that_are_not_on_their_way_out() {
        let service = json!({"metadata": {"name": "det", "namespace": "a"}, "spec": {"selector": {"app": "det"}}});
        let pod = |name: &str, namespace: &str, app: &str| {
            json!({"metadata": {"name": name, "namespace": namespace, "labels": {"app": app, "more": "x"}},
                "spec": {"nodeName": "edge1", "containers": []}})
        };
        let mut leaving = pod("leaving", "a", "det");
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let pods = [pod("one", "a", "det"), pod("two", "a", "agg"), pod("three", "b", "det"), leaving];
        let pods = pods.map(|pod| serde_json::from_value(pod).unwrap());
        let found = of(&[serde_json::from_value(service).unwrap()], &pods);
        let one = Key { service: "det".to_owned(), device: "edge1".to_owned(), replica: "one".to_owned() };
        assert_eq!(found, BTreeSet::from([one]));
    }
}
