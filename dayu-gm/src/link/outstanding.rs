//! What devices were asked and have not answered: asked again on every new connection. Pure.
use std::{collections::HashMap, time::Duration};

use dayu_core::{
    link::{ActivationAck, ActivationRequest},
    name::Device,
};

/// Namespace and name of a resource.
type Key = (String, String);

/// Requests by device, then by the resource's namespace and name, each with the moment it was made.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    of: HashMap<Device, HashMap<Key, (ActivationRequest, Duration)>>,
}

impl Outstanding {
    /// Notes a request made at `now`; an earlier one to the same device about the same resource is void.
    pub(crate) fn ask(&mut self, request: ActivationRequest, now: Duration) {
        let key = (request.metadata.namespace.clone(), request.metadata.name.clone());
        self.of.entry(request.target_node.clone()).or_default().insert(key, (request, now));
    }

    pub(crate) fn withdraw(&mut self, request: &ActivationRequest) {
        self.forget(&request.target_node, &(request.metadata.namespace.clone(), request.metadata.name.clone()));
    }

    /// Takes an answer, and gives the moment of the request; one to another incarnation leaves the request open.
    pub(crate) fn answered(&mut self, namespace: &str, ack: &ActivationAck) -> Option<Duration> {
        let key = (namespace.to_owned(), ack.runtime_id.clone());
        let (_, since) = self.of.get(&ack.target_node)?.get(&key).filter(|(request, _)| request.is_answered_by(ack))?;
        let since = *since;
        self.forget(&ack.target_node, &key);
        Some(since)
    }

    pub(crate) fn of(&self, device: &Device) -> impl Iterator<Item = &ActivationRequest> {
        self.of.get(device).into_iter().flat_map(HashMap::values).map(|(request, _)| request)
    }

    fn forget(&mut self, device: &Device, key: &Key) {
        if let Some(requests) = self.of.get_mut(device) {
            requests.remove(key);
            if requests.is_empty() {
                self.of.remove(device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(pod: &str) -> ActivationRequest {
        serde_json::from_value(json!({
            "kind": "RuntimeService", "apiVersion": "sedna.io/v1alpha1", "metadata": {"name": "a", "namespace": "ns"},
            "runtimeServiceUID": "u", "serviceUID": "s", "endpointPodUID": pod,
            "deploymentRevision": 1, "runtimeID": "a", "targetNode": "edge1",
        }))
        .unwrap()
    }

    fn ack(pod: &str) -> ActivationAck {
        serde_json::from_value(json!({
            "runtimeServiceUID": "u", "serviceUID": "s", "endpointPodUID": pod, "deploymentRevision": 1, "runtimeID": "a",
            "targetNode": "edge1", "localSequence": 1, "observedAt": "2026-01-02T03:04:05Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_request_stays_open_until_it_is_answered_exactly_or_withdrawn() {
        let (mut outstanding, edge) = (Outstanding::default(), Device::from("edge1"));
        let at = Duration::from_secs;
        outstanding.ask(request("p1"), at(1));
        outstanding.ask(request("p2"), at(2));
        assert_eq!(outstanding.answered("ns", &ack("p1")), None);
        assert_eq!(outstanding.of(&edge).map(|request| request.endpoint_pod_uid.as_str()).collect::<Vec<_>>(), ["p2"]);
        assert_eq!(outstanding.answered("ns", &ack("p2")), Some(at(2)));
        assert_eq!(outstanding.answered("ns", &ack("p2")), None, "it is repeated");
        assert_eq!(outstanding.of(&edge).count(), 0);
        outstanding.ask(request("p3"), at(3));
        outstanding.withdraw(&request("any"));
        assert_eq!(outstanding.of(&edge).count(), 0);
    }

    /// Of which resource, in which incarnation, and by or to which device.
    type Exact = (u8, u8, u8);

    fn named((name, pod, device): Exact) -> (ActivationRequest, ActivationAck) {
        let (mut request, mut ack) = (request(&pod.to_string()), ack(&pod.to_string()));
        (request.metadata.name, ack.runtime_id) = (name.to_string(), name.to_string());
        request.runtime_id.clone_from(&ack.runtime_id);
        request.target_node = Device::from(device.to_string().as_str());
        ack.target_node = request.target_node.clone();
        (request, ack)
    }

    proptest! {
        /// Open is exactly what was asked last of each resource and device and neither withdrawn nor answered since.
        #[test]
        fn what_is_open_is_what_was_asked_and_is_not_settled(
            steps in proptest::collection::vec((0..3u8, (0..2u8, 0..2u8, 0..2u8)), 0..80),
        ) {
            let (mut outstanding, devices) = (Outstanding::default(), ["0", "1"].map(Device::from));
            let mut open = BTreeMap::<(u8, u8), (u8, Duration)>::new();
            for (number, (what, exact @ (name, pod, device))) in (0..).zip(steps) {
                let (now, (request, ack)) = (Duration::from_secs(number), named(exact));
                match what {
                    0 => {
                        open.insert((device, name), (pod, now));
                        outstanding.ask(request, now);
                    }
                    1 => {
                        open.remove(&(device, name));
                        outstanding.withdraw(&request);
                    }
                    _ => {
                        let asked = open.get(&(device, name)).filter(|(asked, _)| *asked == pod).map(|(_, since)| *since);
                        if asked.is_some() {
                            open.remove(&(device, name));
                        }
                        prop_assert_eq!(outstanding.answered("ns", &ack), asked);
                    }
                }
                let wanted: Vec<_> = open.iter().map(|((device, name), (pod, _))| named((*name, *pod, *device)).0).collect();
                let mut found: Vec<_> = devices.iter().flat_map(|device| outstanding.of(device).cloned()).collect();
                found.sort_by_key(|request| (request.target_node.clone(), request.metadata.name.clone()));
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
