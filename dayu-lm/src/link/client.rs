//! The connection to the global manager: dialled until it stands, its session kept across connections and restarts.
use std::{path::PathBuf, sync::Arc, time::Duration};

use dayu_core::{
    connect::Identity,
    daemon::Plight,
    link::{Action, Event, Message, PING_EVERY, Session, Transport, TransportError},
    name::Device,
};
use futures::{StreamExt, stream::BoxStream};
use kube::Client;
use rand::RngExt;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    LinkMetrics,
    caller::{Caller, Unreached},
    manager::Manager,
    outbox,
};

/// First and longest wait between two dials; a random part of it is waited.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a connection ended, or was none; another is made.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Unreached(#[from] Unreached),
    #[error("silent for too long")]
    Silent,
    #[error("the global manager moved to {}", .0.address)]
    Moved(Manager),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// What the global manager brings.
pub(super) enum Incoming {
    /// A new connection: all that it still asks follows, whatever it asked before.
    Anew,
    Message(Message),
}

/// Where managers and messages come from, and where messages go.
pub(super) struct Ends {
    pub(super) managers: BoxStream<'static, Manager>,
    pub(super) outgoing: mpsc::Receiver<Message>,
    pub(super) delivered: mpsc::Sender<Incoming>,
}

/// The session and everything it is fed from.
struct Link {
    session: Session,
    store: PathBuf,
    origin: Instant,
    ends: Ends,
    metrics: LinkMetrics,
    plight: Arc<Plight>,
}

/// Keeps the link until `shutdown`. What is said while there is no connection is kept for the next.
pub(super) async fn run(
    client: Client,
    device: Device,
    store: PathBuf,
    ends: Ends,
    metrics: LinkMetrics,
    plight: Arc<Plight>,
    shutdown: CancellationToken,
) {
    let identity = match Identity::generate() {
        Ok(identity) => identity,
        Err(error) => return tracing::error!(%device, %error, "the device has no link to the global manager"),
    };
    let caller = Caller::new(client, device, identity);
    let session = Session::resume(outbox::restore(&store, &plight));
    let mut link = Link { session, store, origin: Instant::now(), ends, metrics, plight };
    link.metrics.waits(link.session.outbox().len());
    shutdown.run_until_cancelled(link.keep_up(&caller)).await;
}

impl Link {
    async fn keep_up(&mut self, caller: &Caller) {
        let mut manager = self.next_manager(None).await;
        let mut wait = FIRST_WAIT;
        loop {
            // On the heap, and gone with its end: a connection lasts.
            let ended = match self.meanwhile(Box::pin(caller.dial(&manager))).await {
                Ok((transport, numbered)) => {
                    self.metrics.connected.set(1);
                    let ended = self.exchange(transport, numbered, &manager).await;
                    self.metrics.connected.set(0);
                    // One that lets nobody in is no connection that worked.
                    wait = if matches!(ended, Ended::Transport(TransportError::Refused { .. })) {
                        (wait * 2).min(LONGEST_WAIT)
                    } else {
                        FIRST_WAIT
                    };
                    ended
                }
                Err(unreached) => {
                    wait = (wait * 2).min(LONGEST_WAIT);
                    unreached.into()
                }
            };
            self.session.step(Event::Disconnected, self.origin.elapsed());
            match ended {
                Ended::Moved(elsewhere) => {
                    manager = elsewhere;
                    continue;
                }
                Ended::Transport(TransportError::Refused { .. }) | Ended::Unreached(Unreached::Unpublished(_)) => {
                    caller.forget_published();
                    tracing::warn!(address = manager.address, %ended, "no link to the global manager; trying again");
                    self.plight.grows("link to the global manager", &ended.to_string());
                }
                _ => tracing::debug!(address = manager.address, %ended, "the link to the global manager is down"),
            }
            let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
            // A new one is worth a try at once.
            let moved = tokio::time::timeout(jittered, self.next_manager(Some(&manager))).await;
            manager = moved.unwrap_or(manager);
        }
    }

    /// The next manager that is not the present one; what is said until then is kept.
    async fn next_manager(&mut self, present: Option<&Manager>) -> Manager {
        loop {
            tokio::select! {
                Some(manager) = self.ends.managers.next() => if Some(&manager) != present {
                    return manager;
                },
                Some(message) = self.ends.outgoing.recv() => drop(self.keep(message)),
                else => std::future::pending().await,
            }
        }
    }

    /// Does something else while there is no connection; what is said until then is kept.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(message) = self.ends.outgoing.recv() => drop(self.keep(message)),
            }
        }
    }

    /// Puts a message, and those that wait behind it, into the outbox.
    fn keep(&mut self, message: Message) -> Vec<Action> {
        let mut actions = self.session.step(Event::Send(message), self.origin.elapsed());
        while let Ok(message) = self.ends.outgoing.try_recv() {
            actions.extend(self.session.step(Event::Send(message), self.origin.elapsed()));
        }
        // Before anything leaves: a restart in between must know that it may have.
        outbox::keep(&self.store, self.session.outbox());
        self.metrics.waits(self.session.outbox().len());
        actions
    }

    /// Exchanges frames until the connection ends, and says why.
    async fn exchange(&mut self, mut transport: impl Transport, numbered: bool, manager: &Manager) -> Ended {
        let mut ticks = tokio::time::interval(PING_EVERY);
        let mut actions = self.session.step(Event::Connected { numbered }, self.origin.elapsed());
        if numbered {
            self.deliver(Incoming::Anew).await;
        }
        loop {
            if let Err(ended) = self.perform(&mut transport, actions).await {
                return ended;
            }
            let event = tokio::select! {
                Some(message) = self.ends.outgoing.recv() => {
                    actions = self.keep(message);
                    continue;
                }
                Some(elsewhere) = self.ends.managers.next() => {
                    if elsewhere != *manager {
                        return Ended::Moved(elsewhere);
                    }
                    actions = Vec::new();
                    continue;
                }
                received = transport.receive() => received.map(Event::from),
                _ = ticks.tick() => Ok(Event::Tick),
            };
            match event {
                Ok(event) => {
                    actions = self.session.step(event, self.origin.elapsed());
                    self.metrics.waits(self.session.outbox().len());
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// The receiver is gone only when the whole link ends.
    async fn deliver(&mut self, incoming: Incoming) {
        let _ = self.ends.delivered.send(incoming).await;
    }

    async fn perform(&mut self, transport: &mut impl Transport, actions: Vec<Action>) -> Result<(), Ended> {
        for action in actions {
            match action {
                Action::Transmit(frame) => {
                    let seq = frame.seq;
                    transport.send(frame).await?;
                    self.session.written(seq);
                }
                Action::Deliver(message) => self.deliver(Incoming::Message(message)).await,
                Action::Ping => transport.ping().await?,
                Action::Close => return Err(Ended::Silent),
            }
        }
        Ok(())
    }
}
