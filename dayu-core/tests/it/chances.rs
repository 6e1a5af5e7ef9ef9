//! Policy `random`: every usable replica has the same chance, whatever stands beside it and whatever came before.
use std::time::Duration;

use dayu_core::{
    balance::{Candidates, Seed},
    directory::EndpointRecord,
};

use crate::world;

const PICKS: usize = 20_000;

/// As many replicas as `ready` has marks, each ready where its mark is not `-`.
fn candidates(ready: &str) -> Candidates {
    let record = |(pod, mark)| EndpointRecord { ready: mark != '-', ..world::endpoint("edge1", pod) };
    let directory = world::directory((1..).zip(ready.chars()).map(record).collect());
    world::narrowed(&directory, world::request().on("edge1".into()), Duration::ZERO).unwrap()
}

fn picks(candidates: &Candidates, seed: u64) -> Vec<usize> {
    let (policy, seed) = (world::policy("random"), Seed::new(seed));
    (0..PICKS).map(|_| candidates.pick(&policy, &mut seed.draw()).unwrap()).collect()
}

/// Pearson's sum for `counts` that should be equal.
fn chi_squared(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

#[test]
fn every_usable_replica_has_the_same_chance() {
    let few_of_many = format!("+{}+", "-".repeat(60));
    // What equal chances exceed once in a thousand times, for one replica fewer than there are usable.
    for (ready, most) in [("++++++++", 24.32), ("+-+++", 16.27), ("--+-++", 13.82), (&few_of_many, 10.83)] {
        let candidates = candidates(ready);
        for seed in [1, 7, 1_000_003] {
            let mut counts = vec![0; candidates.len()];
            picks(&candidates, seed).into_iter().for_each(|at| counts[at] += 1);
            let usable: Vec<usize> = (0..counts.len()).filter(|at| candidates.is_usable(*at)).collect();
            let counts: Vec<usize> = usable.into_iter().map(|at| counts[at]).collect();
            let sum = chi_squared(&counts);
            assert!(sum < most, "{ready}, seed {seed}: {counts:?} have a sum of {sum:.1}");
        }
    }
}

#[test]
fn a_pick_tells_nothing_of_the_next() {
    let candidates = candidates("++++");
    for seed in [1, 7, 1_000_003] {
        let mut pairs = vec![0; 16];
        picks(&candidates, seed).windows(2).for_each(|pair| pairs[pair[0] * 4 + pair[1]] += 1);
        let sum = chi_squared(&pairs);
        assert!(sum < 37.70, "seed {seed}: {pairs:?} have a sum of {sum:.1}");
    }
}
