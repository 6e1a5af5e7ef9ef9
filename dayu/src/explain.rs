//! `dayu explain`: where a request would go and why, in the words of the mesh that would route it.
use std::net::SocketAddr;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{cli::Explain, mesh_api, output};
use dayu_core::{
    api::lean::Lean,
    connect::{self, told},
};

/// Why nothing could be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error("cannot list the devices: {}", told(.0))]
    Devices(kube::Error),
    #[error("no device {0:?}; `dayu get nodes` lists them")]
    NoDevice(String),
    #[error("device {0} has no address yet; is its local manager running?")]
    NoAddress(String),
    #[error(
        "the mesh at {address} does not answer: {problem}; is `dayu mesh` running on that device? Unless its --status says otherwise it answers only there: ask there"
    )]
    Mesh { address: SocketAddr, problem: String },
    #[error("the mesh says: {0}")]
    Refused(String),
}

/// Asks the mesh of the caller's device and prints what it says.
pub(crate) async fn run(options: &Explain) -> Result<(), Error> {
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    let nodes = Api::<Lean<Node>>::all(client).list(&ListParams::default()).await.map_err(Error::Devices)?.items;
    let wanted = options.from.as_ref().or(options.device.as_ref());
    let node = match wanted {
        Some(name) => {
            nodes.iter().find(|node| node.name_any() == *name).ok_or_else(|| Error::NoDevice(name.clone()))?
        }
        None => nodes.first().ok_or_else(|| Error::NoDevice("any".to_owned()))?,
    };
    let address = mesh_api::device(node).ok_or_else(|| Error::NoAddress(node.name_any()))?;
    let text = ask(mesh_api::anywhere(address), &query(options)).await?;
    output::raw(&text);
    Ok(())
}

/// The request's path and query.
fn query(options: &Explain) -> String {
    let Explain { namespace, service, device, key, .. } = options;
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("format", "text").append_pair("service", &format!("{namespace}/{service}"));
    let port = options.port.map(|port| port.to_string());
    let client = options.client.map(|client| client.to_string());
    for (name, value) in [("port", &port), ("device", device), ("client", &client), ("key", key)] {
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
    format!("/v1/explain?{}", pairs.finish())
}

async fn ask(address: SocketAddr, query: &str) -> Result<String, Error> {
    let answer = mesh_api::get(address, query).await.map_err(|problem| Error::Mesh { address, problem })?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.good { Ok(text) } else { Err(Error::Refused(text.trim_end().to_owned())) }
}
