//! What all engines of a process see: devices, children, acknowledgements, and who is connected.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
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
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    activation::Demand,
    children::{Children, Kept},
    inventory::OWNER,
    view,
};
use crate::{
    name::{Device, Uid},
    template::{Acknowledgement, DeviceState, Site},
};

/// Demands that wait for the link to take them.
const DEMANDS: usize = 4096;
/// Acknowledgements kept; beyond, those of resources that nobody knows are dropped first.
const ACKNOWLEDGEMENTS: usize = 200_000;

/// The shared view. Cheap to clone.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    demands: mpsc::Sender<Demand>,
    /// Whether every watch has told what was there.
    synced: watch::Sender<u8>,
}

#[derive(Default)]
struct State {
    children: HashMap<Uid, Children>,
    /// Whose a child is, by kind and key: deletions and moved labels name the child only.
    owners: HashMap<(&'static str, String), Uid>,
    devices: Arc<BTreeMap<Device, DeviceState>>,
    acknowledged: HashMap<Uid, Acknowledgement>,
    connected: BTreeSet<Device>,
    listeners: Vec<mpsc::UnboundedSender<Wake>>,
}

/// Something that an engine may want to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// A child or an acknowledgement of the resource with this UID.
    Resource(Uid),
    /// A device came, went, or changed its readiness or connection.
    Device(Device),
}

/// Watches that must have told what is there before anything is decided.
const WATCHES: u8 = 5;

impl World {
    /// An empty world, and the demands that engines make of devices: whoever holds the link takes them.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Demand>) {
        let (demands, taken) = mpsc::channel(DEMANDS);
        let inner = Inner { state: Mutex::default(), demands, synced: watch::Sender::new(0) };
        (Self { inner: Arc::new(inner) }, taken)
    }

    /// Follows children and nodes until `shutdown`. Run it once per process, beside the engines.
    pub async fn watch(self, client: Client, shutdown: CancellationToken) {
        let all = async {
            tokio::join!(
                self.follow::<view::Deployment>(&client),
                self.follow::<view::Service>(&client),
                self.follow::<view::Pod>(&client),
                self.follow::<view::EndpointSlice>(&client),
                self.follow_nodes(&client),
            );
        };
        shutdown.run_until_cancelled(all).await;
    }

    /// A device says that it has applied a route. The newest word of each resource counts.
    pub fn acknowledge(&self, acknowledgement: Acknowledgement) {
        let resource = acknowledgement.resource.clone();
        let mut state = self.inner.state.lock();
        if state.acknowledged.len() >= ACKNOWLEDGEMENTS {
            let State { acknowledged, children, .. } = &mut *state;
            acknowledged.retain(|uid, _| children.contains_key(uid));
        }
        state.acknowledged.insert(resource.clone(), acknowledgement);
        state.tell(&Wake::Resource(resource));
    }

    /// The local manager of a device is connected, or is not any more.
    pub fn connected(&self, device: &Device, is_connected: bool) {
        let mut state = self.inner.state.lock();
        let changed =
            if is_connected { state.connected.insert(device.clone()) } else { state.connected.remove(device) };
        if changed {
            state.tell(&Wake::Device(device.clone()));
        }
    }

    pub(super) fn listen(&self) -> mpsc::UnboundedReceiver<Wake> {
        let (wakes, listening) = mpsc::unbounded_channel();
        self.inner.state.lock().listeners.push(wakes);
        listening
    }

    /// Returns once every watch has told what was there.
    pub(super) async fn synced(&self) {
        let mut synced = self.inner.synced.subscribe();
        // The sender lives in `self`.
        let _ = synced.wait_for(|count| *count >= WATCHES).await;
    }

    pub(super) fn site(&self, local_manager: &str) -> Site {
        Site { devices: self.inner.state.lock().devices.clone(), local_manager: local_manager.to_owned() }
    }

    pub(super) fn children(&self, resource: &Uid) -> Children {
        self.inner.state.lock().children.get(resource).cloned().unwrap_or_default()
    }

    pub(super) fn acknowledgement(&self, resource: &Uid) -> Option<Acknowledgement> {
        self.inner.state.lock().acknowledged.get(resource).cloned()
    }

    pub(super) fn is_connected(&self, device: &Device) -> bool {
        self.inner.state.lock().connected.contains(device)
    }

    pub(super) fn forget(&self, resource: &Uid) {
        self.inner.state.lock().acknowledged.remove(resource);
    }

    /// Passes a demand on; waits while the link is busy. Without a link nobody confirms anything.
    pub(super) async fn demand(&self, demand: Demand) {
        let _ = self.inner.demands.send(demand).await;
    }

    async fn follow<K>(&self, client: &Client)
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
        let mut events = kube::runtime::watcher(Api::<K>::all(client.clone()), config).default_backoff().boxed();
        let mut listed: Option<BTreeSet<String>> = None;
        let mut first = true;
        let kind: &'static str = std::any::type_name::<K>();
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => listed = Some(BTreeSet::new()),
                Ok(Some(Event::InitApply(object))) => {
                    if let Some(listed) = &mut listed {
                        listed.insert(key(&object));
                    }
                    self.take(kind, &object);
                }
                Ok(Some(Event::InitDone)) => {
                    self.drop_unlisted::<K>(kind, &listed.take().unwrap_or_default());
                    self.count_synced(std::mem::take(&mut first));
                }
                Ok(Some(Event::Apply(object))) => self.take(kind, &object),
                Ok(Some(Event::Delete(object))) => self.drop::<K>(kind, &key(&object)),
                Ok(None) => return,
                Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "the watch broke and is tried again"),
            }
        }
    }

    fn take<K: Kept>(&self, kind: &'static str, object: &K) {
        let Some(owner) = object.labels().get(OWNER).map(|uid| Uid::from(uid.as_str())) else { return };
        let mut state = self.inner.state.lock();
        let before = state.owners.insert((kind, key(object)), owner.clone());
        if let Some(before) = before.filter(|before| *before != owner) {
            state.unset::<K>(&before, &object.name_any());
        }
        if object.set(state.children.entry(owner.clone()).or_default()) {
            state.tell(&Wake::Resource(owner));
        }
    }

    fn drop<K: Kept>(&self, kind: &'static str, key: &str) {
        let mut state = self.inner.state.lock();
        let Some(owner) = state.owners.remove(&(kind, key.to_owned())) else { return };
        state.unset::<K>(&owner, key.rsplit('/').next().unwrap_or_default());
    }

    /// After a new list: what it does not have is gone.
    fn drop_unlisted<K: Kept>(&self, kind: &'static str, listed: &BTreeSet<String>) {
        let known = self
            .inner
            .state
            .lock()
            .owners
            .keys()
            .filter(|(k, _)| *k == kind)
            .map(|(_, key)| key.clone())
            .collect::<Vec<_>>();
        for key in known.iter().filter(|key| !listed.contains(*key)) {
            self.drop::<K>(kind, key);
        }
    }

    async fn follow_nodes(&self, client: &Client) {
        let nodes = Api::<view::Node>::all(client.clone());
        let mut events = kube::runtime::watcher(nodes, watcher::Config::default()).default_backoff().boxed();
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
                Err(error) => tracing::warn!(%error, "the watch of nodes broke and is tried again"),
            }
        }
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
            state.tell(&Wake::Device(device));
        }
    }

    fn drop_node(&self, device: &Device) {
        let mut state = self.inner.state.lock();
        if Arc::make_mut(&mut state.devices).remove(device).is_some() {
            state.tell(&Wake::Device(device.clone()));
        }
    }

    /// Counts each watch once, however often it lists.
    fn count_synced(&self, first: bool) {
        self.inner.synced.send_modify(|count| *count += u8::from(first));
    }
}

impl State {
    fn unset<K: Kept>(&mut self, owner: &Uid, name: &str) {
        let Some(children) = self.children.get_mut(owner) else { return };
        let changed = K::unset(name, children);
        if children.is_empty() {
            self.children.remove(owner);
        }
        if changed {
            self.tell(&Wake::Resource(owner.clone()));
        }
    }

    fn tell(&mut self, wake: &Wake) {
        self.listeners.retain(|listener| listener.send(wake.clone()).is_ok());
    }
}

fn key(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
