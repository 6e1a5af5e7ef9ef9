//! One buffer per thread, always hot in the cache, instead of one per connection.
//!
//! A step reads and writes without waiting in between, so the buffer can be shared by all connections of a thread. Only
//! what a slow receiver leaves is copied out, once, into a buffer of its own size.
use std::{cell::RefCell, io};

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

/// Moves what can be moved from `read` to `write`, neither of which waits, and adds it to `moved`.
pub(super) fn step(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    sender: &mut Sender,
    moved: &mut u64,
) -> Step {
    BUFFER.with_borrow_mut(|buffer| {
        for _ in 0..READS {
            if buffer.len() < sender.reach {
                buffer.resize(sender.reach, 0);
            }
            let count = match read(&mut buffer[..sender.reach]) {
                Ok(0) => return Step::End,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Dry,
                Err(_) => return Step::Reset,
            };
            sender.opening.get_or_insert_with(|| Opening::of(&buffer[..count]));
            let written = match write(&buffer[..count]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes each read of one step may take, where a peer has no more than `most` for each of them.
    fn reads(sender: &mut Sender, most: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        let read = |buffer: &mut [u8]| {
            sizes.push(buffer.len());
            Ok(buffer.len().min(most))
        };
        let step = step(read, |bytes| Ok(bytes.len()), sender, &mut 0);
        assert!(matches!(step, Step::Spent));
        sizes
    }

    #[test]
    fn small_messages_are_read_with_the_first_reach() {
        assert_eq!(reads(&mut Sender::default(), FIRST - 1), [FIRST; READS]);
    }

    #[test]
    fn bulk_is_read_with_ever_more_up_to_the_largest() {
        let mut sender = Sender::default();
        let sizes = reads(&mut sender, usize::MAX);
        assert_eq!(sizes[..6], [FIRST, FIRST * 2, FIRST * 4, FIRST * 8, LARGEST, LARGEST]);
        assert_eq!(reads(&mut sender, usize::MAX), [LARGEST; READS]);
    }

    #[test]
    fn all_connections_of_a_thread_share_one_buffer_of_what_was_needed() {
        // The buffer of a new thread has not been used yet.
        let thread = std::thread::spawn(|| {
            let mut senders: [Sender; 8] = Default::default();
            senders.iter_mut().for_each(|sender| drop(reads(sender, 1)));
            assert_eq!(BUFFER.with_borrow(Vec::capacity), FIRST);
            senders.iter_mut().for_each(|sender| drop(reads(sender, usize::MAX)));
            assert_eq!(BUFFER.with_borrow(Vec::capacity), LARGEST);
        });
        thread.join().unwrap();
    }

    #[test]
    fn what_a_slow_receiver_leaves_is_kept_in_its_own_size() {
        let read = |buffer: &mut [u8]| {
            buffer[..5].copy_from_slice(b"hello");
            Ok(5)
        };
        let mut moved = 0;
        let step = step(read, |_| Ok(2), &mut Sender::default(), &mut moved);
        assert!(matches!(step, Step::Blocked(rest) if *rest == *b"llo"));
        assert_eq!(moved, 2);
    }
}
