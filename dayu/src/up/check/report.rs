//! The figures of the self-test, and whether they pass.
use std::{fmt, time::Duration};

use super::{
    activation::Round,
    tally::{Tally, quantile},
};

/// Equal replicas may differ by so much.
const FAIR: f64 = 1.15;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// From start to the first routed request.
    pub(super) first: Duration,
    /// Requests while nothing was broken.
    pub(super) quiet: Tally,
    /// Requests while workers were killed and a device was away.
    pub(super) faulty: Tally,
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
    /// No request landed on a device that it did not name, and those that should land did.
    pub(super) fn passed(&self) -> bool {
        let phases = [&self.quiet, &self.faulty, &self.after];
        let landed = phases.iter().all(|tally| tally.wrong == 0 && (tally.right > 0 || tally.total() == 0));
        landed && self.quiet.right > 0 && self.quiet.broken.is_empty() && self.killed > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nfirst routed request    {} ms after start", self.first.as_millis())?;
        phase(f, "all well", &self.quiet)?;
        phase(f, &format!("{} workers killed, a device away", self.killed), &self.faulty)?;
        phase(f, "afterwards", &self.after)?;
        writeln!(f, "\nreplicas while all was well")?;
        for ((service, device, replica), count) in &self.quiet.replicas {
            writeln!(f, "  {count:>7}  {service} on {device}: {replica}")?;
        }
        for (service, device) in several(&self.quiet) {
            if let Some(spread) = self.quiet.spread(&service, &device) {
                let verdict = if spread <= FAIR { "" } else { "  above 1.15" };
                writeln!(f, "  {spread:>7.3}  most / least of {service} on {device}{verdict}")?;
            }
        }
        delays(f, "activation, one by one", &self.one_by_one)?;
        let Round { delays: at_once, took } = &self.at_once;
        delays(f, &format!("activation, {} at once", at_once.len()), at_once)?;
        writeln!(f, "  all of them active {} ms after the first was asked for", took.as_millis())?;
        writeln!(
            f,
            "\n{}",
            if self.passed() { "passed: no request landed on a device that it did not name" } else { "FAILED" }
        )
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

fn delays(f: &mut fmt::Formatter<'_>, name: &str, sorted: &[Duration]) -> fmt::Result {
    let [Some(p50), Some(p99)] = [0.5, 0.99].map(|part| quantile(sorted, part)) else { return Ok(()) };
    let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
    writeln!(f, "\n{name}: pod ready to resource ready p50 {:.1} ms, p99 {:.1} ms", ms(p50), ms(p99))
}

/// Services on devices where several replicas answered.
fn several(tally: &Tally) -> Vec<(String, String)> {
    let mut places: Vec<_> =
        tally.replicas.keys().map(|(service, device, _)| (service.clone(), device.clone())).collect();
    places.dedup();
    places
}
