//! Nothing that an earlier mesh left on this device takes connections away.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use super::beside;
use crate::doctor::finding::Finding;

const CHECK: &str = "beside";

/// Of the rules on `device`, counted by what removes them. An agent that runs there makes them anew, and is told itself.
pub(super) fn check(device: &str, rules: &BTreeMap<String, usize>, pods: &[Pod]) -> Option<Finding> {
    if pods.iter().any(|pod| beside::is_agent(pod) && beside::device(pod) == device) {
        return None;
    }
    let count: usize = rules.values().sum();
    let found = format!("rules of an earlier mesh ({count}) still take connections, and lead where nobody listens");
    let commands: Vec<_> = rules.keys().map(|command| format!("`{command}`")).collect();
    let remedy = format!("remove them: {}; or start the device anew", commands.join(", "));
    (count > 0).then(|| Finding::fault(CHECK, device, found, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_that_are_left_are_told_with_what_removes_them() {
        assert_eq!(check("edge1", &BTreeMap::new(), &[]), None);
        let rules = [("iptables-nft -t nat -F A".to_owned(), 2), ("iptables-nft -t nat -F B".to_owned(), 1)].into();
        let agent = json!({
            "metadata": {"name": "a", "labels": {"kubeedge": "edgemesh-agent"}},
            "spec": {"nodeName": "edge1", "containers": []},
        });
        assert_eq!(check("edge1", &rules, &[serde_json::from_value(agent).unwrap()]), None);
        let finding = check("edge1", &rules, &[]).unwrap();
        assert!(finding.is_fault() && finding.found.contains("(3)"), "{finding:?}");
        let remedy = finding.state.remedy().unwrap();
        assert!(remedy.contains("`iptables-nft -t nat -F A`, `iptables-nft -t nat -F B`"), "{remedy}");
    }
}
