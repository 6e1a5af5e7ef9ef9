//! Waiting for processes, our children or not, without taking their exit code.
use super::identity::Identity;
use crate::descriptor;
use rustix::process::{PidfdFlags, pidfd_open};

/// Returns when the process has ended. The system says so through a descriptor; nothing is polled.
pub(super) async fn ended(identity: &Identity) {
    let Some(pid) = identity.pid() else { return };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::NONBLOCK) else { return };
    // The descriptor might be of a successor with the same ID.
    if !identity.is_alive() {
        return;
    }
    match descriptor::readable(pidfd) {
        Ok(descriptor) => drop(descriptor.readable().await.map(drop)),
        Err(error) => {
            tracing::error!(pid = identity.pid, %error, "cannot watch a process; it counts as ended");
        }
    }
}
