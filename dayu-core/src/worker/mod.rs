//! The lifecycle of one worker (a pod on a device) as a pure step.
//!
//! [`step`] takes what is wanted ([`Spec`]), what is known ([`State`]) and one observation ([`Event`]), and says what is
//! known now and what to do ([`Effect`]). Whoever drives it stores the new state *before* it performs the effects, so that
//! a driver that is killed at any instant can go on from what it stored: it sends [`Event::Recovered`] first, the step asks
//! with [`Effect::Find`] what became of each run that may be alive, and nothing is started a second time before the answer.
//!
//! ```text
//!            its turn          due            started           exited, policy says no
//!  Pending ───────────► Waiting ───► Starting ───────► Running ─────────────────────────► Ended
//!                          ▲            │                 │ stop, or a probe failed          ▲
//!                          └─ back-off ─┴──── exited ─────┴──► Stopping ── exited ───────────┘
//! ```
//!
//! Effects are performed by a [`Runtime`]: processes, containers, or whatever a third party brings.
//!
//! ```
//! use dayu_core::worker::{Cause, ContainerSpec, Effect, Event, RestartPolicy, Spec, State, step};
//! # let now = jiff::Timestamp::UNIX_EPOCH;
//! let spec = Spec { restart: RestartPolicy::Always, ..Spec::of_containers([ContainerSpec::named("detector")]) };
//! let (state, effects) = step(&spec, State::new(&spec), &Event::Recovered, now);
//! let [Effect::Start(run)] = effects.as_slice() else { panic!("it starts at once") };
//! let (state, _) = step(&spec, state, &Event::Started { run: run.clone(), process: "42".into() }, now);
//! // The first crash is answered at once; from the second on there is a back-off.
//! let (_, effects) = step(&spec, state, &Event::Exited { run: run.clone(), cause: Cause::Code(1) }, now);
//! assert!(matches!(effects.as_slice(), [Effect::Start(again)] if again.attempt == run.attempt + 1));
//! ```
mod backoff;
mod conditions;
mod event;
mod life;
mod pre_stop;
mod probe;
mod runtime;
mod spec;
mod state;
mod status;
mod step;
#[cfg(test)]
mod tests;
mod watch;

pub use event::{Effect, Event, Run, Stop};
pub use life::{Ended, Life};
pub use pre_stop::PreStop;
pub use probe::{ProbeAction, ProbeKind, ProbeSpec, Scheme};
#[cfg(any(test, feature = "test-util"))]
pub use runtime::MockRuntime;
pub use runtime::{Cause, Launch, Limits, Mount, Problem, ProcessId, Runtime};
pub use spec::{ContainerSpec, RestartPolicy, Spec};
pub use state::{Container, Phase, State};
pub use status::{Facts, reason, status};
pub use step::step;
