//! What an engine is woken by: each cause once, however often it comes before the engine takes it. So what waits is bounded
//! by what there is, and a burst of events about one resource is one look.
use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::name::{Device, Uid};

/// Something that an engine may want to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// A child or an acknowledgement of the resource with this UID.
    Resource(Uid),
    /// A child of it is on its way.
    Progress(Uid),
    /// A device came, went, or changed its readiness or connection.
    Device(Device),
}

/// Causes that have not been taken yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Woken {
    pub(super) resources: BTreeSet<Uid>,
    pub(super) progress: BTreeSet<Uid>,
    pub(super) devices: BTreeSet<Device>,
}

/// Where the world leaves causes and one engine takes them.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    waiting: Mutex<Woken>,
    left: Notify,
}

impl Wakes {
    pub(super) fn leave(&self, wake: &Wake) {
        let is_new = {
            let mut waiting = self.waiting.lock();
            match wake {
                Wake::Resource(resource) => {
                    !waiting.resources.contains(resource) && waiting.resources.insert(resource.clone())
                }
                Wake::Progress(resource) => {
                    !waiting.progress.contains(resource) && waiting.progress.insert(resource.clone())
                }
                Wake::Device(device) => !waiting.devices.contains(device) && waiting.devices.insert(device.clone()),
            }
        };
        if is_new {
            self.left.notify_one();
        }
    }

    /// All that has been left since the last time; waits until there is something. Nothing is lost when this is dropped.
    pub(super) async fn take(&self) -> Woken {
        loop {
            let woken = std::mem::take(&mut *self.waiting.lock());
            if woken != Woken::default() {
                return woken;
            }
            self.left.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_cause_that_comes_often_is_taken_once() {
        let wakes = Wakes::default();
        for _ in 0..1000 {
            wakes.leave(&Wake::Resource("a".into()));
            wakes.leave(&Wake::Device("edge1".into()));
        }
        let woken = wakes.take().now_or_never().expect("something was left");
        assert_eq!((woken.resources.len(), woken.devices.len()), (1, 1));
        assert_eq!(wakes.take().now_or_never(), None);
        wakes.leave(&Wake::Resource("a".into()));
        assert!(wakes.take().now_or_never().is_some(), "what comes after the taking counts again");
    }
}
