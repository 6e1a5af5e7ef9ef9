//! A balancing policy of one's own: few replicas work, so that the others may sleep.
use dayu_core::balance::{Candidates, Draw, Error, Options, Policy, Request, stack};
use dayu_core::directory::{Change, Directory, Endpoint, EndpointRecord, ServiceRecord, SliceRecord};
use futures::future::{ready, try_join_all};
use tower::{ServiceExt, service_fn};
/// Fills one endpoint up to so many requests in flight, then the next.
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
pub(crate) async fn main() -> Result<(), Error> {
    let key = dayu_core::name::ServiceKey::new("shop", "detector");
    let slice = SliceRecord::new(&key, "all", 9000, [1, 2, 3].map(|n| EndpointRecord::new([10, 0, 0, n]).on("edge1")));
    let directory = Directory::from_iter([Change::from(ServiceRecord::new(key.clone()).port(9000)), slice.into()]);
    let connect = service_fn(|endpoint: Endpoint| ready(Ok::<_, std::io::Error>(endpoint.address.ip().to_string())));
    let stack = stack(directory.into(), Pack(2), connect, Options::default());
    let to = || stack.clone().oneshot(Request::to(key.clone(), 9000).on("edge1".into()));
    let reached = try_join_all([to(), to(), to()]).await?;
    assert_eq!(reached.iter().map(|to| &**to).collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.1", "10.0.0.2"]);
    Ok(())
}
