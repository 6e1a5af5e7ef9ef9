//! The link's server: one WebSocket per device, its session kept across connections.
//!
//! A device names itself in the header `Node-Name`. Until the link is mutually authenticated, whoever reaches the port can
//! claim a name, so only loopback is served unless the operator says otherwise.
mod connection;
mod hub;
mod outstanding;
mod server;

pub use hub::{Hub, Upstream};
pub(crate) use outstanding::Outstanding;
pub use server::{LinkError, Listening, listen};
