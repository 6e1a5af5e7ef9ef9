//! Children as records, by the resource they belong to: what status and pruning need, and no more.
use std::collections::BTreeMap;

use kube::ResourceExt;

use super::inventory::APPLIED;
use crate::{
    name::{Device, Uid},
    template::{DeviceState, EndpointState, ObjectRef, PodState, ServiceState, Trouble, WorkerState},
};

/// The phase of a pod that is over. A Deployment's pods begin again whatever their containers do: such a one was refused by its
/// device, or thrown out.
pub(super) const FAILED: &str = "Failed";
/// The phase of a pod that its device has taken in.
pub(super) const RUNNING: &str = "Running";

/// All children of one resource. Lists, because most resources have one of each, and an ordered map makes room for eleven.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    pub(super) deployments: Vec<Record>,
    pub(super) services: Vec<Record>,
    pub(super) pods: Vec<PodRecord>,
    pub(super) slices: Vec<SliceRecord>,
}

/// A Deployment or a Service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    /// Hash of what was applied, as the object itself says.
    pub(super) applied: Option<u64>,
    pub(super) revision: Revision,
    /// Somebody else had a hand in what it asks for.
    pub(super) touched: bool,
    pub(super) terminating: bool,
    pub(super) rolled_out: bool,
    /// Why a Deployment has no pods.
    pub(super) trouble: Option<Box<Trouble>>,
}

/// Rises when anybody changes what an object asks for: its generation, or its version where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Revision(pub(super) u64);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodRecord {
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    pub(super) worker: Box<str>,
    pub(super) device: Option<Device>,
    pub(super) ready: bool,
    pub(super) phase: Box<str>,
    pub(super) trouble: Option<Box<Trouble>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SliceRecord {
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    pub(super) service: Box<str>,
    pub(super) ready: Box<[EndpointState]>,
    pub(super) not_ready: i32,
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.deployments.is_empty() && self.services.is_empty() && self.pods.is_empty() && self.slices.is_empty()
    }

    /// Whether something was made for the resource that runs or can be reached. Slices only tell of it.
    pub(super) fn hold_anything(&self) -> bool {
        !(self.deployments.is_empty() && self.services.is_empty() && self.pods.is_empty())
    }

    /// What is known of the worker that this Deployment runs.
    pub(super) fn worker(&self, deployment: &str) -> WorkerState {
        let record = found(&self.deployments, deployment).filter(|record| !record.terminating);
        let pods = self.pods.iter().filter(|pod| &*pod.worker == deployment);
        WorkerState {
            deployment: record.map(Record::reference),
            rolled_out: record.is_some_and(|record| record.rolled_out),
            trouble: record.and_then(|record| record.trouble.as_deref().cloned()),
            pods: pods.map(PodRecord::state).collect(),
        }
    }

    /// What is known of a Service.
    pub(super) fn service(&self, name: &str) -> ServiceState {
        let slices = || self.slices.iter().filter(|slice| &*slice.service == name);
        ServiceState {
            service: found(&self.services, name).filter(|record| !record.terminating).map(Record::reference),
            ready: slices().flat_map(|slice| slice.ready.to_vec()).collect(),
            not_ready: slices().map(|slice| slice.not_ready).sum(),
        }
    }

    /// Whether a pod was refused by its device, or thrown out.
    pub(super) fn have_refused(&self) -> bool {
        self.pods.iter().any(|pod| &*pod.phase == FAILED)
    }

    /// Whether there is a child of this UID.
    pub(super) fn has(&self, uid: &Uid) -> bool {
        self.uids().any(|known| known == uid)
    }

    /// `uid` in the copy that is kept here already, if it is.
    pub(super) fn shared(&self, uid: Uid) -> Uid {
        self.uids().find(|known| **known == uid).cloned().unwrap_or(uid)
    }

    fn uids(&self) -> impl Iterator<Item = &Uid> {
        let written = self.services.iter().chain(&self.deployments).map(|record| &record.uid);
        let others = self.pods.iter().map(|pod| &pod.uid).chain(self.slices.iter().map(|slice| &slice.uid));
        written.chain(others)
    }
}

impl Record {
    pub(super) fn of(object: &impl ResourceExt, uid: Uid, rolled_out: bool) -> Self {
        Self {
            name: object.name_any().into(),
            uid,
            applied: object.annotations().get(APPLIED).and_then(|hash| u64::from_str_radix(hash, 16).ok()),
            revision: Revision::of(object),
            touched: object.meta().managed_fields.is_some(),
            terminating: object.meta().deletion_timestamp.is_some(),
            rolled_out,
            trouble: None,
        }
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef { name: self.name.to_string(), uid: self.uid.clone() }
    }
}

impl Revision {
    pub(super) fn of(object: &impl ResourceExt) -> Self {
        let generation = object.meta().generation.and_then(|generation| u64::try_from(generation).ok());
        Self(generation.or_else(|| object.resource_version()?.parse().ok()).unwrap_or_default())
    }
}

impl PodRecord {
    /// Neither there yet nor in trouble.
    fn is_coming(&self) -> bool {
        !self.ready && self.trouble.is_none() && matches!(&*self.phase, "" | "Pending" | RUNNING)
    }

    fn state(&self) -> PodState {
        PodState {
            pod: ObjectRef { name: self.name.to_string(), uid: self.uid.clone() },
            device: self.device.clone(),
            ready: self.ready,
            phase: self.phase.to_string(),
            trouble: self.trouble.as_deref().cloned(),
        }
    }
}

/// What an event was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing that anybody reads.
    None,
    /// Something is on its way, as was to be expected: there is nothing to be done about it, and soon more to tell.
    Minor,
    Major,
}

/// What children keep of a kind.
pub(super) trait Named: PartialEq {
    fn name(&self) -> &str;
    fn uid(&self) -> &Uid;
    /// Whether this, after what was known `before`, only shows that something is on its way.
    fn is_minor(&self, before: Option<&Self>) -> bool;
}

macro_rules! named {
    ($($record:ident: $is_minor:expr;)*) => {$(
        impl Named for $record {
            fn name(&self) -> &str {
                &self.name
            }

            fn uid(&self) -> &Uid {
                &self.uid
            }

            fn is_minor(&self, before: Option<&Self>) -> bool {
                let is_minor: fn(&Self, Option<&Self>) -> bool = $is_minor;
                is_minor(self, before)
            }
        }
    )*};
}
named! {
    // What was written comes to be; any change of it later has to be looked at.
    Record: |record, before| before.is_none() && !record.terminating && record.trouble.is_none();
    PodRecord: |pod, before| pod.is_coming() && before.is_none_or(PodRecord::is_coming);
    SliceRecord: |slice, before| slice.ready.is_empty() && before.is_none_or(|before| before.ready.is_empty());
}

fn found<'a, R: Named>(records: &'a [R], name: &str) -> Option<&'a R> {
    records.iter().find(|record| record.name() == name)
}

/// Inserts, and what that was worth.
pub(super) fn put<R: Named>(records: &mut Vec<R>, record: R) -> News {
    let known = records.iter_mut().find(|known| known.name() == record.name());
    let news = match &known {
        Some(known) if **known == record => return News::None,
        known if record.is_minor(known.as_deref()) => News::Minor,
        _ => News::Major,
    };
    match known {
        Some(known) => *known = record,
        None => {
            records.reserve_exact(1);
            records.push(record);
        }
    }
    news
}

/// Removes this incarnation, and what that was worth.
pub(super) fn remove<R: Named>(records: &mut Vec<R>, uid: &Uid) -> News {
    let before = records.len();
    records.retain(|record| record.uid() != uid);
    if records.len() < before { News::Major } else { News::None }
}

/// The devices that the world knows.
pub(super) type Devices = BTreeMap<Device, DeviceState>;

/// The device of this name, in the copy that is kept already, if it is.
pub(super) fn known(devices: &Devices, name: &str) -> Device {
    devices.get_key_value(name).map_or_else(|| Device::from(name), |(device, _)| device.clone())
}
