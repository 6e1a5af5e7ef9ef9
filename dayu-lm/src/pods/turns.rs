//! Starts take turns, as many at a time as the device has processors, but one.
//!
//! A program that comes up wants a processor for itself. Thirty at once take it from each other: all are late instead of most
//! being early. The one processor is for whoever is to route to those that are there already. The next program begins when one
//! is ready, or has had its moment: loading a model takes as long as it takes, and nobody waits for it.
use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// So long a run that is not ready yet keeps its turn.
const MOMENT: Duration = Duration::from_millis(20);

/// The device's turns; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

/// One turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// As many as there are processors for us, but one.
    pub(crate) fn of_device() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self::new(processors.saturating_sub(1).max(1))
    }

    fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Waits for a turn; first come, first served.
    pub(super) async fn take(&self) -> Turn {
        // Nobody closes it; without it nobody would have to wait.
        Turn { _place: self.0.clone().acquire_owned().await.ok() }
    }
}

impl Turn {
    /// Ends the turn with `ready`, or after its moment.
    pub(super) async fn end_with(self, ready: impl Future) {
        let _ = timeout(MOMENT, ready).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use proptest::prelude::*;
    use tokio::{
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::*;

    /// The clock of a paused runtime counts in these.
    const TICK: Duration = Duration::from_millis(1);

    proptest! {
        /// However long programs take to begin and to be ready: never more begin at once than may, and all have begun as soon
        /// as if each were ready within its moment, however late some of them really are.
        #[test]
        fn few_begin_at_once_and_none_is_held_up(
            at_once in 1..4_u32,
            programs in prop::collection::vec((0..5_u64, prop::option::of(0..60_u64)), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let (turns, beginning) = (Turns::new(at_once as usize), Arc::new(AtomicUsize::new(0)));
                let (began, mut runs) = (Instant::now(), JoinSet::new());
                let turn = |&(start, ready): &(u64, Option<u64>)| {
                    Duration::from_millis(start) + ready.map_or(MOMENT, |ready| MOMENT.min(Duration::from_millis(ready))) + 2 * TICK
                };
                let (total, longest) = (programs.iter().map(turn).sum::<Duration>(), programs.iter().map(turn).max());
                for (start, ready) in programs {
                    let (turns, beginning) = (turns.clone(), beginning.clone());
                    runs.spawn(async move {
                        let turn = turns.take().await;
                        assert!(beginning.fetch_add(1, Relaxed) < at_once as usize);
                        sleep(Duration::from_millis(start)).await;
                        let ready = async {
                            match ready {
                                Some(ready) => sleep(Duration::from_millis(ready)).await,
                                None => std::future::pending().await,
                            }
                        };
                        turn.end_with(ready).await;
                        beginning.fetch_sub(1, Relaxed);
                    });
                }
                while let Some(run) = runs.join_next().await {
                    run.unwrap();
                }
                assert!(began.elapsed() <= total / at_once + longest.unwrap(), "{:?}", began.elapsed());
            });
        }
    }
}
