//! JointMultiEdgeService: one Deployment per worker and one NodePort Service that spans them.
mod child;
mod environment;
mod files;
mod merge;
mod mount;
mod path;
mod service;
mod slots;
mod status;
#[cfg(test)]
mod tests;

use super::{Observed, Plan, Rejection, Site, Template, Worker, device, syntax};
use crate::api::{JointMultiEdgeService, JointMultiEdgeServiceStatus};

/// The [`Template`] of JointMultiEdgeService.
///
/// ```
/// use dayu_core::{api::JointMultiEdgeService, name::Device};
/// use dayu_core::template::{Site, Template, joint_multi_edge::JointMultiEdgeTemplate};
///
/// let service: JointMultiEdgeService = serde_json::from_value(serde_json::json!({
///     "apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService",
///     "metadata": {"name": "detector", "namespace": "dayu", "uid": "u1"},
///     "spec": {
///         "serviceConfig": {"pos": "edge", "port": 9000},
///         "edgeWorker": [{"template": {"spec": {"nodeName": "edge1", "containers": [{"name": "w"}]}}}],
///     },
/// }))?;
/// let site = Site { devices: std::sync::Arc::new([(Device::from("edge1"), Default::default())].into()), ..Default::default() };
/// let plan = JointMultiEdgeTemplate.plan(&service, &site).unwrap();
/// let name = plan.workers[0].deployment.metadata.name.as_deref().unwrap();
/// assert!(name.starts_with("detector-edgeworker-"));
/// assert_eq!(plan.services[0].metadata.name.as_deref(), Some("detector-edge"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct JointMultiEdgeTemplate;

impl Template for JointMultiEdgeTemplate {
    type Resource = JointMultiEdgeService;
    type Status = JointMultiEdgeServiceStatus;

    fn plan(&self, service: &JointMultiEdgeService, site: &Site) -> Result<Plan, Rejection> {
        syntax::check_length(service.metadata.name.as_deref().unwrap_or_default())?;
        let placed = slots::place(service, site)?;
        let names = slots::names(service, &placed);
        let workers = placed.iter().zip(names).map(|(place, name)| {
            let deployment = child::deployment(service, place, name, &site.local_manager)?;
            Ok(Worker { slot: place.slot.clone(), deployment })
        });
        Ok(Plan {
            workers: workers.collect::<Result<_, Rejection>>()?,
            services: service::of(service)?.into_iter().collect(),
            activation: None,
        })
    }

    fn status(&self, service: &JointMultiEdgeService, observed: &Observed) -> JointMultiEdgeServiceStatus {
        status::derive(service, observed)
    }

    fn is_on_its_way(&self, status: &JointMultiEdgeServiceStatus) -> bool {
        status::is_on_its_way(status)
    }
}
