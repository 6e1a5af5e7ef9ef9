//! Waiting on descriptors that the runtime does not know by itself: process and change descriptors.
use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Lets the present Tokio runtime tell when `descriptor` can be read.
#[expect(unsafe_code, reason = "see SAFETY")]
pub(crate) fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is the same open descriptor from here until the `AsyncFd`, which owns it, drops it.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}
