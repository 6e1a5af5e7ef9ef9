//! What was measured, beside what is promised.
use std::time::Duration;

use super::seen::Taken;
use crate::{figures::Figures, manager::Counted, usage::Usage};

/// RuntimeServices that are Ready in a second, and of how many that is promised.
const PACE: f64 = 1000.0;
const PACED: usize = 10_000;
/// Seconds until the first is Ready, whatever comes behind it.
const FIRST: f64 = 1.0;
/// Per cent of the time for all, until half of them are Ready: more where most are begun before any is finished.
const HALF: f64 = 70.0;
/// KiB of memory, for each RuntimeService, and for a manager that has few.
const EACH: f64 = 4.0;
const FEW: f64 = 60_000.0 / 1.024;
/// Requests that change something, for each RuntimeService from its creation to Ready.
const WRITES: f64 = 4.0;
/// Per cent of a processor at rest.
const REST: f64 = 1.0;

/// How many RuntimeServices, and how long they rest.
pub(super) struct Part {
    pub(super) count: usize,
    pub(super) seconds: u64,
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Part {
    /// From nothing to everything Ready; all were `created` after so long, and the manager has `used` so much, the plane with the
    /// doubles so much.
    pub(super) fn to_ready(
        &self,
        figures: &mut Figures,
        created: Duration,
        ready: &Taken,
        [used, others]: &[Usage; 2],
        asked: Counted,
    ) {
        let count = self.count as f64;
        let mut told = |what: &str, seen| figures.told(format!("{}: {what}", self.count), seen);
        told("all created, s", created.as_secs_f64());
        told("half of them Ready, s", ready.half.as_secs_f64());
        told("the manager's processor time, s", used.seconds);
        told("the plane's processor time, the doubles' with it, s", others.seconds);
        told("children written for each", asked.children as f64 / count);
        told("statuses written for each", asked.statuses as f64 / count);
        told("events written for each", asked.events as f64 / count);
        told("reads for each", asked.reads as f64 / count);
        let mut limited = |what: &str, seen, limit| figures.limited(format!("{}: {what}", self.count), seen, limit);
        limited("the first Ready, s", ready.first.as_secs_f64(), FIRST);
        limited("half of them Ready, % of the time for all", ready.half.div_duration_f64(ready.all) * 100.0, HALF);
        limited("writes for each", asked.writes() as f64 / count, WRITES);
        limited("the manager's memory, KiB", used.resident as f64, (EACH * count).max(FEW));
        let (what, seen) = (format!("{}: all Ready, s", self.count), ready.all.as_secs_f64());
        match self.count <= PACED {
            true => figures.limited(what, seen, count / PACE),
            false => figures.told(what, seen),
        }
    }

    /// While nothing happens but heartbeats.
    pub(super) fn at_rest(&self, figures: &mut Figures, used: &Usage, asked: Counted) {
        let of = format!("{}, {} s at rest", self.count, self.seconds);
        let share = used.seconds / self.seconds.max(1) as f64 * 100.0;
        figures.limited(format!("{of}: processor, % of one"), share, REST);
        figures.limited(format!("{of}: writes"), asked.writes() as f64, 0.0);
        figures.told(format!("{of}: reads"), asked.reads as f64);
        figures.told(format!("{of}: the manager's memory, KiB"), used.resident as f64);
    }
}
