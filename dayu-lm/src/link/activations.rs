//! Which routes the global manager asked about and which the mesh has applied: pure, in any order of the two.
#[cfg(test)]
mod interleaved;

use std::collections::HashMap;

use dayu_core::{
    link::{ActivationAck, ActivationRequest, Message},
    name::{Device, Revision, Uid},
};
use jiff::Timestamp;
use serde::Deserialize;

/// Requests kept; a device has far fewer workers.
const MOST: usize = 10_000;

/// The exact-route body of the mesh's status API, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Route {
    #[serde(rename = "serviceUID")]
    pub(super) service_uid: Uid,
    #[serde(rename = "runtimeServiceUID")]
    pub(super) runtime_service_uid: Uid,
    pub(super) deployment_revision: Revision,
    #[serde(rename = "runtimeID")]
    pub(super) runtime_id: String,
    pub(super) state: String,
    pub(super) local_sequence: u64,
    pub(super) source_state: String,
    pub(super) target_node: Device,
    #[serde(rename = "endpointPodUID")]
    pub(super) endpoint_pod_uid: Uid,
    pub(super) observed_at: Timestamp,
}

/// What is heard of routes.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// What became of one.
    Route(Box<Route>),
    /// The mesh is gone: what it applied is applied no more, until it says so again.
    Lost,
}

/// There is no room for another request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MOST} routes are waited for already, and {namespace}/{name} is not; delete workers of this device that never become ready"
)]
pub(super) struct Full {
    namespace: String,
    name: String,
}

/// Requests by namespace and name, routes by Service UID.
#[derive(Default)]
pub(super) struct Activations {
    requests: HashMap<(String, String), ActivationRequest>,
    routes: HashMap<Uid, Route>,
}

impl Activations {
    /// The global manager is another one, or connected anew: it repeats what it still asks, and nobody withdraws the rest.
    pub(super) fn begin_anew(&mut self) {
        self.requests.clear();
    }

    /// The global manager asks; a newer request about the same resource replaces the older one. Asking again is answered again.
    pub(super) fn request(&mut self, request: ActivationRequest) -> Result<Vec<Message>, Full> {
        let answer = self.routes.get(&request.service_uid).and_then(|route| answer(&request, route));
        let key = (request.metadata.namespace.clone(), request.metadata.name.clone());
        if self.requests.len() < MOST || self.requests.contains_key(&key) {
            self.requests.insert(key, request);
        } else if answer.is_none() {
            return Err(Full { namespace: key.0, name: key.1 });
        }
        Ok(answer.into_iter().collect())
    }

    /// The global manager does not ask any more; a cancellation of an earlier incarnation leaves the present one alone.
    pub(super) fn cancel(&mut self, request: &ActivationRequest) {
        let key = (request.metadata.namespace.clone(), request.metadata.name.clone());
        if self.requests.get(&key).is_some_and(|asked| asked.runtime_service_uid == request.runtime_service_uid) {
            self.requests.remove(&key);
        }
    }

    /// The mesh says something.
    pub(super) fn hear(&mut self, news: News) -> Vec<Message> {
        match news {
            News::Route(route) => self.route(*route),
            News::Lost => {
                self.routes.clear();
                Vec::new()
            }
        }
    }

    fn route(&mut self, route: Route) -> Vec<Message> {
        let asked = self.requests.values().filter(|request| request.service_uid == route.service_uid);
        let answers = asked.filter_map(|request| answer(request, &route)).collect();
        if route.state == "REMOVED" {
            self.routes.remove(&route.service_uid);
        } else {
            self.routes.insert(route.service_uid.clone(), route);
        }
        answers
    }
}

/// The acknowledgement, if the route is applied and exactly the one that was asked about.
fn answer(request: &ActivationRequest, route: &Route) -> Option<Message> {
    if route.state != "APPLIED" || route.source_state != "SYNCED" || route.local_sequence == 0 {
        return None;
    }
    let ack = ActivationAck {
        runtime_service_uid: route.runtime_service_uid.clone(),
        service_uid: route.service_uid.clone(),
        endpoint_pod_uid: route.endpoint_pod_uid.clone(),
        deployment_revision: route.deployment_revision,
        runtime_id: route.runtime_id.clone(),
        target_node: route.target_node.clone(),
        local_sequence: route.local_sequence,
        observed_at: route.observed_at,
    };
    request.is_answered_by(&ack).then(|| ack.message(&request.metadata.namespace).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(uid: &str, pod: &str) -> ActivationRequest {
        serde_json::from_value(json!({
            "kind": "RuntimeService", "apiVersion": "sedna.io/v1alpha1",
            "metadata": {"name": "a", "namespace": "ns", "creationTimestamp": null},
            "runtimeServiceUID": uid, "serviceUID": "s", "endpointPodUID": pod,
            "deploymentRevision": 3, "runtimeID": "a", "targetNode": "edge1",
        }))
        .unwrap()
    }

    fn route(pod: &str, state: &str) -> Route {
        serde_json::from_value(json!({
            "serviceUID": "s", "runtimeServiceUID": "u", "serviceResourceVersion": "1", "endpointsResourceVersion": "2",
            "deploymentRevision": 3, "runtimeID": "a", "state": state, "localSequence": 5, "sourceState": "SYNCED",
            "targetNode": "edge1", "endpointPodUID": pod, "observedAt": "2026-01-02T03:04:05.5Z",
        }))
        .unwrap()
    }

    #[test]
    fn request_and_route_meet_in_either_order() {
        let mut first_request = Activations::default();
        assert_eq!(first_request.request(request("u", "p")), Ok(vec![]));
        assert_eq!(first_request.route(route("p", "READY")), []);
        let answer = first_request.route(route("p", "APPLIED"));
        let mut first_route = Activations::default();
        first_route.route(route("p", "APPLIED"));
        assert_eq!(first_route.request(request("u", "p")), Ok(answer.clone()));
        assert_eq!(answer.len(), 1);
        let ack = ActivationAck::read(&answer[0], &"edge1".into()).unwrap();
        assert_eq!(ack.local_sequence, 5);
    }

    #[test]
    fn another_incarnation_is_not_acknowledged() {
        let mut activations = Activations::default();
        activations.request(request("u", "p")).unwrap();
        assert_eq!(activations.route(route("other", "APPLIED")), []);
        activations.request(request("v", "p")).unwrap();
        assert_eq!(activations.route(route("p", "APPLIED")), []);
    }

    #[test]
    fn a_cancelled_request_is_answered_no_more_but_a_late_cancellation_harms_nobody() {
        let mut activations = Activations::default();
        activations.request(request("u", "p")).unwrap();
        activations.cancel(&request("earlier", ""));
        assert_eq!(activations.route(route("p", "APPLIED")).len(), 1);
        activations.cancel(&request("u", ""));
        assert_eq!(activations.route(route("p", "APPLIED")), []);
    }

    #[test]
    fn one_too_many_is_told_by_name_unless_it_is_answered_at_once() {
        let mut activations = Activations::default();
        let named = |name: String| {
            let mut request = request("u", "p");
            request.metadata.name = name;
            request
        };
        for number in 0..MOST {
            activations.request(named(number.to_string())).unwrap();
        }
        assert_eq!(activations.request(named("7".to_owned())), Ok(vec![]), "it is asked again");
        let told = activations.request(named("late".to_owned())).unwrap_err().to_string();
        assert!(told.contains("ns/late") && told.contains("10000"), "{told}");
        activations.begin_anew();
        activations.request(named("late".to_owned())).unwrap();
    }
}
