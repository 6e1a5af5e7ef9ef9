//! Moments at which something is to be looked at, of which only the earliest is waited for.
use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// One moment for each key at most.
#[derive(Debug)]
pub(super) struct Timers<K> {
    order: BTreeSet<(Instant, K)>,
    of: HashMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), of: HashMap::new() }
    }
}

impl<K: Clone + Ord + Hash> Timers<K> {
    /// Sets the key's only timer anew.
    pub(super) fn set(&mut self, key: K, after: Duration) {
        self.cancel(&key);
        let at = Instant::now() + after;
        self.order.insert((at, key.clone()));
        self.of.insert(key, at);
    }

    pub(super) fn cancel(&mut self, key: &K) {
        if let Some(at) = self.of.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes the earliest, whether it is due or not.
    pub(super) fn pop(&mut self) -> Option<K> {
        let (_, key) = self.order.pop_first()?;
        self.of.remove(&key);
        Some(key)
    }

    /// Waits for the earliest moment, for ever without one, and takes everything that is due by then. Cancel-safe.
    pub(super) async fn due(&mut self) -> Vec<K> {
        match self.order.first() {
            Some((at, _)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
        let now = Instant::now();
        let mut due = Vec::new();
        while self.order.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.order.pop_first() else { break };
            self.of.remove(&key);
            due.push(key);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_latest_setting_counts_and_cancelled_ones_never_come() {
        let mut timers = Timers::default();
        timers.set("a", Duration::from_secs(1));
        timers.set("b", Duration::from_secs(2));
        timers.set("c", Duration::from_secs(2));
        timers.set("a", Duration::from_secs(3));
        timers.cancel(&"c");
        assert_eq!(timers.due().await, ["b"]);
        assert_eq!(timers.due().await, ["a"]);
    }
}
