//! The Lease `dayu-system/dayu-gm`: its holder leads, and its annotations say where local managers connect, and to which key.
mod deadline;
mod election;
mod fence;
mod inaugural;
mod tenure;

use std::{sync::Arc, time::Duration};

use dayu_core::{
    api::{
        NAMESPACE,
        annotation::{LINK_ADDRESS, LINK_KEY},
    },
    connect::{WatchBackoff, refusal, unwatched},
    daemon::Plight,
    engine::MANAGER,
    link::{Fingerprint, MANAGER_LEASE},
};
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::ObjectReference,
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::PostParams,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) use deadline::Deadline;
use election::{Election, Record, Terms};
pub(crate) use fence::fenced;
pub(crate) use inaugural::inaugurate;
pub(crate) use tenure::Tenure;

/// The Lease, as what events are about.
pub(crate) fn reference() -> ObjectReference {
    ObjectReference {
        api_version: Some("coordination.k8s.io/v1".to_owned()),
        kind: Some("Lease".to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        name: Some(MANAGER_LEASE.to_owned()),
        ..ObjectReference::default()
    }
}

/// Longest wait for an answer to one write.
const PATIENCE: Duration = Duration::from_secs(3);

const LEASES: &str = "leases.coordination.k8s.io";

/// What local managers read of the one that leads.
#[derive(Debug)]
pub(crate) struct Advertised {
    /// Where to connect, `host:port`.
    pub(crate) address: String,
    /// The key that is shown there.
    pub(crate) key: Fingerprint,
}

/// Keeps the Lease, or waits for it.
pub(crate) struct Keeper {
    api: Api<Lease>,
    me: String,
    advertised: Advertised,
    terms: Terms,
    election: Election,
    /// Whose term others can look at.
    tenure: Tenure,
    /// The revision that the next claim is decided on; none when it has to be read first.
    live: Option<Lease>,
    origin: Instant,
    plight: Arc<Plight>,
}

impl Keeper {
    /// A candidate named `me`, whom local managers reach as `advertised`; the term of `tenure` says when it leads.
    pub(crate) fn new(client: Client, tenure: Tenure, me: String, advertised: Advertised, plight: Arc<Plight>) -> Self {
        let (api, terms) = (Api::namespaced(client, NAMESPACE), Terms::default());
        let election = Election::new(me.clone(), terms);
        Self { api, me, advertised, terms, election, tenure, live: None, origin: Instant::now(), plight }
    }

    /// Claims and renews until `done`, tells in `leading` whether it leads, and gives the Lease back at the end.
    pub(crate) async fn run(mut self, leading: watch::Sender<bool>, done: CancellationToken) {
        let mut events: BoxStream<_> =
            watcher::watch_object(self.api.clone(), MANAGER_LEASE).backoff(WatchBackoff::default()).boxed();
        loop {
            self.tell(&leading);
            let (claim, lapse) = (self.election.claim_at(), self.lapse());
            tokio::select! {
                biased;
                () = done.cancelled() => break,
                () = self.until(lapse) => {}
                Some(event) = events.next() => match event {
                    Ok(lease) => self.see(lease),
                    Err(error) => {
                        let why = unwatched::<Lease>(&error);
                        tracing::debug!(why, "the Lease cannot be watched yet");
                        self.plight.grows("watch of the Lease", &why);
                    }
                },
                () = self.until(claim) => self.claim().await,
            }
        }
        let leads = self.election.leads(self.now());
        self.tenure.over();
        if leads {
            self.give_back().await;
        }
        leading.send_replace(false);
    }

    fn tell(&mut self, leading: &watch::Sender<bool>) {
        let leads = self.election.leads(self.now());
        match self.lapse() {
            Some(lapse) => self.tenure.until(self.origin + lapse),
            None => self.tenure.over(),
        }
        if leading.send_if_modified(|before| std::mem::replace(before, leads) != leads) {
            tracing::info!(me = %self.me, leads, "the lease {NAMESPACE}/{MANAGER_LEASE}");
        }
    }

    /// When it stops leading unless it renews.
    fn lapse(&self) -> Option<Duration> {
        self.election.trusted_until().filter(|_| self.election.leads(self.now()))
    }

    fn see(&mut self, lease: Option<Lease>) {
        let record = lease.as_ref().map(record).unwrap_or_default();
        // The echo of an own claim may be older than the newest one.
        if record.holder.as_deref() != Some(&self.me) || !self.election.leads(self.now()) {
            self.live = lease;
        }
        self.election.see(record, self.now());
    }

    async fn claim(&mut self) {
        let (sent, last) = (self.now(), Deadline::moment(self.terms.outlived));
        let patience = self.lapse().map_or(PATIENCE, |lapse| PATIENCE.min(lapse.saturating_sub(sent)));
        let lease = self.claimed();
        let verb = if lease.metadata.resource_version.is_some() { "update" } else { "create" };
        match timeout(patience, self.write(&lease)).await {
            Ok(Ok(lease)) => {
                self.tenure.renewed(last);
                self.election.claimed(record(&lease), sent, self.now());
                self.live = Some(lease);
            }
            // Or another was faster: the next look shows whom.
            Ok(Err(error)) => self.refused(&refusal(verb, LEASES, &error)).await,
            Err(_late) => self.refused(&format!("{verb} {LEASES}: no answer in time")).await,
        }
    }

    /// Looks at what is there instead; the next claim is decided on that.
    async fn refused(&mut self, why: &str) {
        self.election.failed(self.now());
        self.plight.grows("Lease", why);
        tracing::debug!(me = %self.me, why, "the claim was not taken");
        let patience = self.lapse().map_or(PATIENCE, |lapse| PATIENCE.min(lapse.saturating_sub(self.now())));
        if let Ok(Ok(lease)) = timeout(patience, self.api.get_opt(MANAGER_LEASE)).await {
            self.election.see(lease.as_ref().map(record).unwrap_or_default(), self.now());
            self.live = lease;
        }
    }

    async fn give_back(&mut self) {
        let Some(mut lease) = self.live.take() else { return };
        let spec = lease.spec.get_or_insert_default();
        (spec.holder_identity, spec.lease_duration_seconds) = (None, Some(1));
        // Without an answer the others wait as for one that died.
        let _ = timeout(PATIENCE, self.write(&lease)).await;
    }

    /// Creates the Lease, or replaces exactly the revision that was seen.
    async fn write(&self, lease: &Lease) -> kube::Result<Lease> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match lease.metadata.resource_version {
            Some(_) => self.api.replace(MANAGER_LEASE, &params, lease).await,
            None => self.api.create(&params, lease).await,
        }
    }

    /// The Lease as it is when it is ours.
    fn claimed(&self) -> Lease {
        let mut lease = self.live.clone().unwrap_or_default();
        lease.metadata.name = Some(MANAGER_LEASE.to_owned());
        let Advertised { address, key } = &self.advertised;
        lease.annotations_mut().insert(LINK_ADDRESS.to_owned(), address.clone());
        lease.annotations_mut().insert(LINK_KEY.to_owned(), key.to_string());
        let spec = lease.spec.get_or_insert_default();
        let now = Some(MicroTime(Timestamp::now()));
        if spec.holder_identity.as_ref() != Some(&self.me) {
            *spec = LeaseSpec {
                acquire_time: now.clone(),
                lease_transitions: Some(spec.lease_transitions.map_or(0, |before| before.saturating_add(1))),
                holder_identity: Some(self.me.clone()),
                ..LeaseSpec::default()
            };
        }
        spec.renew_time = now;
        spec.lease_duration_seconds = i32::try_from(self.terms.respected.as_secs()).ok();
        lease
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn until(&self, at: Option<Duration>) {
        match at {
            Some(at) => sleep_until(self.origin + at).await,
            None => std::future::pending().await,
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    Record {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        renewed: spec.renew_time.map(|time| time.0.to_string()),
    }
}
