//! One global manager leads, and devices can reach it.
use std::net::{IpAddr, SocketAddr};

use dayu_core::{
    api::{NAMESPACE, annotation::LINK_ADDRESS},
    link::MANAGER_LEASE,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::ResourceExt;

use crate::{doctor::finding::Finding, mesh_api};

const CHECK: &str = "manager";
const START: &str = "start one with `dayu gm`, or look at its pods: `kubectl -n dayu-system get pods`";

pub(super) fn check(
    leases: &[Lease],
    nodes: &[Node],
    link: Option<&Result<(), String>>,
    now: Timestamp,
) -> Vec<Finding> {
    let Some(lease) = leases.iter().find(|lease| lease.name_any() == MANAGER_LEASE) else {
        let found = format!("no global manager has led yet: there is no Lease {NAMESPACE}/{MANAGER_LEASE}");
        return vec![Finding::fault(CHECK, MANAGER_LEASE, found, START)];
    };
    let mut findings = vec![leader(lease, now)];
    findings.push(reachable(lease, nodes, link));
    findings
}

fn leader(lease: &Lease, now: Timestamp) -> Finding {
    let spec = lease.spec.clone().unwrap_or_default();
    let Some(holder) = spec.holder_identity.filter(|holder| !holder.is_empty()) else {
        return Finding::fault(CHECK, MANAGER_LEASE, "the last one ended and none leads", START);
    };
    let term = SignedDuration::from_secs(i64::from(spec.lease_duration_seconds.unwrap_or_default()));
    let Some(age) = spec.renew_time.map(|renewed| now.duration_since(renewed.0)) else {
        return Finding::fault(CHECK, MANAGER_LEASE, format!("{holder} has never renewed its Lease"), START);
    };
    if age > term {
        let found = format!("{holder} led, and has not been heard of for {} s", age.as_secs());
        return Finding::fault(CHECK, MANAGER_LEASE, found, START);
    }
    if age < -term {
        let found = format!("the clock of {holder} is {} s ahead of this machine's", age.abs().as_secs());
        let remedy = "let both follow the same time source (NTP): certificates and Leases are judged by the clock";
        return Finding::warning(CHECK, MANAGER_LEASE, found, remedy);
    }
    Finding::good(CHECK, MANAGER_LEASE, format!("{holder} leads"))
}

fn reachable(lease: &Lease, nodes: &[Node], link: Option<&Result<(), String>>) -> Finding {
    let Some(told) = lease.annotations().get(LINK_ADDRESS) else {
        let found = format!("the Lease has no annotation {LINK_ADDRESS}: another program holds it");
        return Finding::fault(CHECK, "link", found, "end what else uses the Lease dayu-system/dayu-gm");
    };
    let here = told.parse::<SocketAddr>().ok().map(|address| address.ip()).filter(IpAddr::is_loopback);
    let elsewhere = nodes.iter().find(|node| mesh_api::device(node).is_some_and(|address| !address.is_loopback()));
    if let (Some(_), Some(node)) = (here, elsewhere) {
        let found = format!("is at {told}, which {} takes for itself", node.name_any());
        let remedy =
            "start the global manager with --link-listen on an address that devices reach, or --link-advertise";
        return Finding::fault(CHECK, "link", found, remedy);
    }
    match link {
        Some(Err(problem)) => {
            let found = format!("{told} cannot be connected to from here: {problem}");
            Finding::warning(CHECK, "link", found, "is a firewall between? devices need the same way")
        }
        _ => Finding::good(CHECK, "link", format!("is at {told}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn lease(change: impl FnOnce(&mut Value)) -> Lease {
        let mut lease = json!({
            "metadata": {"name": "dayu-gm", "annotations": {"dayu.io/link-address": "192.0.2.1:9000"}},
            "spec": {"holderIdentity": "gm-0", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:50.000000Z"},
        });
        change(&mut lease);
        serde_json::from_value(lease).unwrap()
    }

    fn node(address: &str) -> Node {
        let status = json!({"addresses": [{"type": "InternalIP", "address": address}]});
        serde_json::from_value(json!({"metadata": {"name": "edge1"}, "status": status})).unwrap()
    }

    fn found(lease: Lease, nodes: &[Node], link: Option<&Result<(), String>>) -> Vec<Finding> {
        check(&[lease], nodes, link, NOW.parse().unwrap())
    }

    #[test]
    fn one_that_renews_and_can_be_reached_is_well() {
        let findings = found(lease(|_| {}), &[node("192.0.2.9")], Some(&Ok(())));
        assert_eq!(findings[0], Finding::good("manager", "dayu-gm", "gm-0 leads"));
        assert_eq!(findings[1], Finding::good("manager", "link", "is at 192.0.2.1:9000"));
    }

    #[test]
    fn none_a_silent_one_and_one_that_gave_up_are_faults() {
        assert!(check(&[], &[], None, NOW.parse().unwrap())[0].is_fault());
        let silent = found(lease(|lease| lease["spec"]["renewTime"] = json!("2026-01-01T00:00:10.000000Z")), &[], None);
        assert!(silent[0].is_fault() && silent[0].found.contains("for 50 s"), "{silent:?}");
        let given = found(lease(|lease| lease["spec"]["holderIdentity"] = json!("")), &[], None);
        assert!(given[0].is_fault() && given[0].found.contains("none leads"), "{given:?}");
    }

    #[test]
    fn clocks_that_differ_are_told() {
        let ahead = found(lease(|lease| lease["spec"]["renewTime"] = json!("2026-01-01T00:02:00.000000Z")), &[], None);
        assert!(!ahead[0].is_fault() && ahead[0].found.contains("60 s ahead"), "{ahead:?}");
    }

    #[test]
    fn a_loopback_address_serves_devices_of_this_machine_only() {
        let loopback = || lease(|l| l["metadata"]["annotations"]["dayu.io/link-address"] = json!("127.0.0.1:9000"));
        assert!(!found(loopback(), &[node("127.64.0.1")], Some(&Ok(())))[1].is_fault());
        let far = found(loopback(), &[node("192.0.2.9")], Some(&Ok(())));
        assert!(far[1].is_fault() && far[1].state.remedy().unwrap().contains("--link-advertise"), "{far:?}");
    }

    #[test]
    fn an_address_that_does_not_answer_or_is_not_told_is_named() {
        let findings = found(lease(|_| {}), &[], Some(&Err("refused".to_owned())));
        assert!(findings[1].found.contains("192.0.2.1:9000") && findings[1].state.word() == "warning");
        let foreign = found(lease(|lease| lease["metadata"]["annotations"] = json!({})), &[], None);
        assert!(foreign[1].is_fault());
    }
}
