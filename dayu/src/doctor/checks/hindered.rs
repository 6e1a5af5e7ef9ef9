//! What daemons say that hinders them, on whichever device: their events of the last half hour, after which they would say it again.
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::Event;

use crate::doctor::finding::Finding;

const CHECK: &str = "hindered";
/// What goes on is told again within less.
const RECENT: SignedDuration = SignedDuration::from_mins(31);
/// What a missing right begins with.
const MAY_NOT: &str = "may not ";

/// The newest of each object for each thing that does not work.
pub(super) fn check(events: &[Event], now: Timestamp) -> Vec<Finding> {
    let age = |event: &Event| Some(now.duration_since(event.event_time.as_ref()?.0));
    let mut recent: Vec<(SignedDuration, &Event)> =
        events.iter().filter_map(|event| Some((age(event).filter(|age| *age < RECENT)?, event))).collect();
    recent.sort_by_key(|(age, _)| *age);
    let mut told = std::collections::BTreeSet::new();
    recent.retain(|(_, event)| told.insert((about(event), what(event))));
    recent.into_iter().map(|(age, event)| one(event, age)).collect()
}

fn one(event: &Event, age: SignedDuration) -> Finding {
    let note = event.note.as_deref().unwrap_or_default();
    let found = format!("{} min ago: {note}", age.as_mins().max(0));
    Finding::warning(CHECK, about(event), found, remedy(note))
}

fn about(event: &Event) -> &str {
    event.regarding.as_ref().and_then(|object| object.name.as_deref()).unwrap_or_default()
}

/// What does not work, without why.
fn what(event: &Event) -> &str {
    let note = event.note.as_deref().unwrap_or_default();
    let note = note.strip_prefix("mesh: ").unwrap_or(note);
    note.split_once(": ").map_or(note, |(what, _)| what)
}

/// What helps a daemon that is hindered by `why`.
pub(super) fn remedy(why: &str) -> String {
    let right = why.split_once(MAY_NOT).and_then(|(_, rest)| rest.split_once(": ")).map(|(right, _)| right);
    match right {
        Some(right) => format!(
            "give its service account the right to {right}: install the roles of deploy/dayu.yaml, or of the chart, again"
        ),
        None if why.contains("credentials") => "give it a token or a kubeconfig that kubectl can use".to_owned(),
        None => "does it reach the API server, and is that well? Both logs say more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use serde_json::json;

    use super::*;

    fn event(device: &str, note: &str, minutes: i64) -> Event {
        let mut event: Event = serde_json::from_value(json!({
            "metadata": {}, "eventTime": null, "note": note, "regarding": {"kind": "Node", "name": device},
        }))
        .unwrap();
        event.event_time = Some(MicroTime(Timestamp::UNIX_EPOCH - SignedDuration::from_mins(minutes)));
        event
    }

    #[test]
    fn the_newest_is_told_with_the_right_that_is_missing() {
        let events = [
            event("edge1", "mesh: watch of Nodes: connection refused", 9),
            event("edge1", "mesh: watch of Nodes: may not watch nodes: no", 2),
            event("edge2", "Lease of the device: so it is", 40),
        ];
        let [finding] = check(&events, Timestamp::UNIX_EPOCH).try_into().unwrap();
        assert!(!finding.is_fault(), "it may be over");
        assert_eq!((finding.about.as_str(), finding.found.starts_with("2 min ago")), ("edge1", true));
        assert!(finding.state.remedy().unwrap().contains("the right to watch nodes:"));
    }
}
