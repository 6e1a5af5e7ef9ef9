//! A hash that is the same on every device, in every version, after every restart: FNV-1a with a final mix.
use std::net::{IpAddr, SocketAddr};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes bytes, such as what a caller names its stream of requests by, into the key of a [`Request`](super::Request).
///
/// ```
/// assert_eq!(dayu_core::balance::hash::bytes(b"camera-7"), dayu_core::balance::hash::bytes(b"camera-7"));
/// ```
#[must_use]
pub fn bytes(bytes: &[u8]) -> u64 {
    mix(feed(OFFSET, bytes))
}

/// Hashes a client's address; its port does not count, or every connection would go elsewhere.
#[must_use]
pub(crate) fn client(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => bytes(&address.octets()),
        IpAddr::V6(address) => bytes(&address.octets()),
    }
}

/// Hashes an endpoint by what it is, not by where it stands in a list.
#[must_use]
pub(crate) fn endpoint(device: &str, pod: &str, address: SocketAddr) -> u64 {
    let seed = feed(feed(feed(OFFSET, device.as_bytes()), &[0]), pod.as_bytes());
    // A pod keeps its keys when it gets another address; without a pod the address is all there is.
    let seed = if pod.is_empty() { seed ^ client(address.ip()) } else { seed };
    mix(feed(seed, &address.port().to_be_bytes()))
}

/// Joins a key and an endpoint into the endpoint's rank for that key.
#[must_use]
pub(crate) fn join(key: u64, endpoint: u64) -> u64 {
    mix(key.rotate_left(23) ^ endpoint)
}

fn feed(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Spreads every input bit over every output bit.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
