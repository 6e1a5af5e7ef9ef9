//! Puts the parts together: what the source tells becomes directory, listeners, routes and events.
mod serving;

use std::{sync::Arc, time::Duration};

use dayu_core::{
    balance::{self, DialLayer},
    directory::{Directory, Snapshot, Source},
};
use futures::{StreamExt, future::OptionFuture};
use tokio::sync::{mpsc, watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{AbortOnDropHandle, TaskTracker},
};
use tower::Layer;

use serving::Serving;

use crate::{
    Addresses, Error, Options, carry::Carrier, control::Control, dial, feed::Feed, front, limits, listen,
    memory::Memory, retry::Retry, stats::Stats, status, way::Ways,
};

/// Changes taken at once: a burst becomes one round of work.
const BURST: usize = 256;
/// Addresses that are asked for at once.
const ASKS: usize = 256;

/// Runs until `shutdown`, or until an address that every mesh needs is taken.
pub(crate) async fn run(
    source: Box<dyn Source>,
    options: Options,
    stats: Arc<Stats>,
    announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let (directory, feed) = (Arc::new(Directory::new()), Arc::new(Feed::default()));
    let parts = Parts::new(&options, &directory, &feed, stats);
    let listeners = listen::Listeners::new(parts.gate.clone(), parts.carrier.clone().serve());
    let (asks, mut asked) = mpsc::channel(ASKS);
    let mut serving = Serving::new(&parts, &options, asks)?;
    let (changes, memory) = Memory::recalling(source, &options, &feed).await;
    let leaving = CancellationToken::new();
    let keeping = memory.map(|memory| memory.follow(Arc::clone(&directory), Arc::clone(&feed), leaving.clone()));
    let keeping = AbortOnDropHandle::new(tokio::spawn(OptionFuture::from(keeping)));
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
        let hindered = serving.settle(&parts, &options, &control).await.err();
        if let Some(error) = &hindered {
            feed.hindered("serving", &error.to_string());
        }
        match hindered {
            // What was known before may be over, such as the device's address.
            Some(error) if is_synced && serving.addresses().is_none() => return Err(error),
            hindered => retry.plan(hindered.is_some() || control.has_failures()),
        }
        if is_synced && announce.borrow().is_none() {
            announce.send_replace(serving.addresses());
        }
    }
    control.refuse().await;
    leaving.cancel();
    serving.refuse().await;
    parts.drain(options.patience()).await;
    let _ = keeping.await;
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

impl Parts {
    fn new(options: &Options, directory: &Arc<Directory>, feed: &Arc<Feed>, stats: Arc<Stats>) -> Self {
        let policy = options.policy;
        let tuned = balance::Options { seed: balance::Seed::new(rand::random()), ..balance::Options::default() };
        let (own, directory) = (options.node.clone(), Arc::clone(directory));
        let pool = Arc::new(front::pool::Pool::default());
        let ways = Ways::new(directory.clone(), own.clone());
        let fresh = dial::Fresh(ways.clone());
        let straight = DialLayer::new(tuned.deadline, tuned.origin, tuned.success).layer(fresh.clone());
        let tunnels = balance::stack(directory.clone(), policy, fresh, tuned.clone());
        let warm = dial::Warm { pool: pool.clone(), ways };
        let answering = balance::Options { success: balance::Success::Answer, ..tuned.clone() };
        let requests = balance::stack(directory.clone(), policy, warm, answering);
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
        Self { gate, carrier, front, pool, status, carried, ending, _closed: closed.drop_guard() }
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
