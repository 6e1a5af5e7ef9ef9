//! Addresses of pods: the device's network from its second host on.
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

/// The addresses that pods of this device may have.
#[derive(Debug)]
pub(crate) struct Pool {
    network: u32,
    hosts: u32,
    taken: BTreeSet<u32>,
    /// The address given last: one that has become free is not given again at once, while others may still know it.
    last: u32,
}

/// A network that no addresses can be taken from.
#[derive(Debug, thiserror::Error)]
#[error("podCIDR {0:?} of the node is no IPv4 network of /8 to /29; the cluster's controller manager assigns it")]
pub(crate) struct BadNetwork(String);

impl Pool {
    /// Takes a network such as `127.64.1.0/24`.
    pub(crate) fn new(cidr: &str) -> Result<Self, BadNetwork> {
        let refused = || BadNetwork(cidr.to_owned());
        let (address, bits) = cidr.split_once('/').ok_or_else(refused)?;
        let address: Ipv4Addr = address.parse().map_err(|_| refused())?;
        let bits: u32 = bits.parse().ok().filter(|bits| (8..=29).contains(bits)).ok_or_else(refused)?;
        let network = u32::from(address) & (u32::MAX << (32 - bits));
        // Neither the network itself nor its broadcast address.
        Ok(Self { network, hosts: (1 << (32 - bits)) - 2, taken: BTreeSet::new(), last: 1 })
    }

    /// The device's own.
    pub(crate) fn host(&self) -> IpAddr {
        self.address(1)
    }

    /// Marks an address that a pod has from before.
    pub(crate) fn keep(&mut self, address: IpAddr) {
        if let Some(host) = self.host_number(address) {
            self.taken.insert(host);
            self.last = self.last.max(host);
        }
    }

    /// A free one, the longest unused; none when all are taken.
    pub(crate) fn take(&mut self) -> Option<IpAddr> {
        let behind = (self.last + 1)..=self.hosts;
        let host = behind.chain(2..=self.last).find(|host| *host >= 2 && !self.taken.contains(host))?;
        self.taken.insert(host);
        self.last = host;
        Some(self.address(host))
    }

    pub(crate) fn free(&mut self, address: IpAddr) {
        if let Some(host) = self.host_number(address) {
            self.taken.remove(&host);
        }
    }

    fn address(&self, host: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self.network + host))
    }

    fn host_number(&self, address: IpAddr) -> Option<u32> {
        let IpAddr::V4(address) = address else { return None };
        u32::from(address).checked_sub(self.network).filter(|host| (2..=self.hosts).contains(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_round_and_none_is_given_twice() {
        let mut pool = Pool::new("127.64.1.0/29").unwrap();
        assert_eq!(pool.host().to_string(), "127.64.1.1");
        let given: Vec<String> = std::iter::from_fn(|| pool.take()).map(|address| address.to_string()).collect();
        assert_eq!(given, ["127.64.1.2", "127.64.1.3", "127.64.1.4", "127.64.1.5", "127.64.1.6"]);
        pool.free("127.64.1.3".parse().unwrap());
        assert_eq!(pool.take().unwrap().to_string(), "127.64.1.3");
        pool.free("127.64.1.1".parse().unwrap());
        assert!(pool.take().is_none(), "the device's own address is never given");
        let mut pool = Pool::new("127.64.1.0/24").unwrap();
        pool.keep("127.64.1.2".parse().unwrap());
        let next = pool.take().unwrap();
        pool.free(next);
        assert_ne!(pool.take().unwrap(), next, "a fresh one before one that was just freed");
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_text() {
        for bad in ["", "127.64.1.0", "127.64.1.0/31", "fd00::/64"] {
            assert!(Pool::new(bad).unwrap_err().to_string().contains(&format!("{bad:?}")));
        }
    }
}
