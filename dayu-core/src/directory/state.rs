//! The writer's side: records as they stand, and the snapshot that follows from them.
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Change, DeviceRecord, Endpoint, EndpointRecord, EndpointSet, Gate, Host, Port, Records, Service, ServiceRecord,
    SliceRecord, Snapshot, claims::Claims,
};
use crate::{
    balance::{Balancing, Load, hash},
    name::{Device, ServiceKey, Uid},
    route::{Portal, RouteView, Routes, SourceState},
};

type Slices = BTreeMap<Arc<str>, Arc<SliceRecord>>;

#[derive(Debug, Default)]
pub(super) struct State {
    snapshot: Snapshot,
    records: HashMap<ServiceKey, Arc<ServiceRecord>>,
    slices: HashMap<ServiceKey, Slices>,
    /// Which Service a slice belongs to, by namespace and name.
    owners: HashMap<(Arc<str>, Arc<str>), ServiceKey>,
    claims: Claims,
    routes: Routes,
}

impl State {
    pub(super) fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    pub(super) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(super) fn records(&self) -> Records {
        let mut services: Vec<_> = self.records.values().cloned().collect();
        let mut slices: Vec<_> = self.slices.values().flat_map(Slices::values).cloned().collect();
        services.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        slices.sort_unstable_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Records { services, slices, devices: self.snapshot.devices.values().cloned().collect() }
    }

    pub(super) fn apply(&mut self, change: Change, now: Timestamp) -> bool {
        let changed = match change {
            Change::Service(record) => self.service(record, now),
            Change::ServiceGone { key, uid } => self.service_gone(&key, &uid, now),
            Change::Slice(record) => self.slice(record, now),
            Change::SliceGone { namespace, name } => self.slice_gone(&namespace, &name, now),
            Change::Device(record) => self.device(record),
            Change::DeviceGone(device) => self.devices(|devices| devices.remove(&device).is_some()),
            Change::Recalled => self.heard(SourceState::Stale, now),
            Change::Synced => self.heard(SourceState::Synced, now),
            Change::Hindered { .. } => false,
        };
        if changed {
            self.snapshot.version += 1;
        }
        changed
    }

    pub(super) fn portal(&mut self, service: &Uid, port: &str, portal: Portal, now: Timestamp) -> Vec<RouteView> {
        let changed = self.routes.portal(service, port, portal, now);
        if !changed.is_empty() {
            self.snapshot.version += 1;
            if let Some(key) = self.routes.key(service) {
                self.rebuild(&key);
            }
        }
        changed
    }

    fn service(&mut self, record: ServiceRecord, now: Timestamp) -> bool {
        let key = record.key.clone();
        if let Some(known) = self.records.get(&key) {
            let older = known.uid == record.uid && record.version != 0 && record.version < known.version;
            if older || **known == record {
                return false;
            }
            self.unindex(&known.clone());
        }
        let record = Arc::new(record);
        self.records.insert(key.clone(), record.clone());
        if record.carried {
            self.index(&record);
        }
        self.routes.service(&record, now);
        self.routes.endpoints(&key, self.slices.get(&key).into_iter().flat_map(Slices::values), now);
        self.rebuild(&key);
        true
    }

    fn service_gone(&mut self, key: &ServiceKey, uid: &Uid, now: Timestamp) -> bool {
        if self.records.get(key).is_none_or(|known| known.uid != *uid) {
            return false;
        }
        if let Some(record) = self.records.remove(key) {
            self.unindex(&record);
        }
        self.routes.service_gone(key, uid, now);
        self.snapshot.services.remove(key);
        self.snapshot.left.remove(key);
        true
    }

    fn slice(&mut self, record: SliceRecord, now: Timestamp) -> bool {
        let id = (record.namespace.clone(), record.name.clone());
        let key = ServiceKey { namespace: record.namespace.clone(), name: record.service.clone() };
        let mut touched = false;
        if let Some(before) = self.owners.get(&id).cloned() {
            let known = self.slices.get(&before).and_then(|slices| slices.get(&record.name));
            if known.is_some_and(|known| (record.version != 0 && record.version < known.version) || **known == record) {
                return false;
            }
            if before != key {
                touched |= self.drop_slice(&before, &record.name, now);
            }
        }
        self.owners.insert(id, key.clone());
        self.claims.add(&record);
        let slices = self.slices.entry(key.clone()).or_default();
        if let Some(before) = slices.insert(record.name.clone(), Arc::new(record)) {
            self.claims.remove(&before);
        }
        self.endpoints_changed(&key, now) || touched
    }

    fn slice_gone(&mut self, namespace: &Arc<str>, name: &Arc<str>, now: Timestamp) -> bool {
        match self.owners.remove(&(namespace.clone(), name.clone())) {
            Some(key) => self.drop_slice(&key, name, now),
            None => false,
        }
    }

    fn drop_slice(&mut self, key: &ServiceKey, name: &str, now: Timestamp) -> bool {
        if let Some(slices) = self.slices.get_mut(key) {
            slices.remove(name).into_iter().for_each(|gone| self.claims.remove(&gone));
            if slices.is_empty() {
                self.slices.remove(key);
            }
        }
        self.endpoints_changed(key, now)
    }

    fn endpoints_changed(&mut self, key: &ServiceKey, now: Timestamp) -> bool {
        self.routes.endpoints(key, self.slices.get(key).into_iter().flat_map(Slices::values), now);
        self.rebuild(key);
        let shared = std::mem::replace(&mut self.snapshot.shared, self.claims.shared());
        self.records.contains_key(key) || shared != self.snapshot.shared
    }

    /// How far the source is, which is never less than it was.
    fn heard(&mut self, source: SourceState, now: Timestamp) -> bool {
        if self.snapshot.source >= source {
            return false;
        }
        self.snapshot.source = source;
        self.routes.source(source, now);
        let managed: Vec<ServiceKey> =
            self.records.values().filter(|r| r.is_managed()).map(|r| r.key.clone()).collect();
        managed.iter().for_each(|key| self.rebuild(key));
        true
    }

    fn device(&mut self, record: DeviceRecord) -> bool {
        self.devices(|devices| match devices.get_mut(&record.device) {
            Some(known) if record.version != 0 && record.version < known.version => false,
            Some(known) => {
                // A heartbeat changes the version and nothing that anybody here reads.
                let differs =
                    known.addresses != record.addresses || known.ready != record.ready || known.roles != record.roles;
                *known = record;
                differs
            }
            None => devices.insert(record.device.clone(), record).is_none(),
        })
    }

    fn devices(&mut self, change: impl FnOnce(&mut BTreeMap<Device, DeviceRecord>) -> bool) -> bool {
        change(Arc::make_mut(&mut self.snapshot.devices))
    }

    fn index(&mut self, record: &ServiceRecord) {
        for address in &record.addresses {
            self.snapshot.addresses.insert(*address, record.key.clone());
        }
        for port in record.ports.iter().filter_map(|port| port.node_port) {
            self.snapshot.node_ports.insert(port, record.key.clone());
        }
    }

    /// Takes back what the index holds of a record, unless another Service has it by now.
    fn unindex(&mut self, record: &ServiceRecord) {
        for address in &record.addresses {
            if self.snapshot.addresses.get(address) == Some(&record.key) {
                self.snapshot.addresses.remove(address);
            }
        }
        for port in record.ports.iter().filter_map(|port| port.node_port) {
            if self.snapshot.node_ports.get(&port) == Some(&record.key) {
                self.snapshot.node_ports.remove(&port);
            }
        }
    }

    /// Builds the one Service anew; what was measured of endpoints that stay is kept.
    fn rebuild(&mut self, key: &ServiceKey) {
        let Some(record) = self.records.get(key).cloned() else { return };
        let before = self.snapshot.services.get(key).cloned();
        let ports = record.ports.iter().map(|port| {
            let old = before.iter().flat_map(|service| &service.ports).find(|old| old.name == port.name);
            let endpoints = self.endpoints(key, &port.name);
            Port {
                name: port.name.clone(),
                number: port.number,
                node_port: port.node_port,
                tcp: &*port.protocol == "TCP",
                endpoints: EndpointSet::new(endpoints, old.map_or(&EndpointSet::default(), |old| &old.endpoints)),
            }
        });
        let service = Service {
            key: key.clone(),
            uid: record.uid.clone(),
            addresses: record.addresses.clone(),
            alias: record.alias.clone(),
            hosts: if record.addresses.is_empty() { self.hosts(key) } else { Arc::default() },
            ports: ports.collect(),
            affine: record.affinity.is_some(),
            balancing: Balancing::said(record.balance.as_deref(), record.spill.as_deref()),
            gate: if record.is_managed() { self.routes.gate(&record.uid) } else { Gate::Open },
            record: record.clone(),
        };
        let Snapshot { services, left, .. } = &mut self.snapshot;
        let (its, others) = if record.carried { (services, left) } else { (left, services) };
        its.insert(key.clone(), Arc::new(service));
        if others.get(key).is_some() {
            others.remove(key);
        }
    }

    /// The ready endpoints of a Service, whatever its ports: it may have none.
    fn hosts(&self, key: &ServiceKey) -> Arc<[Host]> {
        let records = self.slices.get(key).into_iter().flat_map(Slices::values).flat_map(|slice| &slice.endpoints);
        let host = |record: &EndpointRecord| Host {
            name: record.hostname.clone().unwrap_or_else(|| record.address.to_string().replace(['.', ':'], "-").into()),
            address: record.address,
        };
        let mut hosts: Vec<Host> = records.filter(|record| record.ready).map(host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.into()
    }

    fn endpoints(&self, key: &ServiceKey, port: &str) -> Vec<Endpoint> {
        let slices = self.slices.get(key).into_iter().flat_map(Slices::values);
        slices
            .flat_map(|slice| {
                let number = slice.ports.iter().find(|(name, _)| **name == *port).map(|(_, number)| *number);
                number.into_iter().flat_map(|number| slice.endpoints.iter().map(move |record| (number, record)))
            })
            .map(|(number, record)| {
                // An endpoint that names no device is on none of them: only requests that name none can reach it.
                let device = record.device.clone().unwrap_or_else(|| Device::from(""));
                let address = SocketAddr::new(record.address, number);
                let pod = record.pod.clone();
                let who = pod.as_ref().map(|pod| pod.name.clone()).unwrap_or_default();
                Endpoint {
                    hash: hash::endpoint(device.as_str(), &who, address),
                    device,
                    address,
                    pod,
                    ready: record.ready,
                    serving: record.serving,
                    terminating: record.terminating,
                    weight: record.weight.max(1),
                    load: Arc::new(Load::default()),
                }
            })
            .collect()
    }
}
