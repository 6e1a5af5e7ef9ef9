//! Both kinds of resources, for what has to go alike for either.
use std::fmt::Debug;

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use k8s_openapi::NamespaceResourceScope;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    reconcile::{joint, worker},
    site::{condition, runtime_service},
};

/// A kind of resource that has its worker run on a device.
pub(super) trait Kind:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
    /// The condition by which it is told that a child is refused, and its status then.
    const REFUSED: (&str, &str);
    /// The condition that its worker runs.
    const RUNS: &str;
    /// Where the spec of its worker's pod is.
    const POD: &str;

    fn of(name: &str, device: &str) -> Self;

    /// The same, where its worker's pod has a field more.
    fn with(self, field: &str, value: &str) -> Self {
        let mut resource = serde_json::to_value(self).unwrap();
        resource.pointer_mut(Self::POD).unwrap()[field] = Value::from(value);
        serde_json::from_value(resource).unwrap()
    }

    /// Status and reason of a condition.
    fn condition(&self, kind: &str) -> (String, String) {
        condition(&self.status(), kind)
    }

    /// Whether the API has refused a child.
    fn is_refused(&self) -> bool {
        let (condition, then) = Self::REFUSED;
        self.condition(condition) == (then.to_owned(), "ReconcileFailed".to_owned())
    }

    /// What is said of it, as text.
    fn told(&self) -> String {
        self.status().to_string()
    }

    fn status(&self) -> Value {
        serde_json::to_value(self).unwrap()["status"].take()
    }
}

impl Kind for RuntimeService {
    const REFUSED: (&str, &str) = ("ResourcesReconciled", "False");
    const RUNS: &str = "WorkloadReady";
    const POD: &str = "/spec/podTemplate/spec";

    fn of(name: &str, device: &str) -> Self {
        runtime_service(name, device, 9000)
    }
}

impl Kind for JointMultiEdgeService {
    const REFUSED: (&str, &str) = ("Failed", "True");
    const RUNS: &str = "Running";
    const POD: &str = "/spec/edgeWorker/0/template/spec";

    fn of(name: &str, device: &str) -> Self {
        joint(name, &json!([worker(device, "i:1")]))
    }
}
