//! Who leads, and what the one that leads sees to.
use std::time::Duration;

use dayu_cluster::Cluster;
use dayu_core::api::RuntimeService;
use dayu_gm::{Handle, Options, run_with};
use http::{Method, Request};
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Node};
use kube::{Api, Client, ResourceExt, api::PostParams};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::site::{PATIENCE, runtime_service};

fn options(name: &str) -> Options {
    Options {
        link_listen: ([127, 0, 0, 1], 0).into(),
        identity: Some(name.to_owned()),
        link_plain: true,
        ..Options::default()
    }
}

fn start(client: &Client, name: &str) -> (Handle, CancellationToken) {
    let stop = CancellationToken::new();
    (run_with(client.clone(), options(name), stop.clone()), stop)
}

async fn lease(client: &Client) -> Lease {
    Api::<Lease>::namespaced(client.clone(), "dayu-system").get("dayu-gm").await.unwrap()
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

#[tokio::test(start_paused = true)]
async fn it_leads_serves_its_kinds_and_says_where_the_link_is() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    let (mut manager, stop) = start(&client, "a");
    let addresses = manager.ready().await.expect("it leads");

    let lease = lease(&client).await;
    assert_eq!(holder(&lease), Some("a"));
    assert_eq!(lease.annotations()["dayu.io/link-address"], addresses.link.to_string());
    assert!(lease.annotations()["dayu.io/link-key"].parse::<dayu_core::link::Fingerprint>().is_ok());
    Api::<dayu_core::api::RuntimeService>::all(client.clone())
        .list(&Default::default())
        .await
        .expect("the kind is served");

    stop.cancel();
    manager.finished().await.unwrap();
    assert_eq!(holder(&self::lease(&client).await), None, "the lease is given back");
}

#[tokio::test(start_paused = true)]
async fn another_takes_over_at_once_from_one_that_ends_and_in_15_s_from_one_that_dies() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    let (mut first, stop_first) = start(&client, "a");
    first.ready().await.unwrap();
    let (mut second, _stop_second) = start(&client, "b");
    assert!(timeout(Duration::from_secs(60), second.ready()).await.is_err(), "the first leads, however long it takes");
    assert_eq!(holder(&lease(&client).await), Some("a"));

    stop_first.cancel();
    first.finished().await.unwrap();
    let began = Instant::now();
    second.ready().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());

    let (mut third, _stop_third) = start(&client, "c");
    assert!(timeout(Duration::from_secs(20), third.ready()).await.is_err());
    // As after a power cut: nothing is given back.
    second.abort();
    let began = Instant::now();
    third.ready().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "took {:?}", began.elapsed());
    assert_eq!(lease(&client).await.spec.unwrap().lease_transitions, Some(2));
}

/// A client whose requests wait while `open` does not hold, and the paths of what it then writes.
fn gated(cluster: &Cluster, open: &watch::Sender<bool>) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (writes, written) = mpsc::unbounded_channel();
    let (server, open) = (cluster.service(), open.subscribe());
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let (server, mut open, writes) = (server.clone(), open.clone(), writes.clone());
        async move {
            let _ = open.wait_for(|open| *open).await;
            if request.method() != Method::GET {
                writes.send(request.uri().path().to_owned()).unwrap();
            }
            server.oneshot(request).await
        }
    });
    (Client::new(service, "default"), written)
}

#[tokio::test(start_paused = true)]
async fn one_that_is_deposed_finishes_nothing_that_it_had_begun() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    let node: Node = serde_json::from_value(serde_json::json!({"metadata": {"name": "edge1"}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
    let open = watch::Sender::new(true);
    let (slow, mut written) = gated(&cluster, &open);
    let (mut first, _stop_first) = start(&slow, "a");
    first.ready().await.unwrap();

    // It hears of the resource, and waits for the answer to its first question about it.
    open.send_replace(false);
    let services = Api::<RuntimeService>::default_namespaced(client.clone());
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let (mut second, _stop_second) = start(&client, "b");
    second.ready().await.unwrap();
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    let applied = async {
        while deployments.get_opt("det").await.unwrap().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, applied).await.expect("the one that leads applies nothing");

    while written.try_recv().is_ok() {}
    open.send_replace(true);
    sleep(Duration::from_secs(5)).await;
    let later: Vec<_> =
        std::iter::from_fn(|| written.try_recv().ok()).filter(|path| !path.contains("/leases")).collect();
    assert!(later.is_empty(), "written by one that was deposed: {later:?}");
}

#[tokio::test]
async fn an_address_that_nobody_can_connect_to_is_refused_with_the_remedy() {
    let cluster = Cluster::builder().build().await.unwrap();
    let options = Options { link_listen: ([0, 0, 0, 0], 0).into(), ..options("a") };
    let error = run_with(cluster.client(), options, CancellationToken::new()).finished().await.unwrap_err();
    assert!(error.to_string().contains("--link-advertise"), "{error}");
}
