//! A resource that is held by a finalizer, by an engine as a third party runs one.
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use dayu_core::{
    api::RuntimeService,
    engine::{self, Engine, Finalizer, World},
    template::runtime_service::RuntimeServiceTemplate,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::site::{Site, on_both, runtime_service};

on_both! {
    a_resource_goes_once_its_pods_are_gone_and_the_rest_is_undone,
    what_goes_already_gets_no_finalizer,
}

const OURS: &str = "example.org/camera";
const THEIRS: &str = "example.org/theirs";

/// Counts how often it was asked.
struct Camera(Arc<AtomicUsize>);

#[async_trait]
impl Finalizer<RuntimeService> for Camera {
    fn name(&self) -> &'static str {
        OURS
    }

    async fn undo(&self, _service: &RuntimeService) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// An engine in the place of the global manager.
struct Holding {
    undone: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    engine: JoinHandle<()>,
}

impl Holding {
    fn undone(&self) -> usize {
        self.undone.load(Ordering::Relaxed)
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.engine.await.unwrap();
    }
}

async fn hold(site: &mut Site) -> Holding {
    site.depose().await;
    let (undone, shutdown, (world, _demands)) = (Arc::default(), CancellationToken::new(), World::new());
    tokio::spawn(world.clone().watch(site.client.clone(), shutdown.clone()));
    let options = engine::Options { namespace: Some(site.namespace.clone()), ..engine::Options::default() };
    let engine = Engine::new(RuntimeServiceTemplate, site.client.clone(), world, options);
    let engine = engine.with_finalizer(Camera(Arc::clone(&undone))).unwrap();
    let engine = tokio::spawn(engine.run(shutdown.clone()));
    Holding { undone, shutdown, engine }
}

/// Lets a resource go, whoever holds it.
async fn let_go(site: &Site, name: &str) {
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    site.api::<RuntimeService>().patch(name, &PatchParams::default(), &none).await.unwrap();
}

fn held_by(names: &[&str]) -> RuntimeService {
    let mut service = runtime_service("cam", "edge1", 9000);
    service.metadata.finalizers = Some(names.iter().map(ToString::to_string).collect());
    service
}

async fn a_resource_goes_once_its_pods_are_gone_and_the_rest_is_undone(site: &mut Site) {
    let holding = hold(site).await;
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &held_by(&[THEIRS])).await.unwrap();
    let pods = site.until::<Pod>(|all| all.len() == 1 && all[0].spec.as_ref().unwrap().node_name.is_some()).await;
    site.become_ready(&pods[0], "10.64.1.2").await;
    let held = site.until::<RuntimeService>(|all| all[0].finalizers().len() == 2).await;
    assert_eq!(held[0].finalizers(), [THEIRS, OURS]);

    services.delete("cam", &DeleteParams::default()).await.unwrap();
    site.until::<Pod>(|all| all.iter().all(|pod| pod.metadata.deletion_timestamp.is_some())).await;
    site.until::<Service>(|all| all.iter().all(|service| service.name_any() == "kubernetes")).await;
    let waiting = services.get("cam").await.unwrap();
    assert_eq!((waiting.finalizers().len(), holding.undone()), (2, 0), "its pod may still run");

    // Its device says that it has stopped.
    let at_once = DeleteParams::default().grace_period(0);
    site.api::<Pod>().delete(&pods[0].name_any(), &at_once).await.unwrap();
    let left = site.until::<RuntimeService>(|all| all[0].finalizers().len() == 1).await;
    assert_eq!((left[0].finalizers(), holding.undone()), ([THEIRS.to_owned()].as_slice(), 1));
    assert!(site.until::<Deployment>(|_| true).await.is_empty());
    let_go(site, "cam").await;
    site.until::<RuntimeService>(<[_]>::is_empty).await;
    holding.end().await;
}

async fn what_goes_already_gets_no_finalizer(site: &mut Site) {
    site.depose().await;
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &held_by(&[THEIRS])).await.unwrap();
    services.delete("cam", &DeleteParams::default()).await.unwrap();
    let holding = hold(site).await;
    // What is made later is looked at later.
    services.create(&PostParams::default(), &runtime_service("other", "edge1", 9000)).await.unwrap();
    site.until::<RuntimeService>(|all| all.iter().any(|one| one.name_any() == "other" && one.finalizers() == [OURS]))
        .await;
    let going = services.get("cam").await.unwrap();
    assert_eq!((going.finalizers(), holding.undone()), ([THEIRS.to_owned()].as_slice(), 0));
    assert!(site.until::<Deployment>(|all| all.len() == 1).await[0].name_any().contains("other"));
    holding.end().await;
    for name in ["cam", "other"] {
        let_go(site, name).await;
    }
}
