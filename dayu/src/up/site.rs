//! Everything that `up` runs: the embedded plane, the global manager, and for each device a local manager and a mesh.
use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use dayu_cluster::{Cluster, Controllers};
use dayu_core::name::Device;
use futures::{StreamExt, stream::FuturesUnordered};
use kube::Client;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{
    absent,
    check::targets::Addressed,
    counts::{self, Key},
    data::Data,
    guard,
    hurry::Hurry,
    orphans::Orphans,
    taken::{self, Taken},
};

/// The roles of devices, as Dayu reads them from Nodes: the first plays the cloud.
const CLOUD: &str = "control-plane";
const EDGE: &str = "edge";

/// Why something could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Taken(#[from] Taken),
    #[error(transparent)]
    Cluster(#[from] dayu_cluster::BuildError),
    #[error(transparent)]
    Serve(#[from] dayu_cluster::server::ServeError),
    #[error("global manager: {0}")]
    Gm(#[from] dayu_gm::Error),
    #[error("local manager of {device}: {source}")]
    Lm { device: Device, source: dayu_lm::Error },
    #[error("mesh of {device}: {source}")]
    Mesh { device: Device, source: dayu_mesh::Error },
    #[error("{what} ended before it was ready")]
    Ended { what: String },
}

/// The running whole.
pub(crate) struct Site {
    client: Client,
    data: Data,
    orphans: Orphans,
    kubeconfig: PathBuf,
    devices: BTreeMap<Device, Running>,
    order: Vec<Device>,
    gm: Option<(dayu_gm::Handle, CancellationToken)>,
    controllers: Option<Controllers>,
    serving: Option<dayu_cluster::server::Serving>,
    /// Everything that was started on the plane ends with it.
    ending: CancellationToken,
}

/// One device that plays.
struct Running {
    address: IpAddr,
    lm: dayu_lm::Handle,
    mesh: dayu_mesh::Handle,
    stop: CancellationToken,
}

impl Site {
    /// Starts everything and returns once it is ready. If something cannot be started, or `stop` comes first, whatever runs
    /// by then is stopped.
    pub(crate) async fn start(
        devices: &[Device],
        data: Data,
        hurry: &Hurry,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let cluster = Cluster::builder()
            .data_dir(data.path().to_owned())
            .kubelet_scheme_annotation("dayu.io/kubelet-scheme")
            .build()
            .await?;
        taken::check(data.path()).await?;
        let orphans = Orphans::take_in();
        hurry.heed(stop.clone(), data.path(), &orphans);
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await?;
        let controllers = cluster.start_controllers();
        let kubeconfig = data.path().join("kubeconfig");
        let mut site = Self {
            client: cluster.client(),
            data,
            orphans,
            kubeconfig,
            devices: BTreeMap::new(),
            order: devices.to_vec(),
            gm: None,
            controllers: Some(controllers),
            serving: Some(serving),
            ending: CancellationToken::new(),
        };
        let ending = site.ending.clone();
        let told = async {
            stop.cancelled().await;
            ending.cancel();
            std::future::pending::<()>().await;
        };
        let started = tokio::select! {
            started = site.start_daemons(devices) => started,
            () = told => Ok(()),
        };
        if let Err(error) = started {
            site.stop().await;
            return Err(error);
        }
        Ok(site)
    }

    /// All at once: whoever needs another waits for it through the API. After a failure those that are on their way are ended
    /// as well: their workers would outlive us.
    async fn start_daemons(&mut self, devices: &[Device]) -> Result<(), Error> {
        let mut starting: FuturesUnordered<_> = devices.iter().map(|device| self.launch(device)).collect();
        let mut outcome = self.start_gm().await;
        loop {
            if outcome.is_err() {
                self.ending.cancel();
            }
            let missing = self.order.iter().filter(|device| !self.devices.contains_key(*device));
            let waiting = async || absent::devices(&self.client, &self.kubeconfig, missing).await;
            match absent::told_of(starting.next(), waiting).await {
                Some(Ok((device, running))) => drop(self.devices.insert(device, running)),
                Some(Err(error)) => outcome = outcome.and(Err(error)),
                None => return outcome,
            }
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The devices that are played, whether they run or not.
    pub(crate) fn named(&self) -> &[Device] {
        &self.order
    }

    /// Lets the next run on this data know them.
    pub(crate) fn remember_devices(&self) {
        self.data.remember(&self.order);
    }

    /// The devices that run, in the order they were named.
    pub(crate) fn devices(&self) -> Vec<Addressed> {
        let running = self.order.iter().filter_map(|device| Some((device, self.devices.get(device)?)));
        running.map(|(device, running)| Addressed { device: device.clone(), address: running.address }).collect()
    }

    /// Requests so far by service, device and replica, summed over all meshes that run.
    pub(crate) fn requests(&self) -> BTreeMap<Key, u64> {
        counts::sum(self.devices.values().flat_map(|running| running.mesh.requests()))
    }

    /// Takes a device away as a power cut does: its daemons in the midst of what they do, and then its workers, lest somebody be
    /// left who starts them again.
    pub(crate) async fn cut_off(&mut self, device: &Device) {
        let Some(Running { lm, mesh, .. }) = self.devices.remove(device) else { return };
        lm.abort();
        mesh.abort();
        // Neither has anything to say any more.
        let _ = (lm.finished().await, mesh.finished().await);
        let folder = self.folder_of(device);
        let _ = spawn_blocking(move || guard::end_workers(&folder)).await;
    }

    /// Brings a device back.
    pub(crate) async fn start_device(&mut self, device: &Device) -> Result<(), Error> {
        let (device, running) = self.launch(device).await?;
        self.devices.insert(device, running);
        Ok(())
    }

    /// Stops everything: workers first, the plane last, so that each can still say what it did; then what workers left behind.
    pub(crate) async fn stop(mut self) {
        let devices = std::mem::take(&mut self.devices);
        let stopping = devices.into_iter().map(|(device, running)| async move { stop(&device, running).await });
        futures::future::join_all(stopping).await;
        if let Some((gm, token)) = self.gm.take() {
            token.cancel();
            if let Err(error) = gm.finished().await {
                tracing::warn!(%error, "the global manager ended badly");
            }
        }
        if let Some(controllers) = self.controllers.take() {
            controllers.shutdown().await;
        }
        if let Some(serving) = self.serving.take() {
            serving.shutdown().await;
        }
        // Before the folder goes: they may write there.
        self.orphans.end().await;
    }

    async fn start_gm(&mut self) -> Result<(), Error> {
        let stop = self.ending.child_token();
        // The store is this process's alone, so the manager before this one is dead: its Lease need not run out first.
        let options = dayu_gm::Options { identity: Some("up".to_owned()), ..dayu_gm::Options::default() };
        let mut gm = dayu_gm::run_with(self.client.clone(), options, stop.clone());
        if gm.ready().await.is_none() {
            gm.finished().await?;
            return Err(Error::Ended { what: "the global manager".to_owned() });
        }
        self.gm = Some((gm, stop));
        Ok(())
    }

    fn folder_of(&self, device: &Device) -> PathBuf {
        self.data.path().join("devices").join(device.as_str())
    }

    /// Starts a device's two daemons; they wait for each other through the API.
    fn launch(&self, device: &Device) -> impl Future<Output = Result<(Device, Running), Error>> + use<> {
        let (client, device, stop) = (self.client.clone(), device.clone(), self.ending.child_token());
        let data = self.folder_of(&device);
        let remembers = self.data.is_kept().then(|| data.join("mesh"));
        let role = Some(if self.order.first() == Some(&device) { CLOUD } else { EDGE });
        let of_device = dayu_lm::Options::of(device.clone());
        let options = dayu_lm::Options { data: Some(data), stop_workers: true, role, ..of_device };
        let mut lm = dayu_lm::run_with(client.clone(), options, stop.clone());
        // Workers end at the same time: nothing is left to be carried.
        let options = dayu_mesh::Options { data: remembers, drain: 0, ..dayu_mesh::Options::of(device.clone()) };
        let mut mesh = dayu_mesh::run_with(client, options, stop.clone());
        async move {
            let of_lm = lm.ready().await;
            let of_mesh = if of_lm.is_some() { mesh.ready().await } else { None };
            if let (Some(of_lm), Some(_)) = (of_lm, of_mesh) {
                return Ok((device, Running { address: of_lm.device, lm, mesh, stop }));
            }
            // Neither goes on without the other.
            stop.cancel();
            let (lm, mesh) = (lm.finished().await, mesh.finished().await);
            lm.map_err(|source| Error::Lm { device: device.clone(), source })?;
            let what = format!("the local manager or the mesh of {device}");
            mesh.map_err(|source| Error::Mesh { device, source })?;
            Err(Error::Ended { what })
        }
    }
}

async fn stop(device: &Device, running: Running) {
    running.stop.cancel();
    if let Err(error) = running.lm.finished().await {
        tracing::warn!(%device, %error, "a local manager ended badly");
    }
    if let Err(error) = running.mesh.finished().await {
        tracing::warn!(%device, %error, "a mesh ended badly");
    }
}
