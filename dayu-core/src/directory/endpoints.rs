//! The endpoints of one port, sorted by device, so that a device is a range and not a copy.
use std::{net::SocketAddr, ops::Range, sync::Arc};

use super::{
    PodRef,
    place::{self, Lazy, Place},
};
use crate::{
    balance::{Homes, Load, Spill, Turns},
    name::{Device, Uid},
};

/// Where requests can go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The device it runs on.
    pub device: Device,
    /// Where it listens; equal addresses on different devices are different endpoints.
    pub address: SocketAddr,
    /// The pod behind it.
    pub pod: Option<PodRef>,
    /// Takes new requests.
    pub ready: bool,
    /// Answers, though it may be leaving.
    pub serving: bool,
    /// Is leaving.
    pub terminating: bool,
    /// Its share relative to others, at least 1.
    pub weight: u16,
    /// What was measured of it; kept as long as the endpoint stays.
    pub load: Arc<Load>,
    /// Stands for the endpoint in consistent hashing: the same on every device and after every restart.
    pub hash: u64,
}

impl Endpoint {
    /// Whether it is the same endpoint, whatever its state.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// What makes it this endpoint: equal addresses on two devices are two, and so are two pods that had one address in turn.
    fn identity(&self) -> (&Device, SocketAddr, Option<&Uid>) {
        (&self.device, self.address, self.pod.as_ref().map(|pod| &pod.uid))
    }
}

/// What a pick reads of an endpoint, four to a cache line: endpoints themselves lie too far apart.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) load: Arc<Load>,
    pub(crate) ready: bool,
}

/// All endpoints of a port. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct EndpointSet {
    all: Arc<[Endpoint]>,
    /// One for each of `all`, in the same order.
    slots: Arc<[Slot]>,
    /// One for each device, in the same order.
    places: Arc<[Place]>,
    /// The homes of all.
    homes: Arc<Lazy<Homes>>,
    /// The turns of all.
    turns: Arc<Lazy<Turns>>,
}

impl EndpointSet {
    /// Sorts `endpoints` by device and address; a duplicate of one that stands already is dropped. What `before` measured of
    /// those that stay is kept, and a new one begins with the share of its peers, so that it is neither starved nor flooded.
    pub(super) fn new(mut endpoints: Vec<Endpoint>, before: &Self) -> Self {
        endpoints.sort_by(|a, b| a.identity().cmp(&b.identity()));
        endpoints.dedup_by(|later, earlier| later.is(earlier));
        let places = place::places(&endpoints, before);
        for place in &places {
            keep_loads(&mut endpoints[place.range()], before, place.device());
        }
        let homes = Arc::new(before.homes.renewed(&before.all, &endpoints));
        let turns = Arc::new(before.turns.renewed(&before.all, &endpoints));
        let slots = endpoints.iter().map(|endpoint| Slot { load: endpoint.load.clone(), ready: endpoint.ready });
        Self { slots: slots.collect(), all: endpoints.into(), places: places.into(), homes, turns }
    }

    /// All of them, sorted by device.
    #[must_use]
    pub fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// What picks read of them.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where those of `device` stand in [`EndpointSet::all`]; empty when there is none.
    #[must_use]
    pub fn range(&self, device: &str) -> Range<usize> {
        self.place(device).map_or(0..0, Place::range)
    }

    /// What is kept for `device`.
    pub(super) fn place(&self, device: &str) -> Option<&Place> {
        let found = self.places.binary_search_by(|place| place.device().as_str().cmp(device));
        found.ok().map(|at| &self.places[at])
    }

    /// Whether the device whose endpoints stand in `range` has too much to do; none where they are not those of one device.
    pub(crate) fn spill(&self, range: &Range<usize>) -> Option<&Spill> {
        self.place_in(range).map(Place::spill)
    }

    /// The homes of the endpoints in `range`: of a device, or of all.
    pub(crate) fn homes(&self, range: &Range<usize>) -> &Homes {
        self.place_in(range).map_or(&*self.homes, Place::homes).of(&self.all[range.clone()])
    }

    /// Whose turn it is among the endpoints in `range`: of a device, or of all.
    pub(crate) fn turns(&self, range: &Range<usize>) -> &Turns {
        self.place_in(range).map_or(&*self.turns, Place::turns).of(&self.all[range.clone()])
    }

    fn place_in(&self, range: &Range<usize>) -> Option<&Place> {
        let found = self.places.binary_search_by_key(&range.start, |place| place.range().start).ok()?;
        Some(&self.places[found]).filter(|place| place.range() == *range)
    }

    /// Those of `device`.
    #[must_use]
    pub fn on(&self, device: &str) -> &[Endpoint] {
        &self.all[self.range(device)]
    }

    /// The devices that have any.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.places.iter().map(Place::device)
    }
}

/// Gives each endpoint of `device` what was measured of it before; a newcomer begins like its peers.
fn keep_loads(endpoints: &mut [Endpoint], before: &EndpointSet, device: &Device) {
    let known = before.on(device.as_str());
    let mut peer = None;
    for endpoint in endpoints {
        match known.binary_search_by(|old| old.identity().cmp(&endpoint.identity())) {
            Ok(at) => endpoint.load = known[at].load.clone(),
            Err(_) => {
                let peers = if known.is_empty() { before.all() } else { known };
                if let Some(peer) = peer.get_or_insert_with(|| typical(peers)) {
                    endpoint.load.begin_like(peer);
                }
            }
        }
    }
}

/// The load that served as much as half of the `peers`.
fn typical(peers: &[Endpoint]) -> Option<Arc<Load>> {
    let mut loads: Vec<&Arc<Load>> = peers.iter().map(|peer| &peer.load).collect();
    let middle = loads.len() / 2;
    loads.sort_unstable_by_key(|load| load.served());
    loads.get(middle).map(|load| Arc::clone(load))
}
