//! The clock of each device agrees with this machine's: certificates and tokens are judged by it.
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::ResourceExt;

use crate::doctor::finding::Finding;

const CHECK: &str = "clock";
/// A node that is ready has renewed its Lease within the 50 s that it is given, and 5 until that is looked at.
const BEHIND: SignedDuration = SignedDuration::from_secs(90);
/// What is written cannot be of later than now, but for what clocks that follow one source differ.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// Nodes that are not ready are another check's matter: their Leases are old because nobody renews them.
pub(super) fn check(nodes: &[Node], heartbeats: &[Lease], now: Timestamp) -> Vec<Finding> {
    let beat = |node: &Node| heartbeats.iter().find(|lease| lease.name_any() == node.name_any());
    nodes.iter().filter(|node| is_ready(node)).filter_map(|node| one(&node.name_any(), beat(node)?, now)).collect()
}

fn one(device: &str, heartbeat: &Lease, now: Timestamp) -> Option<Finding> {
    let age = now.duration_since(heartbeat.spec.as_ref()?.renew_time.as_ref()?.0);
    let how = match age {
        age if age > BEHIND => "behind",
        age if age < -AHEAD => "ahead of",
        _ => return None,
    };
    let found = format!("is some {} s {how} this machine's", age.abs().as_secs());
    let remedy = "let both follow the same time source (NTP): outside their dates, certificates and tokens are refused";
    Some(Finding::warning(CHECK, device, found, remedy))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(ready: &str, renewed: &str) -> Vec<Finding> {
        let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
        let node = serde_json::from_value(json!({"metadata": {"name": "edge1"}, "status": status})).unwrap();
        let lease = json!({"metadata": {"name": "edge1"}, "spec": {"renewTime": renewed}});
        check(&[node], &[serde_json::from_value(lease).unwrap()], "2026-01-01T00:05:00Z".parse().unwrap())
    }

    #[test]
    fn one_that_renews_within_its_term_is_well() {
        for renewed in ["2026-01-01T00:04:05.000000Z", "2026-01-01T00:05:03.000000Z"] {
            assert_eq!(found("True", renewed), []);
        }
    }

    #[test]
    fn how_far_a_clock_is_off_is_told_with_the_direction() {
        let behind = found("True", "2026-01-01T00:00:00.000000Z");
        assert!(behind[0].found.contains("300 s behind") && behind[0].state.word() == "warning", "{behind:?}");
        let ahead = found("True", "2026-01-01T00:06:00.000000Z");
        assert!(ahead[0].found.contains("60 s ahead of") && ahead[0].about == "edge1", "{ahead:?}");
    }

    #[test]
    fn of_one_that_is_away_nothing_is_known() {
        assert_eq!(found("Unknown", "2026-01-01T00:00:00.000000Z"), []);
    }
}
