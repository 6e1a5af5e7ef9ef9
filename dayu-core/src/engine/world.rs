//! What all engines of a process see: devices, children, acknowledgements, and who is connected.
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::{Arc, Weak},
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    activation::Demand,
    children::{Children, Devices, News, known},
    families::Families,
    inventory::OWNER,
    kept::Kept,
    observe::{Observer, Unobserved},
    view,
    wakes::{Wake, Wakes},
};
use crate::{
    connect::{WatchBackoff, unwatched},
    name::{Device, Uid},
    template::{Acknowledgement, DeviceState, Site},
};

/// Demands that wait for the link to take them.
const DEMANDS: usize = 4096;

/// The shared view. Cheap to clone.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    demands: mpsc::Sender<Demand>,
    observer: Arc<dyn Observer>,
    /// Whether every watch has told what was there.
    synced: watch::Sender<u8>,
}

#[derive(Default)]
struct State {
    families: Families,
    epoch: Epoch,
    devices: Arc<Devices>,
    /// Rises with every change of `devices`.
    edition: u64,
    connected: BTreeSet<Device>,
    listeners: Vec<Weak<Wakes>>,
}

/// Counts what may have made a child vanish unseen: lists that watches told to their end, and removals. Between equal ones a
/// child that was written and is not known is merely not known yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(pub(super) u64);

/// Watches that must have told what is there before anything is decided.
const WATCHES: u8 = 5;

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.lock();
        let (devices, connected) = (state.devices.len(), state.connected.len());
        f.debug_struct("World").field("devices", &devices).field("connected", &connected).finish_non_exhaustive()
    }
}

impl World {
    /// An empty world, and the demands that engines make of devices: whoever holds the link takes them.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Demand>) {
        Self::observed(Arc::new(Unobserved))
    }

    /// The same, where `observer` is told of watches that break: without children and devices no engine does anything.
    #[must_use]
    pub fn observed(observer: Arc<dyn Observer>) -> (Self, mpsc::Receiver<Demand>) {
        let (demands, taken) = mpsc::channel(DEMANDS);
        let inner = Inner { state: Mutex::default(), demands, observer, synced: watch::Sender::new(0) };
        (Self { inner: Arc::new(inner) }, taken)
    }

    /// Follows children and nodes until `shutdown`. Run it once per process, beside the engines.
    pub async fn watch(self, client: Client, shutdown: CancellationToken) {
        // A task each: decoding what they tell is work.
        let mut watches = JoinSet::new();
        watches.spawn(self.clone().follow::<view::Deployment>(client.clone()));
        watches.spawn(self.clone().follow::<view::Service>(client.clone()));
        watches.spawn(self.clone().follow::<view::Pod>(client.clone()));
        watches.spawn(self.clone().follow::<view::EndpointSlice>(client.clone()));
        watches.spawn(self.follow_nodes(client));
        shutdown.run_until_cancelled(watches.join_all()).await;
    }

    /// A device says that it has applied a route. The newest word of each resource counts, as long as it has children: another
    /// route would be another word.
    pub fn acknowledge(&self, acknowledgement: Acknowledgement) {
        let mut state = self.inner.state.lock();
        let State { families, devices, .. } = &mut *state;
        let Some(family) = families.get_mut(&acknowledgement.resource) else { return };
        let resource = family.resource.clone();
        family.acknowledged = Some(Box::new(Acknowledgement {
            resource: resource.clone(),
            service: family.children.shared(acknowledgement.service),
            pod: family.children.shared(acknowledgement.pod),
            device: known(devices, acknowledgement.device.as_str()),
            ..acknowledgement
        }));
        state.tell(&Wake::Resource(resource));
    }

    /// The local manager of a device is connected.
    pub fn connected(&self, device: &Device) {
        let mut state = self.inner.state.lock();
        if state.connected.insert(device.clone()) {
            state.tell(&Wake::Device(device.clone()));
        }
    }

    /// The local manager of a device is connected no more.
    pub fn disconnected(&self, device: &Device) {
        let mut state = self.inner.state.lock();
        if state.connected.remove(device) {
            state.tell(&Wake::Device(device.clone()));
        }
    }

    pub(super) fn listen(&self) -> Arc<Wakes> {
        let wakes = Arc::new(Wakes::default());
        self.inner.state.lock().listeners.push(Arc::downgrade(&wakes));
        wakes
    }

    /// Returns once every watch has told what was there.
    pub(super) async fn synced(&self) {
        let mut synced = self.inner.synced.subscribe();
        // The sender lives in `self`.
        let _ = synced.wait_for(|count| *count >= WATCHES).await;
    }

    /// The site, and its edition: equal editions, equal devices.
    pub(super) fn site(&self, local_manager: &str) -> (Site, u64) {
        let state = self.inner.state.lock();
        (Site { devices: state.devices.clone(), local_manager: local_manager.to_owned() }, state.edition)
    }

    pub(super) fn children(&self, resource: &Uid) -> (Children, Epoch) {
        let state = self.inner.state.lock();
        (state.families.get(resource).map(|family| family.children.clone()).unwrap_or_default(), state.epoch)
    }

    pub(super) fn acknowledgement(&self, resource: &Uid) -> Option<Acknowledgement> {
        self.inner.state.lock().families.get(resource)?.acknowledged.as_deref().cloned()
    }

    pub(super) fn is_connected(&self, device: &Device) -> bool {
        self.inner.state.lock().connected.contains(device)
    }

    pub(super) fn forget(&self, resource: &Uid) {
        if let Some(family) = self.inner.state.lock().families.get_mut(resource) {
            family.acknowledged = None;
        }
    }

    /// Passes a demand on; waits while the link is busy. Without a link nobody confirms anything.
    pub(super) async fn demand(&self, demand: Demand) {
        let _ = self.inner.demands.send(demand).await;
    }

    async fn follow<K>(self, client: Client)
    where
        K: Kept
            + Resource<Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug
            + Send
            + 'static,
    {
        let config = watcher::Config::default().labels(OWNER);
        let mut events = kube::runtime::watcher(Api::<K>::all(client), config).backoff(WatchBackoff::default()).boxed();
        let (mut listed, mut first) = (HashSet::new(), true);
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => listed.clear(),
                Ok(Some(Event::InitApply(object))) => {
                    listed.insert(uid(&object));
                    self.take(&object);
                }
                Ok(Some(Event::InitDone)) => {
                    let listed = std::mem::take(&mut listed);
                    let known = self.inner.state.lock().families.children(K::uids);
                    known.iter().filter(|child| !listed.contains(*child)).for_each(|child| self.drop::<K>(child));
                    self.inner.state.lock().epoch.0 += 1;
                    self.count_synced(std::mem::take(&mut first));
                }
                Ok(Some(Event::Apply(object))) => self.take(&object),
                Ok(Some(Event::Delete(object))) => self.drop::<K>(&uid(&object)),
                Ok(None) => return,
                Err(error) => self.broke::<K>(&error),
            }
        }
    }

    fn take<K: Kept>(&self, object: &K) {
        let Some(resource) = object.labels().get(OWNER).map(|uid| Uid::from(uid.as_str())) else { return };
        let mut state = self.inner.state.lock();
        let State { families, devices, .. } = &mut *state;
        let (news, before) = families.take(object, &uid(object), &resource, devices);
        let resource = families.get(&resource).map_or(resource, |family| family.resource.clone());
        match news {
            News::None => {}
            News::Minor => state.tell(&Wake::Progress(resource)),
            News::Major => state.tell(&Wake::Resource(resource)),
        }
        if let Some(before) = before {
            state.epoch.0 += u64::from(K::IS_WRITTEN);
            state.tell(&Wake::Resource(before));
        }
    }

    fn drop<K: Kept>(&self, child: &Uid) {
        let mut state = self.inner.state.lock();
        if let Some(resource) = state.families.remove::<K>(child) {
            state.epoch.0 += u64::from(K::IS_WRITTEN);
            state.tell(&Wake::Resource(resource));
        }
    }

    async fn follow_nodes(self, client: Client) {
        let nodes = Api::<view::Node>::all(client);
        let mut events =
            kube::runtime::watcher(nodes, watcher::Config::default()).backoff(WatchBackoff::default()).boxed();
        let mut listed: Option<BTreeSet<Device>> = None;
        let mut first = true;
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => listed = Some(BTreeSet::new()),
                Ok(Some(Event::InitApply(node))) => {
                    if let Some(listed) = &mut listed {
                        listed.insert(Device::from(node.name_any()));
                    }
                    self.take_node(&node);
                }
                Ok(Some(Event::InitDone)) => {
                    let listed = listed.take().unwrap_or_default();
                    let known: Vec<Device> = self.inner.state.lock().devices.keys().cloned().collect();
                    known.iter().filter(|device| !listed.contains(*device)).for_each(|device| self.drop_node(device));
                    self.count_synced(std::mem::take(&mut first));
                }
                Ok(Some(Event::Apply(node))) => self.take_node(&node),
                Ok(Some(Event::Delete(node))) => self.drop_node(&Device::from(node.name_any())),
                Ok(None) => return,
                Err(error) => self.broke::<view::Node>(&error),
            }
        }
    }

    fn broke<K: Resource<DynamicType = ()>>(&self, error: &watcher::Error) {
        let why = unwatched::<K>(error);
        self.inner.observer.watch_broke(&K::kind(&()), &why);
        tracing::warn!(kind = %K::kind(&()), why, "the watch broke and is tried again");
    }

    /// A heartbeat changes nothing that anybody reads, and wakes nobody.
    fn take_node(&self, node: &view::Node) {
        let ready = node.status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True");
        let device_state =
            DeviceState { ready: ready && node.metadata.deletion_timestamp.is_none(), labels: node.labels().clone() };
        let device = Device::from(node.name_any());
        let mut state = self.inner.state.lock();
        if state.devices.get(&device) != Some(&device_state) {
            Arc::make_mut(&mut state.devices).insert(device.clone(), device_state);
            state.edition += 1;
            state.tell(&Wake::Device(device));
        }
    }

    fn drop_node(&self, device: &Device) {
        let mut state = self.inner.state.lock();
        if Arc::make_mut(&mut state.devices).remove(device).is_some() {
            state.edition += 1;
            state.tell(&Wake::Device(device.clone()));
        }
    }

    /// Counts each watch once, however often it lists.
    fn count_synced(&self, first: bool) {
        self.inner.synced.send_modify(|count| *count += u8::from(first));
    }
}

impl State {
    fn tell(&mut self, wake: &Wake) {
        self.listeners.retain(|listener| listener.upgrade().map(|wakes| wakes.leave(wake)).is_some());
    }
}

fn uid(object: &impl ResourceExt) -> Uid {
    Uid::from(object.uid().unwrap_or_default())
}
