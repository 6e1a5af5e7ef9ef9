//! The definitions that teach an API server our kinds.
mod lacking;
mod pod;
mod refine;
#[cfg(test)]
mod tests;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use super::{JointMultiEdgeService, RuntimeService};
pub use lacking::lacking;

/// The CustomResourceDefinitions of all kinds, generated from the types.
///
/// Their schemas are structural and, but for `ports[].protocol: TCP`, free of defaults: a spec reads back as it was
/// written. Each is small enough for a plain `kubectl apply -f`, which repeats it in an annotation of at most 256 KiB.
///
/// ```
/// let names: Vec<_> = dayu_core::api::crds().into_iter().filter_map(|crd| crd.metadata.name).collect();
/// assert_eq!(names, ["runtimeservices.sedna.io", "jointmultiedgeservices.sedna.io"]);
/// ```
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![RuntimeService::crd(), JointMultiEdgeService::crd()];
    // A pod without a schema of its own keeps every field; checked against the very types, it always has one.
    if let Ok(pod) = pod::schema() {
        definitions.iter_mut().for_each(|definition| refine::definition(definition, &pod));
    }
    definitions
}
