//! The way to an endpoint: straight to its address, or through the mesh of its device where its address may lead elsewhere.
//!
//! Where each device numbers its pods by itself, pods of two devices may have one address, and who connects to it reaches
//! whichever is nearer. The mesh of the device that is meant knows which it is there.
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use dayu_core::{
    directory::{Directory, Endpoint},
    name::Device,
};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{front, relay::Opening, silence};

/// Bytes of what another mesh may say before the endpoint does.
const HEAD: usize = 4 * 1024;

/// What the ways from this device follow from.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    directory: Arc<Directory>,
    own: Device,
}

impl Ways {
    pub(crate) fn new(directory: Arc<Directory>, own: Device) -> Self {
        Self { directory, own }
    }

    /// Connects to `endpoint`, and to no other that has its address.
    pub(crate) async fn connect(&self, endpoint: &Endpoint) -> io::Result<TcpStream> {
        let stream = if self.leads_to(endpoint) {
            TcpStream::connect(endpoint.address).await?
        } else {
            let mesh = self.mesh_of(&endpoint.device);
            let through = async { through(mesh?, endpoint.address).await };
            through.await.map_err(|error| roundabout(endpoint, &error))?
        };
        stream.set_nodelay(true)?;
        silence::ask_after(&stream)?;
        Ok(stream)
    }

    /// Whether the address of `endpoint` is its alone, as seen from this device.
    fn leads_to(&self, endpoint: &Endpoint) -> bool {
        endpoint.device == self.own || !self.directory.with(|snapshot| snapshot.is_shared(endpoint.address.ip()))
    }

    fn mesh_of(&self, device: &Device) -> io::Result<SocketAddr> {
        let first = |address: &IpAddr| SocketAddr::new(*address, front::PORT);
        let found = self.directory.with(|snapshot| snapshot.device(device.as_str())?.addresses.first().map(first));
        found.ok_or_else(|| io::Error::other("its address is not known"))
    }
}

/// Has the mesh at `mesh` connect to an endpoint of its device.
async fn through(mesh: SocketAddr, endpoint: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(mesh).await?;
    stream.write_all(format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what comes after it is the endpoint's.
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        head.push(stream.read_u8().await?);
    }
    match Opening::of(&head).status() {
        Some(StatusCode::OK) => Ok(stream),
        _ => Err(io::Error::other(String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned())),
    }
}

fn roundabout(endpoint: &Endpoint, error: &io::Error) -> io::Error {
    let (address, device) = (endpoint.address.ip(), &endpoint.device);
    let why = format!("other devices have {address} as well, and the mesh of {device} does not lead there: {error}");
    io::Error::new(error.kind(), why)
}
