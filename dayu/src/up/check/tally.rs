//! Counting what became of requests.
use std::collections::BTreeMap;

use super::request::{Call, Outcome};

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
    /// Landed, by service, device and replica.
    pub(super) replicas: BTreeMap<(String, String, String), u64>,
}

impl Tally {
    /// Counts one outcome.
    pub(super) fn count(&mut self, call: &Call, outcome: Outcome) {
        match outcome {
            Outcome::Landed(by) => {
                if by.device == call.device.as_str() {
                    self.right += 1;
                } else {
                    self.wrong += 1;
                    if self.examples.len() < KEPT {
                        let (form, asked, got) = (call.form, &call.device, &by.device);
                        self.examples.push(format!("{} on {asked} by {form:?} landed on {got}", call.service));
                    }
                }
                *self.replicas.entry((call.service.clone(), by.device, by.replica)).or_default() += 1;
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

    /// The most-used replica's count over the least-used one's, of a service on a device with several.
    pub(super) fn spread(&self, service: &str, device: &str) -> Option<f64> {
        let counts: Vec<u64> = self
            .replicas
            .iter()
            .filter(|((s, d, _), _)| s == service && d == device)
            .map(|(_, count)| *count)
            .collect();
        let (most, least) = (*counts.iter().max()?, *counts.iter().min()?);
        (counts.len() > 1).then(|| most as f64 / least.max(1) as f64)
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
            address: ([127, 0, 0, 1], 1).into(),
            authority: String::new(),
            path: "/frame",
            device: device.into(),
            service: "det".to_owned(),
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
    }

    #[test]
    fn the_spread_is_most_over_least() {
        let mut tally = Tally::default();
        for (replica, count) in [("1", 12), ("2", 10)] {
            (0..count).for_each(|_| tally.count(&call("a"), landed("a", replica)));
        }
        assert_eq!(tally.spread("det", "a"), Some(1.2));
        assert_eq!(tally.spread("det", "b"), None);
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
