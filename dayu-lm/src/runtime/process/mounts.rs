//! How a process comes to see a file of the device at a path of its own.
//!
//! Where the system lets us, each run gets a mount namespace: its mounts are bound there, and nobody else sees them. A path
//! that the device does not have is made in a layer over the nearest folder that exists, or in a root of the run's own where
//! that is the root, in the namespace only; what the run writes beside its mounts in that folder goes with it. Elsewhere links
//! stand for the mounts in a folder of the pod, and paths in the command and the environment are translated to it. Nothing is
//! ever made outside the data directory.
mod links;
mod namespace;
mod root;

use std::io;

use dayu_core::worker::{Launch, Problem};
use tokio::process::Command;

pub(super) use self::links::View;
use super::births::Awaited;

/// The way in which mounts are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounting {
    /// At their very paths, in a mount namespace for each run.
    Namespace,
    /// At paths of the device that stand in the command and the environment instead.
    Links,
}

impl Mounting {
    /// What this system permits.
    pub(super) fn probe() -> Self {
        if namespace::is_permitted() { Self::Namespace } else { Self::Links }
    }

    /// What this way means for a worker.
    pub(super) fn remark(self) -> Problem {
        match self {
            Self::Namespace => {
                Problem::new("MountsBound", "mounts are bound at their paths, in a mount namespace of each run")
            }
            Self::Links => Problem::new(
                "MountsLinked",
                "this device permits no mount namespaces, so links stand for the mounts: paths in command, arguments and \
                 environment are translated, paths that the program has built in are not; run the local manager as root to \
                 have them bound",
            ),
        }
    }
}

/// What the run is to see, and under which paths.
pub(super) fn view(mounting: Mounting, launch: &Launch) -> Result<View, Problem> {
    let failed = |error: io::Error| Problem::new("MountFailed", format!("container {}: {error}", launch.run.container));
    match mounting {
        Mounting::Namespace => Ok(View::bound(launch)),
        Mounting::Links => View::linked(launch).map_err(failed),
    }
}

/// Starts `command` where the view holds.
pub(super) fn spawn_within(view: &View, mut command: Command) -> io::Result<Awaited> {
    match view.binds() {
        [] => Awaited::start(&mut command),
        binds => namespace::within(|| {
            namespace::bind(binds, view.scratch())?;
            Awaited::start(&mut command)
        }),
    }
}

/// Starts `command` where the process `pid` lives.
pub(super) fn spawn_beside(pid: u32, mut command: Command) -> io::Result<Awaited> {
    if namespace::is_shared_with(pid) {
        return Awaited::start(&mut command);
    }
    namespace::within(|| {
        namespace::enter(pid)?;
        Awaited::start(&mut command)
    })
}
