//! The mocks that `dayu-core` has for programs that embed it, each in the place of the real one.
use std::convert::Infallible;

use dayu_cluster::Cluster;
use dayu_core::{
    api::{RuntimeService, RuntimeServiceStatus, crds},
    balance::{Options, Request, policy::MockPolicy, stack},
    directory::{Change, Directory, Endpoint, EndpointRecord, ServiceRecord, SliceRecord},
    engine::{self, Engine, World},
    name::ServiceKey,
    template::{Failure, MockTemplate, Rejection},
};
use futures::future::ready;
use kube::{
    Api, ResourceExt,
    api::PostParams,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

#[tokio::test]
async fn the_stack_asks_its_policy_once_for_each_request() {
    let key = ServiceKey::new("shop", "detector");
    let slice = SliceRecord::new(&key, "all", 9000, [1, 2, 3].map(|n| EndpointRecord::new([10, 0, 0, n]).on("edge1")));
    let directory = Directory::from_iter([Change::from(ServiceRecord::new(key.clone()).port(9000)), slice.into()]);
    let mut policy = MockPolicy::new();
    policy.expect_pick().times(2).returning(|candidates, _| candidates.usable_from(2));
    let connect = service_fn(|endpoint: Endpoint| ready(Ok::<_, Infallible>(endpoint.address.ip().to_string())));
    let stack = stack(directory.into(), policy, connect, Options::default());
    for _ in 0..2 {
        let reached = stack.clone().oneshot(Request::to(key.clone(), 9000).on("edge1".into())).await.unwrap();
        assert_eq!(&**reached, "10.0.0.3");
    }
}

#[tokio::test]
async fn the_engine_tells_the_template_why_nothing_could_be_planned() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    let mut template = MockTemplate::new();
    let why = || Rejection::invalid("spec.component", "not today", "try tomorrow");
    template.expect_plan().returning(move |_, _| Err(why()));
    template.expect_is_on_its_way().return_const(false);
    template.expect_status().returning(move |_, observed| {
        let told = matches!(&observed.failure, Some(Failure::Rejected(told)) if *told == why());
        RuntimeServiceStatus { observed_revision: Some(i64::from(told)), ..RuntimeServiceStatus::default() }
    });
    let definitions = Api::all(client.clone());
    for definition in crds() {
        let name = definition.name_any();
        definitions.create(&PostParams::default(), &definition).await.unwrap();
        await_condition(definitions.clone(), &name, is_crd_established()).await.unwrap();
    }
    let (shutdown, (world, _demands)) = (CancellationToken::new(), World::new());
    tokio::spawn(world.clone().watch(client.clone(), shutdown.clone()));
    let engine = Engine::new(template, client.clone(), world, engine::Options::default());
    let engine = tokio::spawn(engine.run(shutdown.clone()));

    let resources = Api::<RuntimeService>::default_namespaced(client);
    let spec = serde_json::from_value(json!({
        "installID": "test", "deploymentRevision": 7, "component": "processor", "targetNode": "edge1",
        "podTemplate": {"spec": {"containers": [{"name": "main", "image": "worker:1"}]}},
    }));
    resources.create(&PostParams::default(), &RuntimeService::new("worker", spec.unwrap())).await.unwrap();
    let told = |resource: Option<&RuntimeService>| {
        resource.and_then(|resource| resource.status.as_ref()?.observed_revision) == Some(1)
    };
    await_condition(resources, "worker", told).await.unwrap();
    shutdown.cancel();
    engine.await.unwrap();
}
