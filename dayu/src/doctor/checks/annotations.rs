//! What Services say of how they are balanced can be read.
use dayu_core::{api::annotation, balance::Balancing};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;

use crate::doctor::finding::Finding;

const CHECK: &str = "annotation";

/// One for each that cannot: the mesh goes by its default there.
pub(super) fn check(services: &[Service]) -> Vec<Finding> {
    services.iter().flat_map(ignored).collect()
}

fn ignored(service: &Service) -> impl Iterator<Item = Finding> {
    let said = |name| service.annotations().get(name).map(String::as_str);
    let about = format!("service/{} in {}", service.name_any(), service.namespace().unwrap_or_default());
    Balancing::said(said(annotation::BALANCE), said(annotation::SPILL)).ignored.into_iter().map(move |ignored| {
        let remedy = format!("correct {} there, or on the resource that it belongs to", ignored.annotation);
        Finding::warning(CHECK, &about, ignored.to_string(), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(annotations: serde_json::Value) -> Vec<Finding> {
        let metadata = json!({"name": "cam", "namespace": "site", "annotations": annotations});
        check(&[serde_json::from_value(json!({"metadata": metadata})).unwrap()])
    }

    #[test]
    fn what_is_known_or_somebody_elses_is_well() {
        assert_eq!(found(json!({})), []);
        let known = json!({"dayu.io/balance": "least-request:5", "dayu.io/spill": "never", "team": "fastest"});
        assert_eq!(found(known), []);
    }

    #[test]
    fn each_value_that_nobody_knows_is_told_with_those_that_there_are() {
        let [balance, spill] = &found(json!({"dayu.io/balance": "fastest", "dayu.io/spill": "soon"}))[..] else {
            panic!("not two")
        };
        assert_eq!((balance.state.word(), &*balance.about), ("warning", "service/cam in site"));
        assert!(balance.found.contains("\"fastest\"") && balance.found.contains("round-robin"), "{balance:?}");
        assert!(balance.state.remedy().unwrap().contains("dayu.io/balance"), "{balance:?}");
        assert!(spill.found.contains("\"soon\"") && spill.found.contains("in-flight"), "{spill:?}");
    }
}
