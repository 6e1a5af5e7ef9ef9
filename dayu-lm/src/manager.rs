//! The parts of a local manager, put together.
use std::{
    fs::{self, File},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
};

use dayu_core::{
    daemon::{News, Plight},
    link::Message,
    worker::Runtime,
};
use kube::{Client, runtime::events::Reporter};
use rustix::fs::{FlockOperation, flock};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Addresses, Error, Options,
    clock::Clock,
    device::Remembered,
    link::{self, LinkOptions},
    metrics::Metrics,
    node::{self, Standing},
    patience::{is_in_use, while_in_use},
    pods::{Pods, Pool, Recorder, Shared, Turns},
    prepare::Lookup,
    serve,
};

/// Where workers report to, as Sedna's libraries expect.
const WORKERS_PORT: u16 = 9100;
/// Where a kubelet would serve logs.
const LOGS_PORT: u16 = 10250;
/// The mesh's status API.
const MESH_PORT: u16 = 10551;
/// Workers' reports that wait for the link.
const WAITING: usize = 100;

/// What every part needs.
struct Manager {
    client: Client,
    options: Options,
    clock: Clock,
    metrics: Metrics,
    plight: Arc<Plight>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

/// Runs everything until `shutdown`.
pub(crate) async fn run(
    client: Client,
    options: Options,
    runtime: Arc<dyn Runtime>,
    announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let data = options.data_dir();
    let _lock = open(&data).await?;
    // Parts end with us, however we end.
    let shutdown = shutdown.child_token();
    let _ends = shutdown.clone().drop_guard();
    let (clock, metrics, tasks) = (Clock::start(), Metrics::default(), TaskTracker::new());
    let (plight, news) = Plight::new();
    let manager = Manager { client, options, clock, metrics, plight: Arc::new(plight), shutdown, tasks };
    manager.tell(news);
    manager.serve_status(announce.subscribe()).await?;
    let ended = Box::pin(manager.run(&data, runtime, announce)).await;
    manager.shutdown.cancel();
    manager.tasks.close();
    manager.tasks.wait().await;
    ended
}

/// Why the device is looked after no more.
enum Ended {
    /// Told to.
    Told,
    /// The cluster says something else of it now: begin anew.
    Changed,
}

impl Manager {
    async fn run(
        &self,
        data: &Path,
        runtime: Arc<dyn Runtime>,
        announce: watch::Sender<Option<Addresses>>,
    ) -> Result<(), Error> {
        loop {
            // A device that was ours runs its pods at once; what the cluster says of it comes when it comes.
            let standing = match Remembered::load(data, &self.plight) {
                Some(Remembered { pod_cidr }) => Standing::Ours { pod_cidr },
                None => match self.register().await {
                    Some(standing) => standing,
                    None => return Ok(()),
                },
            };
            let pod_cidr = match standing {
                Standing::Theirs { address } => return self.run_theirs(data, address, &announce).await,
                Standing::Ours { pod_cidr } => pod_cidr,
            };
            let pool = Pool::new(&pod_cidr).map_err(|source| Error::Network { source: Box::new(source) })?;
            Remembered { pod_cidr: pod_cidr.clone() }.save(data);
            match Box::pin(self.run_ours(data, &pod_cidr, pool, runtime.clone(), &announce)).await? {
                Ended::Told => return Ok(()),
                Ended::Changed => Remembered::forget(data),
            }
        }
    }

    /// Tells people what lasts, as events of the device.
    fn tell(&self, news: News) {
        let (controller, device) = ("dayu-lm".to_owned(), &self.options.node);
        let reporter = Reporter { controller, instance: Some(device.to_string()) };
        let telling = news.tell(self.client.clone(), reporter, node::reference(device));
        self.tasks.spawn(self.shutdown.clone().run_until_cancelled_owned(telling));
    }

    /// Serves health, readiness and metrics, where that is asked for.
    async fn serve_status(&self, ready: watch::Receiver<Option<Addresses>>) -> Result<(), Error> {
        let Some(address) = self.options.status else { return Ok(()) };
        let failed = |source| Error::Status { device: self.options.node.clone(), address, source };
        let listener = serve::listen(address, false).await.map_err(failed)?;
        let router = serve::status(ready, self.plight.clone(), self.metrics.registry());
        self.tasks.spawn(serve::serve(listener, router, self.shutdown.clone()));
        Ok(())
    }

    /// What the cluster says of the device; none when told to end before.
    async fn register(&self) -> Option<Standing> {
        self.shutdown
            .run_until_cancelled(node::register(&self.client, &self.options.node, self.options.role, &self.plight))
            .await
            .flatten()
    }

    /// Looks after a device whose Node and pods are ours.
    async fn run_ours(
        &self,
        data: &Path,
        pod_cidr: &str,
        pool: Pool,
        runtime: Arc<dyn Runtime>,
        announce: &watch::Sender<Option<Addresses>>,
    ) -> Result<Ended, Error> {
        let (device, address, folders) = (&self.options.node, pool.host(), data.join("pods"));
        // Whatever is begun here ends with this attempt.
        let attempt = self.shutdown.child_token();
        let _ends = attempt.clone().drop_guard();
        let workers = self.listen("workers' reports", address, WORKERS_PORT, false).await?;
        let logs = self.listen("logs", address, LOGS_PORT, true).await?;
        let addresses = Addresses { device: address, workers: local(&workers)?, logs: Some(local(&logs)?) };
        let logs_port = local(&logs)?.port();
        self.tasks.spawn(serve::serve(logs, serve::logs(folders.clone()), attempt.clone()));
        self.link(data, address, vec![workers], &attempt);
        let shared = Arc::new(Shared {
            client: self.client.clone(),
            device: device.clone(),
            runtime,
            lookup: Lookup::start(&self.client, &self.plight, &attempt),
            recorder: Recorder::start(self.client.clone(), device.to_string(), self.clock),
            clock: self.clock,
            metrics: self.metrics.clone(),
            plight: self.plight.clone(),
            turns: Turns::of_device(),
            folders,
        });
        let pods = Pods::recover(shared, pool).await;
        let ready = || {
            tracing::info!(%device, %address, workers = %addresses.workers, logs = ?addresses.logs, "ready");
            announce.send_replace(Some(addresses));
        };
        tokio::select! {
            () = pods.run(self.options.stop_workers, self.shutdown.clone()) => Ok(Ended::Told),
            () = self.speak(address, logs_port, pod_cidr, ready) => Ok(Ended::Changed),
        }
    }

    /// Says of the device that it lives, for as long as the cluster says that its pods are of `pod_cidr`.
    async fn speak(&self, address: IpAddr, logs_port: u16, pod_cidr: &str, ready: impl FnOnce()) {
        let device = &self.options.node;
        match self.register().await {
            Some(Standing::Ours { pod_cidr: now }) if now == pod_cidr => {
                let heart = node::Heart { client: &self.client, device, clock: self.clock, plight: &self.plight };
                heart.beat(address, logs_port, ready).await;
            }
            Some(other) => {
                tracing::warn!(%device, ?other, before = pod_cidr, "the cluster says something else of this device now");
            }
            None => std::future::pending().await,
        }
    }

    /// Speaks for a device whose pods a kubelet runs.
    async fn run_theirs(
        &self,
        data: &Path,
        address: IpAddr,
        announce: &watch::Sender<Option<Addresses>>,
    ) -> Result<(), Error> {
        let workers = self.listen("workers' reports", address, WORKERS_PORT, false).await?;
        let addresses = Addresses { device: address, workers: local(&workers)?, logs: None };
        let mut all = vec![workers];
        if !address.is_loopback() {
            // Workers on the host's network know it by this address: LC_SERVER is the same on every device.
            all.push(self.listen("workers' reports", Ipv4Addr::LOCALHOST.into(), WORKERS_PORT, false).await?);
        }
        self.link(data, address, all, &self.shutdown);
        announce.send_replace(Some(addresses));
        self.shutdown.cancelled().await;
        Ok(())
    }

    /// Takes workers' reports and keeps the link that carries them.
    fn link(&self, data: &Path, address: IpAddr, workers: Vec<TcpListener>, until: &CancellationToken) {
        let (reports, up) = mpsc::channel::<Message>(WAITING);
        for listener in workers {
            self.tasks.spawn(serve::serve(listener, serve::workers(reports.clone()), until.clone()));
        }
        let mesh = if address.is_loopback() { address } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let options = LinkOptions {
            device: self.options.node.clone(),
            manager: self.options.gm.clone(),
            plain: self.options.link_plain,
            mesh: self.options.mesh.unwrap_or(SocketAddr::new(mesh, MESH_PORT)),
            outbox: data.join("outbox"),
            metrics: self.metrics.link.clone(),
            plight: self.plight.clone(),
        };
        self.tasks.spawn(link::run(self.client.clone(), options, up, until.clone()));
    }

    async fn listen(&self, what: &'static str, address: IpAddr, port: u16, or_any: bool) -> Result<TcpListener, Error> {
        let address = SocketAddr::new(address, port);
        let failed = |source| Error::Bind { what, device: self.options.node.clone(), address, source };
        serve::listen(address, or_any).await.map_err(failed)
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Data { path: "socket".into(), source })
}

/// Makes the data directory, for its owner only, and takes it for this local manager.
async fn open(data: &Path) -> Result<File, Error> {
    let failed = |source: io::Error| Error::Data { path: data.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(data.join("lock")).map_err(failed)?;
    let taken = while_in_use(|| Ok(flock(&lock, FlockOperation::NonBlockingLockExclusive)?)).await;
    match taken {
        Ok(()) => Ok(lock),
        Err(error) if is_in_use(&error) => Err(Error::InUse { path: data.to_owned() }),
        Err(error) => Err(failed(error)),
    }
}
