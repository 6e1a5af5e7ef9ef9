//! Telling the disk to keep what was written, apart from the writers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

use super::Disk;

/// Between two syncs, so that many writes share one.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread of its own: a sync may take as long as the disk likes. It ends with this handle, after a last sync.
pub(super) struct Syncer {
    wake: SyncSender<()>,
    disk: Arc<Mutex<Arc<dyn Disk>>>,
    _alive: Sender<()>,
}

impl Syncer {
    pub(super) fn start(disk: Arc<dyn Disk>) -> Self {
        let disk = Arc::new(Mutex::new(disk));
        // One message says it all: there is something to sync.
        let (wake, written) = sync_channel(1);
        let (alive, ended) = channel();
        let synced = disk.clone();
        let run = move || run(&written, &ended, &synced);
        if let Err(error) = std::thread::Builder::new().name("journal-sync".into()).spawn(run) {
            tracing::error!(%error, "no thread to sync the journal: a power cut may lose what was written last");
        }
        Self { wake, disk, _alive: alive }
    }

    /// Something was written. Never waits.
    pub(super) fn wake(&self) {
        // Full: the thread knows already.
        let _ = self.wake.try_send(());
    }

    /// From now on, this is the file.
    pub(super) fn replace(&self, disk: Arc<dyn Disk>) {
        *self.disk.lock() = disk;
        self.wake();
    }
}

fn run(written: &Receiver<()>, ended: &Receiver<()>, disk: &Mutex<Arc<dyn Disk>>) {
    while written.recv().is_ok() {
        // Nothing is ever sent: this waits for company, and no longer when the journal is closed.
        let _ = ended.recv_timeout(PAUSE);
        let disk = disk.lock().clone();
        if let Err(error) = disk.sync_data() {
            tracing::error!(%error, "the disk does not confirm what was written: a power cut may lose it");
        }
    }
}
