//! All layers in their order.
use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder};

use super::{
    Affinity, AffinityLayer, Balance, BalanceLayer, Dial, DialLayer, Outlier, OutlierLayer, Policy, Resolve,
    ResolveLayer, Seed, Success, TargetDevice, TargetDeviceLayer,
};
use crate::directory::{Directory, Endpoint};

/// The whole stack over a connector `C`: a cheap-to-clone service of [`Request`](super::Request).
pub type Stack<P, C> = Resolve<TargetDevice<Outlier<Affinity<Balance<P, Dial<C>>>>>>;

/// What a stack can be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest wait for a connection before the next candidate is tried.
    pub deadline: Duration,
    /// Candidates tried for a request.
    pub attempts: usize,
    /// Where random draws come from; draw it at random yourself, or fix it in a test.
    pub seed: Seed,
    /// The moment that times are counted from.
    pub origin: Instant,
    /// What counts as a success of an endpoint.
    pub success: Success,
}

impl Default for Options {
    /// One second, three candidates, a fixed seed, counting from now; whoever is reached works.
    fn default() -> Self {
        let (deadline, seed, origin) = (Duration::from_secs(1), Seed::new(1), Instant::now());
        Self { deadline, attempts: 3, seed, origin, success: Success::default() }
    }
}

/// Puts the layers over `connect`, which gets the picked endpoint and makes a connection of it.
///
/// Each layer can be left out, or have one of yours beside it, in a stack of your own:
///
/// ```
/// use dayu_core::balance::{BalanceLayer, DialLayer, ResolveLayer, Seed, Success, TargetDeviceLayer, policy};
/// use dayu_core::directory::{Directory, Endpoint};
/// use std::{sync::Arc, time::Duration};
/// use tokio::time::Instant;
/// use tower::ServiceBuilder;
///
/// let (directory, origin) = (Arc::new(Directory::new()), Instant::now());
/// let connect = tower::service_fn(async |endpoint: Endpoint| Ok::<_, std::io::Error>(endpoint.address));
/// let strict_and_once = ServiceBuilder::new()
///     .layer(ResolveLayer::new(directory, origin))
///     .layer(TargetDeviceLayer)
///     .layer(BalanceLayer::new(Arc::new(policy::Random), Seed::new(1), 1))
///     .layer(DialLayer::new(Duration::from_millis(200), origin, Success::Connection))
///     .service(connect);
/// # fn is_service<S: tower::Service<dayu_core::balance::Request>>(_: S) {}
/// # is_service(strict_and_once);
/// ```
pub fn stack<P, C>(directory: Arc<Directory>, policy: P, connect: C, options: Options) -> Stack<P, C>
where
    P: Policy,
    C: Service<Endpoint> + Clone,
{
    let Options { deadline, attempts, seed, origin, success } = options;
    ServiceBuilder::new()
        .layer(ResolveLayer::new(directory, origin))
        .layer(TargetDeviceLayer)
        .layer(OutlierLayer)
        .layer(AffinityLayer)
        .layer(BalanceLayer::new(Arc::new(policy), seed, attempts))
        .service(DialLayer::new(deadline, origin, success).layer(connect))
}
