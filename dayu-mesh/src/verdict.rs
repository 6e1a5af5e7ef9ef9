//! What an answer says of its endpoint, by whatever way it came.
use std::time::Duration;

use dayu_core::balance::Tracked;
use http::StatusCode;

use crate::{
    relay::{Moved, Opening, Witness},
    stats::Visit,
};

/// An endpoint while it is talked to, and what is counted of that.
#[derive(Debug)]
pub(crate) struct Talk<T> {
    pub(crate) reached: Tracked<T>,
    /// Nothing where another mesh has picked the endpoint, which counts.
    pub(crate) visit: Option<Visit>,
}

impl<T> Talk<T> {
    /// Notes an answer that came after `latency`. One that says that the endpoint cannot serve is a failure: it comes fast, and
    /// must not attract more requests by that. What has no status answers well.
    pub(crate) fn answered(&self, latency: Duration, status: Option<StatusCode>) {
        let declines = |status: StatusCode| status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let declined = status.is_some_and(declines);
        if declined {
            self.reached.failed();
        } else {
            self.reached.answered(latency);
        }
        if let Some(visit) = &self.visit {
            visit.answered(latency, declined);
        }
    }
}

/// A connection: what it begins with is judged, the rest is only counted.
impl<T> Witness for Talk<T> {
    fn answered(&self, latency: Duration, opening: Opening) {
        Self::answered(self, latency, opening.status());
    }

    fn moved(&self, moved: Moved) {
        self.visit.moved(moved);
    }
}
