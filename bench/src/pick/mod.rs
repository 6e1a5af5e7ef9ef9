//! What picking an endpoint costs, by policy and number of endpoints, beside what others do for the same.
mod peers;
mod world;

use std::{hint::black_box, time::Duration};

use dayu_core::balance::{
    Candidates, Policy, Request, Seed,
    policy::{self, BuiltIn},
};
use tokio::time::Instant;

use crate::{allocation, figures::Figures};

/// How long to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Picks per figure, in a hundred rounds of which the best counts: others that use the machine meanwhile do not.
    #[arg(long, default_value_t = 1_000_000)]
    picks: u32,
    /// Fail where a figure is beyond its limit.
    #[arg(long)]
    check: bool,
}

const SIZES: [usize; 3] = [10, 1_000, 10_000];
/// Every policy's limits in nanoseconds: for a pick, and for what it takes longer among 10,000 endpoints than among ten. That is
/// memory which no longer lies in the nearest cache; a share of what ten take would forbid to be quicker with those.
const MOST: f64 = 40.0;
const FLAT: f64 = 10.0;

/// One row: a figure for each size.
struct Row {
    nanoseconds: [f64; 3],
    allocations: f64,
}

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    println!(
        "{:<40}{:>12}{:>12}{:>12}{:>10}{:>14}",
        "ns a pick at n endpoints", 10, 1_000, 10_000, "10k:10", "allocations"
    );
    let mut rows: Vec<(String, Row)> = Vec::new();
    // By the stack's policy, then where the Service names one and the stack's is another.
    for said in [false, true] {
        for policy in policy::NAMES.iter().filter_map(|name| name.parse::<BuiltIn>().ok()) {
            let (name, balance) = if said {
                (format!("{policy}, said by its Service"), Some(policy))
            } else {
                (policy.to_string(), None)
            };
            let stacks = if said { BuiltIn::PowerOfTwo } else { policy };
            let row = row(|size| picks(&world::candidates(size, None, balance), &stacks, arguments.picks));
            print(&name, &row);
            rows.push((name, row));
        }
    }
    print(
        "round-robin, weights of 1 to 4",
        &row(|size| picks(&world::weighted(size), &policy::RoundRobin, arguments.picks)),
    );
    print("p2c, request to endpoint", &row(|size| requests(size, arguments.picks)));
    print("peer: list under a mutex", &row(|size| peers::locked_list(size, arguments.picks)));
    print("peer: tower::balance p2c", &row(|size| peers::tower_p2c(size, arguments.picks)));
    let largest = SIZES[2];
    let homes = first(|| world::candidates(largest, Some(7), None), &policy::ConsistentHash);
    let round = first(|| world::weighted(largest), &policy::RoundRobin);
    println!("laid out once for {largest} endpoints: homes {homes:.1?}, weighted round {round:.1?}\n");
    let mut figures = Figures::default();
    rows.iter().for_each(|(name, row)| row.limit(&mut figures, name));
    if arguments.check { figures.check() } else { Ok(()) }
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
    fn limit(&self, figures: &mut Figures, name: &str) {
        let [few, _, many] = self.nanoseconds;
        figures.limited(format!("{name}: ns a pick at most"), self.nanoseconds.into_iter().fold(0.0, f64::max), MOST);
        figures.limited(format!("{name}: ns more at 10,000 than at 10"), many - few, FLAT);
        figures.limited(format!("{name}: allocations"), self.allocations, 0.0);
    }
}

fn row(mut measure: impl FnMut(usize) -> (f64, f64)) -> Row {
    let [a, b, c] = SIZES.map(&mut measure);
    Row { nanoseconds: [a.0, b.0, c.0], allocations: a.1.max(b.1).max(c.1) }
}

fn print(name: &str, row: &Row) {
    let [a, b, c] = row.nanoseconds;
    println!("{name:<40}{a:>12.1}{b:>12.1}{c:>12.1}{:>10.2}{:>14.2}", c / a, row.allocations);
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

/// Nanoseconds and allocations of one `step`: the best of many rounds.
fn measure<T>(count: u32, mut step: impl FnMut() -> T) -> (f64, f64) {
    let count = (count / ROUNDS).max(1);
    (0..count).for_each(|_| drop(step()));
    let rounds = (0..ROUNDS).map(|_| {
        let (allocations, began) = (allocation::count(), Instant::now());
        (0..count).for_each(|_| drop(black_box(step())));
        let took: Duration = began.elapsed();
        (took.as_nanos() as f64 / f64::from(count), (allocation::count() - allocations) as f64 / f64::from(count))
    });
    rounds.fold((f64::MAX, f64::MAX), |best, round| (best.0.min(round.0), best.1.min(round.1)))
}
