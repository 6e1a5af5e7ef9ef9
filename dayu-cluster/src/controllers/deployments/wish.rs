//! What a Deployment asks for.
use jiff::SignedDuration;
use serde::Deserialize;

use super::super::labels::Selector;

/// The parts of a Deployment that decide; its template is read only when a pod is made.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    spec: Spec,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    replicas: usize,
    min_ready_seconds: i64,
    paused: bool,
    selector: Selector,
    strategy: Strategy,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Strategy {
    r#type: Box<str>,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RollingUpdate {
    max_surge: Option<Amount>,
    max_unavailable: Option<Amount>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Amount {
    Count(usize),
    Percent(Box<str>),
}

impl Default for Spec {
    fn default() -> Self {
        let (selector, strategy) = (Selector::default(), Strategy::default());
        Self { replicas: 1, min_ready_seconds: 0, paused: false, selector, strategy }
    }
}

/// How far the number of pods may leave the wished one during an update; not both are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slack {
    pub(super) above: usize,
    pub(super) below: usize,
}

impl Wish {
    pub(super) fn replicas(&self) -> usize {
        self.spec.replicas
    }

    pub(super) fn selector(&self) -> &Selector {
        &self.spec.selector
    }

    pub(super) fn is_paused(&self) -> bool {
        self.spec.paused
    }

    /// Old pods are gone before new ones come.
    pub(super) fn recreates(&self) -> bool {
        &*self.spec.strategy.r#type == "Recreate"
    }

    /// A pod must be ready for so long before it counts as available.
    pub(super) fn settling_time(&self) -> SignedDuration {
        SignedDuration::from_secs(self.spec.min_ready_seconds)
    }

    /// As `maxSurge` and `maxUnavailable` say, 25% each unless they do.
    pub(super) fn slack(&self) -> Slack {
        let rolling = self.spec.strategy.rolling_update.as_ref();
        let quarter = Amount::Percent("25%".into());
        let above = rolling.and_then(|rolling| rolling.max_surge.as_ref()).unwrap_or(&quarter);
        let below = rolling.and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&quarter);
        match (above.of(self.spec.replicas, usize::div_ceil), below.of(self.spec.replicas, |whole, part| whole / part))
        {
            (0, 0) => Slack { above: 0, below: 1 },
            (above, below) => Slack { above, below },
        }
    }
}

impl Amount {
    fn of(&self, replicas: usize, round: fn(usize, usize) -> usize) -> usize {
        match self {
            Self::Count(count) => *count,
            // Admission lets only digits and the sign through.
            Self::Percent(text) => round(replicas * text.trim_end_matches('%').parse().unwrap_or(25), 100),
        }
    }
}
