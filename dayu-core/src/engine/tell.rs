//! Telling the status of a resource: only when it differs, and what is on its way a moment later than what matters.
use std::time::Duration;

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    STATUS_MANAGER,
    answer::{self, Refusal},
    key::Key,
    memory::{Echo, Memory, Version},
    parked::Seen,
    reconcile::Context,
    verdict::Verdict,
};
use crate::{
    connect::{refusal, right_on},
    template::{Observed, Template},
};

/// How long a status that only tells of something on its way waits for the next: short for who watches it come, long for
/// what usually follows.
const PROGRESS: Duration = Duration::from_millis(250);

/// That what was derived last and not written yet is due, if there is any.
pub(super) fn untold(memory: &Memory) -> Verdict {
    memory.untold.map_or(Verdict::Done, |since| Verdict::Until(since + PROGRESS))
}

impl<T: Template> Context<T> {
    /// Derives the status and writes it if it differs from the one that was told last. One that only tells of something on
    /// its way may wait a moment for the next.
    pub(super) async fn tell(
        &self,
        key: &Key,
        resource: &T::Resource,
        observed: &Observed,
        memory: &mut Memory,
        now: Instant,
    ) -> Result<Verdict, Refusal> {
        // Derived from what was told last, so that transition times do not depend on how fast the watch is.
        let status = self.template.status(resource, observed);
        if resource.status() != Some(&status) {
            let text = serde_json::to_vec(&status).map_err(|error| Refusal::unwritable("status", &error))?;
            memory.told = Some(self.statuses.pack(&text));
            memory.untold.get_or_insert(now);
        }
        let Some(since) = memory.untold else { return Ok(Verdict::Done) };
        let is_on_its_way = !observed.is_in_trouble()
            && self.template.is_on_its_way(&status)
            && resource.status().is_none_or(|before| self.template.is_on_its_way(before));
        if is_on_its_way && now < since + PROGRESS {
            return Ok(Verdict::Until(since + PROGRESS));
        }
        let patch = StatusPatch {
            api_version: &T::Resource::api_version(&()),
            kind: &T::Resource::kind(&()),
            metadata: Incarnation { name: key.name(), uid: resource.uid() },
            status: &status,
        };
        let api = Api::<Seen<T::Resource>>::namespaced(self.client.clone(), key.namespace());
        let params = PatchParams::apply(STATUS_MANAGER).force();
        match api.patch_status(key.name(), &params, &Patch::Apply(&patch)).await {
            Ok(written) => {
                memory.untold = None;
                memory.echo = Version::of(&written).map(|version| Box::new(Echo { version, answered: Instant::now() }));
                Ok(Verdict::Done)
            }
            // Where it is gone, or another of the same name, the watch says so; else this means nothing but "again".
            Err(error) => {
                let resource = format!("{}/status", right_on::<T::Resource>());
                let (reason, message) = (answer::reason(&error), refusal("patch", &resource, &error));
                Err(Refusal { child: "status".to_owned(), reason, message })
            }
        }
    }
}

/// What a status is applied with: to this incarnation or not at all.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusPatch<'a, S> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Incarnation<'a>,
    status: &'a S,
}

#[derive(Debug, Serialize)]
struct Incarnation<'a> {
    name: &'a str,
    uid: Option<String>,
}
