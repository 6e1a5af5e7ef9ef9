//! What was seen, beside what is promised.

use std::{io, time::Duration};

/// Whether what was seen must keep to what is promised.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// Fail where a figure is beyond its limit; with words, only where one of them is in the figure's name.
    #[arg(long, num_args = 0.., value_name = "WORDS")]
    check: Option<Vec<String>>,
}

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

    /// Fails with what is beyond its limit, and where nothing that is limited is named by a word.
    pub(crate) fn check(&self, Check { check }: &Check) -> io::Result<()> {
        let Some(words) = check else { return Ok(()) };
        let limited: Vec<(&str, bool)> = self.0.iter().filter_map(Figure::kept).collect();
        if let Some(word) = words.iter().find(|word| !limited.iter().any(|(what, _)| what.contains(*word))) {
            return Err(io::Error::other(format!("--check {word}: no figure that is limited is called so")));
        }
        let meant = |what: &str| words.is_empty() || words.iter().any(|word| what.contains(word));
        let missed = limited.iter().filter(|(what, kept)| !kept && meant(what));
        let missed: Vec<&str> = missed.map(|(what, _)| *what).collect();
        match &*missed {
            [] => Ok(()),
            _ => Err(io::Error::other(format!("beyond its limit: {}", missed.join("; ")))),
        }
    }
}

impl Figure {
    /// Its name, and whether it keeps to its limit, if it has one. What is no number does not.
    fn kept(&self) -> Option<(&str, bool)> {
        self.limit.map(|limit| (self.what.as_str(), self.seen <= limit))
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
        assert_eq!((of(200, 50), of(200, 99), of(200, 100), of(3, 50), of(3, 99), of(1, 50)), (100, 198, 200, 2, 3, 1));
        assert_eq!(percentile(std::iter::empty(), 99), Duration::ZERO);
    }

    #[test]
    fn figures_fail_where_they_are_beyond_their_limit_and_are_meant() {
        let mut figures = Figures::default();
        figures.limited("start, ms, p50", 1.0, 5.0);
        figures.limited("start, ms, p99", 9.0, 5.0);
        figures.told("restart, ms, p50", 9.0);
        let check = |words: Option<&[&str]>| {
            let check = words.map(|words| words.iter().copied().map(str::to_owned).collect());
            figures.check(&Check { check }).map_err(|error| error.to_string())
        };
        let missed = Err("beyond its limit: start, ms, p99".to_owned());
        assert_eq!(check(None), Ok(()));
        assert_eq!(check(Some(&[])), missed);
        assert_eq!(check(Some(&["p50"])), Ok(()));
        assert_eq!(check(Some(&["p50", "p99"])), missed);
        assert!(check(Some(&["restart"])).is_err_and(|why| why.contains("--check restart")));
    }
}
