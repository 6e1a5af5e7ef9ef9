//! A discrete-event simulation: clients in a closed loop over endpoints whose latencies are given, in virtual time, with the
//! real layers, policies and measurements.
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use dayu_core::{
    balance::{Draw, InFlight, Policy, Request, Seed},
    directory::{Directory, Endpoint},
};

use crate::world;

/// How an endpoint answers at a moment; the draw makes latencies scatter.
pub(crate) type Behaviour<'a> = &'a dyn Fn(&Endpoint, Duration, &mut Draw) -> Answer;

/// One answer.
pub(crate) struct Answer {
    pub(crate) after: Duration,
    pub(crate) fails: bool,
}

/// One finished request.
pub(crate) struct Done {
    pub(crate) pod: String,
    pub(crate) began: Duration,
    pub(crate) took: Duration,
}

/// Clients that ask again as soon as they are answered.
pub(crate) struct Simulation<'a> {
    pub(crate) directory: &'a Arc<Directory>,
    pub(crate) policy: &'a dyn Policy,
    pub(crate) request: Request,
    pub(crate) clients: usize,
    pub(crate) starts: Duration,
}

struct Flight {
    endpoint: Endpoint,
    began: Duration,
    fails: bool,
    counted: InFlight,
}

impl Simulation<'_> {
    /// Runs until `requests` are done.
    pub(crate) fn run(&self, requests: usize, behaviour: Behaviour<'_>) -> Vec<Done> {
        self.run_while(|done, _| done < requests, behaviour)
    }

    /// Runs for `time`.
    pub(crate) fn run_for(&self, time: Duration, behaviour: Behaviour<'_>) -> Vec<Done> {
        self.run_while(|_, now| now < self.starts + time, behaviour)
    }

    fn run_while(&self, goes_on: impl Fn(usize, Duration) -> bool, behaviour: Behaviour<'_>) -> Vec<Done> {
        let (seed, mut scatter) = (Seed::new(11), Draw::new(5));
        let mut flights: Vec<Option<Flight>> = Vec::new();
        let mut due = BinaryHeap::new();
        let mut done = Vec::new();
        for client in 0..self.clients {
            flights.push(None);
            due.push(Reverse((self.starts, client)));
        }
        while let Some(Reverse((now, client))) = due.pop() {
            if let Some(flight) = flights[client].take() {
                done.push(finish(flight, now));
            }
            if !goes_on(done.len(), now) {
                break;
            }
            let left = world::narrowed(self.directory, self.request.clone(), now).unwrap();
            let picked = left.pick(self.policy, &mut seed.draw()).unwrap();
            let endpoint = left.get(picked).clone();
            let Answer { after, fails } = behaviour(&endpoint, now, &mut scatter);
            due.push(Reverse((now + after, client)));
            flights[client] = Some(Flight { began: now, fails, counted: endpoint.load.begin(), endpoint });
        }
        done
    }
}

fn finish(flight: Flight, now: Duration) -> Done {
    let Flight { endpoint, began, fails, counted } = flight;
    let took = now - began;
    if fails {
        endpoint.load.failed(now);
    } else {
        endpoint.load.succeeded(took, now);
    }
    drop(counted);
    Done { pod: endpoint.pod.unwrap().name.to_string(), began, took }
}

/// An answer within `millis`, each time as likely as another between half of it and all.
pub(crate) fn within(millis: u64, scatter: &mut Draw) -> Answer {
    let micros = millis * 500 + scatter.below(millis as usize * 500) as u64;
    Answer { after: Duration::from_micros(micros), fails: false }
}

/// How many requests went to pod `pod`.
pub(crate) fn share(done: &[Done], pod: &str) -> f64 {
    done.iter().filter(|one| one.pod == pod).count() as f64 / done.len() as f64
}

/// The latency that `per_mille` of a thousand requests did not exceed.
pub(crate) fn percentile(done: &[Done], per_mille: usize) -> Duration {
    let mut all: Vec<Duration> = done.iter().map(|one| one.took).collect();
    all.sort_unstable();
    all[(all.len() - 1) * per_mille / 1000]
}
