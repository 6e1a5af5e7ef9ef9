//! The network that Services get their addresses from.
use std::{net::Ipv4Addr, ops::RangeInclusive};

/// An IPv4 network of /12 to /28.
#[derive(Clone, Debug)]
pub(crate) struct Network(RangeInclusive<u32>);

/// A network that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("service network {0:?}: not an IPv4 network of /12 to /28, such as 127.96.0.0/16")]
pub struct NetworkError(String);

impl Network {
    /// Reads `a.b.c.d/n`.
    ///
    /// # Errors
    /// When it is not an IPv4 network of /12 to /28.
    pub(crate) fn parse(cidr: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(cidr.to_owned());
        let (address, bits) = cidr.split_once('/').ok_or_else(refused)?;
        let address: Ipv4Addr = address.parse().map_err(|_| refused())?;
        let bits: u32 = bits.parse().ok().filter(|bits| (12..=28).contains(bits)).ok_or_else(refused)?;
        let first = u32::from(address) & (u32::MAX << (32 - bits));
        // Neither the network's own address nor its last one is a host's.
        Ok(Self(first + 1..=first + (1 << (32 - bits)) - 2))
    }

    pub(super) fn range(&self) -> RangeInclusive<u32> {
        self.0.clone()
    }
}
