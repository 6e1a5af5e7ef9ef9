//! What was seen, beside what is promised.

use std::io;

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
