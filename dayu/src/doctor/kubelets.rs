//! Whom pods ask for names: what the kubelets of devices tell them.
use std::{collections::BTreeMap, net::IpAddr};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use kube::{Client, ResourceExt};
use serde::Deserialize;
use tokio::time::timeout;

use super::facts::PATIENCE;

/// Kubelets that are asked at once.
const AT_ONCE: usize = 16;

/// The part of a kubelet's configuration that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    kubeletconfig: Names,
}

/// What a kubelet tells pods of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Names {
    #[serde(rename = "clusterDNS")]
    pub(crate) servers: Vec<IpAddr>,
    #[serde(rename = "clusterDomain")]
    pub(crate) domain: String,
}

/// Those of `nodes` whose kubelet answers; many do so to administrators only.
pub(crate) async fn names(client: &Client, nodes: &[Node]) -> BTreeMap<String, Names> {
    let asked = nodes.iter().map(|node| async {
        let name = node.name_any();
        let request = http::Request::get(format!("/api/v1/nodes/{name}/proxy/configz")).body(Vec::new()).ok()?;
        let answer = timeout(PATIENCE, client.request::<Configuration>(request)).await.ok()?.ok()?;
        Some((name, answer.kubeletconfig))
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(async |answer| answer).collect().await
}
