//! Waiting until files change, as the system tells it.
use std::{io, mem::MaybeUninit, os::fd::OwnedFd, path::Path};

use rustix::fs::inotify;
use tokio::{io::unix::AsyncFd, runtime::Handle};

use crate::descriptor;

/// Tells of changes to files.
pub(super) struct Wake(Option<AsyncFd<OwnedFd>>);

impl Wake {
    /// Watches a file, or everything in a folder.
    pub(super) fn on(path: &Path) -> io::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        let changes = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, path, changes)?;
        Ok(Self(Some(descriptor::readable(watch)?)))
    }

    /// Returns when something has changed since the last call, or since the beginning.
    pub(super) async fn changed(&self) -> io::Result<()> {
        // Only dropping takes it away.
        let Some(watch) = &self.0 else { return Ok(()) };
        let mut ready = watch.readable().await?;
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(watch.get_ref(), &mut space);
        loop {
            match events.next() {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
        Ok(())
    }
}

impl Drop for Wake {
    /// Closes it beside the others' work: for that, the system waits until nobody can be looking at the watch any more, some 15 ms.
    fn drop(&mut self) {
        let watch = self.0.take().map(AsyncFd::into_inner);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(watch));
        }
    }
}
