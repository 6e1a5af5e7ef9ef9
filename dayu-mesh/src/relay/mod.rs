//! Moves bytes between two TCP connections until both directions have ended.
//!
//! An end is handed on as an end: a peer that shuts its writing side down still receives the whole answer. A reset is
//! handed on as a reset. Neither is an error. A connection over which nothing flows owns no buffer.
mod hot;
mod opening;
mod wait;

use std::{io, net::Shutdown, ops::AddAssign, os::fd::AsFd, time::Duration};

use socket2::SockRef;
use tokio::{net::TcpStream, task::coop};

use hot::{Sender, Step};
pub use opening::Opening;
use wait::Wait;

/// Bytes that a relay has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// From the first stream to the second.
    pub up: u64,
    /// From the second stream to the first.
    pub down: u64,
}

/// Learns what a relay does while it does it.
pub trait Witness {
    /// The server took so long to say something after the client had said its last; and how it began. Told once.
    fn answered(&self, _latency: Duration, _opening: Opening) {}

    /// So much has flowed since it was told the last time.
    fn moved(&self, _moved: Moved) {}
}

impl Witness for () {}

impl<W: Witness> Witness for Option<W> {
    fn answered(&self, latency: Duration, opening: Opening) {
        self.iter().for_each(|witness| witness.answered(latency, opening));
    }

    fn moved(&self, moved: Moved) {
        self.iter().for_each(|witness| witness.moved(moved));
    }
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
    }
}

/// The peer that was read from has reset its connection: it takes nothing any more either.
struct Reset;

/// Relays between `client` and `server` until both directions have ended or one peer resets.
pub fn relay(client: &TcpStream, server: &TcpStream) -> impl Future<Output = ()> {
    relay_witnessed(client, server, Duration::MAX, &())
}

/// As [`relay`], before a `witness`; and resets both when nothing has flowed for `idle`, or up to a quarter longer.
pub async fn relay_witnessed(client: &TcpStream, server: &TcpStream, idle: Duration, witness: &impl Witness) {
    let wait = Wait::default();
    let asks = pump(client, server, |_, up| {
        wait.asked();
        witness.moved(Moved { up, down: 0 });
    });
    let answers = pump(server, client, |opening, down| {
        wait.answered().into_iter().for_each(|latency| witness.answered(latency, opening));
        witness.moved(Moved { up: 0, down });
    });
    // Both directions are joined: the end of one must not cut the other. Only a reset does.
    let cut = tokio::select! {
        ended = futures::future::try_join(asks, answers) => ended.is_err(),
        () = wait.idle(idle) => true,
    };
    if cut {
        reset_on_close(client);
        reset_on_close(server);
    }
}

/// Makes the next close of `stream` an immediate reset, so that its peer never takes a broken answer for a whole one.
pub fn reset_on_close(stream: &impl AsFd) {
    // Fails only for a socket that is closed already, which is what is wanted.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Moves bytes `from` one `to` the other until there are no more; says how many were `passed` whenever there were any, and
/// which came first.
async fn pump(from: &TcpStream, to: &TcpStream, passed: impl Fn(Opening, u64)) -> Result<(), Reset> {
    let mut sender = Sender::default();
    loop {
        if from.readable().await.is_err() {
            return Err(Reset);
        }
        let mut moved = 0;
        let step = hot::step(|buffer| from.try_read(buffer), |bytes| to.try_write(bytes), &mut sender, &mut moved);
        if let Some(opening) = sender.opening.filter(|_| moved > 0) {
            passed(opening, moved);
        }
        match step {
            Step::Dry | Step::Spent => {}
            Step::Blocked(rest) => match write_all(to, &rest).await {
                Ok(()) => sender.opening.into_iter().for_each(|opening| passed(opening, rest.len() as u64)),
                Err(_) => return Ok(()),
            },
            Step::End => {
                let _ = SockRef::from(to).shutdown(Shutdown::Write);
                return Ok(());
            }
            // What the peer that no longer reads has still to say comes the other way.
            Step::Unread => return Ok(()),
            Step::Reset => return Err(Reset),
        }
        // The tries above do not count as work for the scheduler; a fast pair of peers must not starve the rest.
        coop::consume_budget().await;
    }
}

/// Writes all of `bytes`, waiting where the peer is slow.
pub(crate) async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
