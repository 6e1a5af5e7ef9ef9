//! Asking a mesh's status API: one GET over one connection.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Node;
use tokio::net::TcpStream;

/// The port of every mesh's status and directory API.
const STATUS: u16 = 10551;
/// Longest wait for a whole answer.
const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The address by which the others reach a device.
pub(crate) fn device(node: &Node) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()
}

/// Whether an address is one of this machine's: only then can it be bound.
pub(crate) fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Where the mesh of the device with this address says how it is, where this machine is or plays that device: on its
/// loopback.
pub(crate) fn beside(device: IpAddr) -> Option<SocketAddr> {
    let loopback = if device.is_loopback() { device } else { Ipv4Addr::LOCALHOST.into() };
    is_here(device).then_some(SocketAddr::new(loopback, STATUS))
}

/// The same from wherever this is: a device that is elsewhere may have been told to listen for others.
pub(crate) fn anywhere(device: IpAddr) -> SocketAddr {
    beside(device).unwrap_or(SocketAddr::new(device, STATUS))
}

/// What a mesh answered.
pub(crate) struct Answer {
    /// Whether the status says that it went well.
    pub(crate) good: bool,
    pub(crate) body: Bytes,
}

/// Gets `path`; an error is told in a sentence.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Answer, String> {
    let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, exchange(address, path)).await.map_err(late)?
}

async fn exchange(address: SocketAddr, path: &str) -> Result<Answer, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
    let _driver = tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|error| error.to_string())?);
    // While it is there, a request that is handed over as the connection ends may wait in between for ever.
    drop(sender);
    let response = answer.await.map_err(|error| error.to_string())?;
    let good = response.status().is_success();
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.map_err(|error| error.to_string())?;
    Ok(Answer { good, body: body.to_bytes() })
}
