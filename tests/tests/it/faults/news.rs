//! What events tell people.
use std::collections::BTreeSet;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, Client, ResourceExt, api::ListParams};

/// Events of whatever object that were not there before.
pub(super) struct News {
    events: Api<Event>,
    before: BTreeSet<Option<String>>,
}

impl News {
    /// All that there are.
    pub(super) fn all(client: Client) -> Self {
        Self { events: Api::all(client), before: BTreeSet::new() }
    }

    /// Those that are yet to come.
    pub(super) async fn from_now_on(client: Client) -> Self {
        let Self { events, .. } = Self::all(client);
        let before = events.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::uid).collect();
        Self { events, before }
    }

    /// What they say by now.
    pub(super) async fn told(&self) -> String {
        let all = self.events.list(&ListParams::default()).await.unwrap();
        let new = all.iter().filter(|event| !self.before.contains(&event.uid()));
        new.map(|event| format!("{:?}: {:?}\n", event.regarding.as_ref().and_then(|of| of.name.as_ref()), event.note))
            .collect()
    }
}
