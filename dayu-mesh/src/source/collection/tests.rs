use dayu_core::directory::DeviceRecord;
use k8s_openapi::api::core::v1::Node;
use kube::{Client, client::Body};

use super::*;

/// A collection that knows the nodes `n0` to `n<count>`, and what it tells.
async fn knowing(count: usize) -> (Collection<Node>, mpsc::Receiver<Change>) {
    let nobody = tower::service_fn(async |_: http::Request<Body>| {
        Err::<http::Response<Body>, std::io::Error>(std::io::Error::other("there is no API server"))
    });
    let api = Api::all(Client::new(nobody, "default"));
    let (sink, mut told) = mpsc::channel(64);
    let mut collection = Collection::new(api, &Records::default(), sink, Arc::new(Barrier::new(1)));
    for at in 0..count {
        assert!(collection.apply(&node(at)).await.is_ok());
        told.recv().await.unwrap();
    }
    (collection, told)
}

fn node(at: usize) -> Node {
    let mut node = Node::default();
    node.metadata.name = Some(format!("n{at}"));
    node
}

/// A complete list of the nodes `n0` to `n<count>`.
async fn list(collection: &mut Collection<Node>, count: usize) -> Suspicion {
    collection.listed = (0..count).map(|at| node(at).key()).collect();
    collection.listed_all().await.unwrap_or_else(|_| panic!("nobody listens"))
}

#[tokio::test]
async fn an_empty_list_loses_nothing_until_it_is_confirmed() {
    let (mut collection, mut told) = knowing(10).await;
    assert_eq!(list(&mut collection, 0).await, Suspicion::Confirm);
    assert!(told.try_recv().is_err(), "nothing is gone on the word of one list");
    assert_eq!(list(&mut collection, 10).await, Suspicion::Believable);
    assert_eq!(told.recv().await, Some(Change::Synced), "the list was a slip of the source");
    assert_eq!(list(&mut collection, 0).await, Suspicion::Confirm);
    assert_eq!(list(&mut collection, 0).await, Suspicion::Believable);
    for _ in 0..10 {
        assert!(matches!(told.try_recv(), Ok(Change::DeviceGone(_))));
    }
}

#[tokio::test]
async fn an_empty_list_does_not_overrule_what_was_recalled_until_it_is_confirmed() {
    let (mut collection, mut told) = knowing(0).await;
    let devices = (0..10).map(|at| DeviceRecord::new(format!("n{at}"))).collect();
    collection.known = Node::known(&Records { devices, ..Records::default() });
    assert_eq!(list(&mut collection, 0).await, Suspicion::Confirm);
    assert!(told.try_recv().is_err(), "neither is anything gone nor everything told");
    assert_eq!(list(&mut collection, 9).await, Suspicion::Believable);
    assert_eq!(told.try_recv().ok(), Some(Change::DeviceGone("n9".into())));
    assert_eq!(told.try_recv().ok(), Some(Change::Synced));
}

#[tokio::test]
async fn what_a_new_list_lacks_is_gone_once() {
    let (mut collection, mut told) = knowing(10).await;
    assert_eq!(list(&mut collection, 8).await, Suspicion::Believable);
    assert!(matches!(told.try_recv(), Ok(Change::DeviceGone(_))));
    assert!(matches!(told.try_recv(), Ok(Change::DeviceGone(_))));
    assert_eq!(told.try_recv().ok(), Some(Change::Synced));
    assert!(collection.gone(node(9).key()).await.is_ok());
    assert!(told.try_recv().is_err());
}
