//! The link's server: one WebSocket per device, its session kept across connections.
//!
//! A device names itself in the header `Node-Name`, and proves it with the key that its Lease names ([`Admission`]). It knows the
//! global manager by the key on the Lease that makes it one.
mod admission;
mod connection;
mod hub;
mod outstanding;
mod server;

pub use admission::Admission;
pub use hub::{Hub, Upstream};
pub(crate) use outstanding::Outstanding;
pub use server::{LinkError, Listening, listen};
