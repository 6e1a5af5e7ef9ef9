//! The parts of a global manager, put together.
use std::{net::SocketAddr, sync::Arc};

use dayu_core::{
    connect::Identity,
    daemon::Plight,
    engine::{Engine, Options as EngineOptions, World},
    template::{joint_multi_edge, runtime_service},
};
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Addresses, Error, Options, crds,
    lease::{Advertised, Keeper, Tenure, fenced, inaugurate},
    link::{self, Admission, Hub},
    metrics::Metrics,
    plight::{self, Watched},
    relay,
    status::{self, Standing, Status},
};

/// Messages from devices that wait to be looked at; beyond, their sockets are not read.
const SAID: usize = 1024;

/// Runs everything until `shutdown`.
pub(crate) async fn run(
    client: Client,
    tenure: Tenure,
    options: Options,
    announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let Doors { listening, status, addresses, admission, advertised } = Doors::open(&client, &options).await?;
    // Whatever ends this, an abort as well, ends what it started.
    let shutdown = shutdown.child_token();
    let _end = shutdown.clone().drop_guard();
    let tasks = TaskTracker::new();
    let (said, heard) = mpsc::channel(SAID);
    let hub = Hub::new(said, rand::random());
    let ((metrics, registry), (standing, how)) = (Metrics::new(), watch::channel(Standing::Starting));
    let (plight, news) = Plight::new();
    let (metrics, plight) = (Arc::new(metrics), Arc::new(plight));
    let observer = Arc::new(Watched { metrics: metrics.clone(), plight: plight.clone() });
    let (world, demands) = World::observed(observer.clone());
    if let Some(status) = status {
        let (metrics, plight) = (metrics.clone(), plight.clone());
        let asked = Status { standing: how, metrics, registry, hub: hub.clone(), plight };
        tasks.spawn(status.serve(asked, shutdown.clone()));
    }
    tasks.spawn(listening.serve(hub.clone(), admission, shutdown.clone()));
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(relay::run(
        world.clone(),
        hub,
        metrics.clone(),
        demands,
        heard,
    )));
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(plight::tell(client.clone(), news)));
    tasks.spawn(world.clone().watch(client.clone(), shutdown.clone()));
    tasks.close();

    // One that stands by installs nothing: it may be older than the one that leads.
    if shutdown.run_until_cancelled(crds::ensure_namespace(&client, &plight)).await.is_some() {
        standing.send_replace(Standing::Standby);
        let me = name(&options);
        let writer = fenced(client.clone(), tenure.term.clone());
        let keeper = Keeper::new(client.clone(), tenure, me.clone(), advertised, plight);
        let lead = Lead { client: writer, me, options: &options, world, observer, standing };
        let ready = || announce.send_modify(|ready| *ready = Some(addresses));
        // On the heap: it lasts.
        Box::pin(lead.whenever_elected(keeper, ready, &shutdown)).await;
    }
    tasks.wait().await;
    Ok(())
}

/// What others reach it by.
struct Doors {
    listening: link::Listening,
    status: Option<status::Listening>,
    addresses: Addresses,
    admission: Admission,
    advertised: Advertised,
}

impl Doors {
    /// Everything that can be in the way of a start is found out here.
    async fn open(client: &Client, options: &Options) -> Result<Self, Error> {
        let listening = link::listen(options.link_listen).await?;
        let status = match options.status {
            Some(address) => Some(status::listen(address).await?),
            None => None,
        };
        let status_address = status.as_ref().and_then(status::Listening::address);
        let addresses = Addresses { link: listening.address, status: status_address };
        let identity = Identity::generate()?;
        let admission = Admission::new(client.clone(), &identity, options.link_plain)?;
        let advertised = Advertised { address: advertised(options, listening.address)?, key: identity.fingerprint() };
        tracing::info!(listening = %addresses.link, ?advertised, plain = options.link_plain, "listening for local managers");
        Ok(Self { listening, status, addresses, admission, advertised })
    }
}

/// What the one that leads does.
struct Lead<'a> {
    /// Writes only while it leads.
    client: Client,
    me: String,
    options: &'a Options,
    world: World,
    observer: Arc<Watched>,
    standing: watch::Sender<Standing>,
}

impl Lead<'_> {
    /// Works in every term until `shutdown`; what has begun then is finished, and the Lease given back after that.
    async fn whenever_elected(&self, keeper: Keeper, ready: impl Fn(), shutdown: &CancellationToken) {
        let (leads, mut leading) = watch::channel(false);
        let done = CancellationToken::new();
        let work = async {
            while becomes_leader(&mut leading, shutdown).await {
                tokio::select! {
                    () = self.work(&ready, shutdown.clone()) => {}
                    // Another may lead by now: nothing that has begun is finished.
                    () = is_deposed(&mut leading) => {}
                }
                self.standing.send_replace(Standing::Standby);
                self.observer.metrics.resigned();
            }
            done.cancel();
        };
        tokio::join!(keeper.run(leads, done.clone()), work);
    }

    /// Begins the term and runs the engines until `shutdown`.
    async fn work(&self, ready: &impl Fn(), shutdown: CancellationToken) {
        self.standing.send_replace(Standing::TakingOver);
        if shutdown.run_until_cancelled(self.begin()).await.is_none() {
            return;
        }
        let runtime_services = self.engine(runtime_service::RuntimeServiceTemplate);
        let joint_services = self.engine(joint_multi_edge::JointMultiEdgeTemplate);
        ready();
        self.standing.send_replace(Standing::Leading);
        tokio::join!(runtime_services.run(shutdown.clone()), joint_services.run(shutdown));
    }

    /// Waits until the API server takes its writes, and installs what is needed.
    async fn begin(&self) {
        inaugurate(&self.client, &self.me, &self.observer.plight).await;
        crds::install(&self.client, &self.observer, self.options.keep_crds).await;
    }

    fn engine<T: dayu_core::template::Template>(&self, template: T) -> Engine<T> {
        let options = EngineOptions {
            namespace: self.options.namespace.clone(),
            local_manager: self.options.local_manager_url.clone(),
            observer: self.observer.clone(),
            ..EngineOptions::default()
        };
        Engine::new(template, self.client.clone(), self.world.clone(), options)
    }
}

/// Whether it leads before the end.
async fn becomes_leader(leading: &mut watch::Receiver<bool>, end: &CancellationToken) -> bool {
    matches!(end.run_until_cancelled(leading.wait_for(|leads| *leads)).await, Some(Ok(_)))
}

async fn is_deposed(leading: &mut watch::Receiver<bool>) {
    // Whoever does not keep the Lease any more does not lead either.
    let _ = leading.wait_for(|leads| !leads).await;
}

fn advertised(options: &Options, listening: SocketAddr) -> Result<String, Error> {
    match &options.link_advertise {
        Some(address) => Ok(address.clone()),
        None if listening.ip().is_unspecified() => Err(Error::Unadvertised(listening)),
        None => Ok(listening.to_string()),
    }
}

/// Unlike that of any other, and of any earlier life: the Lease of a dead one is waited for.
fn name(options: &Options) -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let drawn = || format!("{}-{}-{:08x}", host(), std::process::id(), rand::random::<u32>());
    options.identity.clone().unwrap_or_else(drawn)
}
