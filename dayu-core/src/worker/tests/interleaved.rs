//! The step against a world that crashes, forgets, repeats and reorders.
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{super::*, condition, facts};

/// Processes, answers under way, and a driver that may be killed between any two steps.
struct World {
    spec: Spec,
    state: State,
    now: Timestamp,
    /// What runs, and whether it listens to being asked to end.
    alive: BTreeMap<Run, ProcessId>,
    /// Starts that were asked for and not performed yet.
    starting: Vec<Run>,
    /// Answers under way: in order for each run, in any order between them.
    answers: BTreeMap<Run, VecDeque<Event>>,
    /// Effects since the driver began, Starts since ever.
    done: BTreeSet<String>,
    started: BTreeSet<Run>,
    released: bool,
    delivered: Vec<Event>,
}

impl World {
    fn new(spec: Spec) -> Self {
        let state = State::new(&spec);
        let mut world = Self {
            spec,
            state,
            now: Timestamp::UNIX_EPOCH,
            alive: BTreeMap::new(),
            starting: Vec::new(),
            answers: BTreeMap::new(),
            done: BTreeSet::new(),
            started: BTreeSet::new(),
            released: false,
            delivered: Vec::new(),
        };
        world.feed(&Event::Recovered, true);
        world
    }

    /// One step; the state is stored, then the effects are performed, unless the driver is killed in between.
    fn feed(&mut self, event: &Event, perform: bool) {
        let (state, effects) = step(&self.spec, self.state.clone(), event, self.now);
        let stored = serde_json::to_string(&state).unwrap();
        self.state = state;
        if perform {
            effects.into_iter().for_each(|effect| self.perform(effect));
        } else {
            self.state = serde_json::from_str(&stored).unwrap();
            self.crash(false);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let repeatable = matches!(effect, Effect::Probe(..) | Effect::Find(..));
        assert!(
            self.done.insert(format!("{effect:?}")) || repeatable,
            "repeated without a new observation: {effect:?}"
        );
        match effect {
            Effect::Start(run) => {
                assert!(self.started.insert(run.clone()), "{run} is started twice");
                self.starting.push(run);
            }
            Effect::Find(run, _) => {
                let process = self.alive.get(&run).cloned();
                self.answer(run.clone(), Event::Found { run, process });
            }
            Effect::Kill(run, process) => {
                if self.alive.get(&run) == Some(&process) {
                    self.die(&run, Cause::Signal(9));
                }
            }
            Effect::Terminate(run, _) => assert!(self.started.contains(&run), "{run} never began"),
            Effect::Probe(run, kind, _) => self.answer(run.clone(), Event::Probed { run, kind, verdict: Ok(()) }),
            Effect::Release => {
                assert!(self.alive.is_empty() && self.starting.is_empty(), "released while {:?} lives", self.alive);
                self.released = true;
            }
        }
    }

    fn answer(&mut self, run: Run, event: Event) {
        self.answers.entry(run).or_default().push_back(event);
    }

    /// The oldest start that was asked for happens, or fails.
    fn begin(&mut self, works: bool) {
        if self.starting.is_empty() {
            return;
        }
        let run = self.starting.remove(0);
        if works {
            let others = self.alive.keys().filter(|other| other.container == run.container).count();
            assert_eq!(others, 0, "two processes of {}", run.container);
            let process: ProcessId = format!("p-{run}").into();
            self.alive.insert(run.clone(), process.clone());
            self.answer(run.clone(), Event::Started { run, process });
        } else {
            let problem = Problem::new("MountMissing", "no /dev/video0");
            self.answer(run.clone(), Event::NotStarted { run, problem });
        }
    }

    fn die(&mut self, run: &Run, cause: Cause) {
        if self.alive.remove(run).is_some() {
            self.answer(run.clone(), Event::Exited { run: run.clone(), cause });
        }
    }

    fn deliver(&mut self, choice: usize, perform: bool) {
        self.answers.retain(|_, answers| !answers.is_empty());
        let Some(run) = self.answers.keys().nth(choice % self.answers.len().max(1)).cloned() else { return };
        let event = self.answers.get_mut(&run).and_then(VecDeque::pop_front).unwrap();
        self.delivered.push(event.clone());
        self.feed(&event, perform);
    }

    /// The driver is killed and begins again: answers are lost, starts under way happened or did not.
    fn crash(&mut self, starts_happen: bool) {
        while starts_happen && !self.starting.is_empty() {
            self.begin(true);
        }
        self.starting.clear();
        self.answers.clear();
        self.done.clear();
        self.state = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        self.feed(&Event::Recovered, true);
    }

    fn pass(&mut self, millis: i64) {
        self.now = self.now.checked_add(SignedDuration::from_millis(millis)).unwrap();
    }

    /// Nothing bad happens any more: everything is delivered and performed until nothing is left to do.
    fn calm(&mut self) {
        for _ in 0..500 {
            while !self.starting.is_empty() {
                self.begin(true);
            }
            self.answers.retain(|_, answers| !answers.is_empty());
            if !self.answers.is_empty() {
                self.deliver(0, true);
                continue;
            }
            let inits: Vec<Run> = self.alive.keys().filter(|run| &*run.container == "init").cloned().collect();
            if !inits.is_empty() {
                inits.iter().for_each(|run| self.die(run, Cause::Code(0)));
                continue;
            }
            let settled = self.state.containers.iter().all(|c| c.is_over() || c.is_ready());
            match self.state.due() {
                Some(due) if !settled => {
                    self.now = self.now.max(due);
                    self.feed(&Event::Tick, true);
                }
                _ => return,
            }
        }
        panic!("never came to rest: {:#?}", self.state);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Begin(bool),
    Deliver(usize, bool),
    Repeat(usize),
    Die(usize, i32),
    Flap(usize, bool),
    Pass(i64),
    Crash(bool),
    Retry,
    Suspend,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<bool>().prop_map(Act::Begin),
        6 => (0..8_usize, prop::bool::weighted(0.9)).prop_map(|(which, perform)| Act::Deliver(which, perform)),
        2 => (0..64_usize).prop_map(Act::Repeat),
        2 => (0..4_usize, 0..2_i32).prop_map(|(which, code)| Act::Die(which, code)),
        2 => (0..4_usize, any::<bool>()).prop_map(|(which, passed)| Act::Flap(which, passed)),
        4 => (0..40_000_i64).prop_map(Act::Pass),
        1 => any::<bool>().prop_map(Act::Crash),
        1 => Just(Act::Retry),
        1 => Just(Act::Suspend),
    ]
}

fn spec(restart: RestartPolicy) -> Spec {
    let probe =
        ProbeSpec { period: Duration::from_secs(2), ..ProbeSpec::new(ProbeAction::Tcp { host: None, port: 1 }) };
    let main = ContainerSpec {
        startup: Some(probe.clone()),
        liveness: Some(probe.clone()),
        readiness: Some(probe),
        ..ContainerSpec::named("main")
    };
    let init = ContainerSpec { init: true, ..ContainerSpec::named("init") };
    Spec { restart, ..Spec::of_containers([init, main, ContainerSpec::named("side")]) }
}

fn play(world: &mut World, act: &Act) {
    let nth = |world: &World, which: usize| world.alive.keys().nth(which % world.alive.len().max(1)).cloned();
    match act {
        Act::Begin(works) => world.begin(*works),
        Act::Deliver(which, perform) => world.deliver(*which, *perform),
        Act::Repeat(which) => {
            let event = world.delivered.get(which % world.delivered.len().max(1)).cloned();
            // A driver hears of an end from the system only once: a repetition tells of a run that is over.
            if let Some(event) = event.filter(|event| !matches!(event, Event::Found { .. })) {
                world.feed(&event, true);
            }
        }
        Act::Die(which, code) => {
            if let Some(run) = nth(world, *which) {
                world.die(&run, Cause::Code(*code));
            }
        }
        Act::Flap(which, passed) => {
            if let Some(run) = nth(world, *which) {
                let verdict = if *passed { Ok(()) } else { Err("refused".to_owned()) };
                let kind = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness][which % 3];
                world.feed(&Event::Probed { run, kind, verdict }, true);
            }
        }
        Act::Pass(millis) => {
            world.pass(*millis);
            world.feed(&Event::Tick, true);
        }
        Act::Crash(starts) => world.crash(*starts),
        Act::Retry => world.feed(&Event::Retry, true),
        Act::Suspend => world.feed(&Event::Stop { why: Stop::Suspend, grace: Duration::from_secs(1) }, true),
    }
}

proptest! {
    #[test]
    fn whatever_happens_one_process_at_most_and_in_the_end_all_run(acts in prop::collection::vec(act(), 0..120)) {
        let mut world = World::new(spec(RestartPolicy::Always));
        acts.iter().for_each(|act| play(&mut world, act));
        world.crash(true);
        world.calm();
        for name in ["main", "side"] {
            prop_assert!(world.alive.keys().any(|run| &*run.container == name), "{name} does not run: {:#?}", world.state);
        }
        let pod = status(&k8s_openapi::api::core::v1::PodSpec::default(), &world.spec, &world.state, facts(), None, world.now);
        prop_assert_eq!(pod.phase.as_deref(), Some("Running"));
        prop_assert!(condition(&pod, "Ready"));
    }

    #[test]
    fn whatever_happened_before_a_deleted_worker_ends_and_is_released(
        acts in prop::collection::vec(act(), 0..80),
        never in any::<bool>(),
        later in prop::collection::vec(act(), 0..20),
    ) {
        let mut world = World::new(spec(if never { RestartPolicy::Never } else { RestartPolicy::OnFailure }));
        acts.iter().for_each(|act| play(&mut world, act));
        world.feed(&Event::Stop { why: Stop::Delete, grace: Duration::from_secs(5) }, true);
        let asked = world.started.len();
        later.iter().for_each(|act| play(&mut world, act));
        world.calm();
        world.pass(60_000);
        world.feed(&Event::Tick, true);
        world.calm();
        prop_assert_eq!(world.started.len(), asked, "started after the deletion");
        prop_assert!(world.alive.is_empty() && world.released && world.state.is_released(), "{:#?}", world.state);
    }
}
