//! The sizes of memory's pages: small ones for a daemon that asks for them, for its workers what it was given itself.
use parking_lot::Mutex;
use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

/// How many children are being born just now, where pages are kept small.
static KEPT_SMALL: Mutex<Option<usize>> = Mutex::new(None);

/// From now on this process has no huge pages. Where the system gives them unasked (`always` in
/// `/sys/kernel/mm/transparent_hugepage/enabled`), a daemon of some megabytes takes half as much again, or more.
/// Programs that a [`ProcessRuntime`](super::ProcessRuntime) starts have them as if this had not been called; others inherit it.
pub fn keep_pages_small() {
    let mut kept = KEPT_SMALL.lock();
    // If they are already, somebody wants it so for the workers, too.
    if kept.is_none() && matches!(transparent_huge_pages_are_disabled(), Ok(false)) {
        *kept = disable_transparent_huge_pages(true).is_ok().then_some(0);
    }
}

/// As long as it is held, children are born with what this process was given.
#[must_use]
pub(super) struct AsGiven(());

impl AsGiven {
    pub(super) fn for_a_birth() -> Self {
        if let Some(births) = &mut *KEPT_SMALL.lock() {
            if *births == 0 {
                let _ = disable_transparent_huge_pages(false);
            }
            *births += 1;
        }
        Self(())
    }
}

impl Drop for AsGiven {
    fn drop(&mut self) {
        if let Some(births) = &mut *KEPT_SMALL.lock() {
            *births = births.saturating_sub(1);
            if *births == 0 {
                let _ = disable_transparent_huge_pages(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Stdio};

    use tokio::process::Command;

    use super::*;
    use crate::runtime::process::{between_births, births::Awaited};

    #[tokio::test]
    async fn a_worker_has_what_its_daemon_was_given() {
        keep_pages_small();
        let said = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("grep");
        command.args(["THP_enabled", "/proc/self/status"]).stdout(Stdio::from(said.reopen().unwrap()));
        let mut child = Awaited::start(&mut command).unwrap();
        assert!(child.wait().await.unwrap().success());
        assert_eq!(enabled(&fs::read_to_string(said.path()).unwrap()), "1");

        let own = || enabled(&fs::read_to_string("/proc/self/status").unwrap());
        let seen = between_births(|_| {
            let [one, other] = [AsGiven::for_a_birth(), AsGiven::for_a_birth()];
            drop(one);
            let during = own();
            drop(other);
            [during, own()]
        });
        assert_eq!(seen, ["1", "0"], "the last of several births ends it");
    }

    fn enabled(status: &str) -> String {
        status.lines().find_map(|line| line.strip_prefix("THP_enabled:")).unwrap().trim().to_owned()
    }
}
