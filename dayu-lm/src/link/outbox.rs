//! The file that keeps what the global manager has not acknowledged across restarts of this process.
use std::path::Path;

use dayu_core::link::Outbox;
use rand::RngExt;

use crate::keep;

/// The stored outbox, or an empty one of a new incarnation when there is none that can be read.
pub(super) fn restore(store: &Path) -> Outbox {
    let stored = keep::read(store).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    stored.unwrap_or_else(|| Outbox::new(rand::rng().random()))
}

/// Stores the outbox. A failure costs durability, not the message: it is said once per failure.
pub(super) fn keep(store: &Path, outbox: &Outbox) {
    let written =
        serde_json::to_vec(outbox).map_err(std::io::Error::other).and_then(|bytes| keep::replace(store, &bytes));
    if let Err(error) = written {
        tracing::warn!(store = %store.display(), %error, "cannot store what the global manager has not acknowledged; free space or fix the folder");
    }
}

#[cfg(test)]
mod tests {
    use dayu_core::link::{Message, Operation};

    use super::*;

    #[test]
    fn what_was_kept_is_restored_and_what_cannot_be_read_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("outbox");
        let mut outbox = restore(&store);
        outbox.push(Message::new("ns", "runtimeservice", "a", Operation::Status, b"{}".as_slice()));
        keep(&store, &outbox);
        let again = restore(&store);
        assert_eq!((again.session(), again.len()), (outbox.session(), 1));
        std::fs::write(&store, b"{").unwrap();
        let anew = restore(&store);
        assert!(anew.is_empty() && anew.session() != outbox.session());
    }
}
