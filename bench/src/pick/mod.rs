//! What picking an endpoint costs, by policy and number of endpoints, beside what others do for the same.
mod peers;
mod world;

use std::{hint::black_box, time::Duration};

use dayu_core::balance::{Candidates, Policy, Request, Seed, policy};
use tokio::time::Instant;

use crate::allocation;

/// How long to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Picks per figure, in a hundred rounds of which the best counts: others that use the machine meanwhile do not.
    #[arg(long, default_value_t = 1_000_000)]
    picks: u32,
}

const SIZES: [usize; 3] = [10, 1_000, 10_000];
/// The default policy's bars: nanoseconds, and how much more 10,000 endpoints may cost than 10.
const BAR: f64 = 40.0;
const FLAT: f64 = 1.5;

/// One row: a figure for each size.
struct Row {
    nanoseconds: [f64; 3],
    allocations: [f64; 3],
}

/// Measures and prints all rows.
pub(crate) fn run(arguments: &Arguments) {
    println!(
        "{:<32}{:>12}{:>12}{:>12}{:>10}{:>14}",
        "ns a pick at n endpoints", 10, 1_000, 10_000, "10k:10", "allocations"
    );
    let mut default = None;
    for name in policy::NAMES {
        let Ok(policy) = policy::by_name(name) else { continue };
        let row = row(|size| picks(&world::candidates(size, None), policy.as_ref(), arguments.picks));
        print(name, &row);
        default.get_or_insert(row);
    }
    print("round-robin, weights of 1 to 4", &row(|size| picks(&world::weighted(size), &turns(), arguments.picks)));
    print("p2c, request to endpoint", &row(|size| requests(size, arguments.picks)));
    let list = row(|size| peers::locked_list(size, arguments.picks));
    print("peer: list under a mutex", &list);
    let tower = row(|size| peers::tower_p2c(size, arguments.picks));
    print("peer: tower::balance p2c", &tower);
    if let Some(p2c) = default {
        verdict(&p2c, &list, &tower);
    }
    let largest = SIZES[2];
    let ring = first(|| world::candidates(largest, Some(7)), &policy::ConsistentHash);
    let round = first(|| world::weighted(largest), &turns());
    println!("laid out once for {largest} endpoints: ring {ring:.1?}, weighted round {round:.1?}");
}

fn turns() -> policy::RoundRobin {
    policy::RoundRobin::default()
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

fn verdict(p2c: &Row, list: &Row, tower: &Row) {
    let flat = p2c.nanoseconds[2] / p2c.nanoseconds[0];
    let worst = p2c.nanoseconds.iter().copied().fold(0.0, f64::max);
    let said = |holds: bool| if holds { "holds" } else { "MISSED" };
    println!(
        "\np2c: worst {worst:.1} ns of {BAR} ({}), 10k:10 {flat:.2} of {FLAT} ({})",
        said(worst <= BAR),
        said(flat <= FLAT)
    );
    println!("p2c: {} allocations (0 wanted)", p2c.allocations.iter().sum::<f64>());
    let ratio = |peer: &Row| peer.nanoseconds[2] / p2c.nanoseconds[2];
    println!("at 10,000 endpoints the list under a mutex takes {:.2}x, tower's p2c {:.2}x", ratio(list), ratio(tower));
}

fn row(mut measure: impl FnMut(usize) -> (f64, f64)) -> Row {
    let [a, b, c] = SIZES.map(&mut measure);
    Row { nanoseconds: [a.0, b.0, c.0], allocations: [a.1, b.1, c.1] }
}

fn print(name: &str, row: &Row) {
    let [a, b, c] = row.nanoseconds;
    let most = row.allocations.iter().copied().fold(0.0, f64::max);
    println!("{name:<32}{a:>12.1}{b:>12.1}{c:>12.1}{:>10.2}{most:>14.2}", c / a);
}

/// Picks among candidates that are narrowed already.
fn picks(candidates: &Candidates, policy: &dyn Policy, count: u32) -> (f64, f64) {
    let seed = Seed::new(7);
    measure(count, || policy.pick(candidates, &mut seed.draw()))
}

/// Everything between a request and its endpoint: lookup in the snapshot, device, outliers, policy.
fn requests(size: usize, count: u32) -> (f64, f64) {
    let directory = world::directory(size);
    let request = Request::to(world::service(), world::PORT).on(world::device());
    let seed = Seed::new(7);
    measure(count, || {
        directory.with(|snapshot| {
            let candidates = world::narrowed(snapshot, request.clone());
            candidates.and_then(|left| policy::PowerOfTwo.pick(&left, &mut seed.draw()))
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
