//! The HTTP front for names: an HTTP/1.1 server that any client in any language reaches as its proxy or by `Host`.
//!
//! Each request is picked an endpoint of its own, whatever connection it came over; connections to endpoints are kept for
//! the next request. Bodies stream through in both directions and are never held.
mod authority;
mod body;
mod exchange;
mod forward;
mod headers;
mod heard;
mod line;
pub(crate) mod pool;
mod refusal;
mod server;
mod target;
mod tunnel;
mod upload;

use std::{net::IpAddr, sync::Arc, time::Duration};

use dayu_core::{balance, directory::Directory, name::Device};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{dial, stats::Stats, verdict::Talk};
use body::Answer;
use refusal::Refusal;
pub(crate) use server::serve;
use target::Meant;

/// The port of the front, on the address of each device.
pub(crate) const PORT: u16 = 10552;

/// Everything a request needs.
pub(crate) struct Front {
    pub(crate) directory: Arc<Directory>,
    pub(crate) own: Device,
    pub(crate) requests: dial::Requests,
    pub(crate) tunnels: dial::Bytes,
    pub(crate) straight: dial::Straight,
    pub(crate) pool: Arc<pool::Pool>,
    pub(crate) stats: Arc<Stats>,
    /// A tunnel through which nothing flows for so long is cut.
    pub(crate) idle: Duration,
    /// Connections and tunnels.
    pub(crate) carried: TaskTracker,
    /// Cancelled when the mesh is told to end: a connection ends after the request that it carries.
    pub(crate) ending: CancellationToken,
    /// Cancelled when the mesh ends: what it serves ends with it.
    pub(crate) closed: CancellationToken,
}

/// An answer, and what counts it as in flight.
pub(crate) type Answered = Response<Answer<Talk<()>>>;

impl Front {
    /// Answers one request of `client`.
    async fn handle(self: Arc<Self>, request: Request<Incoming>, client: Option<IpAddr>) -> Answered {
        match Box::pin(self.carry(request, client)).await {
            Ok(answer) => answer,
            Err(refusal) => {
                self.stats.refused(refusal.reason());
                refusal.answer()
            }
        }
    }

    async fn carry(&self, request: Request<Incoming>, client: Option<IpAddr>) -> Result<Answered, Refusal> {
        match authority::wanted(&request)
            .map_err(Refusal::from)
            .and_then(|wanted| target::meant(self, &request, &wanted))
        {
            Ok(Meant::Endpoint(endpoint)) => tunnel::to(self, request, endpoint).await,
            Ok(Meant::Service(ask)) => {
                let ask = balance::Request { client, ..ask };
                match *request.method() {
                    Method::CONNECT => tunnel::open(self, request, ask).await,
                    _ => forward::forward(self, request, ask).await,
                }
            }
            Err(refusal) => {
                upload::drain(request.into_body());
                Err(refusal)
            }
        }
    }
}
