//! How long a watch that fails waits.
use std::time::Duration;

use kube::runtime::{utils::Backoff, watcher::DefaultBackoff};

/// Longer each time that a watch fails, up to half a minute, until it goes well again.
///
/// Not [`WatchStreamExt::default_backoff`](kube::runtime::WatchStreamExt::default_backoff): a watch says
/// [`Init`](kube::runtime::watcher::Event::Init) before it asks for the list, and that counts as success there. A daemon whose list is
/// refused would ask again every second, for ever.
///
/// ```no_run
/// # use dayu_core::connect::WatchBackoff;
/// # use k8s_openapi::api::core::v1::Node;
/// # use kube::{Api, runtime::{WatchStreamExt, watcher}};
/// # fn example(client: kube::Client) {
/// let nodes = watcher(Api::<Node>::all(client), watcher::Config::default()).backoff(WatchBackoff::default());
/// # }
/// ```
#[derive(Default)]
pub struct WatchBackoff {
    inner: DefaultBackoff,
    /// Whether nothing was heard since it failed last.
    has_failed: bool,
}

impl std::fmt::Debug for WatchBackoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchBackoff").field("has_failed", &self.has_failed).finish_non_exhaustive()
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.has_failed = true;
        self.inner.next()
    }
}

impl Backoff for WatchBackoff {
    /// The first word after a failure may only say that it begins anew.
    fn reset(&mut self) {
        if !std::mem::take(&mut self.has_failed) {
            self.inner.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::StreamExt;
    use http::{Request, Response};
    use k8s_openapi::api::core::v1::Node;
    use kube::{
        Api, Client,
        client::Body,
        runtime::{WatchStreamExt, watcher},
    };
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_is_asked_for_ever_later() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let server = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, tower::BoxError>(Response::builder().status(403).body(Body::from(b"no".to_vec()))?) }
        });
        let nodes = Api::<Node>::all(Client::new(server, "default"));
        let watch = watcher(nodes, watcher::Config::default()).backoff(WatchBackoff::default());
        assert!(timeout(Duration::from_secs(600), watch.for_each(|_| async {})).await.is_err(), "it never ends");
        let asked = asked.load(Ordering::Relaxed);
        assert!((10..=30).contains(&asked), "{asked} times in ten minutes");
    }

    #[test]
    fn what_goes_well_again_waits_no_longer_than_at_first() {
        let mut backoff = WatchBackoff::default();
        let longer: Vec<_> = (0..8).filter_map(|_| backoff.next()).collect();
        assert!(longer[7] > longer[0] * 10, "{longer:?}");
        backoff.reset();
        assert!(backoff.next() > Some(longer[0] * 10));
        backoff.reset();
        backoff.reset();
        assert!(backoff.next() < Some(longer[0] * 3));
    }
}
