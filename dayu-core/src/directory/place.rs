//! What picks among the endpoints of one device remember, from one change of them to the next.
use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{Endpoint, EndpointSet};
use crate::{
    balance::{Ring, Spill},
    name::Device,
};

/// One device's endpoints among all of a port.
#[derive(Debug)]
pub(super) struct Place {
    device: Device,
    range: Range<usize>,
    spill: Arc<Spill>,
    ring: LazyRing,
}

/// The ring of some endpoints: made when a request with a key first asks for it, and from then on with each change, so that
/// no pick waits for it and what is never asked by key pays nothing.
#[derive(Debug, Default)]
pub(super) struct LazyRing(OnceLock<Arc<Ring>>);

/// The places of `endpoints`, which are sorted by device. What `before` remembers of a device is kept.
pub(super) fn places(endpoints: &[Endpoint], before: &EndpointSet) -> Vec<Place> {
    let mut start = 0;
    let devices = endpoints.chunk_by(|a, b| a.device == b.device).map(|its| {
        let (device, range) = (its[0].device.clone(), start..start + its.len());
        start = range.end;
        let old = before.place(device.as_str());
        let spill = old.map(|old| old.spill.clone()).unwrap_or_default();
        let ring = old.map(|old| old.ring.renewed(before.on(device.as_str()), its)).unwrap_or_default();
        Place { device, range, spill, ring }
    });
    devices.collect()
}

impl Place {
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    pub(super) fn spill(&self) -> &Spill {
        &self.spill
    }

    pub(super) fn ring(&self) -> &LazyRing {
        &self.ring
    }
}

impl LazyRing {
    /// The ring of `endpoints`, which are always the same for this one.
    pub(super) fn of(&self, endpoints: &[Endpoint]) -> &Ring {
        self.0.get_or_init(|| made(endpoints))
    }

    /// Its successor where `before` became `endpoints`: the same ring, where only their state changed.
    pub(super) fn renewed(&self, before: &[Endpoint], endpoints: &[Endpoint]) -> Self {
        let same = || before.iter().map(|old| old.hash).eq(endpoints.iter().map(|endpoint| endpoint.hash));
        let ring = self.0.get().map(|ring| if same() { ring.clone() } else { made(endpoints) });
        Self(ring.map(OnceLock::from).unwrap_or_default())
    }
}

fn made(endpoints: &[Endpoint]) -> Arc<Ring> {
    Arc::new(Ring::new(endpoints.iter().map(|endpoint| endpoint.hash)))
}
