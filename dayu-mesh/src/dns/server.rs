//! The sockets that queries come in by.
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::Ipv4Net;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    time::timeout,
};

use super::{Names, Way};
use crate::{
    feed::Feed,
    listen::{self, Door, Home, accept},
    retry::Retry,
};

/// Bytes of a query over UDP; a longer one is cut off and so is none.
const QUERY: usize = 1_232;
/// Queries at once over UDP; more are dropped, and asked again by who still wants to know.
const DATAGRAMS: usize = 1_024;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(10);
/// After an error of a socket, which may go on.
const BREATH: Duration = Duration::from_millis(5);

/// Where names are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// The addresses that stand for Services on one device.
    pub(crate) network: Ipv4Net,
    /// The device's own address.
    pub(crate) own: IpAddr,
}

/// Serves `names` for ever; tries again where it cannot listen at its place. `door` bounds the connections.
pub(crate) async fn serve(names: Arc<Names>, place: Place, door: Door, feed: Arc<Feed>) {
    let (mut retry, mut told) = (Retry::default(), false);
    let address = place.address;
    let (datagrams, streams, _homes) = loop {
        let error = match place.bind().await {
            Ok(bound) => break bound,
            Err(error) => format!("{error}; {}", remedy(&error)),
        };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("names cannot be served on {address}: {error}");
        }
        feed.names(Some((address, error)));
        retry.plan(true);
        retry.due().await;
    };
    feed.names(None);
    tracing::info!(%address, "names are served");
    let answering = {
        let names = Arc::clone(&names);
        accept(streams, door, move |stream, permit| {
            let names = Arc::clone(&names);
            tokio::spawn(async move {
                let _ = converse(&names, stream).await;
                drop(permit);
            });
        })
    };
    tokio::join!(answering, answer(names, Arc::new(datagrams)));
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another name server has it (`ss -lntup` says which): stop that; it is tried again",
        io::ErrorKind::PermissionDenied => {
            "an address of this machine's own needs CAP_NET_ADMIN, a port below 1024 CAP_NET_BIND_SERVICE"
        }
        _ => "it is tried again",
    }
}

impl Place {
    /// The sockets, and what makes their address and those of names the machine's.
    async fn bind(&self) -> io::Result<(UdpSocket, TcpListener, Vec<Home>)> {
        let mut homes = Vec::new();
        if !self.network.addr().is_loopback() {
            homes.push(Home::new(self.network.into(), self.own)?);
        }
        let datagrams = match UdpSocket::bind(self.address).await {
            // Where an interface has it, it stays as it is.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                homes.push(Home::new(self.address.ip().into(), self.own)?);
                UdpSocket::bind(self.address).await?
            }
            bound => bound?,
        };
        Ok((datagrams, listen::bind(self.address, listen::Sharing::Exclusive)?, homes))
    }
}

async fn answer(names: Arc<Names>, socket: Arc<UdpSocket>) {
    let room = Arc::new(Semaphore::new(DATAGRAMS));
    let mut buffer = [0; QUERY];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (names, socket, message) = (Arc::clone(&names), Arc::clone(&socket), buffer[..length].to_vec());
        tokio::spawn(async move {
            if let Some(answer) = names.answer(&message, Way::Datagram).await {
                let _ = socket.send_to(&answer, from).await;
            }
            drop(permit);
        });
    }
}

/// Queries over one connection, each behind its length.
async fn converse(names: &Names, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let message = timeout(SILENCE, async {
            let mut message = vec![0; stream.read_u16().await?.into()];
            stream.read_exact(&mut message).await?;
            io::Result::Ok(message)
        });
        let Some(answer) = names.answer(&message.await??, Way::Stream).await else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let answer = [&length.to_be_bytes(), answer.as_slice()].concat();
        timeout(SILENCE, stream.write_all(&answer)).await??;
    }
}
