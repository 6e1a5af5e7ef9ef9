//! Whatever comes in whatever order: a route is acknowledged exactly when it is asked for and applied at the same time.
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// One incarnation of a route. Resources of one name follow each other, each with a Service of its own.
#[derive(Clone, Debug, PartialEq)]
struct Exact {
    name: u8,
    uid: u8,
    pod: u8,
    revision: u8,
}

impl Exact {
    fn service(&self) -> String {
        format!("s{}-{}", self.name, self.uid)
    }

    fn request(&self) -> ActivationRequest {
        serde_json::from_value(json!({
            "kind": "RuntimeService", "apiVersion": "sedna.io/v1alpha1",
            "metadata": {"name": self.name.to_string(), "namespace": "ns"}, "runtimeServiceUID": format!("u{}", self.uid),
            "serviceUID": self.service(), "endpointPodUID": format!("p{}", self.pod), "deploymentRevision": self.revision,
            "runtimeID": self.name.to_string(), "targetNode": "edge1",
        }))
        .unwrap()
    }

    fn route(&self, how: How) -> News {
        let (state, source) = match how {
            How::Applied => ("APPLIED", "SYNCED"),
            How::Stale => ("APPLIED", "STALE"),
            How::Pending => ("PENDING", "SYNCED"),
            How::Removed => ("REMOVED", "SYNCED"),
        };
        let route = json!({
            "serviceUID": self.service(), "runtimeServiceUID": format!("u{}", self.uid),
            "deploymentRevision": self.revision, "runtimeID": self.name.to_string(), "state": state, "localSequence": 1,
            "sourceState": source, "targetNode": "edge1", "endpointPodUID": format!("p{}", self.pod),
            "observedAt": "2026-01-02T03:04:05Z",
        });
        News::Route(Box::new(serde_json::from_value(route).unwrap()))
    }

    /// What is acknowledged.
    fn of(message: &Message) -> Self {
        let ack = ActivationAck::read(message, &"edge1".into()).unwrap();
        let digit = |text: &str| text.trim_start_matches(['u', 'p']).parse().unwrap();
        let exact = Self {
            name: digit(&ack.runtime_id),
            uid: digit(ack.runtime_service_uid.as_str()),
            pod: digit(ack.endpoint_pod_uid.as_str()),
            revision: u8::try_from(ack.deployment_revision.0).unwrap(),
        };
        assert_eq!(ack.service_uid.as_str(), exact.service());
        exact
    }
}

/// What the mesh says of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Applied,
    Stale,
    Pending,
    Removed,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Exact),
    /// The same as was asked last of that name.
    Repeat(u8),
    Cancel(Exact),
    Route(Exact, How),
    /// The mesh is gone.
    Lost,
    /// The global manager is another one, or connected anew.
    Anew,
    /// The local manager is.
    Restart,
}

fn exact() -> impl Strategy<Value = Exact> {
    (0..2u8, 0..2u8, 0..2u8, 1..3u8).prop_map(|(name, uid, pod, revision)| Exact { name, uid, pod, revision })
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![4 => Just(How::Applied), 1 => Just(How::Stale), 1 => Just(How::Pending), 1 => Just(How::Removed)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => exact().prop_map(Step::Ask),
        3 => (0..2u8).prop_map(Step::Repeat),
        1 => exact().prop_map(Step::Cancel),
        8 => (exact(), how()).prop_map(|(exact, how)| Step::Route(exact, how)),
        1 => Just(Step::Lost),
        1 => Just(Step::Anew),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn what_is_asked_for_and_applied_is_acknowledged_and_nothing_else(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut activations = Activations::default();
        // What is asked by name, what is applied by Service.
        let (mut asked, mut present) = (BTreeMap::<u8, Exact>::new(), BTreeMap::<String, Exact>::new());
        for step in steps {
            let ask = match step {
                Step::Ask(ref exact) => Some(exact.clone()),
                Step::Repeat(name) => asked.get(&name).cloned(),
                _ => None,
            };
            let mut due = Vec::new();
            let said = match step {
                Step::Ask(_) | Step::Repeat(_) => ask.map_or_else(Vec::new, |exact| {
                    due.extend(present.get(&exact.service()).filter(|route| **route == exact).cloned());
                    asked.insert(exact.name, exact.clone());
                    activations.request(exact.request()).unwrap()
                }),
                Step::Cancel(exact) => {
                    if asked.get(&exact.name).is_some_and(|asked| asked.uid == exact.uid) {
                        asked.remove(&exact.name);
                    }
                    activations.cancel(&exact.request());
                    Vec::new()
                }
                Step::Route(exact, how) => {
                    present.remove(&exact.service());
                    if how == How::Applied {
                        due.extend(asked.get(&exact.name).filter(|asked| **asked == exact).cloned());
                        present.insert(exact.service(), exact.clone());
                    }
                    activations.hear(exact.route(how))
                }
                Step::Lost => {
                    present.clear();
                    activations.hear(News::Lost)
                }
                Step::Anew => {
                    asked.clear();
                    activations.begin_anew();
                    Vec::new()
                }
                Step::Restart => {
                    (asked, present) = Default::default();
                    activations = Activations::default();
                    Vec::new()
                }
            };
            prop_assert_eq!(said.iter().map(Exact::of).collect::<Vec<_>>(), due);
        }
    }
}
