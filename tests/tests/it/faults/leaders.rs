//! Two global managers, of which the one that leads is cut off: the other takes over, and nothing is done twice.
use std::time::Duration;

use dayu_cluster::Cluster;
use dayu_core::api::{RuntimeService, condition};
use dayu_gm::{Options, run_with};
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Asked, Fault, Faults, PATIENCE, global_manager::runtime_service, parse};

/// From the last word of the one that leads to the first work of the other.
const TAKEOVER: Duration = Duration::from_secs(15);

async fn create(client: &Client, name: &str) {
    let services = Api::<RuntimeService>::default_namespaced(client.clone());
    services.create(&PostParams::default(), &parse(runtime_service(name))).await.unwrap();
}

async fn until_ready(client: &Client, name: &str) {
    let services = Api::<RuntimeService>::default_namespaced(client.clone());
    let is_ready = |service: &RuntimeService| {
        service.status.as_ref().is_some_and(|status| condition::holds(&status.conditions, condition::READY))
    };
    while !is_ready(&services.get(name).await.unwrap()) {
        sleep(Duration::from_millis(50)).await;
    }
}

async fn holder(client: &Client) -> Option<String> {
    let lease = Api::<Lease>::namespaced(client.clone(), "dayu-system").get("dayu-gm").await.unwrap();
    lease.spec.unwrap().holder_identity
}

/// Every Deployment, and how often what it asks for was changed.
async fn children(client: &Client) -> Vec<(String, String, Option<i64>)> {
    let all = Api::<Deployment>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    all.iter().map(|one| (one.name_any(), one.uid().unwrap(), one.metadata.generation)).collect()
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_gives_way_and_writes_nothing_when_it_is_back() {
    let cluster = Cluster::builder().build().await.unwrap();
    let _controllers = [cluster.start_controllers(), cluster.start_hollow_nodes(&["edge1"]).unwrap()];
    let (client, stop) = (cluster.client(), CancellationToken::new());
    let start = |name: &str, faults: &Faults| {
        let options = Options { identity: Some(name.to_owned()), ..Options::default() };
        run_with(faults.client(&cluster), options, stop.child_token())
    };
    for fault in [Fault::Unreachable, Fault::Silent] {
        let (first, second) = (Faults::default(), Faults::default());
        let mut leader = start("first", &first);
        leader.ready().await.expect("it leads");
        let mut standby = start("second", &second);
        create(&client, "before").await;
        timeout(PATIENCE, until_ready(&client, "before")).await.unwrap();
        // At the worst moment: it has just said that it is there.
        sleep(Duration::from_secs(30)).await;
        let before = children(&client).await;

        first.begin(|_, _| true, fault);
        let began = Instant::now();
        create(&client, "meanwhile").await;
        timeout(TAKEOVER, standby.ready()).await.expect("the other takes over in time").unwrap();
        timeout(Duration::from_secs(2), until_ready(&client, "meanwhile")).await.expect("and works at once");
        let took = began.elapsed();
        assert!(took < TAKEOVER + Duration::from_secs(2), "{took:?}");
        assert_eq!(holder(&client).await.as_deref(), Some("second"));

        first.end();
        create(&client, "after").await;
        timeout(PATIENCE, until_ready(&client, "after")).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        let asked = first.end();
        // It may try for the Lease, by a write that names the revision it knows: that is how it learns of the other. And it may
        // tell what hindered it.
        let is_own =
            |asked: &Asked| asked.what.contains("/leases/dayu-gm?") || asked.what.contains("/dayu-system/events?");
        let is_written = |asked: &&Asked| !asked.what.starts_with("GET ") && !is_own(asked);
        let written: Vec<_> = asked.iter().filter(is_written).collect();
        assert!(written.is_empty(), "{fault:?}: the one that does not lead any more wrote {written:#?}");
        assert_eq!(holder(&client).await.as_deref(), Some("second"));

        let after = children(&client).await;
        assert_eq!(after.len(), 3, "{fault:?}: one child for each: {after:?}");
        assert!(before.iter().all(|child| after.contains(child)), "{fault:?}: {before:?} became {after:?}");
        leader.abort();
        standby.abort();
        let services = Api::<RuntimeService>::default_namespaced(client.clone());
        services.delete_collection(&Default::default(), &ListParams::default()).await.unwrap();
        sleep(Duration::from_secs(30)).await;
    }
}
