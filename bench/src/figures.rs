//! What was seen, beside what is promised.

use std::{io, time::Duration};

/// In the order in which they were measured; each is printed when it is known.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

struct Figure {
    what: String,
    seen: f64,
    limit: Option<f64>,
}

impl Figures {
    /// Something that is promised to be no more than `limit`.
    pub(crate) fn limited(&mut self, what: impl Into<String>, seen: f64, limit: f64) {
        self.add(Figure { what: what.into(), seen, limit: Some(limit) });
    }

    /// Something to know.
    pub(crate) fn told(&mut self, what: impl Into<String>, seen: f64) {
        self.add(Figure { what: what.into(), seen, limit: None });
    }

    fn add(&mut self, figure: Figure) {
        if self.0.is_empty() {
            println!("{:<72} {:>10} {:>10}", "", "SEEN", "LIMIT");
        }
        let limit = figure.limit.map(|limit| format!("{limit:.1}")).unwrap_or_default();
        println!("{:<72} {:>10.1} {limit:>10}", figure.what, figure.seen);
        self.0.push(figure);
    }

    /// Fails with what is beyond its limit.
    pub(crate) fn check(&self) -> io::Result<()> {
        let missed = self.0.iter().filter(|figure| figure.limit.is_some_and(|limit| figure.seen > limit));
        let missed: Vec<&str> = missed.map(|figure| figure.what.as_str()).collect();
        match &*missed {
            [] => Ok(()),
            _ => Err(io::Error::other(format!("beyond its limit: {}", missed.join("; ")))),
        }
    }
}

/// The smallest that so many percent are not above.
pub(crate) fn percentile(taken: impl Iterator<Item = Duration>, percent: usize) -> Duration {
    let mut sorted: Vec<Duration> = taken.collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_those_that_were_taken() {
        let taken = |count: u64| (1..=count).rev().map(Duration::from_millis);
        let of = |count, percent| percentile(taken(count), percent).as_millis();
        assert_eq!((of(200, 50), of(200, 99), of(3, 50), of(3, 99), of(1, 50)), (100, 198, 2, 3, 1));
        assert_eq!(percentile(std::iter::empty(), 99), Duration::ZERO);
    }
}
