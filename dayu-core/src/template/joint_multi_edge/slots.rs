//! Which workers there are, where each runs and what its Deployment is called.
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{Rejection, Site, device, syntax::within_label};
use crate::{
    api::{JointMultiEdgeService, joint_multi_edge::Worker},
    name::Device,
    template::Slot,
};

pub(super) const EDGE: &str = "edge";
pub(super) const CLOUD: &str = "cloud";

/// A worker of the spec in its slot.
pub(super) struct Place<'a> {
    pub(super) slot: Slot,
    pub(super) worker: &'a Worker,
    /// JSON path of the worker, for rejections.
    pub(super) field: String,
}

impl Place<'_> {
    /// The device's name; empty when the scheduler chooses.
    pub(super) fn node(&self) -> &str {
        self.slot.device.as_ref().map_or("", Device::as_str)
    }
}

/// The cloud worker, then the edge workers in their order.
pub(super) fn place<'a>(service: &'a JointMultiEdgeService, site: &Site) -> Result<Vec<Place<'a>>, Rejection> {
    let cloud = service.spec.cloud_worker.iter().filter(|worker| **worker != Worker::default());
    let cloud = cloud.map(|worker| (CLOUD, worker, "spec.cloudWorker".to_owned()));
    let edge = service.spec.edge_worker.iter().enumerate();
    let edge = edge.map(|(index, worker)| (EDGE, worker, format!("spec.edgeWorker[{index}]")));
    let mut ordinals = BTreeMap::new();
    let place = |(role, worker, field): (&str, &'a Worker, String)| {
        let device = locate(worker, site, &field)?;
        let next: &mut u32 = ordinals.entry((role.to_owned(), device.clone())).or_default();
        let slot = Slot { role: role.to_owned(), device, ordinal: *next };
        *next += 1;
        Ok(Place { slot, worker, field })
    };
    cloud.chain(edge).map(place).collect()
}

fn locate(worker: &Worker, site: &Site, field: &str) -> Result<Option<Device>, Rejection> {
    let Some(name) = worker.template.spec.node_name.as_deref().filter(|name| !name.is_empty()) else { return Ok(None) };
    let field = format!("{field}.template.spec.nodeName");
    let device = device::find(site, name, || field.clone())?;
    within_label(&field, name, "rename the node: its name is the value of a label on the pods")?;
    Ok(Some(device))
}

/// A Deployment's name for each place: equal for equal uid and slot, so nothing is made twice, and within the pattern
/// `<name>-<role>worker-<five of a-z0-9>` that users match on.
pub(super) fn names(service: &JointMultiEdgeService, places: &[Place<'_>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    let free = |place: &Place<'_>| {
        let slot = &place.slot;
        let mut attempt = 0_u32;
        loop {
            let suffix = suffix(&format!("{uid}/{}/{}/{}/{attempt}", slot.role, place.node(), slot.ordinal));
            let candidate = format!("{name}-{}worker-{suffix}", slot.role);
            if taken.insert(candidate.clone()) {
                return candidate;
            }
            attempt += 1;
        }
    };
    places.iter().map(free).collect()
}

fn suffix(seed: &str) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Sha256::digest(seed);
    let mut number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (0..5)
        .map(|_| {
            let symbol = ALPHABET[(number % 36) as usize];
            number /= 36;
            char::from(symbol)
        })
        .collect()
}
