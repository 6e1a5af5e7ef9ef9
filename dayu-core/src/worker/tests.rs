//! The step against a world that crashes, forgets, repeats and reorders.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

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

fn facts() -> Facts<'static> {
    static NOTHING: std::sync::LazyLock<HashMap<Run, String>> = std::sync::LazyLock::new(HashMap::new);
    let (pod_ip, host_ip) = ("127.64.1.2", "127.64.1.1");
    Facts { runtime: "process", pod_ip, host_ip, accepted: Timestamp::UNIX_EPOCH, said: &NOTHING, refused: &NOTHING }
}

fn condition(status: &k8s_openapi::api::core::v1::PodStatus, kind: &str) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == kind && condition.status == "True")
}

fn single() -> (Spec, State) {
    let spec = Spec::of_containers([ContainerSpec::named("c")]);
    let state = State::new(&spec);
    (spec, state)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn run(attempt: u32) -> Run {
    Run { container: Arc::from("c"), attempt }
}

#[test]
fn crashes_are_answered_at_once_then_later_and_later_and_forgiven_after_ten_minutes() {
    let (spec, state) = single();
    let (mut state, _) = step(&spec, state, &Event::Recovered, at(0));
    let mut now = 0;
    let mut pauses = Vec::new();
    for (attempt, ran) in [(1, 10), (2, 10), (3, 10), (4, 601_000), (5, 10)] {
        (state, _) = step(&spec, state, &Event::Started { run: run(attempt), process: "p".into() }, at(now));
        now += ran;
        let effects;
        (state, effects) = step(&spec, state, &Event::Exited { run: run(attempt), cause: Cause::Code(1) }, at(now));
        if effects.is_empty() {
            let due = state.due().unwrap().as_millisecond();
            pauses.push(due - now);
            now = due;
            (state, _) = step(&spec, state, &Event::Tick, at(now));
        } else {
            pauses.push(0);
        }
    }
    assert_eq!(pauses, [0, 1000, 2000, 0, 1000]);
    assert_eq!(state.containers[0].restarts, 5);
}

#[test]
fn a_stop_until_the_driver_is_back_is_no_restart_but_a_crash_is() {
    let (spec, state) = single();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let (state, _) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    let suspend = Event::Stop { why: Stop::Suspend, grace: Duration::from_secs(1) };
    let (state, _) = step(&spec, state, &suspend, at(10));
    let (state, effects) = step(&spec, state, &Event::Exited { run: run(1), cause: Cause::Signal(15) }, at(20));
    assert_eq!(effects, [], "it stays down until the driver is back");
    let (state, effects) = step(&spec, state, &Event::Recovered, at(5000));
    assert_eq!(effects, [Effect::Start(run(2))]);
    assert_eq!(state.containers[0].restarts, 0);
    let (state, _) = step(&spec, state, &Event::Started { run: run(2), process: "q".into() }, at(5000));
    let (state, _) = step(&spec, state, &Event::Exited { run: run(2), cause: Cause::Code(1) }, at(5010));
    assert_eq!(state.containers[0].restarts, 1);
}

#[test]
fn a_worker_that_ignores_the_request_to_end_is_killed_after_its_grace() {
    let (spec, state) = single();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let (state, _) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    let stop = Event::Stop { why: Stop::Delete, grace: Duration::from_secs(3) };
    let (state, effects) = step(&spec, state, &stop, at(0));
    assert_eq!(effects, [Effect::Terminate(run(1), "p".into())]);
    assert_eq!(state.due(), Some(at(3000)));
    let (state, effects) = step(&spec, state, &Event::Tick, at(3000));
    assert_eq!(effects, [Effect::Kill(run(1), "p".into())]);
    let (_, effects) = step(&spec, state, &Event::Exited { run: run(1), cause: Cause::Signal(9) }, at(3001));
    assert_eq!(effects, [Effect::Release]);
}

#[test]
fn readiness_outlives_the_driver_and_is_first_seen_long_before_a_period_has_passed() {
    let mut spec = single().0;
    spec.containers[0].readiness = Some(ProbeSpec::new(ProbeAction::Tcp { host: None, port: 1 }));
    let (state, _) = step(&spec, State::new(&spec), &Event::Recovered, at(0));
    let (mut state, effects) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    assert_eq!(effects, [Effect::Probe(run(1), ProbeKind::Readiness, "p".into())]);
    let mut now = at(0);
    let mut probes = 0;
    // The worker listens after 400 ms.
    while !state.containers[0].is_ready() {
        let verdict = if now >= at(400) { Ok(()) } else { Err("refused".to_owned()) };
        (state, _) = step(&spec, state, &Event::Probed { run: run(1), kind: ProbeKind::Readiness, verdict }, now);
        if !state.containers[0].is_ready() {
            now = state.due().unwrap();
            (state, _) = step(&spec, state, &Event::Tick, now);
        }
        probes += 1;
    }
    assert!(now < at(450) && probes < 50, "{now} after {probes} probes");
    let stored = serde_json::to_string(&state).unwrap();
    let (state, effects) = step(&spec, serde_json::from_str(&stored).unwrap(), &Event::Recovered, now);
    assert_eq!(effects, [Effect::Find(run(1), Some("p".into()))]);
    assert!(state.containers[0].is_ready());
    let (state, effects) = step(&spec, state, &Event::Found { run: run(1), process: Some("p".into()) }, now);
    assert!(state.containers[0].is_ready() && effects == [Effect::Probe(run(1), ProbeKind::Readiness, "p".into())]);
}

#[test]
fn a_status_says_why_a_container_waits() {
    let (spec, state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let problem = Problem::new("MountMissing", "/dev/video0 is not there");
    let (state, _) = step(&spec, state, &Event::NotStarted { run: run(1), problem }, at(0));
    let before = status(&pod, &spec, &state, facts(), None, at(0));
    let waiting = before.container_statuses.clone().unwrap()[0].state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("MountMissing"));
    assert_eq!(before.phase.as_deref(), Some("Pending"));
    let (state, effects) = step(&spec, state, &Event::Retry, at(10));
    assert_eq!(effects, [Effect::Start(run(2))]);
    let (state, _) = step(&spec, state, &Event::Started { run: run(2), process: "p".into() }, at(20));
    let after = status(&pod, &spec, &state, facts(), Some(&before), at(30));
    assert!(condition(&after, "Ready") && !condition(&before, "Ready"));
    let scheduled = |status: &k8s_openapi::api::core::v1::PodStatus| {
        status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled").unwrap().last_transition_time.clone()
    };
    assert_eq!(scheduled(&before), scheduled(&after));
}

#[test]
fn a_status_says_how_the_last_run_failed_and_what_it_said_last() {
    let (spec, mut state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let crash = |number, now| {
        let started = Event::Started { run: run(number), process: "p".into() };
        [(started, at(now)), (Event::Exited { run: run(number), cause: Cause::Code(3) }, at(now + 1))]
    };
    let began = [(Event::Recovered, at(0))];
    for (event, now) in began.into_iter().chain(crash(1, 0)).chain([(Event::Tick, at(2))]).chain(crash(2, 2)) {
        (state, _) = step(&spec, state, &event, now);
    }
    let said = HashMap::from([(run(1), "the first".to_owned()), (run(2), "KeyError: 'model'".to_owned())]);
    let told = status(&pod, &spec, &state, Facts { said: &said, ..facts() }, None, at(4));
    let container = &told.container_statuses.unwrap()[0];
    let waiting = container.state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    assert!(waiting.message.unwrap().ends_with("; c ended with exit code 3: KeyError: 'model'"));
    let last = container.last_state.clone().unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.message.as_deref()), (3, Some("KeyError: 'model'")));
    let ready = told.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap();
    let expected = "containers with unready status: [c]; c ended with exit code 3: KeyError: 'model'";
    assert_eq!(ready.message.as_deref(), Some(expected));
}

#[test]
fn a_status_says_why_a_worker_that_runs_is_not_ready_once_it_has_had_the_time() {
    let (spec, mut state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let started = Event::Started { run: run(1), process: "p".into() };
    for event in [Event::Recovered, started] {
        (state, _) = step(&spec, state, &event, at(0));
    }
    let Phase::Running(life) = &mut state.containers[0].phase else { panic!("{state:?}") };
    life.ready = false;
    let refused = HashMap::from([(run(1), "127.64.1.2:9000: Connection refused".to_owned())]);
    let message = |now| {
        let told = status(&pod, &spec, &state, Facts { refused: &refused, ..facts() }, None, at(now));
        told.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap().message.unwrap()
    };
    assert_eq!(message(4000), "containers with unready status: [c]");
    assert!(message(5000).ends_with("; c runs, but its readiness probe fails: 127.64.1.2:9000: Connection refused"));
}
