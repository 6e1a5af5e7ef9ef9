//! The file that keeps what the global manager has not acknowledged across restarts of this process.
use std::path::Path;

use dayu_core::{daemon::Plight, link::Outbox};
use rand::RngExt;

use crate::keep;

/// The stored outbox, or an empty one of a new incarnation where there is none; one that is damaged is told of.
pub(super) fn restore(store: &Path, plight: &Plight) -> Outbox {
    let stored = keep::recall(store).unwrap_or_else(|damaged| {
        let lost = "what workers reported and nobody acknowledged is not sent again; activations are asked for anew";
        plight.happened("messages to the global manager", &format!("{damaged}; {lost}"));
        None
    });
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

    #[tokio::test]
    async fn what_was_kept_is_restored_and_what_is_damaged_is_told_and_stays() {
        let (dir, (plight, _news)) = (tempfile::tempdir().unwrap(), Plight::new());
        let store = dir.path().join("outbox");
        let mut outbox = restore(&store, &plight);
        outbox.push(Message::new("ns", "runtimeservice", "a", Operation::Status, b"{}".as_slice()));
        keep(&store, &outbox);
        let again = restore(&store, &plight);
        assert_eq!((again.session(), again.len(), plight.words()), (outbox.session(), 1, String::new()));
        std::fs::write(&store, b"{").unwrap();
        let anew = restore(&store, &plight);
        assert!(anew.is_empty() && anew.session() != outbox.session());
        keep(&store, &anew);
        assert_eq!(std::fs::read(dir.path().join("outbox.damaged")).unwrap(), b"{");
        let told = plight.words();
        assert!(told.contains(store.to_str().unwrap()) && told.contains("outbox.damaged"), "{told}");
    }
}
