//! TargetDevice: the device that a request names, as strictly as it names it.
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use tower::{Layer, Service};

use super::{Candidates, Error, Mode};

/// Adds [`TargetDevice`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TargetDeviceLayer;

/// Narrows the candidates to a device. Leave it out only where any device is as good as any other.
#[derive(Clone, Debug)]
pub struct TargetDevice<S>(S);

/// So many endpoints of a device are looked at to see whether it is busy: enough to tell, few enough to cost nothing.
const LOOKED_AT: usize = 8;

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

/// Leaves the candidates that the request's device and mode allow.
pub(super) fn narrow(candidates: &mut Candidates) -> Result<(), Error> {
    if let Some(device) = candidates.request.device.clone() {
        candidates.narrow_to(device.as_str());
        match candidates.request.mode {
            Mode::Strict => {}
            Mode::Any => candidates.widen(),
            Mode::Prefer { spill_at } => {
                // A device whose endpoints are all ejected is left, too: others are likelier to answer.
                candidates.spares_ejected = true;
                if candidates.usable_from(0).is_none() || is_busy(candidates, spill_at) {
                    candidates.widen();
                }
                candidates.spares_ejected = false;
            }
        }
    }
    // Said here, so that a refusal does not wait for a pick that cannot come.
    if candidates.usable_from(0).is_none() {
        return Err(candidates.refusal().into());
    }
    Ok(())
}

fn is_busy(candidates: &Candidates, spill_at: u32) -> bool {
    let usable = (0..candidates.len()).filter(|at| candidates.is_usable(*at)).take(LOOKED_AT);
    let (count, sum) = usable
        .fold((0u32, 0u32), |(count, sum), at| (count + 1, sum.saturating_add(candidates.get(at).load.in_flight())));
    sum >= spill_at.saturating_mul(count)
}
