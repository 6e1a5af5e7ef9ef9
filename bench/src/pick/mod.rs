//! What picking an endpoint costs, by policy and number of endpoints, beside what others do for the same.
mod peers;
mod world;

use std::{hint::black_box, time::Duration};

use dayu_core::balance::{
    Candidates, Policy, Request, Seed,
    policy::{self, BuiltIn},
};
use tokio::time::Instant;

use crate::{
    allocation,
    figures::{Check, Figures},
};

/// How long to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Picks per figure, in a hundred rounds of which the best counts: others that use the machine meanwhile do not.
    #[arg(long, default_value_t = 1_000_000)]
    picks: u32,
    #[command(flatten)]
    check: Check,
}

const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// In nanoseconds: the most that a pick may take, and what it may take longer among 10,000 endpoints than among ten. That is memory
/// which no longer lies in the nearest cache; a share of what ten take would forbid to be quicker with those.
#[derive(Clone, Copy)]
struct Limits {
    most: f64,
    longer: f64,
}

/// Every policy's.
const PICK: Limits = Limits { most: 40.0, longer: 10.0 };
/// A round is as long as the weights together, and whose turn comes next lies anywhere.
const WEIGHTED: Limits = Limits { most: 40.0, longer: 20.0 };
/// All layers, of which the pick is one.
const REQUEST: Limits = Limits { most: 400.0, longer: 40.0 };

/// One row: a figure for each size.
struct Row {
    name: String,
    limits: Limits,
    nanoseconds: [f64; 3],
    allocations: f64,
}

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    println!(
        "{:<40}{:>12}{:>12}{:>12}{:>10}{:>14}",
        "ns a pick at n endpoints", 10, 1_000, 10_000, "10k:10", "allocations"
    );
    let mut rows = Vec::new();
    // By the stack's policy, then where the Service names one and the stack's is another.
    for said in [false, true] {
        for policy in policy::NAMES.iter().filter_map(|name| name.parse::<BuiltIn>().ok()) {
            let (name, balance) = if said {
                (format!("{policy}, said by its Service"), Some(policy))
            } else {
                (policy.to_string(), None)
            };
            let stacks = if said { BuiltIn::PowerOfTwo } else { policy };
            let of = |size| picks(&world::candidates(size, None, balance), &stacks, arguments.picks);
            rows.push(Row::of(&name, PICK, of));
        }
    }
    let weighted = |size| picks(&world::weighted(size), &policy::RoundRobin, arguments.picks);
    rows.push(Row::of("round-robin, weights of 1 to 4", WEIGHTED, weighted));
    rows.push(Row::of("p2c, request to endpoint", REQUEST, |size| requests(size, arguments.picks)));
    shown("peer: list under a mutex", |size| peers::locked_list(size, arguments.picks));
    shown("peer: tower::balance p2c", |size| peers::tower_p2c(size, arguments.picks));
    let largest = SIZES[2];
    let homes = first(|| world::candidates(largest, Some(7), None), &policy::ConsistentHash);
    let round = first(|| world::weighted(largest), &policy::RoundRobin);
    println!("laid out once for {largest} endpoints: homes {homes:.1?}, weighted round {round:.1?}\n");
    let mut figures = Figures::default();
    rows.iter().for_each(|row| row.limit(&mut figures));
    figures.check(&arguments.check)
}

/// What the first pick takes, for which is laid out what all others look at: the best of a few new directories.
fn first(fresh: impl Fn() -> Candidates, policy: &dyn Policy) -> Duration {
    let takes = |_| {
        let candidates = fresh();
        let began = Instant::now();
        black_box(policy.pick(&candidates, &mut Seed::new(7).draw()));
        began.elapsed()
    };
    (0..5).map(takes).min().unwrap_or_default()
}

impl Row {
    /// Measured, and shown.
    fn of(name: &str, limits: Limits, measure: impl FnMut(usize) -> (f64, f64)) -> Self {
        let (nanoseconds, allocations) = shown(name, measure);
        Self { name: name.to_owned(), limits, nanoseconds, allocations }
    }

    fn limit(&self, figures: &mut Figures) {
        let (Self { name, limits: Limits { most, longer }, .. }, [few, _, many]) = (self, self.nanoseconds);
        figures.limited(format!("{name}: ns a pick at most"), self.nanoseconds.into_iter().fold(0.0, f64::max), *most);
        figures.limited(format!("{name}: ns more at 10,000 than at 10"), many - few, *longer);
        figures.limited(format!("{name}: allocations"), self.allocations, 0.0);
    }
}

/// Nanoseconds for each size, and allocations.
fn shown(name: &str, measure: impl FnMut(usize) -> (f64, f64)) -> ([f64; 3], f64) {
    let measured = SIZES.map(measure);
    let (nanoseconds, allocations) = (measured.map(|of| of.0), measured.iter().map(|of| of.1).fold(0.0, f64::max));
    let [a, b, c] = nanoseconds;
    println!("{name:<40}{a:>12.1}{b:>12.1}{c:>12.1}{:>10.2}{allocations:>14.2}", c / a);
    (nanoseconds, allocations)
}

/// Picks among candidates that are narrowed already.
fn picks(candidates: &Candidates, policy: &impl Policy, count: u32) -> (f64, f64) {
    let seed = Seed::new(7);
    measure(count, || candidates.pick(policy, &mut seed.draw()))
}

/// Everything between a request and its endpoint: lookup in the snapshot, device, outliers, policy.
fn requests(size: usize, count: u32) -> (f64, f64) {
    let directory = world::directory(size);
    let request = Request::to(world::service(), world::PORT).on(world::device());
    let seed = Seed::new(7);
    measure(count, || {
        directory.with(|snapshot| {
            let candidates = world::narrowed(snapshot, request.clone());
            candidates.and_then(|left| left.pick(&BuiltIn::PowerOfTwo, &mut seed.draw()))
        })
    })
}

/// Rounds of a figure: short enough that some are not interrupted, on a machine that does other things as well.
const ROUNDS: u32 = 100;

/// Nanoseconds and allocations of one `step`: the quickest of many rounds, and the one that allocated most, since one
/// interrupted says nothing of the time, and none allocates by accident.
fn measure<T>(count: u32, mut step: impl FnMut() -> T) -> (f64, f64) {
    let count = (count / ROUNDS).max(1);
    (0..count).for_each(|_| drop(step()));
    let rounds = (0..ROUNDS).map(|_| {
        let (allocations, began) = (allocation::count(), Instant::now());
        (0..count).for_each(|_| drop(black_box(step())));
        let took: Duration = began.elapsed();
        (took.as_nanos() as f64 / f64::from(count), (allocation::count() - allocations) as f64 / f64::from(count))
    });
    rounds.fold((f64::MAX, 0.0), |kept, round| (kept.0.min(round.0), kept.1.max(round.1)))
}
