//! Conditions: what is known of an object, each a verdict with the moment it last changed.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::{Schema, SchemaGenerator, json_schema};

/// The condition that all gates of an object add up to; what `kubectl wait --for=condition=Ready` waits for.
pub const READY: &str = "Ready";

/// The condition that holds where nothing but an edit helps, and else is not there: where kstatus, and with it `flux` and `cli-utils`,
/// sees it hold, it waits for [`READY`] no longer.
pub const STALLED: &str = "Stalled";

/// One condition as derived now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// CamelCase name of the condition.
    pub kind: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// CamelCase, machine-readable.
    pub reason: String,
    /// For people: what, where and what to do.
    pub message: String,
}

impl Verdict {
    /// The verdict that `kind` holds or not.
    pub fn new(kind: &'static str, holds: bool, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, holds, reason: reason.into(), message: message.into() }
    }
}

/// The conditions that tell `verdicts` of generation `generation`.
///
/// A condition of the same kind and status in `stored` keeps its `lastTransitionTime`; the others changed `now`.
/// Stored conditions without a verdict are dropped: a verdict not given any more is not known any more.
///
/// ```
/// # use dayu_core::api::condition::{Verdict, derive, holds};
/// # use jiff::Timestamp;
/// let begin = derive(&[], vec![Verdict::new("Ready", true, "Ready", "")], 1, Timestamp::UNIX_EPOCH);
/// let later = derive(&begin, vec![Verdict::new("Ready", true, "Ready", "still")], 2, "2026-01-01T00:00:00Z".parse().unwrap());
/// assert!(holds(&later, "Ready"));
/// assert_eq!(later[0].last_transition_time.0, Timestamp::UNIX_EPOCH);
/// assert_eq!(later[0].observed_generation, Some(2));
/// ```
#[must_use]
pub fn derive(stored: &[Condition], verdicts: Vec<Verdict>, generation: i64, now: Timestamp) -> Vec<Condition> {
    let condition = |verdict: Verdict| {
        let status = if verdict.holds { "True" } else { "False" };
        // The last one counts: Sedna appended conditions instead of updating them.
        let unchanged = stored.iter().rev().find(|old| old.type_ == verdict.kind).filter(|old| old.status == status);
        Condition {
            last_transition_time: unchanged.map_or(Time(now), |old| old.last_transition_time.clone()),
            message: bounded(verdict.message, MESSAGE_LIMIT),
            observed_generation: Some(generation),
            reason: verdict.reason,
            status: status.to_owned(),
            type_: verdict.kind.to_owned(),
        }
    };
    verdicts.into_iter().map(condition).collect()
}

/// Whether the condition `kind` is among `conditions` and `True`.
#[must_use]
pub fn holds(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == kind && condition.status == "True")
}

/// The longest message the API server takes, in bytes.
const MESSAGE_LIMIT: usize = 32_768;

/// What fits in so many bytes.
pub(crate) fn bounded(mut text: String, limit: usize) -> String {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

/// The schema of a moment.
pub(super) fn moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// The schema of a list of conditions keyed by type, with the limits that Kubernetes documents for its own.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "message": {"type": "string", "maxLength": MESSAGE_LIMIT},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
            },
        },
    })
}
