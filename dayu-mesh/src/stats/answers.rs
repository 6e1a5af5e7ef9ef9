//! How long answers take, in buckets. Noting one takes no lock.
use std::{
    array,
    ops::AddAssign,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Up to so many milliseconds; what takes longer has a bucket of its own.
const BOUNDS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];
const BUCKETS: usize = BOUNDS.len() + 1;

/// The answers of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Answers {
    counts: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

/// Answers at one moment, of one endpoint or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distribution {
    counts: [u64; BUCKETS],
    sum: Duration,
}

impl Answers {
    pub(super) fn note(&self, latency: Duration) {
        let bucket = BOUNDS.partition_point(|bound| Duration::from_millis(*bound) < latency);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn now(&self) -> Distribution {
        let counts = array::from_fn(|bucket| self.counts[bucket].load(Relaxed));
        Distribution { counts, sum: Duration::from_nanos(self.nanos.load(Relaxed)) }
    }
}

impl Distribution {
    /// How many of each bucket, with its bound in seconds; the last has none.
    pub(crate) fn buckets(&self) -> [(f64, u64); BUCKETS] {
        let bound =
            |bucket| BOUNDS.get(bucket).map_or(f64::INFINITY, |bound| Duration::from_millis(*bound).as_secs_f64());
        array::from_fn(|bucket| (bound(bucket), self.counts[bucket]))
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn sum(&self) -> Duration {
        self.sum
    }
}

impl AddAssign<&Self> for Distribution {
    fn add_assign(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_in_the_first_bucket_that_it_fits() {
        let answers = Answers::default();
        for micros in [0, 1_000, 1_001, 30_000_000, 30_000_001] {
            answers.note(Duration::from_micros(micros));
        }
        let mut all = answers.now();
        let counts = all.buckets().map(|(_, count)| count);
        assert_eq!((counts[0], counts[1], counts[13], counts[14], all.count()), (2, 1, 1, 1, 5));
        assert_eq!(all.sum(), Duration::from_micros(60_002_002));
        assert_eq!((all.buckets()[0].0, all.buckets()[13].0), (0.001, 30.0));
        all += &answers.now();
        assert_eq!((all.count(), all.buckets()[0].1), (10, 4));
    }
}
