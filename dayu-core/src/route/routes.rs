//! The state machine of all routes of a device.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    check::{self, Valid},
    report::{Phase, Report, Route, RouteView, SourceState},
};
use crate::{
    directory::{Gate, ServiceRecord, SliceRecord},
    name::{Device, Revision, ServiceKey, Uid},
};

/// What became of the listener of one port of one incarnation of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portal {
    /// It is about to be set up.
    Pending,
    /// It stands.
    Applied,
    /// It is about to be torn down.
    Removing,
    /// It is gone.
    Removed,
}

/// All routes. Pure: time is an argument, and every method says what changed.
#[derive(Debug, Default)]
pub struct Routes {
    sequence: u64,
    source: SourceState,
    updated_at: Timestamp,
    entries: HashMap<Uid, Entry>,
    current: HashMap<ServiceKey, Uid>,
    /// Which Service holds a RuntimeService's UID; a second claimant is refused.
    holders: HashMap<Uid, Uid>,
}

#[derive(Debug)]
struct Entry {
    service: Arc<ServiceRecord>,
    slices: Vec<Arc<SliceRecord>>,
    /// By name of the port: whether its listener stands.
    portals: BTreeMap<Arc<str>, bool>,
    verdict: Result<Valid, String>,
    updated_at: Timestamp,
}

impl Routes {
    /// A Service is as given; one that is not managed has no route.
    pub fn service(&mut self, service: &Arc<ServiceRecord>, now: Timestamp) {
        if let Some(previous) = self.current.get(&service.key).cloned()
            && (previous != service.uid || !service.is_managed())
        {
            self.retire(&service.key, &previous, now);
        }
        if !service.is_managed() {
            return;
        }
        self.current.insert(service.key.clone(), service.uid.clone());
        let fresh = || Entry {
            service: service.clone(),
            slices: Vec::new(),
            portals: BTreeMap::new(),
            verdict: Err("not checked".to_owned()),
            updated_at: now,
        };
        self.entries.entry(service.uid.clone()).or_insert_with(fresh).service = service.clone();
        self.judge(&service.uid, now);
    }

    /// This incarnation of a Service is gone.
    pub fn service_gone(&mut self, key: &ServiceKey, uid: &Uid, now: Timestamp) {
        if self.current.get(key) == Some(uid) {
            self.retire(key, uid, now);
        }
    }

    /// The slices of a Service are as given.
    pub fn endpoints<'a>(
        &mut self,
        key: &ServiceKey,
        slices: impl Iterator<Item = &'a Arc<SliceRecord>>,
        now: Timestamp,
    ) {
        let Some(uid) = self.current.get(key).cloned() else { return };
        if let Some(entry) = self.entries.get_mut(&uid) {
            entry.slices = slices.cloned().collect();
        }
        self.judge(&uid, now);
    }

    /// What became of a listener; gives the routes that changed by it. Of an unknown incarnation, nothing does.
    pub fn portal(&mut self, service: &Uid, port: &str, portal: Portal, now: Timestamp) -> Vec<RouteView> {
        let Some(entry) = self.entries.get_mut(service) else { return Vec::new() };
        let applied_before = entry.is_applied();
        match portal {
            Portal::Pending | Portal::Removing => drop(entry.portals.insert(port.into(), false)),
            Portal::Applied => drop(entry.portals.insert(port.into(), true)),
            Portal::Removed => drop(entry.portals.remove(port)),
        }
        if entry.is_applied() == applied_before {
            return Vec::new();
        }
        entry.updated_at = now;
        self.publish(now);
        self.view(service).into_iter().collect()
    }

    /// How far the source is.
    pub fn source(&mut self, source: SourceState, now: Timestamp) {
        if self.source != source {
            self.source = source;
            self.publish(now);
        }
    }

    /// The name of the Service that this incarnation is of.
    #[must_use]
    pub fn key(&self, service: &Uid) -> Option<ServiceKey> {
        self.entries.get(service).map(|entry| entry.service.key.clone())
    }

    /// Whether requests to a managed Service may pass.
    #[must_use]
    pub fn gate(&self, service: &Uid) -> Gate {
        let Some(entry) = self.entries.get(service) else { return Gate::Closed("the route is not known yet".into()) };
        match (self.source, entry.phase(), entry.reason()) {
            (SourceState::Syncing, ..) => Gate::Closed(SourceState::Syncing.message().into()),
            (_, Phase::Applied, _) => Gate::Applied,
            (_, _, reason) => Gate::Closed(reason.into()),
        }
    }

    /// One route, as it is told now.
    #[must_use]
    pub fn view(&self, service: &Uid) -> Option<RouteView> {
        let entry = self.entries.get(service)?;
        let route = entry.route();
        let known = self.source != SourceState::Syncing;
        Some(RouteView {
            service_uid: route.service_uid,
            runtime_service_uid: route.runtime_service_uid,
            service_resource_version: route.service_resource_version,
            endpoints_resource_version: route.endpoints_resource_version,
            deployment_revision: route.deployment_revision,
            runtime_id: route.runtime_id,
            state: if known { route.phase } else { Phase::Degraded },
            local_sequence: self.sequence,
            source_state: self.source,
            target_node: route.target_node,
            endpoint_pod_uid: route.endpoint_pod_uid,
            reason: if known { route.reason } else { self.source.message().to_owned() },
            observed_at: route.updated_at,
        })
    }

    /// All routes.
    #[must_use]
    pub fn report(&self) -> Report {
        let named = |entry: &Entry| {
            let route = entry.route();
            let holder = self.holders.get(&route.runtime_service_uid) == Some(&route.service_uid);
            let key =
                if holder { route.runtime_service_uid.to_string() } else { format!("invalid/{}", route.service_uid) };
            (key, route)
        };
        Report {
            sequence: self.sequence,
            source_state: self.source,
            source_message: self.source.message().to_owned(),
            updated_at: self.updated_at,
            routes: self.entries.values().map(named).collect(),
        }
    }

    fn judge(&mut self, uid: &Uid, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(uid) else { return };
        let mut verdict = check::check(&entry.service, &entry.slices);
        if let Ok(identity) = check::identity(&entry.service) {
            let holder = self.holders.entry(identity.runtime_service).or_insert_with(|| uid.clone());
            if holder != uid {
                verdict = Err(format!("RuntimeService UID is held by Service {holder}"));
            }
        }
        if verdict != entry.verdict {
            entry.verdict = verdict;
            entry.updated_at = now;
            self.publish(now);
        }
    }

    fn retire(&mut self, key: &ServiceKey, uid: &Uid, now: Timestamp) {
        self.current.remove(key);
        self.entries.remove(uid);
        self.holders.retain(|_, holder| holder != uid);
        self.publish(now);
        // Whoever was refused because of the one that is gone may have its place.
        let refused: Vec<Uid> =
            self.entries.iter().filter(|(_, entry)| entry.verdict.is_err()).map(|(uid, _)| uid.clone()).collect();
        refused.iter().for_each(|uid| self.judge(uid, now));
    }

    fn publish(&mut self, now: Timestamp) {
        self.sequence += 1;
        self.updated_at = now;
    }
}

impl Entry {
    fn is_applied(&self) -> bool {
        let stands = |name: &Arc<str>| self.portals.get(name).copied().unwrap_or_default();
        !self.service.ports.is_empty() && self.service.ports.iter().all(|port| stands(&port.name))
    }

    fn phase(&self) -> Phase {
        match (&self.verdict, self.is_applied()) {
            (Err(_), _) => Phase::Degraded,
            (Ok(_), true) => Phase::Applied,
            (Ok(_), false) => Phase::Ready,
        }
    }

    fn reason(&self) -> String {
        match (&self.verdict, self.is_applied()) {
            (Err(reason), _) => reason.clone(),
            (Ok(_), true) => String::new(),
            (Ok(_), false) => "waiting for userspace portal".to_owned(),
        }
    }

    fn route(&self) -> Route {
        let service = &self.service;
        let label = |name: &str| service.labels.get(name).map(|value| value.to_string()).unwrap_or_default();
        let [_, install, revision, runtime, component, owner] = super::LABELS.map(label);
        let valid = self.verdict.as_ref().ok();
        let port = service.ports.first();
        Route {
            runtime_service_uid: Uid::from(owner),
            service_uid: service.uid.clone(),
            service_resource_version: service.version.to_string(),
            endpoints_resource_version: self
                .slices
                .iter()
                .map(|slice| slice.version)
                .max()
                .unwrap_or_default()
                .to_string(),
            namespace: service.key.namespace.to_string(),
            service_name: service.key.name.to_string(),
            logical_service: service.logical_service.to_string(),
            install_id: install,
            deployment_revision: Revision(revision.parse().unwrap_or_default()),
            runtime_id: runtime,
            component,
            target_node: service.target.clone().unwrap_or_else(|| Device::from("")),
            fqdn: format!("{}.{}.svc.cluster.local", service.key.name, service.key.namespace),
            port_name: port.map(|port| port.name.to_string()).unwrap_or_default(),
            service_ip: service.addresses.first().map(ToString::to_string).unwrap_or_default(),
            service_port: port.map(|port| port.number).unwrap_or_default(),
            endpoint_ip: valid.map(|valid| valid.address.to_string()).unwrap_or_default(),
            endpoint_port: valid.map(|valid| valid.port).unwrap_or_default(),
            endpoint_pod: valid.map(|valid| valid.pod.name.to_string()).unwrap_or_default(),
            endpoint_pod_uid: valid.map_or_else(|| Uid::from(""), |valid| valid.pod.uid.clone()),
            protocol: "TCP".to_owned(),
            phase: self.phase(),
            reason: self.reason(),
            proxy_applied: self.is_applied(),
            updated_at: self.updated_at,
        }
    }
}
