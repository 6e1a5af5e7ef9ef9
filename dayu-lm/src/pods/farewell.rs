//! What comes between the decision to end a run and the signal that tells it.
//!
//! Meshes learn of a deletion at the same instant as we do. A run that was told at once would close connections that requests
//! are still handed to, and those that were sent could not be sent again.
use std::time::Duration;

use dayu_core::worker::{ContainerSpec, PreStop, ProbeSpec};

/// Meshes have so long to learn that a run takes no more requests.
const WITHDRAWAL: Duration = Duration::from_millis(100);

/// What a run is given before it is told to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Wait(Duration),
    Ask(Box<ProbeSpec>),
}

impl Farewell {
    /// Of a run of `container` that has `grace`; `serves` if requests are sent to it.
    pub(super) fn of(container: Option<&ContainerSpec>, serves: bool, grace: Duration) -> Self {
        match container.and_then(|container| container.pre_stop.clone()) {
            Some(PreStop::Sleep(asked)) => Self::Wait(asked.min(grace)),
            Some(PreStop::Ask(action)) => Self::Ask(Box::new(ProbeSpec { timeout: grace, ..ProbeSpec::new(action) })),
            None if serves => Self::Wait(WITHDRAWAL.min(grace)),
            None => Self::Wait(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use dayu_core::worker::ProbeAction;

    use super::*;

    #[test]
    fn a_run_that_serves_has_a_moment_and_a_hook_as_long_as_the_grace_allows() {
        let (grace, none) = (Duration::from_secs(3), ContainerSpec::named("c"));
        assert_eq!(Farewell::of(Some(&none), true, grace), Farewell::Wait(WITHDRAWAL));
        assert_eq!(Farewell::of(Some(&none), false, grace), Farewell::Wait(Duration::ZERO));
        assert_eq!(Farewell::of(Some(&none), true, Duration::ZERO), Farewell::Wait(Duration::ZERO));
        let hook = |pre_stop| ContainerSpec { pre_stop: Some(pre_stop), ..none.clone() };
        let sleeps = hook(PreStop::Sleep(Duration::from_secs(5)));
        assert_eq!(Farewell::of(Some(&sleeps), false, grace), Farewell::Wait(grace));
        let asks = hook(PreStop::Ask(ProbeAction::Exec(vec!["true".to_owned()])));
        assert!(matches!(Farewell::of(Some(&asks), true, grace), Farewell::Ask(hook) if hook.timeout == grace));
    }
}
