//! One buffer per thread, always hot in the cache, instead of one per connection.
//!
//! A step reads and writes without waiting in between, so the buffer can be shared by all connections of a thread. Only
//! what a slow receiver leaves is copied out, once, into a buffer of its own size.
use std::{cell::RefCell, io};

use tokio::net::TcpStream;

use super::Opening;

/// Read at most so many bytes at first: small messages touch little memory.
const FIRST: usize = 16 * 1024;
/// Bulk needs fewer system calls; beyond this the receiver reads cold pages.
const LARGEST: usize = 256 * 1024;
/// Reads in one step, before others get their turn.
const READS: usize = 16;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is remembered of a sender from one step to the next.
pub(super) struct Sender {
    /// How much is read at once: doubles whenever a read fills it.
    reach: usize,
    /// How it began, once it has said something.
    pub(super) opening: Option<Opening>,
}

impl Default for Sender {
    fn default() -> Self {
        Self { reach: FIRST, opening: None }
    }
}

/// Why a step ended.
pub(super) enum Step {
    /// Nothing more to read for now.
    Dry,
    /// There may be more; it is the others' turn.
    Spent,
    /// The receiver is slower than the sender; these bytes are read and not written.
    Blocked(Box<[u8]>),
    /// The sender has said all.
    End,
    /// The receiver takes nothing any more.
    Unread,
    /// The sender is gone.
    Reset,
}

/// Moves what can be moved without waiting and adds it to `moved`.
pub(super) fn step(from: &TcpStream, to: &TcpStream, sender: &mut Sender, moved: &mut u64) -> Step {
    BUFFER.with_borrow_mut(|buffer| {
        for _ in 0..READS {
            if buffer.len() < sender.reach {
                buffer.resize(sender.reach, 0);
            }
            let count = match from.try_read(&mut buffer[..sender.reach]) {
                Ok(0) => return Step::End,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Dry,
                Err(_) => return Step::Reset,
            };
            sender.opening.get_or_insert_with(|| Opening::of(&buffer[..count]));
            let written = match to.try_write(&buffer[..count]) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => return Step::Unread,
            };
            *moved += written as u64;
            if written < count {
                return Step::Blocked(buffer[written..count].into());
            }
            if count == sender.reach {
                sender.reach = (sender.reach * 2).min(LARGEST);
            }
        }
        Step::Spent
    })
}
