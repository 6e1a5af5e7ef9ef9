//! The endpoints of one port, sorted by device, so that a device is a range and not a copy.
use std::{net::SocketAddr, ops::Range, sync::Arc};

use super::PodRef;
use crate::{
    balance::Load,
    name::{Device, Uid},
};

/// Where requests can go.
#[derive(Clone, Debug)]
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

/// All endpoints of a port. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct EndpointSet {
    all: Arc<[Endpoint]>,
    devices: Arc<[(Device, Range<usize>)]>,
    heaviest: u16,
}

impl EndpointSet {
    /// Sorts `endpoints` by device and address; a duplicate of one that stands already is dropped. What `before` measured of
    /// those that stay is kept, and a new one begins with the share of its peers, so that it is neither starved nor flooded.
    #[must_use]
    pub fn new(mut endpoints: Vec<Endpoint>, before: &Self) -> Self {
        endpoints.sort_by(|a, b| a.identity().cmp(&b.identity()));
        endpoints.dedup_by(|later, earlier| later.is(earlier));
        let mut devices: Vec<(Device, Range<usize>)> = Vec::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            match devices.last_mut() {
                Some((device, range)) if *device == endpoint.device => range.end = at + 1,
                _ => devices.push((endpoint.device.clone(), at..at + 1)),
            }
        }
        for (device, range) in &devices {
            keep_loads(&mut endpoints[range.clone()], before, device);
        }
        let heaviest = endpoints.iter().map(|endpoint| endpoint.weight).max().unwrap_or(1);
        Self { all: endpoints.into(), devices: devices.into(), heaviest }
    }

    /// All of them, sorted by device.
    #[must_use]
    pub fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// Where those of `device` stand in [`EndpointSet::all`]; empty when there is none.
    #[must_use]
    pub fn range(&self, device: &str) -> Range<usize> {
        let found = self.devices.binary_search_by(|(known, _)| known.as_str().cmp(device));
        found.map_or(0..0, |at| self.devices[at].1.clone())
    }

    /// Those of `device`.
    #[must_use]
    pub fn on(&self, device: &str) -> &[Endpoint] {
        &self.all[self.range(device)]
    }

    /// The largest weight among all.
    #[must_use]
    pub fn heaviest(&self) -> u16 {
        self.heaviest
    }

    /// The devices that have any.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().map(|(device, _)| device)
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
