//! The load of `dayu up --check` in virtual time: three equal replicas on one device, asked by the meshes of three devices
//! that know nothing of each other, on a machine whose two processors everybody shares.
use std::{sync::Arc, time::Duration};

use dayu_core::{
    balance::{Draw, InFlight, Policy, Seed, policy},
    directory::{Directory, Endpoint},
};

use crate::world;

const REQUESTS: usize = 6_000;
const CLIENTS: usize = 16;
const PROCESSORS: f64 = 2.0;
/// Each call in turn, as the self-test makes them: from which mesh to the replicas, or somewhere else.
const CALLS: usize = 42;
const MESHES: [usize; 7] = [0, 0, 0, 1, 1, 2, 2];
/// The first half of the calls takes frames. Every fiftieth request has the next of these, the others have the smallest.
const FRAMES: [f64; 6] = [60e3, 108e3, 250e3, 433e3, 937e3, 2e6];
const LARGE_EVERY: usize = 50;

/// How fast the machine is, and what else happens on it. Times in seconds.
struct Machine {
    /// To look at one byte of a frame.
    byte: f64,
    /// Between two moments in which a replica gets no processor at all.
    stalls_every: f64,
    stall: f64,
    /// Programs that compute all the time.
    others: f64,
}

/// One client's request on its way.
struct Job {
    /// The mesh that it goes through to a replica; none if it goes elsewhere.
    mesh: Option<usize>,
    stage: Stage,
    /// Seconds of a processor until the next stage, and those of the next.
    left: f64,
    work: f64,
}

enum Stage {
    /// Between client and worker.
    OnItsWay,
    Served {
        at: f64,
        by: Option<(Endpoint, usize, InFlight)>,
    },
}

struct Run<'a> {
    machine: &'a Machine,
    meshes: [Arc<Directory>; 3],
    policy: &'a dyn Policy,
    seed: Seed,
    chance: Draw,
    asked: usize,
    now: f64,
    /// When each replica gets a processor again, and when it loses it next.
    stalled: [(f64, f64); 3],
    counts: [u32; 3],
}

fn unit(chance: &mut Draw) -> f64 {
    (chance.number() >> 11) as f64 / (1u64 << 53) as f64
}

/// Exponentially distributed.
fn after(mean: f64, chance: &mut Draw) -> f64 {
    -(1.0 - unit(chance)).ln() * mean
}

/// At least half of `mean`, now and then several times it.
fn about(mean: f64, chance: &mut Draw) -> f64 {
    mean / 2.0 + after(mean / 2.0, chance)
}

impl<'a> Run<'a> {
    fn new(machine: &'a Machine, policy: &'a dyn Policy, seed: u64) -> Self {
        let mut chance = Draw::new(seed.wrapping_mul(7919));
        let stalled = [(); 3].map(|()| (0.0, after(machine.stalls_every, &mut chance)));
        let meshes = [(); 3].map(|()| world::equals(3));
        Self { machine, meshes, policy, seed: Seed::new(seed), chance, asked: 0, now: 0.0, stalled, counts: [0; 3] }
    }

    /// The next request that a client makes; none once all are made.
    fn next(&mut self) -> Option<Job> {
        let index = self.asked;
        self.asked += 1;
        let call = index % CALLS;
        let large = index.is_multiple_of(LARGE_EVERY);
        let bytes = match call < CALLS / 2 {
            true => FRAMES[if large { index / LARGE_EVERY % FRAMES.len() } else { 0 }],
            false => 100.0,
        };
        // A quarter of the calls is refused: the device they name has no such worker.
        let work = if call < CALLS * 3 / 4 { about(0.6e-3 + bytes * self.machine.byte, &mut self.chance) } else { 0.0 };
        let left = about(0.2e-3 + bytes * 1.5e-9, &mut self.chance);
        (index < REQUESTS).then(|| Job { mesh: MESHES.get(call).copied(), stage: Stage::OnItsWay, left, work })
    }

    fn runs(&self, job: &Job) -> bool {
        !matches!(&job.stage, Stage::Served { by: Some((_, replica, _)), .. } if self.stalled[*replica].0 > self.now)
    }

    /// Lets time pass until something happens.
    fn pass(&mut self, jobs: &mut [Job]) {
        let (mut running, mut least) = (self.machine.others, f64::MAX);
        for job in jobs.iter().filter(|job| self.runs(job)) {
            (running, least) = (running + 1.0, least.min(job.left));
        }
        let rate = (PROCESSORS / running).min(1.0);
        let wakes = self.stalled.iter().flat_map(|(until, next)| [*until, *next]).filter(|at| *at > self.now);
        let then = wakes.fold(self.now + least / rate, f64::min).max(self.now + 1e-9);
        let done = (then - self.now) * rate;
        jobs.iter_mut().filter(|job| self.runs(job)).for_each(|job| job.left -= done);
        self.now = then;
        for (until, next) in &mut self.stalled {
            if *next <= then {
                *until = then + after(self.machine.stall, &mut self.chance);
                *next = *until + after(self.machine.stalls_every, &mut self.chance);
            }
        }
    }

    /// Brings a job whose work is done to its next stage; whether it has one.
    fn advance(&mut self, job: &mut Job) -> bool {
        let now = Duration::from_secs_f64(self.now);
        match &job.stage {
            Stage::OnItsWay => {
                let by = job.mesh.map(|mesh| {
                    let left = world::narrowed(&self.meshes[mesh], world::request().on("edge1".into()), now).unwrap();
                    let picked = left.pick(self.policy, &mut self.seed.draw()).unwrap();
                    self.counts[picked] += 1;
                    (left.get(picked).clone(), picked, left.get(picked).load.begin())
                });
                (job.stage, job.left) = (Stage::Served { at: self.now, by }, job.work);
                true
            }
            Stage::Served { at, by } => {
                if let Some((endpoint, ..)) = by {
                    endpoint.load.succeeded(Duration::from_secs_f64(self.now - at), now);
                }
                self.next().map(|next| *job = next).is_some()
            }
        }
    }

    /// The most-used replica's count over the least-used one's.
    fn spread(mut self) -> f64 {
        let mut jobs: Vec<Job> = (0..CLIENTS).filter_map(|_| self.next()).collect();
        while !jobs.is_empty() {
            self.pass(&mut jobs);
            jobs.retain_mut(|job| job.left > 1e-12 || self.advance(job));
        }
        let [most, least] =
            [self.counts.iter().max(), self.counts.iter().min()].map(|count| f64::from(*count.unwrap()));
        most / least
    }
}

/// The spreads of 200 runs, sorted.
fn spreads(machine: &Machine) -> Vec<f64> {
    let policy = world::policy(policy::NAMES[0]);
    let mut spreads: Vec<f64> = (0..200).map(|seed| Run::new(machine, &policy, seed).spread()).collect();
    spreads.sort_by(f64::total_cmp);
    spreads
}

#[test]
fn equal_replicas_get_equal_shares_of_the_self_test() {
    let quick = Machine { byte: 2e-9, stalls_every: 5.0, stall: 5e-3, others: 0.0 };
    let contended = Machine { byte: 10e-9, stalls_every: 0.33, stall: 20e-3, others: 4.0 };
    for (name, machine) in [("quick", quick), ("contended", contended)] {
        let spreads = spreads(&machine);
        let [p50, p99, worst] = [100, 198, 199].map(|at| spreads[at]);
        println!("{name}: most / least p50 {p50:.3}, p99 {p99:.3}, worst {worst:.3}");
        assert!(p99 <= 1.12, "{name}: p50 {p50:.3}, p99 {p99:.3}, worst {worst:.3}");
    }
}
