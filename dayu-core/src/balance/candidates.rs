//! What is left of a Service's endpoints while layers narrow them: a range, a predicate, and what was tried.
use std::{ops::Range, sync::Arc, time::Duration};

use smallvec::SmallVec;

use super::{
    Draw, Error, Homes, Load, Policy, Reason, Refused, Request, SaidBy, SpillAt, Target, Turns, latency::nanos,
    policy::ConsistentHash,
};
use crate::directory::{Endpoint, EndpointSet, Service, Slot};

/// The endpoints that may still be picked for one request. Nothing is copied: the endpoints lie in the snapshot.
///
/// ```
/// use dayu_core::{balance::{Candidates, Request}, name::ServiceKey};
/// use dayu_core::directory::{Change, Directory, EndpointRecord, ServiceRecord, SliceRecord};
/// use std::time::Duration;
///
/// let detector = ServiceKey::new("shop", "detector");
/// let unready = EndpointRecord { ready: false, ..EndpointRecord::new([10, 0, 0, 1]).on("edge1") };
/// let runs = SliceRecord::new(&detector, "all", 9000, [unready, EndpointRecord::new([10, 0, 0, 2]).on("edge1")]);
/// let directory = Directory::from_iter([Change::from(ServiceRecord::new(detector.clone()).port(9000)), runs.into()]);
/// let service = directory.snapshot().service(&detector).cloned().expect("it was just told");
/// let candidates = Candidates::new(Request::to(detector, 9000), service, Duration::ZERO)?;
/// assert_eq!((candidates.len(), candidates.usable_from(0)), (2, Some(1)));
/// # Ok::<(), dayu_core::balance::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Candidates {
    pub(super) request: Request,
    pub(super) service: Arc<Service>,
    pub(super) port: usize,
    pub(super) range: Range<usize>,
    /// The key is the client's, and the Service wants each client at one endpoint, however busy.
    pub(super) sticky: bool,
    pub(super) spares_ejected: bool,
    /// Nothing follows from it for other requests.
    pub(super) rehearses: bool,
    pub(super) now: Duration,
    pub(super) tried: SmallVec<[usize; 8]>,
}

impl Candidates {
    /// All endpoints of the request's port.
    ///
    /// # Errors
    /// `NoSuchPort` when the Service has no such TCP port.
    pub fn new(request: Request, service: Arc<Service>, now: Duration) -> Result<Self, Error> {
        let found = service.port(request.port).filter(|at| service.ports[*at].tcp);
        let Some(port) = found else {
            let known: Vec<String> =
                service.ports.iter().filter(|port| port.tcp).map(|port| port.number.to_string()).collect();
            let detail = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refused(&request, Reason::NoSuchPort, detail).into());
        };
        let range = 0..service.ports[port].endpoints.all().len();
        let (sticky, spares_ejected, rehearses, tried) = Default::default();
        Ok(Self { request, service, port, range, sticky, spares_ejected, rehearses, now, tried })
    }

    /// The index of the one that gets the request, or none when none is usable: by consistent hash where the request has a key,
    /// else by the policy that its Service names, else by `policy`.
    ///
    /// ```
    /// use dayu_core::{balance::{Candidates, Draw, Request, policy}, name::ServiceKey};
    /// use dayu_core::directory::{Change, Directory, EndpointRecord, ServiceRecord, SliceRecord};
    /// use std::time::Duration;
    ///
    /// let detector = ServiceKey::new("shop", "detector");
    /// let service = ServiceRecord { balance: Some("round-robin".into()), ..ServiceRecord::new(detector.clone()).port(9000) };
    /// let runs = SliceRecord::new(&detector, "all", 9000, [1, 2].map(|last| EndpointRecord::new([10, 0, 0, last])));
    /// let directory = Directory::from_iter([Change::from(service), runs.into()]);
    /// let service = directory.snapshot().service(&detector).cloned().expect("it was just told");
    /// let candidates = Candidates::new(Request::to(detector, 9000), service, Duration::ZERO)?;
    /// let picked = [(); 3].map(|()| candidates.pick(&policy::Random, &mut Draw::new(1)));
    /// assert_eq!(picked, [Some(0), Some(1), Some(0)], "in turn, whatever is drawn");
    /// # Ok::<(), dayu_core::balance::Error>(())
    /// ```
    pub fn pick<P: Policy + ?Sized>(&self, policy: &P, draw: &mut Draw) -> Option<usize> {
        if self.request.key.is_some() {
            return ConsistentHash.pick(self, draw);
        }
        match &self.service.balancing.policy {
            None => policy.pick(self, draw),
            Some(said) => said.pick(self, draw),
        }
    }

    /// What [`Candidates::pick`] picks by, and who says so.
    pub(super) fn in_force<'a>(&'a self, policy: &'a dyn Policy) -> (&'a dyn Policy, SaidBy) {
        match &self.service.balancing.policy {
            _ if self.request.key.is_some() => (&ConsistentHash, SaidBy::Request),
            Some(said) => (said, SaidBy::Service),
            None => (policy, SaidBy::Default),
        }
    }

    /// From how busy a device on a request may leave it that prefers it and has `asked` for that much, and who says so.
    pub(super) fn spill_at(&self, asked: Option<SpillAt>) -> (SpillAt, SaidBy) {
        match (asked, self.service.balancing.spill_at) {
            (Some(asked), _) => (asked, SaidBy::Request),
            (None, Some(said)) => (said, SaidBy::Service),
            (None, None) => (SpillAt::NEVER, SaidBy::Default),
        }
    }

    /// What was asked.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The Service.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Whether the request must go where its key says, however busy that is.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.sticky
    }

    /// The moment of the pick, since a moment fixed per process.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// How many stand in the range, usable or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether none stands in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The endpoint at `index`, from 0 to below [`Candidates::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> &Endpoint {
        &self.all()[self.range.start + index]
    }

    /// Whether the endpoint at `index` may be picked: ready, not tried before, not ejected.
    #[must_use]
    pub fn is_usable(&self, index: usize) -> bool {
        self.field().is_usable(index)
    }

    /// The usable one at or after `index`, going round once.
    #[must_use]
    pub fn usable_from(&self, index: usize) -> Option<usize> {
        let (field, len) = (self.field(), self.len());
        (index..len).chain(0..index.min(len)).find(|at| field.is_usable(*at))
    }

    pub(super) fn all(&self) -> &[Endpoint] {
        self.set().all()
    }

    pub(super) fn set(&self) -> &EndpointSet {
        &self.service.ports[self.port].endpoints
    }

    /// Where keys are at home among these candidates.
    pub(super) fn homes(&self) -> &Homes {
        self.set().homes(&self.range)
    }

    /// Whose turn it is among these candidates.
    pub(super) fn turns(&self) -> &Turns {
        self.set().turns(&self.range)
    }

    /// What a pick looks at, found once for all candidates of it.
    pub(super) fn field(&self) -> Field<'_> {
        self.field_of(self.range.clone())
    }

    /// The same of others among the port's endpoints.
    pub(super) fn field_of(&self, range: Range<usize>) -> Field<'_> {
        Field {
            start: range.start,
            slots: &self.set().slots()[range],
            tried: &self.tried,
            now: nanos(self.now),
            spares_ejected: self.spares_ejected,
        }
    }

    pub(super) fn narrow_to(&mut self, device: &str) {
        self.range = self.set().range(device);
    }

    pub(super) fn widen(&mut self) {
        self.range = 0..self.all().len();
    }

    /// Leaves a device that was only preferred, once nothing there is left to try; says whether that adds any candidate.
    pub(super) fn leave_device(&mut self) -> bool {
        let may = matches!(self.request.target, Target::Prefer { .. }) && self.len() < self.all().len();
        if may {
            self.widen();
        }
        may
    }

    /// Why none of these can be picked.
    pub(super) fn refusal(&self) -> Refused {
        if self.all().is_empty() {
            return refused(&self.request, Reason::NoEndpoint, String::new());
        }
        if self.is_empty() {
            let devices = self.set().devices();
            let devices: Vec<&str> = devices.map(crate::name::Device::as_str).collect();
            return refused(&self.request, Reason::NoEndpointOnDevice, devices.join(", "));
        }
        refused(&self.request, Reason::NotReady, String::new())
    }
}

/// The candidates as a pick sees them: what decides, close together.
pub(super) struct Field<'a> {
    slots: &'a [Slot],
    /// Where the candidates begin among all.
    start: usize,
    tried: &'a [usize],
    /// Nanoseconds.
    pub(super) now: u64,
    spares_ejected: bool,
}

impl<'a> Field<'a> {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn load(&self, index: usize) -> &'a Load {
        &self.slots[index].load
    }

    #[inline]
    pub(super) fn is_usable(&self, index: usize) -> bool {
        let slot = &self.slots[index];
        slot.ready
            && (self.tried.is_empty() || !self.tried.contains(&(self.start + index)))
            && !(self.spares_ejected && slot.load.is_ejected_at(self.now))
    }

    /// Requests in flight at each usable one, judged by at most `looked` of them, evenly apart from `first` on.
    pub(super) fn mean_in_flight(&self, first: usize, looked: usize) -> f64 {
        let (len, looked) = (self.len(), self.len().min(looked));
        let usable = (0..looked).map(|nth| (first + nth * len / looked) % len).filter(|index| self.is_usable(*index));
        let (count, sum) =
            usable.fold((0u32, 0u64), |(count, sum), at| (count + 1, sum + u64::from(self.load(at).in_flight())));
        sum as f64 / f64::from(count.max(1))
    }
}

pub(super) fn refused(request: &Request, reason: Reason, detail: String) -> Refused {
    Refused { reason, service: request.service.clone(), port: request.port, device: request.device().cloned(), detail }
}
