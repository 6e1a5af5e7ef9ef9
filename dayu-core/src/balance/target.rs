//! TargetDevice: the device that a request names, as strictly as it names it.
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use tower::{Layer, Service};

use super::{Candidates, Error, SpillAt, Target, latency::nanos};

/// Adds [`TargetDevice`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TargetDeviceLayer;

/// Narrows the candidates to a device. Leave it out only where any device is as good as any other.
#[derive(Clone, Debug)]
pub struct TargetDevice<S>(S);

/// So many endpoints of a device are looked at to see whether it is busy: enough to tell, few enough to cost nothing.
const LOOKED_AT: usize = 8;
/// And so many of all endpoints, while it spills.
const LOOKED_AT_ELSEWHERE: usize = 64;

impl<S> Layer<S> for TargetDeviceLayer {
    type Service = TargetDevice<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TargetDevice(inner)
    }
}

impl<S, T> Service<Candidates> for TargetDevice<S>
where
    S: Service<Candidates, Response = T, Error = Error>,
{
    type Response = T;
    type Error = Error;
    type Future = Either<S::Future, Ready<Result<T, Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut candidates: Candidates) -> Self::Future {
        match narrow(&mut candidates) {
            Ok(()) => Either::Left(self.0.call(candidates)),
            Err(error) => Either::Right(ready(Err(error))),
        }
    }
}

/// Leaves the candidates that the request's target allows.
pub(super) fn narrow(candidates: &mut Candidates) -> Result<(), Error> {
    match candidates.request.target.clone() {
        Target::Any => {}
        Target::Strict(device) => candidates.narrow_to(device.as_str()),
        Target::Prefer { device, spill_at } => {
            candidates.narrow_to(device.as_str());
            // A device whose endpoints are all ejected is left, too: others are likelier to answer.
            candidates.spares_ejected = true;
            let (at, _) = candidates.spill_at(spill_at);
            if candidates.usable_from(0).is_none() || spills(candidates, at) {
                candidates.widen();
            }
            candidates.spares_ejected = false;
        }
    }
    // Said here, so that a refusal does not wait for a pick that cannot come.
    if candidates.usable_from(0).is_none() {
        return Err(candidates.refusal().into());
    }
    Ok(())
}

/// Whether the device whose endpoints are the candidates has so much to do that the request may go elsewhere.
fn spills(candidates: &Candidates, at: SpillAt) -> bool {
    if at == SpillAt::NEVER {
        return false;
    }
    let Some(spill) = candidates.set().spill(&candidates.range) else { return false };
    let home = || candidates.field().mean_in_flight(0, LOOKED_AT);
    let all = || {
        let all = candidates.field_of(0..candidates.all().len());
        all.mean_in_flight(0, LOOKED_AT_ELSEWHERE) * all.len() as f64 / candidates.len() as f64
    };
    let verdict = spill.judge(at, nanos(candidates.now), home, all);
    if !candidates.rehearses {
        spill.note(verdict);
    }
    verdict.spills
}
