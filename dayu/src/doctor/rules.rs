//! Rules of the kernel by which a mesh of EdgeMesh takes connections. They outlive its agent, and then lead where nobody listens.
use std::{collections::BTreeMap, time::Duration};

use tokio::{process::Command, time::timeout};

/// Where they lie, in both back ends of iptables.
const CHAINS: [&str; 4] =
    ["KUBE-PORTALS-CONTAINER", "KUBE-PORTALS-HOST", "KUBE-NODEPORT-CONTAINER", "KUBE-NODEPORT-HOST"];
/// Tables of the older back end that are in use: looking into another one would put it into use.
const OLDER: &str = "/proc/net/ip_tables_names";
/// Longest wait for a listing: it waits for whoever else changes rules, and thousands of them take a while.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many rules there are, by the command that removes them. None where they cannot be looked at.
pub(crate) async fn left() -> BTreeMap<String, usize> {
    let mut rules = saved("iptables-nft").await;
    if std::fs::read_to_string(OLDER).is_ok_and(|tables| tables.lines().any(|table| table == "nat")) {
        rules.extend(saved("iptables-legacy").await);
    }
    rules
}

async fn saved(program: &str) -> BTreeMap<String, usize> {
    let said = Command::new(format!("{program}-save")).args(["-t", "nat"]).kill_on_drop(true).output();
    let said = timeout(PATIENCE, said).await.ok().and_then(Result::ok);
    said.map(|said| counted(program, &String::from_utf8_lossy(&said.stdout))).unwrap_or_default()
}

fn counted(program: &str, saved: &str) -> BTreeMap<String, usize> {
    let mut rules = BTreeMap::new();
    for line in saved.lines() {
        let chain = line.strip_prefix("-A ").and_then(|rule| rule.split(' ').next());
        if let Some(chain) = chain.filter(|chain| CHAINS.contains(chain)) {
            *rules.entry(format!("{program} -t nat -F {chain}")).or_default() += 1;
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_that_lead_somewhere_count() {
        let saved = "*nat\n:KUBE-PORTALS-HOST - [0:0]\n:KUBE-NODEPORT-HOST - [0:0]\n\
            -A OUTPUT -m comment --comment \"handle ClusterIPs\" -j KUBE-PORTALS-HOST\n\
            -A KUBE-PORTALS-HOST -d 10.96.0.7/32 -p tcp --dport 90 -j DNAT --to-destination 169.254.96.16:37777\n\
            -A KUBE-PORTALS-HOST -d 10.96.0.8/32 -p tcp --dport 90 -j DNAT --to-destination 169.254.96.16:37778\n\
            -A KUBE-SERVICES -d 10.96.0.8/32 -j KUBE-SVC-X\nCOMMIT\n";
        assert_eq!(counted("iptables-nft", saved), [("iptables-nft -t nat -F KUBE-PORTALS-HOST".to_owned(), 2)].into());
    }
}
