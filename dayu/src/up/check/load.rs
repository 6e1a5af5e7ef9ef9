//! Sending many requests at once, over every (caller, service, target, form), or one; and counting what became of them.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    request::{self, Call, Outcome},
    tally::Tally,
};

/// Clients at work at the same time.
const CONCURRENT: usize = 16;

/// The bodies that requests carry.
pub(super) struct Bodies {
    /// What a service that takes findings gets.
    pub(super) finding: Bytes,
    /// Frames from 60 KB to 2 MB.
    pub(super) frames: Vec<Bytes>,
}

impl Bodies {
    /// The smallest that `call` may carry.
    pub(super) fn small(&self, call: &Call) -> Bytes {
        self.of(call, 1)
    }

    /// Every so many frames one is large; the rest are the smallest, so that requests, not bytes, are the load.
    const LARGE_EVERY: usize = 50;

    fn of(&self, call: &Call, index: usize) -> Bytes {
        if call.path != super::targets::FRAME {
            return self.finding.clone();
        }
        let large = index.is_multiple_of(Self::LARGE_EVERY);
        let at = if large { (index / Self::LARGE_EVERY) % self.frames.len() } else { 0 };
        self.frames[at].clone()
    }
}

/// Sends one request, the smallest, for whoever needs to know what becomes of it; it counts as every other.
pub(super) async fn send_one(call: &Call, bodies: &Bodies, tally: &mut Tally) -> Outcome {
    let outcome = request::send(call, bodies.small(call)).await;
    tally.count(call, outcome.clone());
    outcome
}

/// Sends `count` requests, each call in turn, and gives the counts. Ends early when `stop` says so.
pub(super) async fn send(
    calls: &Arc<Vec<Call>>,
    bodies: &Arc<Bodies>,
    count: usize,
    stop: impl Fn() -> bool + Clone + Send + 'static,
) -> Tally {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CONCURRENT {
        let (calls, bodies, next, stop) = (calls.clone(), bodies.clone(), next.clone(), stop.clone());
        clients.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count || stop() || calls.is_empty() {
                    return tally;
                }
                let call = &calls[index % calls.len()];
                tally.count(call, request::send(call, bodies.of(call, index)).await);
            }
        });
    }
    let mut tally = Tally::default();
    while let Some(done) = clients.join_next().await {
        tally.add(done.unwrap_or_default());
    }
    tally
}
