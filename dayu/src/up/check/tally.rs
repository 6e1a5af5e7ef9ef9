//! Counting what became of requests.
use std::collections::{BTreeMap, BTreeSet};

use super::request::{Call, Outcome};
use crate::up::counts::Key;

/// So many wrong landings are kept word for word; the count is exact.
const KEPT: usize = 10;

/// Outcomes of many requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Landed on the device that they named.
    pub(super) right: u64,
    /// Landed on another device.
    pub(super) wrong: u64,
    /// Some of those, word for word.
    pub(super) examples: Vec<String>,
    /// Refused, by reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Broken off, by what broke.
    pub(super) broken: BTreeMap<String, u64>,
    /// What does not happen while nothing is broken, by what was called and what became of it.
    pub(super) unexpected: BTreeMap<String, u64>,
    /// Landed, by replica.
    pub(super) replicas: BTreeMap<Key, u64>,
}

impl Tally {
    /// None yet, on none of `replicas`: one that never gets a request is seen as well.
    pub(super) fn of(replicas: &BTreeSet<Key>) -> Self {
        Self { replicas: replicas.iter().map(|replica| (replica.clone(), 0)).collect(), ..Self::default() }
    }

    /// Counts one outcome.
    pub(super) fn count(&mut self, call: &Call, outcome: Outcome) {
        if !call.expects(&outcome) {
            *self.unexpected.entry(format!("{call} {outcome}")).or_default() += 1;
        }
        match outcome {
            Outcome::Landed(by) => {
                if by.device == call.device.as_str() {
                    self.right += 1;
                } else {
                    self.wrong += 1;
                    if self.examples.len() < KEPT {
                        self.examples.push(format!("{call} landed on {}", by.device));
                    }
                }
                let by = Key { service: call.service.clone(), device: by.device, replica: by.replica };
                *self.replicas.entry(by).or_default() += 1;
            }
            Outcome::Refused(reason) => *self.refused.entry(reason).or_default() += 1,
            Outcome::Broken(problem) => *self.broken.entry(problem).or_default() += 1,
        }
    }

    /// Adds another tally's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.examples.extend(other.examples.into_iter().take(KEPT.saturating_sub(self.examples.len())));
        merge(&mut self.refused, other.refused);
        merge(&mut self.broken, other.broken);
        merge(&mut self.unexpected, other.unexpected);
        merge(&mut self.replicas, other.replicas);
    }

    /// All requests counted.
    pub(super) fn total(&self) -> u64 {
        self.right + self.wrong + self.refused() + self.broken.values().sum::<u64>()
    }

    /// Refused for whatever reason.
    pub(super) fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// The most-used replica's count over the least-used one's, of each service on each device with several.
    pub(super) fn spreads(&self) -> BTreeMap<(&str, &str), f64> {
        let mut counts: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for (Key { service, device, .. }, count) in &self.replicas {
            counts.entry((service.as_str(), device.as_str())).or_default().push(*count);
        }
        let spread = |counts: &[u64]| Some(*counts.iter().max()? as f64 / *counts.iter().min()? as f64);
        let several = counts.into_iter().filter(|(_, counts)| counts.len() > 1);
        several.filter_map(|(place, counts)| Some((place, spread(&counts)?))).collect()
    }
}

fn merge<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}

/// The value below which `part` (0 to 1) of `sorted` lies; none of an empty list.
pub(super) fn quantile<T: Copy>(sorted: &[T], part: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1).min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::up::check::request::Form;

    fn call(device: &str) -> Call {
        Call {
            form: Form::Name,
            from: None,
            address: ([127, 0, 0, 1], 1).into(),
            authority: String::new(),
            path: "/frame",
            device: device.into(),
            service: "det".to_owned(),
            is_served: true,
        }
    }

    fn landed(device: &str, replica: &str) -> Outcome {
        Outcome::Landed(dayu_pipeline::Identity { device: device.into(), replica: replica.into(), pid: 1 })
    }

    #[test]
    fn another_device_is_wrong_and_told() {
        let mut tally = Tally::default();
        tally.count(&call("a"), landed("a", "1"));
        tally.count(&call("a"), landed("b", "2"));
        tally.count(&call("a"), Outcome::Refused("NoEndpointOnDevice".into()));
        assert_eq!((tally.right, tally.wrong, tally.refused(), tally.total()), (1, 1, 1, 3));
        assert_eq!(tally.examples, ["det on a by Name landed on b"]);
        let unexpected = ["det on a by Name landed on b", "det on a by Name was refused: NoEndpointOnDevice"];
        assert_eq!(tally.unexpected.keys().collect::<Vec<_>>(), unexpected);
    }

    #[test]
    fn who_asks_where_nobody_serves_must_be_refused_for_that_reason() {
        let nobody = Call { is_served: false, ..call("a") };
        let refused = |reason: &str| Outcome::Refused(reason.to_owned());
        let by_node_port = Call { form: Form::NodePort, ..nobody.clone() };
        assert!(nobody.expects(&refused("NoEndpointOnDevice")) && by_node_port.expects(&refused("ConnectionReset")));
        // As if nobody listened at all.
        assert!(!by_node_port.expects(&refused("ConnectionRefused")) && !nobody.expects(&refused("RouteNotApplied")));
        assert!(!nobody.expects(&landed("a", "1")) && !nobody.expects(&Outcome::Broken("it".to_owned())));
    }

    #[test]
    fn the_spread_is_most_over_least() {
        let mut tally = Tally::default();
        for (replica, count) in [("1", 12), ("2", 10)] {
            (0..count).for_each(|_| tally.count(&call("a"), landed("a", replica)));
        }
        tally.count(&call("b"), landed("b", "3"));
        assert_eq!(tally.spreads(), BTreeMap::from([(("det", "a"), 1.2)]));
    }

    #[test]
    fn a_replica_that_never_answers_is_one_of_them() {
        let replica = |name: &str| Key { service: "det".to_owned(), device: "a".to_owned(), replica: name.to_owned() };
        let mut tally = Tally::of(&BTreeSet::from(["1", "2"].map(replica)));
        tally.count(&call("a"), landed("a", "1"));
        assert_eq!(tally.spreads(), BTreeMap::from([(("det", "a"), f64::INFINITY)]));
    }

    #[test]
    fn quantiles_are_taken_from_the_list() {
        let list: Vec<u32> = (1..=100).collect();
        assert_eq!(
            (quantile(&list, 0.5), quantile(&list, 0.99), quantile(&list[..1], 0.99)),
            (Some(50), Some(99), Some(1))
        );
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
