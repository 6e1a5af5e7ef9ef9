//! Pods ask the mesh of their device for names.
use std::{collections::BTreeMap, net::SocketAddr};

use k8s_openapi::api::core::v1::Pod;

use super::daemons::is_ours;
use crate::doctor::{finding::Finding, kubelets::Names};

const CHECK: &str = "names";
const DOMAIN: &str = "cluster.local";

/// Nothing of a device on which no mesh answers for names, or whose kubelet could not be asked.
pub(super) fn check(pods: &[Pod], kubelets: &BTreeMap<String, Names>) -> Vec<Finding> {
    let meshes = pods.iter().filter(|pod| is_ours(pod)).filter_map(|pod| {
        let spec = pod.spec.as_ref()?;
        let arguments = spec.containers.iter().flat_map(|container| container.args.iter().flatten());
        let address: SocketAddr =
            arguments.filter_map(|argument| argument.strip_prefix("--dns=")).next()?.parse().ok()?;
        Some((spec.node_name.as_deref()?, address))
    });
    meshes.filter_map(|(device, mesh)| Some(one(device, mesh, kubelets.get(device)?))).collect()
}

fn one(device: &str, mesh: SocketAddr, kubelet: &Names) -> Finding {
    let remedy = format!(
        "let the configuration of its kubelet (KubeEdge: edgecore) say `clusterDNS: [{}]` and `clusterDomain: {DOMAIN}`, and start it anew",
        mesh.ip()
    );
    if kubelet.servers.first() != Some(&mesh.ip()) {
        let servers: Vec<_> = kubelet.servers.iter().map(ToString::to_string).collect();
        let whom = if servers.is_empty() { "nobody".to_owned() } else { servers.join(", ") };
        let found = format!("its pods ask {whom} for names, and not the mesh at {}", mesh.ip());
        return Finding::warning(CHECK, device, found, remedy);
    }
    if kubelet.domain.trim_end_matches('.') != DOMAIN {
        let found =
            format!("its pods take {:?} for the cluster's domain, in which the mesh knows no names", kubelet.domain);
        return Finding::warning(CHECK, device, found, remedy);
    }
    Finding::good(CHECK, device, "its pods ask the mesh for names")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(servers: &[&str], domain: &str) -> Finding {
        let labels = json!({"app.kubernetes.io/name": "dayu"});
        let mesh = json!({
            "metadata": {"name": "m", "namespace": "dayu-system", "labels": labels},
            "spec": {"nodeName": "edge1", "containers": [{"name": "mesh", "args": ["mesh", "--dns=169.254.96.16:53"]}]},
        });
        let servers = servers.iter().map(|server| server.parse().unwrap()).collect();
        let kubelets = BTreeMap::from([("edge1".to_owned(), Names { servers, domain: domain.to_owned() })]);
        let findings = check(&[serde_json::from_value(mesh).unwrap()], &kubelets);
        findings.into_iter().next().unwrap()
    }

    #[test]
    fn pods_that_ask_somebody_else_are_told_with_the_setting() {
        assert_eq!(found(&["169.254.96.16"], "cluster.local").state.word(), "ok");
        for (servers, whom) in [(&["10.96.0.10", "169.254.96.16"][..], "10.96.0.10"), (&[], "nobody")] {
            let finding = found(servers, "cluster.local");
            assert!(finding.state.word() == "warning" && finding.found.contains(whom), "{finding:?}");
            assert!(finding.state.remedy().unwrap().contains("`clusterDNS: [169.254.96.16]`"), "{finding:?}");
        }
        let finding = found(&["169.254.96.16"], "example.org");
        assert!(finding.state.word() == "warning" && finding.found.contains("example.org"), "{finding:?}");
    }
}
