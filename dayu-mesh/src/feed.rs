//! What is told to those who watch: routes and versions, as they change, what hinders the mesh, and what it remarks on Services.
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use dayu_core::{
    daemon::{Plight, Remark, Trouble},
    name::{ServiceKey, Uid},
    route::{Phase, RouteView},
};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::listen::Failure;

/// Events that a slow watcher may be behind; beyond it, it is told all that is there anew.
pub(crate) const BEHIND: usize = 256;

/// Something that changed.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A route is as given.
    Route(Arc<RouteView>),
    /// The directory has this version.
    Change(u64),
    /// Something does not work, and is tried again.
    Hindered(Trouble),
    /// Something that the user of a Service should know.
    Remark(Remark),
}

/// The newest state of all that is told, and the events that lead there.
#[derive(Debug)]
pub(crate) struct Feed {
    routes: Mutex<BTreeMap<Uid, Arc<RouteView>>>,
    remarks: Mutex<BTreeMap<ServiceKey, Vec<Remark>>>,
    /// The directory's, once it is known.
    version: Mutex<Option<u64>>,
    failures: ArcSwap<Vec<Failure>>,
    /// Where names cannot be served, and why.
    nameless: ArcSwapOption<(SocketAddr, String)>,
    plight: Plight,
    events: broadcast::Sender<Event>,
}

impl Default for Feed {
    fn default() -> Self {
        let (routes, remarks, version, failures, nameless) = Default::default();
        // The mesh may change no object, so it writes no event: whoever watches may.
        let (plight, _) = Plight::new();
        Self { routes, remarks, version, failures, nameless, plight, events: broadcast::Sender::new(BEHIND) }
    }
}

impl Feed {
    /// Tells that a route is as given, if it was not so before.
    pub(crate) fn route(&self, view: RouteView) {
        let mut routes = self.routes.lock();
        let known = routes.get(&view.service_uid);
        // The sequence alone rises with every other route's change.
        if known
            .is_some_and(|known| RouteView { local_sequence: view.local_sequence, ..RouteView::clone(known) } == view)
        {
            return;
        }
        let view = Arc::new(view);
        routes.insert(view.service_uid.clone(), Arc::clone(&view));
        self.send(Event::Route(view));
    }

    /// Tells, once, that a route is gone.
    pub(crate) fn removed(&self, service: &Uid) {
        let mut routes = self.routes.lock();
        if let Some(last) = routes.remove(service) {
            let reason = "the Service is gone".to_owned();
            let view = RouteView { state: Phase::Removed, reason, ..RouteView::clone(&last) };
            self.send(Event::Route(Arc::new(view)));
        }
    }

    /// Tells the directory's version, and what should listen and does not.
    pub(crate) fn change(&self, version: u64, failures: Vec<Failure>) {
        self.failures.store(Arc::new(failures));
        let mut last = self.version.lock();
        *last = Some(version);
        self.send(Event::Change(version));
    }

    /// What should listen and does not.
    pub(crate) fn failures(&self) -> Arc<Vec<Failure>> {
        self.failures.load_full()
    }

    /// Tells that names cannot be served at an address, or that they are.
    pub(crate) fn names(&self, problem: Option<(SocketAddr, String)>) {
        self.nameless.store(problem.map(Arc::new));
    }

    /// Where names cannot be served, and why.
    pub(crate) fn nameless(&self) -> Option<Arc<(SocketAddr, String)>> {
        self.nameless.load_full()
    }

    /// Tells that something does not work, each time that it is tried.
    pub(crate) fn hindered(&self, what: &str, why: &str) {
        self.plight.grows(what, why);
        self.send(Event::Hindered(Trouble { what: what.to_owned(), why: why.to_owned() }));
    }

    /// Tells what is to be remarked on a Service, each thing once for as long as it is so.
    pub(crate) fn remark(&self, service: &ServiceKey, remarks: Vec<Remark>) {
        let mut all = self.remarks.lock();
        let before = all.remove(service).unwrap_or_default();
        for remark in remarks.iter().filter(|remark| !before.contains(remark)) {
            tracing::warn!(%service, note = remark.note, "a remark on a Service");
            self.send(Event::Remark(remark.clone()));
        }
        if !remarks.is_empty() {
            all.insert(service.clone(), remarks);
        }
    }

    /// What does not work at the moment.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        self.plight.troubles()
    }

    /// Every route as it is, what does not work, what is to be remarked, the version of all that, and what changes from then
    /// on.
    pub(crate) fn subscribe(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let (routes, remarks, version) = (self.routes.lock(), self.remarks.lock(), self.version.lock());
        let troubles = self.troubles().into_iter().map(Event::Hindered);
        let routes = routes.values().cloned().map(Event::Route);
        let remarks = remarks.values().flatten().cloned().map(Event::Remark);
        let version = version.map(Event::Change);
        (routes.chain(troubles).chain(remarks).chain(version).collect(), self.events.subscribe())
    }

    /// Fails when nobody watches, which is no failure.
    fn send(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
