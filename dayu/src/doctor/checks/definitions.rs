//! Our kinds are defined, served, and know every field.
use dayu_core::api;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;

use crate::doctor::finding::Finding;

const CHECK: &str = "definitions";
const REMEDY: &str = "start the global manager without --keep-crds, or `dayu crds | kubectl apply --server-side -f -`";

pub(super) fn check(installed: &[CustomResourceDefinition]) -> Vec<Finding> {
    api::crds().iter().map(|wanted| one(wanted, installed)).collect()
}

fn one(wanted: &CustomResourceDefinition, installed: &[CustomResourceDefinition]) -> Finding {
    let name = wanted.name_any();
    let Some(served) = installed.iter().find(|definition| definition.name_any() == name) else {
        return Finding::fault(CHECK, name, "is not installed", REMEDY);
    };
    if let Some(problem) = not_served(served) {
        return Finding::fault(CHECK, &name, problem, format!("`kubectl describe crd {name}` says why"));
    }
    match api::lacking(wanted, served).as_slice() {
        [] => Finding::good(CHECK, name, "is installed and knows every field"),
        fields => Finding::fault(CHECK, name, format!("drops the fields {}", fields.join(", ")), REMEDY),
    }
}

/// Why a definition is not served, if it is not.
fn not_served(definition: &CustomResourceDefinition) -> Option<String> {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_ref());
    let established = conditions.into_iter().flatten().find(|condition| condition.type_ == "Established");
    match established {
        Some(condition) if condition.status == "True" => None,
        Some(condition) => {
            Some(format!("is not served: {}", condition.message.as_deref().unwrap_or("no reason is given")))
        }
        None => Some("is not served yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn served() -> Vec<CustomResourceDefinition> {
        let mut definitions = api::crds();
        for definition in &mut definitions {
            let established = json!([{"type": "Established", "status": "True"}]);
            definition.status = serde_json::from_value(json!({"conditions": established})).unwrap();
        }
        definitions
    }

    #[test]
    fn what_is_current_is_well() {
        assert!(check(&served()).iter().all(|finding| !finding.is_fault()));
    }

    #[test]
    fn a_missing_one_is_named() {
        let findings = check(&served()[1..]);
        assert!(findings[0].is_fault() && findings[0].about == "runtimeservices.sedna.io", "{findings:?}");
        assert!(!findings[1].is_fault());
    }

    #[test]
    fn one_that_lacks_a_field_or_is_not_served_is_a_fault() {
        let mut older = served();
        let schema = older[0].spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        schema.properties.as_mut().unwrap().remove("spec");
        older[1].status = None;
        let findings = check(&older);
        assert!(findings[0].is_fault() && findings[0].found.contains(".spec"), "{findings:?}");
        assert!(findings[1].is_fault() && findings[1].found.contains("not served"), "{findings:?}");
    }
}
