//! What the two sides say in the headers of the WebSocket handshake.

/// The header by which a device names itself, as Sedna's local controllers do.
pub const NODE_NAME: &str = "Node-Name";

/// The header by which either side says that it numbers and acknowledges messages; its value is the version, `1`.
///
/// Sedna's managers neither send nor expect it. Known before the first frame, so that no message is taken for delivered only
/// because nothing has been heard of the peer yet.
pub const NUMBERED: &str = "Dayu-Link";
