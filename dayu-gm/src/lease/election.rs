//! Who leads: pure, time is an argument.
//!
//! A claim is a write that names the revision it was decided on, so of two claims on one state one fails. A holder trusts
//! its claim for a shorter time than others respect it, counted from before the claim was sent: whatever is slow or late,
//! it stops leading before another can begin.
use std::time::Duration;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Others respect a claim for so long after they saw it.
    pub(super) respected: Duration,
    /// The holder trusts its own for so long after it sent it.
    pub(super) trusted: Duration,
    /// Its process is there no longer than so long after that, unless the claim was renewed or it has stopped working on it.
    pub(super) outlived: Duration,
    /// The holder renews after.
    pub(super) renew: Duration,
    /// A failed write is tried again after.
    pub(super) retry: Duration,
}

impl Default for Terms {
    /// A new leader at most some 13 s after the old one fell silent.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            respected: seconds(12),
            trusted: seconds(8),
            outlived: seconds(11),
            renew: seconds(3),
            retry: seconds(1),
        }
    }
}

/// What a Lease says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Nobody when given back.
    pub(super) holder: Option<String>,
    /// Changes with every claim; its content is not looked at, since the holder's clock may be wrong.
    pub(super) renewed: Option<String>,
}

/// One candidate's view.
#[derive(Clone, Debug)]
pub(super) struct Election {
    me: String,
    terms: Terms,
    /// The newest record and when it was first seen; none before the first look.
    seen: Option<(Record, Duration)>,
    /// When the claim that stands was sent.
    claimed: Option<Duration>,
    /// When the last claim failed.
    failed: Option<Duration>,
}

impl Election {
    pub(super) fn new(me: String, terms: Terms) -> Self {
        Self { me, terms, seen: None, claimed: None, failed: None }
    }

    /// The Lease says this; the default when there is none.
    pub(super) fn see(&mut self, record: Record, now: Duration) {
        if self.seen.as_ref().is_some_and(|(known, _)| *known == record) {
            return;
        }
        if record.holder.as_deref() != Some(&self.me) {
            self.claimed = None;
        }
        self.seen = Some((record, now));
    }

    /// A claim that was sent at `sent` has been taken.
    pub(super) fn claimed(&mut self, record: Record, sent: Duration, now: Duration) {
        self.see(record, now);
        (self.claimed, self.failed) = (Some(sent), None);
    }

    /// A claim has been refused, or nothing is known of it.
    pub(super) fn failed(&mut self, now: Duration) {
        self.failed = Some(now);
    }

    pub(super) fn leads(&self, now: Duration) -> bool {
        self.trusted_until().is_some_and(|until| now < until)
    }

    /// When a claim has to have been taken.
    pub(super) fn trusted_until(&self) -> Option<Duration> {
        self.claimed.map(|sent| sent + self.terms.trusted)
    }

    /// When to claim next; none before the Lease has been seen.
    pub(super) fn claim_at(&self) -> Option<Duration> {
        let (record, since) = self.seen.as_ref()?;
        let at = match (&record.holder, self.claimed) {
            (_, Some(sent)) => sent + self.terms.renew,
            (Some(holder), None) if *holder != self.me => *since + self.terms.respected,
            // Given back, or ours from before a restart.
            _ => Duration::ZERO,
        };
        Some(self.failed.map_or(at, |failed| at.max(failed + self.terms.retry)))
    }
}

#[cfg(test)]
mod tests;
