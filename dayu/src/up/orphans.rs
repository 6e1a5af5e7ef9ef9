//! What workers leave behind. A program can give up its session, its process group and its environment, so that nothing tells
//! any more who started it; but not its parent, and once it has lost that, it is our child. It is waited for when it ends, and
//! killed where it does not before we do.
use std::{io, sync::Arc, time::Duration};

use dayu_lm::runtime::process::between_births;
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, getpid, kill_process, set_child_subreaper, waitid},
};
use tokio::{
    signal::unix::{self, SignalKind, signal},
    task::spawn_blocking,
    time::timeout,
};

use super::children;

/// So long may those that are killed take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those who come to us, and how they end.
#[derive(Clone)]
pub(super) struct Orphans {
    /// Children that were there before: whoever started them sees to them.
    spared: Arc<[u32]>,
}

/// What there is to do after a look at all that are left.
enum Next {
    /// Nothing: there are none.
    End,
    /// Some have gone, and theirs may have come instead.
    Look,
    /// All of them are killed.
    Wait,
}

impl Orphans {
    /// From now on whatever loses its parent below this process comes to it.
    pub(super) fn take_in() -> Self {
        let orphans = Self { spared: children::all().into() };
        if let Err(error) = orphans.begin() {
            tracing::warn!(%error, "what detaches itself from a worker may be left behind");
        }
        orphans
    }

    fn begin(&self) -> io::Result<()> {
        let ends = signal(SignalKind::child())?;
        set_child_subreaper(Some(getpid()))?;
        tokio::spawn(self.clone().reap(ends));
        Ok(())
    }

    /// Waits for those that end by themselves. The signal does not say which child has ended.
    async fn reap(self, mut ends: unix::Signal) {
        while ends.recv().await.is_some() {
            let orphans = self.clone();
            let _ = spawn_blocking(move || while orphans.take_ended() {}).await;
        }
    }

    /// Takes all that have ended but those that somebody else waits for. Says whether a child has gone meanwhile: it may have
    /// hidden another.
    fn take_ended(&self) -> bool {
        between_births(|awaited| {
            let children = self.all();
            for pid in children.iter().filter(|pid| !awaited.contains(pid)) {
                let _ = ended(*pid, WaitIdOptions::empty());
            }
            children.iter().any(|pid| ended(*pid, WaitIdOptions::NOWAIT).is_err())
        })
    }

    /// Kills all children, and those that come to us thereby, until there are none, once nobody needs them any more. Tells of
    /// those that cannot be killed.
    pub(super) async fn end(&self) {
        if timeout(PATIENCE, self.end_all()).await.is_err() {
            let left = self.all();
            tracing::warn!(pids = ?left, "left behind by workers, and cannot be killed; `kill` them as their user or as root");
        }
    }

    async fn end_all(&self) -> io::Result<()> {
        let mut ends = signal(SignalKind::child())?;
        loop {
            let orphans = self.clone();
            match spawn_blocking(move || between_births(|_| orphans.kill())).await? {
                Next::End => return Ok(()),
                Next::Look => {}
                Next::Wait => drop(ends.recv().await),
            }
        }
    }

    fn kill(&self) -> Next {
        let children = self.all();
        if children.is_empty() {
            return Next::End;
        }
        let runs = |pid: &u32| matches!(ended(*pid, WaitIdOptions::empty()), Ok(None));
        let (running, gone): (Vec<_>, Vec<_>) = children.into_iter().partition(runs);
        for pid in running {
            // That of another user may refuse.
            let _ = process(pid).and_then(|pid| kill_process(pid, Signal::KILL));
        }
        if gone.is_empty() { Next::Wait } else { Next::Look }
    }

    fn all(&self) -> Vec<u32> {
        children::all().into_iter().filter(|pid| !self.spared.contains(pid)).collect()
    }
}

/// The end of a child, if it has come; an error where it is our child no longer.
fn ended(pid: u32, how: WaitIdOptions) -> rustix::io::Result<Option<WaitIdStatus>> {
    waitid(WaitId::Pid(process(pid)?), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | how)
}

fn process(pid: u32) -> rustix::io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)
}
