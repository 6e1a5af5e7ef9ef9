//! Peers that are gone without a word, as a device that loses its power: the system asks after them.
use std::{io, os::fd::AsFd, time::Duration};

use socket2::{SockRef, TcpKeepalive};

/// A peer that says nothing is asked so often whether it is still there.
const ASK: Duration = Duration::from_secs(15);
/// So many questions without an answer, and it is gone.
const ASKS: u32 = 4;

/// Has the system ask after the peer of `socket`; where that listens, after those of all connections that it accepts.
pub(crate) fn ask_after(socket: &impl AsFd) -> io::Result<()> {
    let keepalive = TcpKeepalive::new().with_time(ASK).with_interval(ASK).with_retries(ASKS);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
