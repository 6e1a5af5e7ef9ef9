//! The mocks that `dayu-core` has for programs that embed it, each in the place of the real one.
use std::{convert::Infallible, sync::Arc, time::Duration};

use dayu_cluster::Cluster;
use dayu_core::{
    api::{RuntimeService, RuntimeServiceStatus, crds},
    balance::{Options, Request, policy::MockPolicy, stack},
    directory::{Change, DeviceRecord, Directory, Endpoint, EndpointRecord, MockSource, ServiceRecord, SliceRecord},
    engine::{self, Engine, World},
    link::{Action, Event, Message, MockTransport, Operation, Session, Transport, TransportError},
    name::ServiceKey,
    template::{Failure, MockTemplate, Rejection},
    worker::{Cause, Launch, MockRuntime},
};
use futures::{StreamExt, future::ready, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::PostParams,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use parking_lot::Mutex;
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

/// The definitions of our kinds.
pub(super) async fn install(client: &Client) {
    let definitions = Api::all(client.clone());
    for definition in crds() {
        let name = definition.name_any();
        definitions.create(&PostParams::default(), &definition).await.unwrap();
        await_condition(definitions.clone(), &name, is_crd_established()).await.unwrap();
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
    install(&client).await;
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

#[tokio::test]
async fn a_mesh_serves_what_its_source_tells() {
    let device = DeviceRecord { addresses: vec![[127, 162, 1, 1].into()], ..DeviceRecord::new("edge1") };
    let mut source = MockSource::new();
    let told = [Change::Device(device), Change::Synced];
    source.expect_changes().once().return_once(|| stream::iter(told).chain(stream::pending()).boxed());
    let shutdown = CancellationToken::new();
    let mut mesh = dayu_mesh::run_from(Box::new(source), dayu_mesh::Options::of("edge1"), shutdown.clone());
    let addresses = mesh.ready().await.expect("it knows its device");
    assert_eq!(addresses.status.ip().to_string(), "127.162.1.1");
    shutdown.cancel();
    mesh.finished().await.unwrap();
}

#[tokio::test]
async fn a_local_manager_has_its_runtime_start_what_a_pod_asks_for_and_tells_how_it_ended() {
    let cluster = Cluster::builder().pod_cidr("127.161.0.0/16").build().await.unwrap();
    let (client, _controllers) = (cluster.client(), cluster.start_controllers());
    let mut runtime = MockRuntime::new();
    runtime.expect_name().return_const("mock");
    runtime.expect_knows_images().return_const(false);
    runtime.expect_retain().return_const(());
    runtime.expect_remarks().returning(|_| Vec::new());
    let is_wished = |launch: &Launch| launch.command == ["detect", "cars"];
    runtime.expect_start().withf(is_wished).once().returning(|_| Ok("1".into()));
    runtime.expect_wait().once().returning(|_, _, _| Cause::Code(0));
    runtime.expect_release().return_const(());
    let (data, shutdown) = (tempfile::tempdir().unwrap(), CancellationToken::new());
    let options = dayu_lm::Options { data: Some(data.path().to_owned()), ..dayu_lm::Options::of("edge1") };
    let mut manager = dayu_lm::run_with_runtime(client.clone(), options, Arc::new(runtime), shutdown.clone());
    manager.ready().await.expect("it is ready");

    let pods = Api::<Pod>::default_namespaced(client);
    let containers = json!([{"name": "c", "image": "i:1", "command": ["detect", "cars"]}]);
    let pod = json!({"metadata": {"name": "det"}, "spec": {"nodeName": "edge1", "restartPolicy": "Never", "containers": containers}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let phase = |pod: &Pod| pod.status.as_ref()?.phase.clone();
    let has_ended = |pod: Option<&Pod>| pod.and_then(phase).as_deref() == Some("Succeeded");
    await_condition(pods, "det", has_ended).await.unwrap();
    shutdown.cancel();
    manager.finished().await.unwrap();
}

/// Tells a session what happened, and sends what it has to say then.
async fn speak(session: &mut Session, transport: &mut impl Transport, event: Event) -> Result<(), TransportError> {
    for action in session.step(event, Duration::ZERO) {
        if let Action::Transmit(frame) = action {
            transport.send(frame).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_transport_did_not_carry_goes_over_the_next_one() {
    let mut session = Session::new(7);
    session.step(
        Event::Send(Message::new("shop", "runtimeservice", "det", Operation::Insert, b"{}".as_slice())),
        Duration::ZERO,
    );
    let (mut broken, mut next, sent) = (MockTransport::new(), MockTransport::new(), Arc::<Mutex<Vec<u64>>>::default());
    let closed = || TransportError::Closed { peer: "edge1".to_owned(), problem: "it is gone".to_owned() };
    broken.expect_send().once().returning(move |_| Err(closed()));
    let noted = sent.clone();
    next.expect_send().returning(move |frame| {
        noted.lock().push(frame.seq);
        Ok(())
    });
    let connected = || Event::Connected { numbered: true };
    assert_eq!(speak(&mut session, &mut broken, connected()).await, Err(closed()));
    session.step(Event::Disconnected, Duration::ZERO);
    speak(&mut session, &mut next, connected()).await.unwrap();
    assert!(sent.lock().contains(&1), "{sent:?}");
}
