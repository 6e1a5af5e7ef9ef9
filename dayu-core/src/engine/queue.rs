//! Which resources are to be looked at, and when: pure, time is an argument.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use super::{
    backoff::Backoff,
    order::{Order, Row},
};

/// Keys to work on: each at most once in the queue and at most once in hand.
#[derive(Debug)]
pub(super) struct Queue<K> {
    backoff: Backoff,
    ready: Order<K>,
    in_hand: BTreeSet<K>,
    /// Touched while in hand: looked at again afterwards.
    again: BTreeMap<K, Row>,
    /// To be looked at by then, while in hand.
    by: HashMap<K, Duration>,
    failures: HashMap<K, u32>,
    later: BTreeSet<(Duration, K)>,
    due: HashMap<K, Duration>,
}

impl<K: Clone + Ord + Hash> Queue<K> {
    /// An empty queue.
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            ready: Order::default(),
            in_hand: BTreeSet::new(),
            again: BTreeMap::new(),
            by: HashMap::new(),
            failures: HashMap::new(),
            later: BTreeSet::new(),
            due: HashMap::new(),
        }
    }

    /// Something about `key` changed: it is looked at in its turn, even if it waits for a failure to cool down.
    pub(super) fn touch(&mut self, key: K) {
        self.touch_in(Row::Begins, key);
    }

    /// What `key` waited for has come: it is looked at before those that were only touched, but for one of them now and then.
    pub(super) fn hasten(&mut self, key: K) {
        self.touch_in(Row::GoesOn, key);
    }

    fn touch_in(&mut self, row: Row, key: K) {
        self.forget_wait(&key);
        if self.in_hand.contains(&key) {
            self.again.entry(key).and_modify(|known| *known = row.min(*known)).or_insert(row);
        } else {
            self.ready.put(key, row);
        }
    }

    /// Something about `key` changed that can wait: it is looked at `at` the latest.
    pub(super) fn touch_by(&mut self, key: K, at: Duration) {
        if self.in_hand.contains(&key) {
            self.by.entry(key).and_modify(|by| *by = at.min(*by)).or_insert(at);
        } else if !self.ready.contains(&key) && self.due.get(&key).is_none_or(|due| *due > at) {
            self.wait(key, at);
        }
    }

    /// The next key to work on, in hand from now until [`Queue::done`] or [`Queue::failed`].
    pub(super) fn take(&mut self) -> Option<K> {
        let key = self.ready.take()?;
        self.in_hand.insert(key.clone());
        Some(key)
    }

    /// The work on `key` went well.
    pub(super) fn done(&mut self, key: &K) {
        self.failures.remove(key);
        self.put_down(key, None);
    }

    /// The work on `key` went well and goes on at `at`, or as soon as it is touched.
    pub(super) fn done_until(&mut self, key: &K, at: Duration) {
        self.failures.remove(key);
        self.put_down(key, Some(at));
    }

    /// The work on `key` failed at `now`: it waits, unless it was touched meanwhile.
    pub(super) fn failed(&mut self, key: &K, now: Duration, jitter: f64) {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        let at = now + self.backoff.after(*failures, jitter);
        self.put_down(key, Some(at));
    }

    /// When the next wait is over.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Makes ready what is due at `now`.
    pub(super) fn wake(&mut self, now: Duration) {
        while let Some((at, key)) = self.later.first().cloned()
            && at <= now
        {
            self.touch(key);
        }
    }

    /// The resource is gone for good.
    pub(super) fn forget(&mut self, key: &K) {
        self.failures.remove(key);
        self.forget_wait(key);
    }

    /// How many wait for the end of a pause.
    pub(super) fn paused(&self) -> usize {
        self.later.len()
    }

    /// How many wait to be taken.
    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    fn forget_wait(&mut self, key: &K) {
        if let Some(at) = self.due.remove(key) {
            self.later.remove(&(at, key.clone()));
        }
    }

    fn wait(&mut self, key: K, at: Duration) {
        self.forget_wait(&key);
        self.later.insert((at, key.clone()));
        self.due.insert(key, at);
    }

    /// Out of hand: queued again if it was touched meanwhile, else until the given moment, or an earlier one that was asked for.
    fn put_down(&mut self, key: &K, until: Option<Duration>) {
        self.in_hand.remove(key);
        let by = self.by.remove(key);
        if let Some(row) = self.again.remove(key) {
            self.touch_in(row, key.clone());
        } else if let Some(at) = until.into_iter().chain(by).min() {
            self.wait(key.clone(), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_waited_for_something_goes_before_what_was_only_touched() {
        let mut queue = Queue::new(Backoff::default());
        queue.touch("new");
        queue.hasten("nearly done");
        assert_eq!(queue.take(), Some("nearly done"));
    }

    #[test]
    fn a_touch_ends_a_wait() {
        let mut queue = Queue::new(Backoff::default());
        queue.touch("a");
        let key = queue.take().unwrap();
        queue.failed(&key, Duration::ZERO, 0.0);
        assert_eq!((queue.take(), queue.next_due()), (None, Some(Duration::from_millis(250))));
        queue.touch("a");
        assert_eq!((queue.take(), queue.next_due()), (Some("a"), None));
    }

    #[test]
    fn what_can_wait_is_looked_at_once_when_it_is_due_or_something_else_comes() {
        let mut queue = Queue::new(Backoff::default());
        let at = Duration::from_millis;
        queue.touch_by("a", at(250));
        queue.touch_by("a", at(300));
        assert_eq!((queue.take(), queue.next_due()), (None, Some(at(250))));
        queue.touch("a");
        let key = queue.take().unwrap();
        queue.touch_by("a", at(400));
        queue.done_until(&key, at(500));
        assert_eq!((queue.take(), queue.next_due()), (None, Some(at(400))));
        queue.wake(at(400));
        assert_eq!((queue.take(), queue.next_due()), (Some("a"), None));
        queue.touch_by("a", at(700));
        queue.touch("a");
        queue.done(&"a");
        assert_eq!((queue.take(), queue.next_due()), (Some("a"), None));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Touch(u8),
        Hasten(u8),
        Take,
        Finish { well: bool },
        Pass,
    }

    proptest! {
        /// Whatever the order: no key is in hand twice, and every touch is followed by a look that began after it.
        #[test]
        fn no_touch_is_lost_and_no_key_is_in_hand_twice(steps in proptest::collection::vec(
            prop_oneof![
                2 => (0..4u8).prop_map(Step::Touch),
                1 => (0..4u8).prop_map(Step::Hasten),
                3 => Just(Step::Take),
                2 => any::<bool>().prop_map(|well| Step::Finish { well }),
                1 => Just(Step::Pass),
            ], 0..120)
        ) {
            let mut queue = Queue::new(Backoff::default());
            let (mut now, mut in_hand, mut unseen) = (Duration::ZERO, Vec::new(), BTreeSet::new());
            let take = |queue: &mut Queue<u8>, in_hand: &mut Vec<u8>, unseen: &mut BTreeSet<u8>| {
                let Some(key) = queue.take() else { return };
                assert!(!in_hand.contains(&key), "{key} is in hand twice");
                unseen.remove(&key);
                in_hand.push(key);
            };
            for step in steps {
                match step {
                    Step::Touch(key) => { unseen.insert(key); queue.touch(key); }
                    Step::Hasten(key) => { unseen.insert(key); queue.hasten(key); }
                    Step::Take => take(&mut queue, &mut in_hand, &mut unseen),
                    Step::Finish { well } => if let Some(key) = in_hand.pop() {
                        if well { queue.done(&key) } else { queue.failed(&key, now, 0.5) }
                    }
                    Step::Pass => { now += Duration::from_secs(1); queue.wake(now); }
                }
            }
            while let Some(key) = in_hand.pop() { queue.done(&key); }
            while queue.len() > 0 {
                take(&mut queue, &mut in_hand, &mut unseen);
                if let Some(key) = in_hand.pop() { queue.done(&key); }
            }
            prop_assert!(unseen.is_empty(), "never looked at: {unseen:?}");
        }
    }
}
