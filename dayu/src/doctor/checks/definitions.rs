//! Our kinds are defined, served, and know every field.
use dayu_core::api::{self, Definition, Installed};
use kube::ResourceExt;

use crate::doctor::finding::Finding;

const CHECK: &str = "definitions";
const REMEDY: &str = "start the global manager without --keep-crds, or `dayu crds | kubectl apply --server-side -f -`";

pub(super) fn check(installed: &[Installed]) -> Vec<Finding> {
    api::definitions().iter().map(|wanted| one(wanted, installed)).collect()
}

fn one(wanted: &Definition, installed: &[Installed]) -> Finding {
    let name = wanted.name();
    let Some(served) = installed.iter().find(|definition| definition.name_any() == name) else {
        return Finding::fault(CHECK, name, "is not installed", REMEDY);
    };
    if let Err(problem) = served.established() {
        return Finding::fault(CHECK, name, problem, format!("`kubectl describe crd {name}` says why"));
    }
    match served.lacks(wanted).as_slice() {
        [] => Finding::good(CHECK, name, "is installed and knows every field"),
        fields => Finding::fault(CHECK, name, format!("drops the fields {}", fields.join(", ")), REMEDY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn served() -> Vec<Value> {
        let definition = |definition: &Definition| {
            let mut served: Value = serde_json::from_str(definition.json()).unwrap();
            served["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
            served
        };
        api::definitions().iter().map(definition).collect()
    }

    fn findings(served: &[Value]) -> Vec<Finding> {
        let installed: Vec<Installed> =
            served.iter().map(|served| serde_json::from_value(served.clone()).unwrap()).collect();
        check(&installed)
    }

    #[test]
    fn what_is_current_is_well() {
        assert!(findings(&served()).iter().all(|finding| !finding.is_fault()));
    }

    #[test]
    fn a_missing_one_is_named() {
        let findings = findings(&served()[1..]);
        assert!(findings[0].is_fault() && findings[0].about == "runtimeservices.sedna.io", "{findings:?}");
        assert!(!findings[1].is_fault());
    }

    #[test]
    fn one_that_lacks_a_field_or_is_not_served_is_a_fault() {
        let mut older = served();
        let root = older[0].pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties").unwrap();
        root.as_object_mut().unwrap().remove("spec");
        older[1]["status"] = Value::Null;
        let findings = findings(&older);
        assert!(findings[0].is_fault() && findings[0].found.contains(".spec"), "{findings:?}");
        assert!(findings[1].is_fault() && findings[1].found.contains("not served"), "{findings:?}");
    }
}
