//! Holding resources by a finalizer, and letting them go once all that they made is gone and the rest is undone.
use std::num::NonZeroU64;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Error, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::PartialObjectMeta,
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    FINALIZER_MANAGER,
    answer::{self, Refusal},
    events::CLEANUP_FAILED,
    finalizer::Registered,
    key::Key,
    memory::Memory,
    packed::Unreadable,
    parked::{Parked, Seen},
    reconcile::{Context, read},
    removal,
    verdict::Verdict,
};
use crate::{
    api::condition::bounded,
    connect::{refusal, right_on, told},
    template::Template,
};

/// So much is told of why something cannot be undone, in bytes: what to do about it has to find room behind it.
const WHY_LIMIT: usize = 512;

/// What is known of a finalizer beside what the resource says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finalizing {
    /// It was put on or taken off this edition; the watch has yet to tell.
    turned: Option<NonZeroU64>,
    /// A child may be there although no answer told of it.
    in_doubt: bool,
    /// All is undone: only the finalizer is to be taken off.
    undone: bool,
}

impl Memory {
    /// Whether our finalizer is on a resource, as far as we know.
    fn holds(&self, parked: &Parked) -> bool {
        let turned = self.finalizing.as_ref().and_then(|finalizing| finalizing.turned);
        parked.is_held != (turned == Some(parked.edition))
    }

    fn turned(&mut self, parked: &Parked) {
        self.finalizing.get_or_insert_default().turned = Some(parked.edition);
    }

    /// The watch has told.
    fn settle(&mut self) {
        if let Some(finalizing) = &mut self.finalizing {
            finalizing.turned = None;
        }
        self.finalizing.take_if(|finalizing| **finalizing == Finalizing::default());
    }
}

impl<T: Template> Context<T> {
    /// Puts our finalizer, if there is one, on a resource that does not have it: nothing may be written for it before.
    pub(super) async fn hold(
        &self,
        key: &Key,
        resource: &T::Resource,
        parked: &Parked,
        memory: &mut Memory,
    ) -> Result<(), Refusal> {
        let Some(ours) = self.finalizer.get() else { return Ok(()) };
        if parked.is_held {
            memory.settle();
        } else if !memory.holds(parked) {
            let wanted = [resource.finalizers(), &[ours.name.to_owned()]].concat();
            self.exchange(key, resource.meta(), &wanted, ours).await?;
            memory.turned(parked);
        }
        Ok(())
    }

    /// Remembers that children could not be written, of which one may be there all the same.
    pub(super) fn doubt(&self, failed: bool, memory: &mut Memory) {
        if failed && self.finalizer.get().is_some() {
            memory.finalizing.get_or_insert_default().in_doubt = true;
        }
    }

    /// Parts with all children of a resource that is going; then what our finalizer stands for is to be undone. Without ours it
    /// goes by itself, whatever others wait for.
    pub(super) async fn part(&self, key: &Key, parked: &Parked, memory: &mut Memory) -> Verdict {
        if !memory.holds(parked) {
            return Verdict::Done;
        }
        let (children, _) = self.world.children(&parked.uid);
        let in_doubt = memory.finalizing.as_ref().is_some_and(|finalizing| finalizing.in_doubt);
        let family = (&children, &parked.uid);
        match removal::clear(&self.client, key.namespace(), family, &mut memory.applied, in_doubt).await {
            Ok(true) => {
                if let Some(finalizing) = &mut memory.finalizing {
                    finalizing.in_doubt = false;
                }
                Verdict::Undo
            }
            // The watch tells of each that has gone.
            Ok(false) => Verdict::Done,
            Err(refusal) => self.told_of(refusal, parked, memory).await,
        }
    }

    /// Undoes what our finalizer stands for, of a resource that has nothing else any more, and takes the finalizer off.
    pub(super) async fn undo(&self, key: &Key, parked: &Parked, memory: &mut Memory) -> Verdict {
        let is_it = memory.of.as_ref() == Some(&parked.uid) && parked.is_going && memory.holds(parked);
        let Some(ours) = self.finalizer.get().filter(|_| is_it) else { return Verdict::Done };
        if !memory.finalizing.as_ref().is_some_and(|finalizing| finalizing.undone) {
            if let Err(why) = undone::<T>(ours, parked, memory).await {
                return self.cleanup_failed(ours, &why, parked, memory).await;
            }
            memory.finalizing.get_or_insert_default().undone = true;
        }
        match self.release(key, ours, parked).await {
            Ok(()) => {
                memory.turned(parked);
                Verdict::Done
            }
            Err(refusal) => self.told_of(refusal, parked, memory).await,
        }
    }

    async fn release(&self, key: &Key, ours: &Registered<T::Resource>, parked: &Parked) -> Result<(), Refusal> {
        let resource = metadata::<T>(parked).map_err(|error| Refusal {
            child: finalizer(ours),
            reason: "Unreadable".to_owned(),
            message: format!("cannot be taken off: {error}"),
        })?;
        let others = resource.finalizers().iter().filter(|name| *name != ours.name);
        match self.exchange(key, resource.meta(), &others.cloned().collect::<Vec<_>>(), ours).await {
            // It has gone.
            Err(refusal) if refusal.reason == "NotFound" => Ok(()),
            exchanged => exchanged,
        }
    }

    /// Exchanges the finalizers of exactly this incarnation, if they are those that are known, for those `wanted`. A JSON patch, since applying
    /// takes only off what it has put on: a finalizer that came with a copy of the resource, as from a backup, would stay.
    async fn exchange(
        &self,
        key: &Key,
        known: &ObjectMeta,
        wanted: &[String],
        ours: &Registered<T::Resource>,
    ) -> Result<(), Refusal> {
        const PATH: &str = "/metadata/finalizers";
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": known.uid},
            // Without any there is none, or an empty list.
            {"op": "test", "path": PATH, "value": known.finalizers},
            {"op": "add", "path": PATH, "value": wanted},
        ]);
        let patch = serde_json::from_value(patch).map_err(|error| Refusal::unwritable(&finalizer(ours), &error))?;
        let api = Api::<Seen<T::Resource>>::namespaced(self.client.clone(), key.namespace());
        let params = PatchParams { field_manager: Some(FINALIZER_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_metadata(key.name(), &params, &Patch::<()>::Json(patch)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let reason = if is_overtaken(&error) { "Conflict".to_owned() } else { answer::reason(&error) };
                let message = refusal("patch", &right_on::<T::Resource>(), &error);
                Err(Refusal { child: finalizer(ours), reason, message })
            }
        }
    }

    async fn cleanup_failed(
        &self,
        ours: &Registered<T::Resource>,
        why: &str,
        parked: &Parked,
        memory: &mut Memory,
    ) -> Verdict {
        let note = format!(
            "{}: {}; tried again, each time later, and the resource stays until then; if it never can be undone, take the \
             finalizer off",
            finalizer(ours),
            bounded(why.to_owned(), WHY_LIMIT),
        );
        if let Ok(resource) = metadata::<T>(parked) {
            self.announcer.cleanup_failed(&resource, &note, &mut memory.said).await;
        }
        Verdict::Retry { reason: CLEANUP_FAILED.to_owned(), why: note }
    }

    /// Tells what the API refuses of a resource that is going, which has no status to say so.
    async fn told_of(&self, refusal: Refusal, parked: &Parked, memory: &mut Memory) -> Verdict {
        if let Ok(resource) = metadata::<T>(parked)
            && !refusal.is_passing()
        {
            self.announcer.say(&resource, Some(&refusal.failure()), &mut memory.said).await;
        }
        refusal.into()
    }
}

/// Has it undone, or says why it is not.
async fn undone<T: Template>(ours: &Registered<T::Resource>, parked: &Parked, memory: &Memory) -> Result<(), String> {
    let resource =
        read::<T>(parked, memory).map_err(|error| format!("the resource cannot be read: {error}; correct it"))?;
    let deadline = ours.finalizer.deadline();
    match timeout(deadline, ours.finalizer.undo(&resource)).await {
        Ok(undone) => undone.map_err(|error| told(&*error)),
        Err(_) => Err(format!("nothing answered within {deadline:?}; see whether what is to be undone can be reached")),
    }
}

/// As it is called where children are.
fn finalizer<K>(ours: &Registered<K>) -> String {
    format!("finalizer {}", ours.name)
}

/// What there is of every resource, also of one that cannot be read.
fn metadata<T: Template>(parked: &Parked) -> Result<PartialObjectMeta<T::Resource>, Unreadable> {
    parked.read()
}

/// Whether what was known is out of date: another incarnation, other finalizers, or one that is going, which gets none. The
/// watch tells.
fn is_overtaken(error: &Error) -> bool {
    let Error::Api(status) = error else { return false };
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    // A test that fails is no matter of a field; one that is going says which it means.
    status.code == 422 && causes.all(|cause| matches!(&*cause.field, "" | "metadata.finalizers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_out_of_date_is_overtaken() {
        let refused = |code: u16, field: &str| {
            let status = json!({"code": code, "reason": "Invalid", "details": {"causes": [{"field": field}]}});
            is_overtaken(&Error::Api(serde_json::from_value(status).unwrap()))
        };
        assert!(refused(422, "") && refused(422, "metadata.finalizers"));
        assert!(!refused(422, "spec.devices") && !refused(403, ""), "they do not pass by themselves");
    }
}
