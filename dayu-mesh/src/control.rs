//! The one writer: applies changes to the directory and brings listeners and routes up to it.
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use dayu_core::{
    balance::Ignored,
    daemon::Remark,
    directory::{Change, Directory, Service},
    name::{Device, ServiceKey, Uid},
    route::Portal,
};
use ipnet::Ipv4Net;
use jiff::Timestamp;

use crate::{
    dns,
    feed::Feed,
    listen::{Listeners, Named, desired},
};

/// Slices by namespace and name, and the Service each belongs to.
type Owners = HashMap<(Arc<str>, Arc<str>), ServiceKey>;

pub(crate) struct Control {
    directory: Arc<Directory>,
    device: Device,
    address: Option<IpAddr>,
    listeners: Listeners,
    named: Named,
    owners: Owners,
    /// Whose route was told last under a Service's name.
    told: HashMap<ServiceKey, Uid>,
    feed: Arc<Feed>,
}

/// What a burst of changes asks to be looked at.
#[derive(Default)]
struct Touched {
    /// Their listeners may differ.
    services: BTreeSet<ServiceKey>,
    /// Only their routes may.
    routes: BTreeSet<ServiceKey>,
}

impl Control {
    /// Names of Services on one device get addresses of `range`.
    pub(crate) fn new(
        directory: Arc<Directory>,
        device: Device,
        listeners: Listeners,
        range: Ipv4Net,
        feed: Arc<Feed>,
    ) -> Self {
        let (owners, told) = Default::default();
        let named = Named::new(range);
        Self { directory, device, address: None, listeners, named, owners, told, feed }
    }

    /// The device's own address, once it is known.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Removes what a predecessor has left.
    pub(crate) fn sweep(&self) {
        self.listeners.sweep();
    }

    /// Takes no new connection; those that are there go on as long as this is held.
    pub(crate) async fn refuse(&mut self) {
        self.listeners.refuse().await;
    }

    /// Whether something should listen and does not.
    pub(crate) fn has_failures(&self) -> bool {
        self.listeners.failures().next().is_some()
    }

    /// Applies `burst` and does what follows from it. No timer: what is applied here is told before this returns.
    pub(crate) async fn take(&mut self, burst: Vec<Change>) {
        let mut touched = Touched::default();
        for change in burst {
            self.note(&change, &mut touched);
            self.directory.apply_at(change, Timestamp::now());
        }
        touched.services.extend(self.directory.with(|snapshot| self.named.retain_known(snapshot)));
        if self.moved() {
            touched.services = self.directory.snapshot().services().map(|service| service.key.clone()).collect();
        }
        let mut is_free = false;
        for key in &touched.services {
            self.remark(key);
            is_free |= self.listen(key).await;
        }
        if is_free {
            self.retry();
        }
        for key in touched.services.union(&touched.routes) {
            self.tell(key);
        }
        self.publish();
    }

    /// Answers with the address of a Service on a device, once everything listens there: before, something else of this
    /// machine might be reached that listens on all its addresses.
    pub(crate) async fn answer(&mut self, ask: dns::Ask) {
        let address = self.named.address(&ask.service, &ask.device).map(IpAddr::from);
        self.listen(&ask.service).await;
        self.publish();
        let stands = |address: &IpAddr| {
            let snapshot = self.directory.snapshot();
            let desired = snapshot.service(&ask.service).map(|service| self.named.desired(service)).unwrap_or_default();
            let mut here = desired.iter().filter(|(at, _)| at.ip() == *address).peekable();
            here.peek().is_some() && here.all(|(at, binding)| self.listeners.is_open_as(*at, binding))
        };
        // Who asked may have gone.
        let _ = ask.answer.send(address.filter(stands));
    }

    /// Tries again to listen where it failed.
    pub(crate) fn retry(&mut self) {
        let waiting: BTreeSet<_> = self.listeners.failures().map(|failure| failure.binding.service.clone()).collect();
        if self.listeners.retry() {
            for key in &waiting {
                self.apply(key);
                self.tell(key);
            }
            self.publish();
        }
    }

    fn note(&mut self, change: &Change, touched: &mut Touched) {
        match change {
            Change::Service(record) => drop(touched.services.insert(record.key.clone())),
            Change::ServiceGone { key, .. } => drop(touched.services.insert(key.clone())),
            Change::Slice(record) => {
                let key = ServiceKey::new(record.namespace.clone(), record.service.clone());
                touched.routes.insert(key.clone());
                let before = self.owners.insert((record.namespace.clone(), record.name.clone()), key);
                touched.routes.extend(before);
            }
            Change::SliceGone { namespace, name } => {
                touched.routes.extend(self.owners.remove(&(namespace.clone(), name.clone())));
            }
            Change::Recalled | Change::Synced => touched.routes.extend(self.told.keys().cloned()),
            Change::Hindered { what, why } => self.feed.hindered(what, why),
            Change::Device(_) | Change::DeviceGone(_) => {}
        }
    }

    /// Whether the device's own address is another one than before. A node that is gone keeps its last.
    fn moved(&mut self) -> bool {
        let address = self.directory.with(|snapshot| snapshot.device(self.device.as_str())?.addresses.first().copied());
        let moved = address.is_some() && address != self.address;
        self.address = address.or(self.address);
        moved
    }

    /// Opens and closes the listeners of a Service. Whether another Service may listen now where it could not.
    async fn listen(&mut self, key: &ServiceKey) -> bool {
        let snapshot = self.directory.snapshot();
        let (Some(own), service) = (self.address, snapshot.service(key)) else { return false };
        let mut desired = service.map(|service| desired::desired(service, own)).unwrap_or_default();
        desired.extend(service.into_iter().flat_map(|service| self.named.desired(service)));
        if let Some(service) = service {
            self.portals(service, own, true);
        }
        let is_free = self.listeners.set(key, &desired).await;
        self.apply(key);
        is_free
    }

    /// Says which ports of a Service are served now.
    fn apply(&self, key: &ServiceKey) {
        let snapshot = self.directory.snapshot();
        if let (Some(own), Some(service)) = (self.address, snapshot.service(key)) {
            self.portals(service, own, false);
        }
    }

    /// Tells the route of a managed Service how its listeners are: pending before they are set up, applied when they stand.
    fn portals(&self, service: &Service, own: IpAddr, before: bool) {
        if !service.is_managed() {
            return;
        }
        let desired = desired::desired(service, own);
        for port in &service.ports {
            let mut addresses = desired::of_port(&desired, port.number).peekable();
            let some = addresses.peek().is_some();
            let stands = some && addresses.all(|address| self.listeners.is_open_as(address, &desired[&address]));
            let portal = match (stands, before) {
                (true, false) => Portal::Applied,
                (true, true) => continue,
                (false, _) => Portal::Pending,
            };
            self.directory.portal(&service.uid, &port.name, portal, Timestamp::now());
        }
    }

    /// Tells those who watch what a Service says that nobody understands.
    fn remark(&self, key: &ServiceKey) {
        let remarks = self.directory.with(|snapshot| {
            let service = snapshot.service(key)?;
            let remark = |ignored: &Ignored| Remark {
                service: key.clone(),
                uid: service.uid.clone(),
                note: ignored.to_string(),
            };
            Some(service.balancing.ignored.iter().map(remark).collect())
        });
        self.feed.remark(key, remarks.unwrap_or_default());
    }

    /// Tells those who watch what became of the route under a Service's name.
    fn tell(&mut self, key: &ServiceKey) {
        let uid = self.directory.with(|snapshot| {
            let service = snapshot.service(key).filter(|service| service.is_managed())?;
            Some(service.uid.clone())
        });
        if let Some(before) = self.told.get(key).filter(|before| uid.as_ref() != Some(before)) {
            self.feed.removed(before);
            self.told.remove(key);
        }
        if let Some(uid) = uid
            && let Some(view) = self.directory.route(&uid)
        {
            self.told.insert(key.clone(), uid);
            self.feed.route(view);
        }
    }

    fn publish(&self) {
        self.feed.change(
            self.directory.with(dayu_core::directory::Snapshot::version),
            self.listeners.failures().cloned().collect(),
        );
    }
}
