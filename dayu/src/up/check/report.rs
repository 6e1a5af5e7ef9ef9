//! The figures of the self-test, and whether they pass.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use super::{
    activation::Round,
    request::Form,
    tally::{Tally, quantile},
};
use crate::up::counts::Key;

/// Equal replicas may differ by so much.
const FAIR: f64 = 1.15;
/// From start to the first routed request, the start of the worker programs included.
const FIRST: Duration = Duration::from_secs(1);
/// 99 of 100 workers are activated within this, one by one.
const ACTIVE: Duration = Duration::from_millis(50);
/// And when all start at once, on the processors that they share.
const ACTIVE_AT_ONCE: Duration = Duration::from_millis(250);

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The forms in which each service is asked.
    pub(super) asked: BTreeMap<String, BTreeSet<Form>>,
    /// From start to the first routed request.
    pub(super) first: Duration,
    /// Requests that were sent to see whether it is time to go on: refused and broken ones are to be expected.
    pub(super) between: Tally,
    /// Requests while nothing was broken.
    pub(super) quiet: Tally,
    /// Requests while workers were killed and a device was away, until all was as before.
    pub(super) faulty: Tally,
    /// Until everything was as before, if it ever was.
    pub(super) healed: Option<Duration>,
    /// Requests after that.
    pub(super) after: Tally,
    /// Workers killed.
    pub(super) killed: usize,
    /// Activation delays of probes created one after another, sorted.
    pub(super) one_by_one: Vec<Duration>,
    /// The same of probes created at once, and until the last was active.
    pub(super) at_once: Round,
}

impl Report {
    /// No request landed on a device that it did not name. While nothing was broken each one landed, or was refused where nobody
    /// serves, and equal replicas had equal shares. Of the delays only half have to keep what 99 of 100 should: a machine may have
    /// more to do, which is told.
    pub(super) fn passed(&self) -> bool {
        let landed = [&self.quiet, &self.faulty, &self.after].iter().all(|tally| tally.wrong == 0 && tally.right > 0);
        let expected = [&self.quiet, &self.after].iter().all(|tally| tally.unexpected.is_empty());
        let prompt = half_within(&self.one_by_one, ACTIVE) && half_within(&self.at_once.delays, ACTIVE_AT_ONCE);
        landed
            && self.between.wrong == 0
            && expected
            && is_fair(&self.quiet)
            && self.killed > 0
            && self.healed.is_some()
            && prompt
    }
}

/// Whether equal replicas had equal shares.
pub(super) fn is_fair(tally: &Tally) -> bool {
    tally.spreads().values().all(|spread| *spread <= FAIR)
}

fn half_within(sorted: &[Duration], most: Duration) -> bool {
    quantile(sorted, 0.5).is_none_or(|p50| p50 <= most)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = limit(millis(FIRST), self.first <= FIRST);
        writeln!(f, "\nfirst routed request    {} after start{within}", millis(self.first))?;
        writeln!(f, "\nways of asking")?;
        for (service, forms) in &self.asked {
            let forms: Vec<_> = forms.iter().map(|form| format!("{form:?}")).collect();
            writeln!(f, "  {service} by {}", forms.join(", "))?;
        }
        phase(f, "all well", &self.quiet)?;
        unexpected(f, &self.quiet)?;
        phase(f, &format!("{} workers killed, a device dead and back", self.killed), &self.faulty)?;
        match self.healed {
            Some(healed) => writeln!(f, "  all well again {} after resources were ready", millis(healed))?,
            None => writeln!(f, "  never all well again")?,
        }
        phase(f, "afterwards", &self.after)?;
        unexpected(f, &self.after)?;
        phase(f, "to see when to go on", &self.between)?;
        writeln!(f, "\nreplicas while all was well")?;
        for (Key { service, device, replica }, count) in &self.quiet.replicas {
            writeln!(f, "  {count:>7}  {service} on {device}: {replica}")?;
        }
        for ((service, device), spread) in self.quiet.spreads() {
            let within = limit(FAIR, spread <= FAIR);
            writeln!(f, "  {spread:>7.3}  most / least of {service} on {device}{within}")?;
        }
        delays(f, "activation, one by one", &self.one_by_one, ACTIVE)?;
        let Round { delays: at_once, took } = &self.at_once;
        delays(f, &format!("activation, {} at once", at_once.len()), at_once, ACTIVE_AT_ONCE)?;
        writeln!(f, "  all of them active {} after the first was asked for", millis(*took))?;
        let passed = "passed: no request landed on a device that it did not name, and each that should land did";
        writeln!(f, "\n{}", if self.passed() { passed } else { "FAILED" })
    }
}

fn phase(f: &mut fmt::Formatter<'_>, name: &str, tally: &Tally) -> fmt::Result {
    writeln!(f, "\n{name}: {} requests", tally.total())?;
    writeln!(f, "  {:>7}  landed on the device they named", tally.right)?;
    writeln!(f, "  {:>7}  landed elsewhere", tally.wrong)?;
    for example in &tally.examples {
        writeln!(f, "           {example}")?;
    }
    writeln!(f, "  {:>7}  refused with a reason", tally.refused())?;
    for (reason, count) in &tally.refused {
        writeln!(f, "           {count:>7}  {reason}")?;
    }
    for (problem, count) in &tally.broken {
        writeln!(f, "  {count:>7}  broken: {problem}")?;
    }
    Ok(())
}

fn unexpected(f: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    tally
        .unexpected
        .iter()
        .try_for_each(|(what, count)| writeln!(f, "  {count:>7}  although nothing was broken: {what}"))
}

fn delays(f: &mut fmt::Formatter<'_>, name: &str, sorted: &[Duration], most: Duration) -> fmt::Result {
    let [Some(p50), Some(p99)] = [0.5, 0.99].map(|part| quantile(sorted, part)) else { return Ok(()) };
    let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
    let within = limit(millis(most), p99 <= most);
    writeln!(f, "\n{name}: pod ready to resource ready p50 {:.1} ms, p99 {:.1} ms{within}", ms(p50), ms(p99))
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// What a figure may be, and whether it is more.
fn limit(most: impl fmt::Display, holds: bool) -> String {
    format!(" (limit {most}{})", if holds { "" } else { ", EXCEEDED" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::up::check::request::{Call, Outcome};

    const FORMS: [Form; 3] = [Form::NodePort, Form::Name, Form::Header];

    fn call(form: Form) -> Call {
        Call {
            form,
            from: None,
            address: ([127, 0, 0, 1], 1).into(),
            authority: String::new(),
            path: "/frame",
            device: "a".into(),
            service: "det".to_owned(),
            is_served: true,
        }
    }

    fn landed(replica: &str) -> Outcome {
        landed_on("a", replica)
    }

    fn landed_on(device: &str, replica: &str) -> Outcome {
        Outcome::Landed(dayu_pipeline::Identity { device: device.into(), replica: replica.into(), pid: 1 })
    }

    /// Every form's calls land, `shares` of them on each replica.
    fn well(shares: [usize; 2]) -> Tally {
        let mut tally = Tally::default();
        for form in FORMS {
            for (replica, share) in ["1", "2"].into_iter().zip(shares) {
                (0..share).for_each(|_| tally.count(&call(form), landed(replica)));
            }
        }
        tally
    }

    fn report() -> Report {
        let (quiet, faulty, after) = (well([10, 10]), well([10, 1]), well([10, 10]));
        Report { quiet, faulty, after, killed: 4, healed: Some(Duration::ZERO), ..Report::default() }
    }

    #[test]
    fn a_way_of_asking_that_never_lands_fails() {
        assert!(report().passed(), "{}", report());
        for form in FORMS {
            for reason in ["NoEndpointOnDevice", "ConnectionReset", "ConnectionRefused"] {
                let refused = || Outcome::Refused(reason.to_owned());
                let [mut quiet, mut faulty, mut after] = [report(), report(), report()];
                quiet.quiet.count(&call(form), refused());
                faulty.faulty.count(&call(form), refused());
                after.after.count(&call(form), refused());
                assert!(!quiet.passed() && faulty.passed() && !after.passed(), "{form:?} {reason}");
                let told = format!("1  although nothing was broken: det on a by {form:?} was refused: {reason}");
                assert!(quiet.to_string().contains(&told), "{quiet}");
            }
        }
    }

    #[test]
    fn a_request_that_lands_elsewhere_fails_whoever_sent_it() {
        let places: [fn(&mut Report) -> &mut Tally; 4] =
            [|of| &mut of.quiet, |of| &mut of.faulty, |of| &mut of.between, |of| &mut of.after];
        for place in places {
            let mut report = report();
            place(&mut report).count(&call(Form::Name), landed_on("b", "1"));
            place(&mut report).count(&call(Form::Name), landed("1"));
            assert!(!report.passed() && report.to_string().contains("det on a by Name landed on b"), "{report}");
        }
        let mut not_yet = report();
        not_yet.between.count(&call(Form::Name), Outcome::Refused("NoEndpointOnDevice".to_owned()));
        assert!(not_yet.passed());
    }

    #[test]
    fn what_was_broken_must_heal() {
        assert!(!Report { healed: None, ..report() }.passed());
    }

    #[test]
    fn a_replica_with_less_than_its_share_fails() {
        let starved = Report { quiet: well([24, 20]), ..report() };
        assert!(
            !starved.passed() && starved.to_string().contains("1.200  most / least of det on a (limit 1.15, EXCEEDED)")
        );
        assert!(Report { quiet: well([22, 20]), ..report() }.passed());
    }

    #[test]
    fn what_takes_too_long_is_told_and_fails_where_half_does() {
        let late = |late| (0..100).map(|at| if at < late { ACTIVE * 20 } else { ACTIVE }).rev().collect::<Vec<_>>();
        let slow = Report { first: FIRST * 2, one_by_one: late(2), ..report() };
        let told = slow.to_string();
        assert!(told.contains("2000 ms after start (limit 1000 ms, EXCEEDED)"), "{told}");
        assert!(told.contains("p99 1000.0 ms (limit 50 ms, EXCEEDED)") && slow.passed(), "{told}");
        let at_once = Round { delays: late(51), ..Round::default() };
        assert!(!Report { one_by_one: late(51), ..report() }.passed() && !Report { at_once, ..report() }.passed());
    }
}
