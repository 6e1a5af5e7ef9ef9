//! Clients that write within a term only.
use std::{pin::pin, task::Poll};

use dayu_core::connect::Term;
use futures::{FutureExt, future::poll_fn};
use http::{Method, Request};
use kube::{Client, client::Body};

/// A write came too late.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this manager does not lead any more: its Lease was not renewed in time")]
pub(crate) struct Over;

/// A client that writes nothing once the term is over. Whoever was stopped in the middle of its work, or starved, goes on where it
/// was before anything can tell it that another leads by now: each write looks at the clock itself.
pub(crate) fn fenced(client: Client, term: Term) -> Client {
    let namespace = client.default_namespace().to_owned();
    let fenced = tower::service_fn(move |request: Request<Body>| {
        let (term, reads) = (term.clone(), request.method() == Method::GET);
        let client = client.clone();
        async move {
            let mut answer = pin!(client.send(request));
            // Before each step, so that nothing waits in there and is sent late.
            poll_fn(|cx| match reads || term.holds() {
                true => answer.poll_unpin(cx).map_err(tower::BoxError::from),
                false => Poll::Ready(Err(Over.into())),
            })
            .await
        }
    });
    Client::new(fenced, namespace)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Response;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::{
        Api,
        api::{DeleteParams, PostParams},
    };
    use tokio::{
        sync::mpsc,
        time::{Instant, sleep},
    };

    use super::*;

    /// A server that thinks for a second, and what it is asked.
    fn server() -> (Client, mpsc::UnboundedReceiver<Method>) {
        let (asked, seen) = mpsc::unbounded_channel();
        let answer = tower::service_fn(move |request: Request<Body>| {
            let asked = asked.clone();
            async move {
                sleep(Duration::from_secs(1)).await;
                asked.send(request.method().clone()).unwrap();
                Ok::<_, tower::BoxError>(Response::new(Body::from(b"{\"metadata\": {}}".to_vec())))
            }
        });
        (Client::new(answer, "default"), seen)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_not_sent_and_whoever_reads_is_free() {
        let (client, mut asked) = server();
        let term = Term::default();
        let namespaces = Api::<Namespace>::all(fenced(client, term.clone()));
        let create = async || namespaces.create(&PostParams::default(), &Namespace::default()).await;
        assert!(create().await.unwrap_err().to_string().contains("does not lead"), "there was no term yet");

        term.until(Instant::now() + Duration::from_millis(1500));
        create().await.unwrap();
        assert_eq!(asked.recv().await, Some(Method::POST));
        // In time when it begins, and late a second after.
        assert!(namespaces.delete("any", &DeleteParams::default()).await.is_err());
        assert!(create().await.is_err());
        namespaces.get("any").await.unwrap();
        assert_eq!(asked.recv().await, Some(Method::GET));
        assert!(asked.try_recv().is_err());
    }
}
