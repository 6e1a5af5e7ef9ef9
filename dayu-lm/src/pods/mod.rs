//! The pods of this device: each has a keeper, each keeper its folder.
mod address;
mod events;
mod farewell;
mod folder;
mod keeper;
mod perform;
mod probe;
mod report;
mod tell;
mod turns;
mod words;

use std::{collections::HashMap, net::IpAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use dayu_core::{
    api::lean::Lean,
    connect::{WatchBackoff, unwatched},
    daemon::Plight,
    name::{Device, Uid},
    worker::Runtime,
};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{address::Pool, events::Recorder, turns::Turns};
use self::{
    folder::{Folder, Manifest, Saved},
    keeper::{Input, Keeper},
};
use crate::{clock::Clock, metrics::Metrics, prepare::Lookup};

/// News of one pod that wait for its keeper.
const WAITING: usize = 16;
/// Between two attempts to take pods for which there was no room.
const AGAIN: Duration = Duration::from_secs(2);

/// What all keepers share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) device: Device,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) lookup: Lookup,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) plight: Arc<Plight>,
    pub(crate) turns: Turns,
    /// Where the pods' folders are.
    pub(crate) folders: PathBuf,
}

/// The device's pods.
pub(crate) struct Pods {
    shared: Arc<Shared>,
    pool: Pool,
    keepers: HashMap<Uid, Kept>,
    /// Pods for which there was no room on the disk, or no address.
    refused: HashMap<Uid, Pod>,
    tasks: JoinSet<(Uid, bool)>,
}

struct Kept {
    inbox: mpsc::Sender<Input>,
    /// Its own address, unless it uses the device's.
    address: Option<IpAddr>,
}

impl Pods {
    /// Takes up every pod that is known from before, without asking anybody.
    pub(crate) async fn recover(shared: Arc<Shared>, pool: Pool) -> Self {
        let saved = Folder::load(&shared.folders, &shared.plight);
        // Where the state was lost nothing may be left running: it could not be told from what is started now.
        let known = saved.iter().filter(|saved| saved.state.is_some());
        let known: Vec<Uid> = known.map(|saved| Uid::from(saved.manifest.pod.uid().unwrap_or_default())).collect();
        shared.runtime.retain(&known).await;
        let mut pods = Self { shared, pool, keepers: HashMap::new(), refused: HashMap::new(), tasks: JoinSet::new() };
        for mut saved in saved {
            saved.manifest.host = pods.pool.host();
            pods.pool.keep(saved.manifest.address);
            pods.keep(saved);
        }
        pods
    }

    /// Keeps the pods bound to the device until `shutdown`; stops them then, if told.
    pub(crate) async fn run(mut self, stop_workers: bool, shutdown: CancellationToken) {
        let bound = watcher::Config::default().fields(&format!("spec.nodeName={}", self.shared.device));
        let events = watcher(Api::<Lean<Pod>>::all(self.shared.client.clone()), bound).backoff(WatchBackoff::default());
        Box::pin(self.follow(events, &shutdown)).await;
        if !stop_workers {
            return;
        }
        for kept in self.keepers.values() {
            let _ = kept.inbox.send(Input::Suspend).await;
        }
        while self.tasks.join_next().await.is_some() {}
    }

    async fn follow(
        &mut self,
        events: impl Stream<Item = watcher::Result<watcher::Event<Lean<Pod>>>>,
        shutdown: &CancellationToken,
    ) {
        let mut events = pin!(events.fuse());
        let mut listed: Option<Vec<Uid>> = None;
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = again.tick(), if !self.refused.is_empty() => self.accept_refused(),
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                Some(event) = events.next() => match event {
                    Ok(watcher::Event::Init) => listed = Some(Vec::new()),
                    Ok(watcher::Event::InitApply(pod)) => {
                        listed.get_or_insert_default().push(Uid::from(pod.uid().unwrap_or_default()));
                        self.apply(pod.into_inner()).await;
                    }
                    Ok(watcher::Event::InitDone) => self.forget_all_but(&listed.take().unwrap_or_default()).await,
                    Ok(watcher::Event::Apply(pod)) => self.apply(pod.into_inner()).await,
                    Ok(watcher::Event::Delete(pod)) => self.gone(&Uid::from(pod.uid().unwrap_or_default())).await,
                    Err(error) => {
                        let why = unwatched::<Pod>(&error);
                        tracing::debug!(why, "the watch on pods broke; it is opened again");
                        self.shared.plight.grows("watch of Pods", &why);
                    }
                },
            }
        }
    }

    async fn apply(&mut self, pod: Pod) {
        let uid = Uid::from(pod.uid().unwrap_or_default());
        if let Some(kept) = self.keepers.get(&uid) {
            let _ = kept.inbox.send(Input::Pod(Arc::new(pod))).await;
            return;
        }
        self.refused.remove(&uid);
        if keeper::has_ended(&pod) && pod.metadata.deletion_timestamp.is_none() {
            return;
        }
        self.accept(pod);
    }

    /// Nobody tells when there is room again.
    fn accept_refused(&mut self) {
        for (uid, pod) in std::mem::take(&mut self.refused) {
            if self.try_accept(&pod).is_err() {
                self.refused.insert(uid, pod);
            }
        }
    }

    /// Takes a pod that was not known before, or says once why not.
    fn accept(&mut self, pod: Pod) {
        if let Err((reason, message)) = self.try_accept(&pod) {
            self.shared.recorder.warning(&Arc::new(pod.clone()), reason, message);
            self.refused.insert(Uid::from(pod.uid().unwrap_or_default()), pod);
        }
    }

    /// The reason and the message if there is no room for it.
    fn try_accept(&mut self, pod: &Pod) -> Result<(), (&'static str, String)> {
        let shared_address = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        let address = if shared_address { Some(self.pool.host()) } else { self.pool.take() };
        let Some(address) = address else {
            let message = "no address is left in the device's podCIDR; delete pods of this device";
            return Err(("AddressesExhausted", message.to_owned()));
        };
        let manifest =
            Manifest { pod: pod.clone(), address, host: self.pool.host(), accepted: self.shared.clock.now() };
        match Folder::begin(&self.shared.folders, &manifest) {
            Ok(folder) => {
                self.keep(Saved { folder, manifest, state: None });
                Ok(())
            }
            Err(error) => {
                self.pool.free(address);
                let folders = self.shared.folders.display();
                Err(("PodNotStored", format!("{folders}: {error}; free space or permissions may lack")))
            }
        }
    }

    fn keep(&mut self, saved: Saved) {
        let uid = Uid::from(saved.manifest.pod.uid().unwrap_or_default());
        let address = (saved.manifest.address != self.pool.host()).then_some(saved.manifest.address);
        let (inbox, news) = mpsc::channel(WAITING);
        let keeper = Keeper::new(self.shared.clone(), saved);
        self.tasks.spawn(keeper.run(news));
        self.keepers.insert(uid, Kept { inbox, address });
        self.shared.metrics.pods(self.keepers.len());
    }

    async fn gone(&mut self, uid: &Uid) {
        self.refused.remove(uid);
        if let Some(kept) = self.keepers.get(uid) {
            let _ = kept.inbox.send(Input::Gone).await;
        }
    }

    /// Pods that the API does not list were deleted while nobody watched.
    async fn forget_all_but(&mut self, listed: &[Uid]) {
        self.refused.retain(|uid, _| listed.contains(uid));
        let gone: Vec<Uid> = self.keepers.keys().filter(|uid| !listed.contains(uid)).cloned().collect();
        for uid in gone {
            self.gone(&uid).await;
        }
    }

    fn ended(&mut self, ended: Result<(Uid, bool), tokio::task::JoinError>) {
        match ended {
            Ok((uid, _)) => {
                if let Some(address) = self.keepers.remove(&uid).and_then(|kept| kept.address) {
                    self.pool.free(address);
                }
                self.shared.metrics.pods(self.keepers.len());
            }
            Err(error) => {
                tracing::error!(%error, "a pod's keeper failed; its worker runs unattended until the local manager restarts");
            }
        }
    }
}
