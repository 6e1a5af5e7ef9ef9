//! A balancing policy of one's own: few replicas work, so that the others may sleep. `cargo run --example own_policy`
use dayu_core::balance::{Candidates, Draw, Options, Policy, Request, stack};
use dayu_core::{directory::Endpoint, name::ServiceKey};
use std::{error::Error, future::ready};
use tower::{ServiceExt, service_fn};

/// Fills one endpoint up to so many requests in flight, then the next.
#[derive(Clone)]
struct Pack(u32);

impl Policy for Pack {
    fn name(&self) -> &'static str {
        "pack"
    }
    fn pick(&self, candidates: &Candidates, _: &mut Draw) -> Option<usize> {
        let usable = || (0..candidates.len()).filter(|at| candidates.is_usable(*at));
        let in_flight = |at: &usize| candidates.get(*at).load.in_flight();
        usable().find(|at| in_flight(at) < self.0).or_else(|| usable().min_by_key(in_flight))
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let connect = service_fn(|endpoint: Endpoint| ready(Ok::<_, std::io::Error>(endpoint.address.ip().to_string())));
    let stack = stack(dayu_examples::detectors(3)?, Pack(2), connect, Options::default());
    let request = Request::to(ServiceKey::new("shop", "detector"), 9000).on("edge1".into());
    let all = futures::future::try_join_all((0..3).map(|_| stack.clone().oneshot(request.clone()))).await?;
    assert_eq!(all.iter().map(|reached| &**reached).collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.1", "10.0.0.2"]);
    Ok(())
}
