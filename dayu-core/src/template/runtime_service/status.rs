//! What a RuntimeService's status tells: seven gates, each derived from what is there now.
use super::{activation, activation::Route, slot, spec_hash};
use crate::{
    api::{
        RuntimeService, RuntimeServiceStatus, annotation,
        condition::{self, READY, Verdict},
        runtime_service::EndpointStatus,
    },
    name::Device,
    template::{Failure, Observed, PodState, Rejection, ServiceState, WorkerState},
};

const SPEC_ACCEPTED: &str = "SpecAccepted";
const RESOURCES_RECONCILED: &str = "ResourcesReconciled";
const NODE_READY: &str = "NodeReady";
const WORKLOAD_READY: &str = "WorkloadReady";
const ENDPOINT_READY: &str = "EndpointReady";
const ACTIVATED: &str = "Activated";
const NODE_NOT_READY: &str = "NodeNotReady";
const DISPATCH_FAILED: &str = "ActivationDispatchFailed";

pub(super) fn derive(service: &RuntimeService, observed: &Observed) -> RuntimeServiceStatus {
    let stored = service.status.clone().unwrap_or_default();
    let generation = service.metadata.generation.unwrap_or_default();
    let mut status = RuntimeServiceStatus { observed_generation: Some(generation), ..Default::default() };
    let verdicts = match &observed.failure {
        Some(Failure::Rejected(rejection)) if !rejection.is_of_site() => {
            // What was accepted before stays told, so that restoring the spec heals.
            status.observed_revision = stored.observed_revision;
            status.observed_spec_hash = stored.observed_spec_hash;
            status.activation = stored.activation;
            invalid(rejection)
        }
        _ => {
            status.observed_revision = Some(service.spec.deployment_revision);
            status.observed_spec_hash = Some(hash(service, observed));
            gates(&View::of(service, observed), &mut status)
        }
    };
    status.conditions = condition::derive(&stored.conditions, verdicts, generation, observed.now);
    status
}

/// Not ready, although its device is there and can be asked.
pub(super) fn is_on_its_way(status: &RuntimeServiceStatus) -> bool {
    let is_of_device = |reason: &str| [NODE_NOT_READY, DISPATCH_FAILED].contains(&reason);
    !condition::holds(&status.conditions, READY) && !status.conditions.iter().any(|gate| is_of_device(&gate.reason))
}

fn invalid(rejection: &Rejection) -> Vec<Verdict> {
    let gates = [SPEC_ACCEPTED, RESOURCES_RECONCILED, NODE_READY, WORKLOAD_READY, ENDPOINT_READY, ACTIVATED, READY]
        .map(|kind| Verdict::new(kind, false, rejection.reason, rejection.to_string()));
    gates.into_iter().chain(rejection.stalled()).collect()
}

/// The plan has it on its children; without a plan it is computed.
fn hash(service: &RuntimeService, observed: &Observed) -> String {
    let planned = observed.plan.workers.first().and_then(|worker| worker.deployment.metadata.annotations.as_ref());
    planned
        .and_then(|annotations| annotations.get(annotation::RUNTIME_SPEC_HASH).cloned())
        .unwrap_or_else(|| spec_hash::of(&service.spec))
}

/// What matters of an observation.
struct View<'a> {
    service: &'a RuntimeService,
    observed: &'a Observed,
    worker: Option<&'a WorkerState>,
    /// The pods on the target device.
    pods: Vec<&'a PodState>,
    exposed: Option<&'a ServiceState>,
}

impl<'a> View<'a> {
    fn of(service: &'a RuntimeService, observed: &'a Observed) -> Self {
        let worker = observed.workers.get(&slot(service));
        let target = Device::from(service.spec.target_node.as_str());
        let pods = worker.map(|worker| worker.pods.iter().filter(|pod| pod.device.as_ref() == Some(&target)));
        Self {
            service,
            observed,
            worker,
            pods: pods.into_iter().flatten().collect(),
            exposed: service.metadata.name.as_deref().and_then(|name| observed.services.get(name)),
        }
    }

    /// The one ready pod of a finished rollout.
    fn ready_pod(&self) -> Option<&'a PodState> {
        let mut ready = self.pods.iter().filter(|pod| pod.ready);
        let pod = ready.next().filter(|_| ready.next().is_none())?;
        self.worker.filter(|worker| worker.rolled_out).map(|_| *pod)
    }

    fn route(&self) -> Route<'a> {
        Route {
            service: self.exposed.and_then(|exposed| exposed.service.as_ref()).map(|service| &service.uid),
            pod: if let [pod] = self.pods[..] { Some(&pod.pod.uid) } else { None },
        }
    }
}

fn gates(view: &View<'_>, status: &mut RuntimeServiceStatus) -> Vec<Verdict> {
    let accepted = Verdict::new(SPEC_ACCEPTED, true, "Accepted", "runtime specification is valid");
    let needed = [reconciled(view), node(view), workload(view, status), endpoint(view, status)];
    let exposed = needed[3].holds;
    let mut verdicts = vec![accepted];
    verdicts.extend(needed);
    verdicts.push(activated(view, status, exposed));
    verdicts.push(ready(&verdicts));
    verdicts
}

fn ready(gates: &[Verdict]) -> Verdict {
    let pending: Vec<_> = gates.iter().filter(|gate| !gate.holds).collect();
    if pending.is_empty() {
        let message = "runtime resources converged and the exact rollout route was activated";
        return Verdict::new(READY, true, READY, message);
    }
    let messages: Vec<_> = pending.iter().map(|gate| format!("{}: {}", gate.kind, gate.message)).collect();
    Verdict::new(READY, false, "ReadinessGatesPending", messages.join("; "))
}

fn reconciled(view: &View<'_>) -> Verdict {
    match &view.observed.failure {
        None => Verdict::new(RESOURCES_RECONCILED, true, "Reconciled", "deployment and service are as specified"),
        Some(Failure::Rejected(rejection)) => {
            Verdict::new(RESOURCES_RECONCILED, false, rejection.reason, rejection.to_string())
        }
        Some(Failure::Refused { child, message }) => {
            Verdict::new(RESOURCES_RECONCILED, false, "ReconcileFailed", format!("{child}: {message}"))
        }
    }
}

fn node(view: &View<'_>) -> Verdict {
    let name = &view.service.spec.target_node;
    let (ready, message) = match view.observed.site.devices.get(name.as_str()) {
        Some(device) if device.ready => (true, format!("target node {name:?} is Ready")),
        Some(_) => (false, format!("target node {name:?} is not Ready; check the device and its connection")),
        None => (false, format!("target node {name:?} does not exist; let the device join under this name")),
    };
    Verdict::new(NODE_READY, ready, if ready { NODE_READY } else { NODE_NOT_READY }, message)
}

fn workload(view: &View<'_>, status: &mut RuntimeServiceStatus) -> Verdict {
    let deployment = view.worker.and_then(|worker| worker.deployment.as_ref());
    status.deployment_ref = deployment.map(Into::into);
    let Some(pod) = view.ready_pod() else {
        return Verdict::new(WORKLOAD_READY, false, "WorkloadNotReady", trouble(view));
    };
    status.pod_ref = Some((&pod.pod).into());
    let message = "deployment has exactly one ready pod on the target node";
    Verdict::new(WORKLOAD_READY, true, WORKLOAD_READY, message)
}

fn trouble(view: &View<'_>) -> String {
    let ready = view.pods.iter().filter(|pod| pod.ready).count();
    let mut message = format!("deployment and unique ready pod have not converged; ready pods={ready}");
    if let Some(trouble) = view.worker.and_then(|worker| worker.trouble.as_ref()) {
        message += &format!("; deployment: {trouble}");
    }
    for pod in view.worker.into_iter().flat_map(|worker| &worker.pods) {
        if let Some(trouble) = &pod.trouble {
            message += &format!("; pod {}: {trouble}", pod.pod.name);
        }
    }
    message
}

fn endpoint(view: &View<'_>, status: &mut RuntimeServiceStatus) -> Verdict {
    let Some(endpoint) = view.service.spec.endpoint else {
        return Verdict::new(ENDPOINT_READY, true, "NotRequired", "runtime does not expose an inbound endpoint");
    };
    let known = view.exposed.and_then(|state| state.service.as_ref().map(|service| (state, service)));
    status.endpoint = known.map(|(state, service)| EndpointStatus {
        service_ref: service.into(),
        dns_name: format!(
            "{}.{}.svc.cluster.local",
            service.name,
            view.service.metadata.namespace.as_deref().unwrap_or_default()
        ),
        port: endpoint.port,
        ready_addresses: i32::try_from(state.ready.len()).unwrap_or(i32::MAX),
        not_ready_addresses: state.not_ready,
    });
    let matches = known.zip(view.ready_pod()).is_some_and(|((state, _), pod)| {
        let [address] = &state.ready[..] else { return false };
        state.not_ready == 0 && address.pod.as_ref() == Some(&pod.pod.uid) && address.device == pod.device
    });
    if matches {
        let message = "cluster service has exactly one ready endpoint for the target pod";
        return Verdict::new(ENDPOINT_READY, true, ENDPOINT_READY, message);
    }
    let message = "service and endpoints have not converged to the unique ready pod";
    Verdict::new(ENDPOINT_READY, false, "EndpointNotReady", message)
}

fn activated(view: &View<'_>, status: &mut RuntimeServiceStatus, exposed: bool) -> Verdict {
    if view.service.spec.endpoint.is_none() {
        return Verdict::new(ACTIVATED, true, "NotRequired", "runtime has no mesh endpoint");
    }
    let route = view.route();
    let stored = view.service.status.as_ref().and_then(|status| status.activation.as_ref());
    status.activation = activation::fold(view.service, stored, view.observed.acknowledged.as_ref(), route);
    if status.activation.as_ref().is_some_and(|known| activation::applies(view.service, known, route)) {
        let message = "target node acknowledged the exact route identity for this rollout";
        return Verdict::new(ACTIVATED, true, ACTIVATED, message);
    }
    let waiting = "waiting for the target node's local manager to acknowledge the exact route identity";
    if !view.observed.device_connected {
        let message = format!(
            "the local manager of {:?} is not connected; it is asked as soon as it is",
            view.service.spec.target_node
        );
        return Verdict::new(ACTIVATED, false, if exposed { DISPATCH_FAILED } else { "AwaitingNodeAck" }, message);
    }
    if let (true, Some(service), Some(pod)) = (exposed, route.service, route.pod) {
        let stored = status.activation.take();
        status.activation = Some(activation::request(view.service, stored, (service, pod), view.observed.now));
    }
    Verdict::new(ACTIVATED, false, "AwaitingNodeAck", waiting)
}
