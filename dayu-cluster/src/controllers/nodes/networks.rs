//! The networks that nodes get, /24 each, from one larger network.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

/// A network that is divided among nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodNetworks {
    first: u32,
    count: u32,
}

/// A network that cannot be divided.
#[derive(Debug, thiserror::Error)]
#[error("pod network {0:?}: not an IPv4 network of /8 to /23, such as 127.64.0.0/11")]
pub struct NetworkError(String);

impl PodNetworks {
    /// Divides `cidr`.
    ///
    /// # Errors
    /// When it is not an IPv4 network of /8 to /23.
    pub(crate) fn parse(cidr: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(cidr.to_owned());
        let (address, bits) = cidr.split_once('/').ok_or_else(refused)?;
        let address: Ipv4Addr = address.parse().map_err(|_| refused())?;
        let bits: u32 = bits.parse().ok().filter(|bits| (8..=23).contains(bits)).ok_or_else(refused)?;
        let mask = u32::MAX << (32 - bits);
        Ok(Self { first: u32::from(address) & mask, count: 1 << (24 - bits) })
    }

    /// The first network that `taken` does not hold. The very first is never given: it holds the larger network's own address.
    fn free(&self, taken: &BTreeSet<u32>) -> Option<u32> {
        (1..self.count).map(|n| self.first + (n << 8)).find(|network| !taken.contains(network))
    }
}

/// Which node has which network.
#[derive(Debug)]
pub(super) struct Given {
    networks: PodNetworks,
    of: BTreeMap<Box<str>, u32>,
    taken: BTreeSet<u32>,
}

impl Given {
    pub(super) fn new(networks: PodNetworks) -> Self {
        Self { networks, of: BTreeMap::new(), taken: BTreeSet::new() }
    }

    /// Notes that the node has the network of `cidr`, as somebody wrote it. An event from before a network was given says
    /// none; that is no news.
    pub(super) fn note(&mut self, node: &str, cidr: &str) {
        let address = cidr.split_once('/').and_then(|(address, _)| address.parse::<Ipv4Addr>().ok());
        if let Some(network) = address.map(u32::from) {
            self.release(node);
            self.of.insert(node.into(), network);
            self.taken.insert(network);
        }
    }

    /// The node's network, a free one if it has none yet; none when all are given.
    pub(super) fn give(&mut self, node: &str) -> Option<String> {
        let network = self.of.get(node).copied().or_else(|| self.networks.free(&self.taken))?;
        self.of.insert(node.into(), network);
        self.taken.insert(network);
        Some(format!("{}/24", Ipv4Addr::from(network)))
    }

    pub(super) fn release(&mut self, node: &str) {
        if let Some(network) = self.of.remove(node) {
            self.taken.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_given_in_order_and_again_once_free() {
        let mut given = Given::new(PodNetworks::parse("127.64.0.0/22").unwrap());
        given.note("old", "127.64.2.0/24");
        assert_eq!(given.give("a").as_deref(), Some("127.64.1.0/24"));
        assert_eq!(given.give("b").as_deref(), Some("127.64.3.0/24"));
        assert_eq!(given.give("c"), None);
        given.release("a");
        assert_eq!(given.give("c").as_deref(), Some("127.64.1.0/24"));
    }

    #[test]
    fn a_network_that_cannot_be_divided_is_refused() {
        for bad in ["127.64.0.0", "x/8", "10.0.0.0/28", "10.0.0.0/24", "10.0.0.0/4"] {
            assert!(PodNetworks::parse(bad).is_err(), "{bad}");
        }
    }
}
