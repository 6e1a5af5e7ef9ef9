//! Puts the parts together: what the source tells becomes directory, listeners, routes and events.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dayu_core::{
    balance::{self, DialLayer},
    directory::{Directory, Snapshot, Source},
    name::Device,
};
use futures::{StreamExt, future::OptionFuture};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{AbortOnDropHandle, TaskTracker},
};
use tower::Layer;

use crate::{
    Addresses, Error, Options, carry::Carrier, control::Control, dial, dns, feed::Feed, front, limits, listen,
    memory::Memory, retry::Retry, stats::Stats, status, way::Ways,
};

/// Changes taken at once: a burst becomes one round of work.
const BURST: usize = 256;
/// The port of the status API.
const STATUS: u16 = 10551;
/// Addresses that are asked for at once.
const ASKS: usize = 256;
/// Room for the status API, of which its only listener has half.
const STATUS_CONNECTIONS: usize = 512;

/// Runs until `shutdown`, or until an address that every mesh needs is taken.
pub(crate) async fn run(
    source: Box<dyn Source>,
    options: Options,
    stats: Arc<Stats>,
    announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let (directory, feed) = (Arc::new(Directory::new()), Arc::new(Feed::default()));
    let parts = Parts::new(&options, &directory, &feed, stats)?;
    let listeners = listen::Listeners::new(parts.gate.clone(), parts.carrier.clone().serve());
    let (asks, mut asked) = mpsc::channel(ASKS);
    let mut serving = Serving { asks, status: None, served: None };
    // Where it is known from the start, whoever asks learns what keeps the mesh from knowing its own device.
    if let Some(address) = options.status {
        serving.status = Some(parts.serve_status(&options, address)?);
    }
    let mut memory = Memory::of(&options);
    let recalled = match &mut memory {
        Some(memory) => memory.recall(&feed).await,
        None => None,
    };
    let changes = match recalled {
        Some(known) => source.changes_from(known),
        None => source.changes(),
    };
    let forgetting = CancellationToken::new();
    let following = memory.map(|memory| memory.follow(Arc::clone(&directory), Arc::clone(&feed), forgetting.clone()));
    let following = AbortOnDropHandle::new(tokio::spawn(OptionFuture::from(following)));
    let (mut changes, mut retry) = (changes.ready_chunks(BURST), Retry::default());
    let network = options.dns_network;
    let mut control = Control::new(Arc::clone(&directory), options.node.clone(), listeners, network, Arc::clone(&feed));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            burst = changes.next() => {
                let Some(burst) = burst else { return Ok(()) };
                control.take(burst).await;
                parts.pool.retain_known();
            }
            Some(ask) = asked.recv() => control.answer(ask).await,
            () = retry.due() => control.retry(),
        }
        let is_synced = directory.with(Snapshot::is_synced);
        let hindered = serving.settle(&parts, &options, &control).err();
        if let Some(error) = hindered.as_ref() {
            feed.hindered("serving", &error.to_string());
        }
        match hindered {
            // What was known may be over, such as the device's address.
            Some(error) if is_synced && serving.served.is_none() => return Err(error),
            hindered => retry.plan(hindered.is_some() || control.has_failures()),
        }
        if is_synced && announce.borrow().is_none() {
            announce.send_replace(serving.served.as_ref().map(|served| served.addresses));
        }
    }
    control.refuse().await;
    forgetting.cancel();
    if let Some(served) = &mut serving.served {
        served.names = None;
        served.front.abort();
        let _ = (&mut served.front).await;
    }
    parts.drain(options.patience()).await;
    let _ = following.await;
    Ok(())
}

/// Everything that serves, before it does.
struct Parts {
    gate: listen::Gate,
    carrier: Carrier,
    front: Arc<front::Front>,
    pool: Arc<front::pool::Pool>,
    status: Arc<status::Status>,
    /// Everything that is being carried.
    carried: TaskTracker,
    ending: CancellationToken,
    _closed: DropGuard,
}

/// What serves as long as it is held.
struct Serving {
    asks: mpsc::Sender<dns::Ask>,
    status: Option<(SocketAddr, AbortOnDropHandle<()>)>,
    served: Option<Served>,
}

/// What serves where the device is.
struct Served {
    own: IpAddr,
    addresses: Addresses,
    front: AbortOnDropHandle<()>,
    names: Option<AbortOnDropHandle<()>>,
}

impl Serving {
    /// Serves where the device is, once that is known, and again where it is another place than before.
    fn settle(&mut self, parts: &Parts, options: &Options, control: &Control) -> Result<(), Error> {
        let Some(own) = control.address() else { return Ok(()) };
        if self.served.as_ref().is_some_and(|served| served.own == own) {
            return Ok(());
        }
        if self.served.is_none() {
            control.sweep();
        }
        let status = match &self.status {
            Some((address, _)) => *address,
            None => self.status.insert(parts.serve_status(options, status_of(own))?).0,
        };
        let (front, task) = parts.serve_front(options, own)?;
        let addresses = Addresses { status, front };
        tracing::info!(device = %options.node, status = %addresses.status, front = %addresses.front, "serving");
        // Names are at the same address as before.
        drop(self.served.take());
        let names = options.dns.map(|address| parts.names(options, address, own, self.asks.clone()));
        self.served = Some(Served { own, addresses, front: task, names });
        Ok(())
    }
}

impl Parts {
    fn new(options: &Options, directory: &Arc<Directory>, feed: &Arc<Feed>, stats: Arc<Stats>) -> Result<Self, Error> {
        let policy = dial::Chosen::named(&options.policy)?;
        let tuned = balance::Options { seed: balance::Seed::new(rand::random()), ..balance::Options::default() };
        let (own, directory) = (options.node.clone(), Arc::clone(directory));
        let pool = Arc::new(front::pool::Pool::default());
        let ways = Ways::new(directory.clone(), own.clone());
        let fresh = dial::Fresh(ways.clone());
        let straight = DialLayer::new(tuned.deadline, tuned.origin, tuned.success).layer(fresh.clone());
        let tunnels = balance::stack(directory.clone(), policy.clone(), fresh, tuned.clone());
        let warm = dial::Warm { pool: pool.clone(), ways };
        let answering = balance::Options { success: balance::Success::Answer, ..tuned.clone() };
        let requests = balance::stack(directory.clone(), policy.clone(), warm, answering);
        let explain = status::Explain { policy, seed: tuned.seed, origin: tuned.origin };
        let status = status::Status::new(directory.clone(), own.clone(), Arc::clone(feed), stats.clone(), explain);
        let (carried, idle, counted) = (TaskTracker::new(), options.idle(), stats.clone());
        let carrier =
            Carrier { stack: tunnels.clone(), own: own.clone(), stats: stats.clone(), carried: carried.clone(), idle };
        let (closed, ending) = (CancellationToken::new(), CancellationToken::new());
        let front = front::Front {
            directory,
            own,
            requests,
            tunnels,
            straight,
            pool: pool.clone(),
            stats,
            idle,
            carried: carried.clone(),
            ending: ending.clone(),
            closed: closed.clone(),
        };
        let gate = listen::Gate::new(options.connections.unwrap_or_else(limits::connections), counted);
        let (front, status) = (Arc::new(front), Arc::new(status));
        Ok(Self { gate, carrier, front, pool, status, carried, ending, _closed: closed.drop_guard() })
    }

    /// Binds the status API and serves it.
    fn serve_status(
        &self,
        options: &Options,
        address: SocketAddr,
    ) -> Result<(SocketAddr, AbortOnDropHandle<()>), Error> {
        let (listener, address) = bind("the status API", &options.node, address)?;
        // Whoever asks how a full mesh is must get an answer.
        let door =
            listen::Gate::new(STATUS_CONNECTIONS, Arc::clone(&self.status.stats)).door("the status API".to_owned());
        let task = tokio::spawn(status::serve(listener, door, Arc::clone(&self.status).router()));
        Ok((address, AbortOnDropHandle::new(task)))
    }

    /// Binds the front and serves it.
    fn serve_front(&self, options: &Options, own: IpAddr) -> Result<(SocketAddr, AbortOnDropHandle<()>), Error> {
        let (listener, address) = bind("the HTTP front", &options.node, SocketAddr::new(own, front::PORT))?;
        let door = self.gate.door("the HTTP front".to_owned());
        let task = tokio::spawn(front::serve(listener, door, Arc::clone(&self.front)));
        Ok((address, AbortOnDropHandle::new(task)))
    }

    fn names(
        &self,
        options: &Options,
        address: SocketAddr,
        own: IpAddr,
        asks: mpsc::Sender<dns::Ask>,
    ) -> AbortOnDropHandle<()> {
        let servers = options.dns_upstream.clone();
        let names =
            dns::Names::new(Arc::clone(&self.front.directory), asks, servers, address, Arc::clone(&self.status.stats));
        let place = dns::Place { address, network: options.dns_network, own };
        let door = self.gate.door("names".to_owned());
        AbortOnDropHandle::new(tokio::spawn(dns::serve(Arc::new(names), place, door, Arc::clone(&self.status.feed))))
    }

    /// Lets what is being carried come to its end; what has not after `patience` is cut when this is dropped.
    async fn drain(self, patience: Duration) {
        self.ending.cancel();
        self.carried.close();
        if tokio::time::timeout(patience, self.carried.wait()).await.is_err() {
            tracing::info!(connections = self.carried.len(), "connections did not end by themselves and are cut");
        }
    }
}

/// Where the status API of a device with this address is, unless it is said.
fn status_of(own: IpAddr) -> SocketAddr {
    SocketAddr::new(if own.is_loopback() { own } else { Ipv4Addr::LOCALHOST.into() }, STATUS)
}

fn bind(what: &'static str, device: &Device, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = listen::bind(address, listen::Sharing::Exclusive).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| Error::Bind { what, device: device.clone(), address, source })
}
