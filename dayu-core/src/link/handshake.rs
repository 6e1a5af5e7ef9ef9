//! What the two sides say in the headers of the WebSocket handshake, and where each finds the other's key.
use crate::name::Device;

/// The header by which a device names itself, as Sedna's local controllers do.
pub const NODE_NAME: &str = "Node-Name";

/// The header by which either side says that it numbers and acknowledges messages; its value is the version, `1`.
///
/// Sedna's managers neither send nor expect it. Known before the first frame, so that no message is taken for delivered only
/// because nothing has been heard of the peer yet.
pub const NUMBERED: &str = "Dayu-Link";

/// The Lease that the global manager in charge holds, in [`NAMESPACE`](crate::api::NAMESPACE): its annotations say
/// [where to connect](crate::api::annotation::LINK_ADDRESS) and [to which key](crate::api::annotation::LINK_KEY).
pub const MANAGER_LEASE: &str = "dayu-gm";

/// The Lease, beside the global manager's, in which the local manager of `device` says which key is its own.
///
/// ```
/// # use dayu_core::{link::lease_of, name::Device};
/// assert_eq!(lease_of(&Device::from("cloud.kubeedge")), "lm-cloud.kubeedge");
/// ```
#[must_use]
pub fn lease_of(device: &Device) -> String {
    format!("lm-{device}")
}
