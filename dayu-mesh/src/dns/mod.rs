//! Names for programs that know nothing of the mesh: a name server on the device, for its pods.
//!
//! `<service>.<namespace>.svc` is the Service's own address, `<device>.<service>.<namespace>.svc` one that means that Service
//! on that device, for all its ports. Both are addresses on which the mesh listens. Pods, ports, aliases and addresses have the names
//! that Kubernetes' own name servers give them. What is not the cluster's is asked of others.
mod message;
mod server;
mod upstream;
mod zone;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use dayu_core::{
    directory::Directory,
    name::{Device, ServiceKey},
};
use domain::base::iana::Rcode;
use tokio::sync::{Semaphore, mpsc, oneshot};

use message::{Query, Said};
pub(crate) use server::{Place, serve};
use upstream::Upstream;
use zone::{Fact, Meaning};

use crate::stats::Stats;

/// Where the system's name servers are listed.
const RESOLVERS: &str = "/etc/resolv.conf";
/// Queries at once that others are asked.
const FORWARDED: usize = 256;
/// So often one name may stand for the next; more is a circle.
const ALIASES: usize = 8;

/// How a query came, and is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Datagram,
    Stream,
}

/// Asks for the address that stands for a Service on one device. It is answered once the mesh listens there.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) service: ServiceKey,
    pub(crate) device: Device,
    /// None where the mesh cannot listen for it.
    pub(crate) answer: oneshot::Sender<Option<IpAddr>>,
}

/// What answers queries.
pub(crate) struct Names {
    directory: Arc<Directory>,
    asks: mpsc::Sender<Ask>,
    upstream: Upstream,
    room: Semaphore,
    stats: Arc<Stats>,
}

impl Names {
    /// Names of `directory`, which is listened for by who takes `asks`; others are asked of `servers`, or of those that the
    /// system asks. `own` is where this is served.
    pub(crate) fn new(
        directory: Arc<Directory>,
        asks: mpsc::Sender<Ask>,
        servers: Vec<SocketAddr>,
        own: SocketAddr,
        stats: Arc<Stats>,
    ) -> Self {
        let upstream = if servers.is_empty() {
            Upstream::listed_in(Path::new(RESOLVERS), own.ip())
        } else {
            // Asking oneself has no end.
            Upstream::new(servers.into_iter().filter(|server| *server != own).collect())
        };
        Self { directory, asks, upstream, room: Semaphore::new(FORWARDED), stats }
    }

    /// The answer to what may be a query; none to what is not.
    async fn answer(&self, message: &[u8], way: Way) -> Option<Vec<u8>> {
        let query = Query::read(message)?;
        let (aliases, meaning) = self.follow(&query.name);
        if aliases.is_empty()
            && meaning == Meaning::Elsewhere
            && let Some(answer) = self.forward(message, way).await
        {
            self.stats.asked("forwarded");
            return Some(answer);
        }
        let said = self.say(&query, aliases, meaning, way).await;
        self.stats.asked(match said.code {
            Rcode::NOERROR => "told",
            Rcode::NXDOMAIN => "unknown",
            _ => "failed",
        });
        query.answer(&said, if way == Way::Datagram { message::DATAGRAM } else { message::STREAM })
    }

    /// The names that `name` stands for, each for the one before it, and what the last means.
    fn follow(&self, name: &str) -> (Vec<String>, Meaning) {
        self.directory.with(|snapshot| {
            let mut aliases: Vec<String> = Vec::new();
            loop {
                match zone::meaning(snapshot, aliases.last().map_or(name, String::as_str)) {
                    Meaning::Alias(next) if aliases.len() < ALIASES => aliases.push(next),
                    meaning => return (aliases, meaning),
                }
            }
        })
    }

    async fn say(&self, query: &Query<'_>, aliases: Vec<String>, meaning: Meaning, way: Way) -> Said {
        let mut said = Said { code: Rcode::NOERROR, aliases, facts: Vec::new(), others: None };
        match meaning {
            Meaning::Told(facts) => said.facts = facts,
            Meaning::On(service, device) => match self.address(service, device).await {
                Some(address) => said.facts.push(Fact::Address(address)),
                None => said.code = Rcode::SERVFAIL,
            },
            Meaning::Elsewhere => {
                let asked = said.aliases.last().and_then(|name| query.about(name, rand::random()));
                said.others = match asked {
                    Some(asked) => self.forward(&asked, way).await,
                    None => None,
                };
                said.code = said.others.as_deref().and_then(message::code).unwrap_or(Rcode::SERVFAIL);
            }
            Meaning::Nothing => said.code = Rcode::NXDOMAIN,
            Meaning::NotYet | Meaning::Alias(_) => said.code = Rcode::SERVFAIL,
        }
        said
    }

    async fn address(&self, service: ServiceKey, device: Device) -> Option<IpAddr> {
        let (answer, answered) = oneshot::channel();
        // Who is too busy to take it will not listen soon.
        self.asks.try_send(Ask { service, device, answer }).ok()?;
        answered.await.ok().flatten()
    }

    async fn forward(&self, message: &[u8], way: Way) -> Option<Vec<u8>> {
        let _room = self.room.try_acquire().ok()?;
        self.upstream.ask(message, way).await
    }
}
