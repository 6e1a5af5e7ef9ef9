//! RuntimeService: one Deployment of one replica on one device and, with an endpoint, one ClusterIP Service.
mod activation;
mod children;
mod identity;
mod status;
#[cfg(test)]
mod tests;
mod validation;

use super::{Activation, Observed, Plan, Rejection, Site, Slot, Template, Worker, device, spec_hash};
use crate::{
    api::{RuntimeService, RuntimeServiceStatus},
    name::{Device, Revision},
};
use identity::Identity;

/// The [`Template`] of RuntimeService.
///
/// ```
/// use dayu_core::{api::RuntimeService, name::Device, template::{Site, Template, runtime_service::RuntimeServiceTemplate}};
///
/// let service: RuntimeService = serde_json::from_value(serde_json::json!({
///     "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService",
///     "metadata": {"name": "det-edge1-r1", "namespace": "dayu", "uid": "u1"},
///     "spec": {
///         "installID": "lab", "deploymentRevision": 1, "component": "processor", "targetNode": "edge1",
///         "podTemplate": {"spec": {"containers": [{"name": "w", "ports": [{"containerPort": 9000}]}]}},
///         "endpoint": {"port": 9000},
///     },
/// }))?;
/// let site = Site { devices: std::sync::Arc::new([(Device::from("edge1"), Default::default())].into()), ..Default::default() };
/// let plan = RuntimeServiceTemplate.plan(&service, &site).unwrap();
/// assert_eq!(plan.workers[0].deployment.metadata.name.as_deref(), Some("det-edge1-r1"));
///
/// let refused = RuntimeServiceTemplate.plan(&service, &Site::default()).unwrap_err();
/// assert_eq!(refused.field, "spec.targetNode");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeServiceTemplate;

impl Template for RuntimeServiceTemplate {
    type Resource = RuntimeService;
    type Status = RuntimeServiceStatus;

    fn plan(&self, service: &RuntimeService, site: &Site) -> Result<Plan, Rejection> {
        let identity = Identity::of(service, spec_hash::of(&service.spec));
        validation::check(service, &identity)?;
        let device = device::find(site, &service.spec.target_node, || "spec.targetNode".to_owned())?;
        let activation = service.spec.endpoint.map(|_| Activation {
            service: identity.name.to_owned(),
            device: device.clone(),
            revision: Revision(service.spec.deployment_revision),
        });
        Ok(Plan {
            services: service
                .spec
                .endpoint
                .map(|endpoint| children::service(service, &identity, endpoint))
                .into_iter()
                .collect(),
            workers: vec![Worker {
                deployment: children::deployment(service, &identity, &device),
                slot: slot(service),
            }],
            activation,
        })
    }

    fn status(&self, service: &RuntimeService, observed: &Observed) -> RuntimeServiceStatus {
        status::derive(service, observed)
    }

    fn is_on_its_way(&self, status: &RuntimeServiceStatus) -> bool {
        status::is_on_its_way(status)
    }
}

/// The one worker.
fn slot(service: &RuntimeService) -> Slot {
    Slot { role: "runtime".to_owned(), device: Some(Device::from(service.spec.target_node.as_str())), ordinal: 0 }
}
