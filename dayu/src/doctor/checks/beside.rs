//! Nothing else does the layer's work beside it: kube-proxy, another mesh, another global manager.
use std::collections::BTreeSet;

use dayu_core::api::label;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;

use super::daemons::is_ours;
use crate::doctor::finding::Finding;

const CHECK: &str = "beside";

pub(super) fn check(pods: &[Pod], services: &[Service]) -> Vec<Finding> {
    let foreign = || pods.iter().filter(|pod| !is_ours(pod));
    let mut findings = Vec::new();
    for manager in foreign().filter(|pod| has(pod, "sedna", "gm")) {
        let found = "another global manager writes the same children and the same status";
        let remedy = format!("let one of the two go: scale the Deployment of this pod in {} to 0", namespace(manager));
        findings.push(Finding::fault(CHECK, name(manager), found, remedy));
    }
    for agent in foreign().filter(|pod| is_agent(pod)) {
        let found = format!("another mesh takes the same addresses on {}", device(agent));
        let remedy = "delete its DaemonSet and start the device anew: its rules in iptables outlive it";
        findings.push(Finding::fault(CHECK, name(agent), found, remedy));
    }
    findings.extend(proxied(pods, services));
    findings.extend(given_away(services));
    if findings.is_empty() {
        findings.push(Finding::good(CHECK, "cluster", "nothing else answers for our services"));
    }
    findings
}

/// Whether a pod is somebody else's mesh.
pub(super) fn is_agent(pod: &Pod) -> bool {
    !is_ours(pod) && has(pod, "kubeedge", "edgemesh-agent")
}

/// kube-proxy answers for Services that do not carry the label, wherever it runs, with any of their endpoints.
fn proxied(pods: &[Pod], services: &[Service]) -> Option<Finding> {
    let proxies = pods.iter().filter(|pod| has(pod, "k8s-app", "kube-proxy"));
    let devices: BTreeSet<&str> = proxies.map(device).filter(|device| !device.is_empty()).collect();
    let open = services.iter().filter(|service| {
        let labels = service.labels();
        labels.contains_key(label::MESH_MANAGED) && !labels.contains_key(label::SERVICE_PROXY_NAME)
    });
    let open = open.count();
    if devices.is_empty() || open == 0 {
        return None;
    }
    let list = devices.into_iter().collect::<Vec<_>>().join(", ");
    let found = format!("answers for {open} of our Services on {list}, before the mesh there can");
    let remedy = format!(
        "keep it away from devices (node affinity of its DaemonSet), or `kubectl label service NAME {}=`, with no value",
        label::SERVICE_PROXY_NAME
    );
    Some(Finding::warning(CHECK, "kube-proxy", found, remedy))
}

/// Services of ours that name a proxy are left to that one, by the meshes as well.
fn given_away(services: &[Service]) -> impl Iterator<Item = Finding> {
    services.iter().filter(|service| service.labels().contains_key(label::MESH_MANAGED)).filter_map(|service| {
        let proxy = service.labels().get(label::SERVICE_PROXY_NAME).filter(|proxy| !proxy.is_empty())?;
        let about = format!("service/{} in {}", service.name_any(), service.namespace().unwrap_or_default());
        let found = format!("is left to the proxy {proxy:?}, so no mesh answers for it");
        let remedy = format!("`kubectl label --overwrite service NAME {}=`, with no value", label::SERVICE_PROXY_NAME);
        Some(Finding::fault(CHECK, about, found, remedy))
    })
}

fn has(pod: &Pod, label: &str, value: &str) -> bool {
    pod.labels().get(label).is_some_and(|is| is == value)
}

fn name(pod: &Pod) -> String {
    format!("{}/{}", namespace(pod), pod.name_any())
}

fn namespace(pod: &Pod) -> String {
    pod.namespace().unwrap_or_default()
}

pub(super) fn device(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(namespace: &str, labels: Value) -> Pod {
        let metadata = json!({"name": "p", "namespace": namespace, "labels": labels});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"nodeName": "edge1", "containers": []}})).unwrap()
    }

    fn service(labels: Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": "s", "labels": labels}})).unwrap()
    }

    #[test]
    fn our_own_pods_are_no_strangers() {
        let ours = json!({"app.kubernetes.io/name": "dayu", "kubeedge": "edgemesh-agent", "sedna": "gm"});
        assert_eq!(check(&[pod("dayu-system", ours)], &[])[0].state.word(), "ok");
    }

    #[test]
    fn another_manager_and_another_mesh_are_faults() {
        let pods = [pod("sedna", json!({"sedna": "gm"})), pod("kubeedge", json!({"kubeedge": "edgemesh-agent"}))];
        let findings = check(&pods, &[]);
        assert_eq!(findings.iter().filter(|finding| finding.is_fault()).count(), 2, "{findings:?}");
        assert!(findings[1].found.contains("edge1") && findings[1].state.remedy().unwrap().contains("iptables"));
    }

    #[test]
    fn a_proxy_matters_where_a_service_of_ours_is_left_to_it() {
        let proxy = [pod("kube-system", json!({"k8s-app": "kube-proxy"}))];
        let open = service(json!({"dayu.io/mesh-managed": "true"}));
        let labelled =
            |proxy| service(json!({"dayu.io/mesh-managed": "true", "service.kubernetes.io/service-proxy-name": proxy}));
        assert_eq!(check(&proxy, &[labelled("")])[0].state.word(), "ok");
        let findings = check(&proxy, &[open]);
        assert_eq!(findings[0].state.word(), "warning");
        assert!(findings[0].found.contains("1 of our Services on edge1"), "{findings:?}");
        // What is said to help must not keep the mesh away as well.
        assert!(findings[0].state.remedy().unwrap().contains("service-proxy-name=`, with no value"), "{findings:?}");
        let findings = check(&proxy, &[labelled("dayu")]);
        assert!(findings[0].is_fault() && findings[0].found.contains("\"dayu\", so no mesh"), "{findings:?}");
    }
}
