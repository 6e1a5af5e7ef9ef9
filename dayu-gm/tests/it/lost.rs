//! The global manager without its API server for a while.
use std::{net::SocketAddr, time::Duration};

use dayu_core::api::RuntimeService;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    ResourceExt,
    api::{DeleteParams, PostParams},
};
use tokio::time::sleep;

use super::{
    site::{Manager, Place, Site, on_kubernetes_only, runtime_service},
    way::Way,
};

on_kubernetes_only! {
    the_way_to_the_api_server_is_lost_for_a_minute,
    everything_that_the_watches_go_on_from_is_forgotten,
}

const MINUTE: Duration = Duration::from_secs(60);

/// So long a connection may say nothing here, so that one that is lost is not waited for.
const SILENCE: Duration = Duration::from_secs(10);

/// A site whose manager is on a way that can be lost, and that way.
async fn on_a_way(site: &mut Site) -> Way {
    let kubeconfig = site.account("far").await;
    let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap();
    let server: SocketAddr = server.trim_start_matches("https://").parse().unwrap();
    let way = Way::to(server).await;
    let client = way.client(kubeconfig, SILENCE).await;
    site.hand_over(Manager::start(client, "far")).await;
    way
}

async fn create(site: &Site, name: &str, device: &str) {
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service(name, device, 9000)).await.unwrap();
}

/// The incarnations of a Deployment of that name that are to stay.
fn standing(all: &[Deployment], name: &str) -> Option<String> {
    all.iter().find(|one| one.name_any() == name && one.metadata.deletion_timestamp.is_none())?.uid()
}

async fn the_way_to_the_api_server_is_lost_for_a_minute(site: &mut Site) {
    let way = on_a_way(site).await;
    for name in ["kept", "robbed"] {
        create(site, name, "edge1").await;
    }
    let before = site.until::<Deployment>(|all| all.len() == 2).await;

    way.lose();
    // Meanwhile the cluster goes on.
    site.api::<Deployment>().delete("robbed", &DeleteParams::default()).await.unwrap();
    create(site, "new", "edge2").await;
    sleep(MINUTE).await;
    let meanwhile = site.until::<Deployment>(|_| true).await;
    assert_eq!(standing(&meanwhile, "new"), None, "somebody made it without the API server");
    way.find();

    let made = |all: &[Deployment]| ["new", "robbed"].iter().all(|name| standing(all, name).is_some());
    let after = site.until::<Deployment>(made).await;
    assert_eq!(standing(&after, "kept"), standing(&before, "kept"));
    assert_eq!(after.iter().filter(|one| one.metadata.deletion_timestamp.is_none()).count(), 3);
}

async fn everything_that_the_watches_go_on_from_is_forgotten(site: &mut Site) {
    let way = on_a_way(site).await;
    create(site, "kept", "edge1").await;
    create(site, "robbed", "edge1").await;
    create(site, "gone", "edge2").await;
    let before = site.until::<Deployment>(|all| all.len() == 3).await;
    let listed = lists(site);

    way.lose();
    site.api::<Deployment>().delete("robbed", &DeleteParams::default()).await.unwrap();
    site.api::<RuntimeService>().delete("gone", &DeleteParams::default()).await.unwrap();
    site.until::<Deployment>(|all| standing(all, "robbed").is_none() && standing(all, "gone").is_none()).await;
    // A new API server remembers no change from before it, so the versions that the watches know have expired.
    let Place::Kubernetes(plane) = &mut site.cluster else { unreachable!("on Kubernetes") };
    plane.restart_api_server().await.unwrap();
    way.find();

    // Of the two that are missed the manager may hear before it hears that one is not wanted: what it makes then goes as well.
    let settled = |all: &[Deployment]| standing(all, "robbed").is_some() && standing(all, "gone").is_none();
    let after = site.until::<Deployment>(settled).await;
    assert_eq!(standing(&after, "kept"), standing(&before, "kept"));
    let again = lists(site);
    assert!(again > listed, "nothing was listed anew: {listed} lists before, {again} after");
}

/// How often the manager has listed Deployments so far.
fn lists(site: &Site) -> usize {
    let Place::Kubernetes(plane) = &site.cluster else { unreachable!("on Kubernetes") };
    let requests = plane.requests().unwrap();
    requests.iter().filter(|request| request.verb == "list" && request.resource == "deployments").count()
}
