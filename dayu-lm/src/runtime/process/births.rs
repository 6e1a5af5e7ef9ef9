//! Which children of this process are waited for here. Where it takes in those of others as well, as `dayu up` does with what
//! its workers leave behind, somebody has to wait for these too, and must not take what is ours: a process has one end, and
//! whoever asks first is told its exit code.
use std::{io, process::ExitStatus};

use parking_lot::{Mutex, RwLock};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

use super::pages::AsGiven;

/// Shared by those who start a child, until its ID is entered; one who has it alone sees no child that is not entered yet.
static BIRTHS: RwLock<()> = RwLock::new(());
/// The IDs of all children that are waited for. One that has ended may stand beside its successor with the same.
static AWAITED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A child that is waited for here, to its end: when this is dropped before, a task does it.
#[derive(Debug)]
pub(super) struct Awaited {
    child: Option<Child>,
    pid: u32,
}

impl Awaited {
    /// Starts `command`.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Not held up by one who waits to be alone, but while he is.
        let _birth = BIRTHS.read_recursive();
        let _pages = AsGiven::for_a_birth();
        let child = command.spawn()?;
        let pid = child.id().unwrap_or_default();
        AWAITED.lock().push(pid);
        Ok(Self { child: Some(child), pid })
    }

    /// Its process ID, which is its own until its end is known.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let Some(child) = &mut self.child else { return Err(io::Error::other("it has ended already")) };
        let status = child.wait().await;
        self.child = None;
        forget(self.pid);
        status
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // Without a runtime the process is about to end.
        if let (Some(mut child), Ok(runtime), pid) = (self.child.take(), Handle::try_current(), self.pid) {
            runtime.spawn(async move {
                let _ = child.wait().await;
                forget(pid);
            });
        }
    }
}

/// Runs `look` with the IDs of all children that are waited for here, while none is born. Blocks until those that are being
/// born are, and must not take long: the next ones wait for it.
pub fn between_births<T>(look: impl FnOnce(&[u32]) -> T) -> T {
    let _alone = BIRTHS.write();
    look(&AWAITED.lock())
}

fn forget(pid: u32) {
    let mut awaited = AWAITED.lock();
    if let Some(at) = awaited.iter().position(|entered| *entered == pid) {
        awaited.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Awaited {
        Awaited::start(Command::new("sh").args(["-c", script]).kill_on_drop(true)).unwrap()
    }

    fn is_awaited(pid: u32) -> bool {
        between_births(|awaited| awaited.contains(&pid))
    }

    #[tokio::test]
    async fn a_child_is_awaited_until_its_end_is_known() {
        let mut child = start("exit 3");
        let pid = child.id().unwrap();
        assert!(is_awaited(pid));
        assert_eq!(child.wait().await.unwrap().code(), Some(3));
        assert!(!is_awaited(pid));
        assert_eq!(child.id(), None);
        assert!(child.wait().await.is_err());
    }

    #[tokio::test]
    async fn one_that_nobody_asks_for_any_more_is_awaited_all_the_same() {
        let child = start("read never");
        let pid = child.id().unwrap();
        drop(child);
        while is_awaited(pid) {
            tokio::task::yield_now().await;
        }
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_successor_with_the_same_id_stays() {
        // Larger than any.
        let pid = u32::MAX;
        AWAITED.lock().extend([pid, pid]);
        forget(pid);
        assert!(is_awaited(pid));
        forget(pid);
        assert!(!is_awaited(pid));
    }
}
