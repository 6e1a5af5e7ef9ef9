//! Activation: the device's word for the exact route of this revision, asked once and kept as a latch.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{RuntimeService, runtime_service::Activation},
    name::Uid,
    template::Acknowledgement,
};

/// The incarnations that a route of the resource stands for at the moment, as far as they are known.
#[derive(Clone, Copy, Default)]
pub(super) struct Route<'a> {
    pub(super) service: Option<&'a Uid>,
    /// The only pod on the device, ready or not.
    pub(super) pod: Option<&'a Uid>,
}

/// Folds the newest acknowledgement into what was stored. One that names anything else than the route is stale.
pub(super) fn fold(
    service: &RuntimeService,
    stored: Option<&Activation>,
    acknowledged: Option<&Acknowledgement>,
    route: Route<'_>,
) -> Option<Activation> {
    let Some(ack) = acknowledged.filter(|ack| is_exact(service, ack, route)) else { return stored.cloned() };
    Some(Activation {
        target_node: service.spec.target_node.clone(),
        activated_revision: Some(ack.revision.0),
        activated_service_uid: Some(ack.service.clone()),
        activated_endpoint_pod_uid: Some(ack.pod.clone()),
        activated_local_sequence: Some(ack.sequence),
        last_ack_time: Some(seconds(ack.observed_at)),
        ..stored.cloned().unwrap_or_default()
    })
}

fn is_exact(service: &RuntimeService, ack: &Acknowledgement, route: Route<'_>) -> bool {
    service.metadata.uid.as_deref() == Some(ack.resource.as_str())
        && route.service == Some(&ack.service)
        && route.pod == Some(&ack.pod)
        && ack.revision.0 == service.spec.deployment_revision
        && ack.device.as_str() == service.spec.target_node
        && ack.sequence != 0
}

/// Whether the route that was activated is still the one there is. A latch: what is not seen does not revoke it, only
/// another incarnation does.
pub(super) fn applies(service: &RuntimeService, activation: &Activation, route: Route<'_>) -> bool {
    let same = |activated: &Option<Uid>, seen: Option<&Uid>| {
        activated.as_ref().is_some_and(|uid| !uid.as_str().is_empty() && seen.is_none_or(|seen| seen == uid))
    };
    activation.target_node == service.spec.target_node
        && activation.activated_revision == Some(service.spec.deployment_revision)
        && same(&activation.activated_service_uid, route.service)
        && same(&activation.activated_endpoint_pod_uid, route.pod)
}

/// Notes that the device is asked for the route, once per incarnation of it.
pub(super) fn request(
    service: &RuntimeService,
    stored: Option<Activation>,
    (service_uid, pod): (&Uid, &Uid),
    now: Timestamp,
) -> Activation {
    let stored = stored.unwrap_or_default();
    let asked = stored.target_node == service.spec.target_node
        && stored.requested_revision == Some(service.spec.deployment_revision)
        && stored.requested_service_uid.as_ref() == Some(service_uid)
        && stored.requested_endpoint_pod_uid.as_ref() == Some(pod);
    if asked {
        return stored;
    }
    Activation {
        target_node: service.spec.target_node.clone(),
        requested_revision: Some(service.spec.deployment_revision),
        requested_service_uid: Some(service_uid.clone()),
        requested_endpoint_pod_uid: Some(pod.clone()),
        last_request_time: Some(seconds(now)),
        ..stored
    }
}

/// As precise as the API server stores it, so that what is derived again is equal.
fn seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}
