//! What picks among the endpoints of one device remember, from one change of them to the next.
use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{Endpoint, EndpointSet};
use crate::{
    balance::{Homes, Spill, Turns},
    name::Device,
};

/// One device's endpoints among all of a port.
#[derive(Debug)]
pub(super) struct Place {
    device: Device,
    range: Range<usize>,
    spill: Arc<Spill>,
    homes: Lazy<Homes>,
    turns: Lazy<Turns>,
}

/// What policies look endpoints up in: made when a request first asks for it, and from then on with each change, so that no
/// pick waits for it and what is never asked pays nothing.
#[derive(Debug)]
pub(super) struct Lazy<T>(OnceLock<Arc<T>>);

/// What can be made of one number of each endpoint.
pub(super) trait Made: Sized {
    fn number(endpoint: &Endpoint) -> u64;
    /// `before` is what was made of them until they changed.
    fn made(endpoints: &[Endpoint], before: Option<&Self>) -> Self;
}

/// The places of `endpoints`, which are sorted by device. What `before` remembers of a device is kept.
pub(super) fn places(endpoints: &[Endpoint], before: &EndpointSet) -> Vec<Place> {
    let mut start = 0;
    let devices = endpoints.chunk_by(|a, b| a.device == b.device).map(|its| {
        let (device, range) = (its[0].device.clone(), start..start + its.len());
        start = range.end;
        let old = before.place(device.as_str());
        let spill = old.map(|old| old.spill.clone()).unwrap_or_default();
        let homes = old.map(|old| old.homes.renewed(before.on(device.as_str()), its)).unwrap_or_default();
        let turns = old.map(|old| old.turns.renewed(before.on(device.as_str()), its)).unwrap_or_default();
        Place { device, range, spill, homes, turns }
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

    pub(super) fn homes(&self) -> &Lazy<Homes> {
        &self.homes
    }

    pub(super) fn turns(&self) -> &Lazy<Turns> {
        &self.turns
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Made> Lazy<T> {
    /// What is made of `endpoints`, which are always the same for this one.
    pub(super) fn of(&self, endpoints: &[Endpoint]) -> &T {
        self.0.get_or_init(|| Arc::new(T::made(endpoints, None)))
    }

    /// Its successor where `before` became `endpoints`: the same, where only their state changed.
    pub(super) fn renewed(&self, before: &[Endpoint], endpoints: &[Endpoint]) -> Self {
        let same = || before.iter().map(T::number).eq(endpoints.iter().map(T::number));
        let made =
            self.0.get().map(|made| if same() { made.clone() } else { Arc::new(T::made(endpoints, Some(made))) });
        Self(made.map(OnceLock::from).unwrap_or_default())
    }
}

impl Made for Homes {
    fn number(endpoint: &Endpoint) -> u64 {
        endpoint.hash
    }

    fn made(endpoints: &[Endpoint], _: Option<&Self>) -> Self {
        Self::new(endpoints.iter().map(Self::number))
    }
}

impl Made for Turns {
    fn number(endpoint: &Endpoint) -> u64 {
        endpoint.weight.into()
    }

    fn made(endpoints: &[Endpoint], before: Option<&Self>) -> Self {
        Self::new(endpoints.iter().map(Self::number), before)
    }
}
