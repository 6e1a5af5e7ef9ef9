//! Connectors: what the balance stack calls once it has picked an endpoint.
use std::{
    io,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use dayu_core::{
    balance::{Dial, Request, Stack, policy::BuiltIn},
    directory::Endpoint,
    name::{Device, ServiceKey},
};
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tower::Service;

use crate::{
    front::pool::{self, Pool, Sender},
    listen::binding::Reach,
    way::Ways,
};

/// The stack that picks and makes a connection for bytes.
pub(crate) type Bytes = Stack<BuiltIn, Fresh>;
/// The end of it: connects to an endpoint that is given.
pub(crate) type Straight = Dial<Fresh>;
/// The stack that picks and finds or makes a connection for an HTTP request.
pub(crate) type Requests = Stack<BuiltIn, Warm>;

/// What is asked of the balance stack by those who mean `reach`.
pub(crate) fn request(service: ServiceKey, port: u16, reach: &Reach, own: &Device, client: Option<IpAddr>) -> Request {
    let request = Request::to(service, port);
    let request = match reach {
        Reach::Device => request.on(own.clone()),
        Reach::On(device) => request.on(device.clone()),
        Reach::Cluster => request.preferring(own.clone(), None),
        Reach::Route => request,
    };
    Request { client, ..request }
}

/// Makes a new connection every time.
#[derive(Clone, Debug)]
pub(crate) struct Fresh(pub(crate) Ways);

impl Service<Endpoint> for Fresh {
    type Response = TcpStream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TcpStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let ways = self.0.clone();
        Box::pin(async move { ways.connect(&endpoint).await })
    }
}

/// Takes an idle connection where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Warm {
    pub(crate) pool: Arc<Pool>,
    pub(crate) ways: Ways,
}

/// A connection for one request.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) sender: Sender,
    /// It was idle before: its endpoint may have closed it at the same moment.
    pub(crate) reused: bool,
}

impl Service<Endpoint> for Warm {
    type Response = Reached;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Reached>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let (idle, ways) = (self.pool.take(&endpoint.load), self.ways.clone());
        Box::pin(async move {
            Ok(match idle {
                Some(sender) => Reached { sender, reused: true },
                None => Reached { sender: pool::open(ways.connect(&endpoint).await?).await?, reused: false },
            })
        })
    }
}
