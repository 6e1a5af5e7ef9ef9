//! What cannot be done is said: which object, which field, and what helps. Nothing half-made stays, nothing stored is lost.
use std::net::{IpAddr, TcpListener};

use dayu_cluster::Cluster;
use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Node, Service},
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, ObjectMeta, PostParams},
};
use serde::de::DeserializeOwned;

use crate::harness::{Dayu, Ended, LIMIT, Leftovers, Plane, eventually, manifests, run};

/// Applies `text` as a user does.
async fn apply(plane: &Plane, text: &str) -> Ended {
    let file = plane.write("input.yaml", text);
    run(&["apply", "--kubeconfig", &plane.kubeconfig(), "-f", &file]).await
}

/// Refused, with every one of `words` in what is said.
#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    for word in words {
        assert!(ended.err.contains(word), "{word:?} is not in: {}", ended.err);
    }
}

/// How many objects of a kind are in the namespace `default`, but for the cluster's own.
async fn count<K>(client: &Client) -> usize
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let list = Api::<K>::namespaced(client.clone(), "default").list(&ListParams::default()).await.unwrap();
    list.items
        .iter()
        .filter(|item| !matches!(item.meta().name.as_deref(), Some("kubernetes" | "kube-root-ca.crt")))
        .count()
}

/// Installs the definitions as an administrator does where the global manager may not.
async fn install(plane: &Plane) {
    let definitions = run(&["crds"]).await;
    assert_eq!(definitions.code, Some(0));
    let ended = apply(plane, &definitions.out).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

fn gm(plane: &Plane) -> Dayu {
    Dayu::start(&["gm", "--kubeconfig", &plane.kubeconfig(), "--link-listen", "127.0.0.1:0"])
}

/// The conditions of a RuntimeService, once `wanted` is among them.
async fn condition(client: &Client, name: &str, wanted: impl Fn(&Condition) -> bool) -> Condition {
    let api = Api::<RuntimeService>::namespaced(client.clone(), "default");
    let found = eventually(name, async || {
        let service = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = service.status.unwrap_or_default().conditions;
        conditions.iter().find(|condition| wanted(condition)).cloned().ok_or_else(|| format!("{conditions:?}"))
    });
    found.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_field_is_named_with_its_document() {
    let plane = Plane::start().await;
    install(&plane).await;
    let text = manifests::runtime_service("worker", "edge1").replace("component:", "componnent: x\n  component:");
    refused(
        &apply(&plane, &text).await,
        &["input.yaml, document 1", "runtimeservice/worker", "spec.componnent", "correct or remove it"],
    );
    assert_eq!(count::<RuntimeService>(&plane.client).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_documents_with_a_bad_one_none_is_applied() {
    let plane = Plane::start().await;
    let good = manifests::node_port_service("first", 30_100);
    let bad = manifests::node_port_service("second", 30_101).replace("port: 80", "port: 80000");
    refused(
        &apply(&plane, &format!("{good}---\n{bad}")).await,
        &["input.yaml, document 2", "service/second", "spec.ports[0].port", "nothing was applied"],
    );
    assert_eq!(count::<Service>(&plane.client).await, 0, "the good one is not there either");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_before_a_document_that_only_fails_when_it_is_written_is_taken_back() {
    let plane = Plane::start().await;
    // Each of them alone is well: the server cannot know before.
    let both = [manifests::node_port_service("first", 30_100), manifests::node_port_service("second", 30_100)];
    let ended = apply(&plane, &both.join("---\n")).await;
    refused(&ended, &["input.yaml, document 2", "service/second", "already allocated", "nothing was applied"]);
    assert_eq!(count::<Service>(&plane.client).await, 0);

    assert_eq!(apply(&plane, &manifests::node_port_service("first", 30_101)).await.code, Some(0));
    let ended = apply(&plane, &both.join("---\n")).await;
    refused(&ended, &["service/second", "already allocated", "nothing was applied"]);
    let services = Api::<Service>::default_namespaced(plane.client.clone()).list(&Default::default()).await.unwrap();
    let ports = services.items.iter().filter(|service| service.name_any() != "kubernetes").map(|service| {
        let port = service.spec.as_ref().and_then(|spec| spec.ports.as_ref()?.first()?.node_port);
        (service.name_any(), port)
    });
    assert_eq!(ports.collect::<Vec<_>>(), [("first".to_owned(), Some(30_101))], "what was there is as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_port_that_is_taken_is_named() {
    let plane = Plane::start().await;
    assert_eq!(apply(&plane, &manifests::node_port_service("first", 30_100)).await.code, Some(0));
    let second = apply(&plane, &manifests::node_port_service("second", 30_100)).await;
    refused(&second, &["service/second", "spec.ports[0].nodePort", "30100", "already allocated", "choose another"]);
    assert_eq!(count::<Service>(&plane.client).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_over_63_characters_creates_nothing() {
    let plane = Plane::start().await;
    let _gm = gm(&plane);
    install(&plane).await;
    let name = "w".repeat(64);
    assert_eq!(apply(&plane, &manifests::runtime_service(&name, "edge1")).await.code, Some(0));
    let accepted = condition(&plane.client, &name, |condition| condition.type_ == "SpecAccepted").await;
    assert_eq!((accepted.status.as_str(), accepted.reason.as_str()), ("False", "InvalidSpec"));
    let refusal = format!("metadata.name: {name:?} has 64 characters, the limit is 63; choose a shorter name");
    assert_eq!(accepted.message, refusal);

    assert_eq!(apply(&plane, &manifests::joint_service(&name, "edge1")).await.code, Some(0));
    let joint = Api::<JointMultiEdgeService>::default_namespaced(plane.client.clone());
    let failed = eventually("the other kind is refused", async || {
        let service = joint.get(&name).await.map_err(|error| error.to_string())?;
        let conditions = service.status.unwrap_or_default().conditions;
        let failed = conditions.iter().find(|condition| condition.kind == "Failed");
        failed.cloned().ok_or_else(|| format!("{conditions:?}"))
    });
    let failed = failed.await;
    assert_eq!((failed.status, failed.reason, failed.message), ("True".into(), "InvalidSpec".into(), refusal));
    assert_eq!(count::<Deployment>(&plane.client).await + count::<Service>(&plane.client).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_not_there_is_a_condition_and_creates_nothing() {
    let plane = Plane::start().await;
    let _gm = gm(&plane);
    install(&plane).await;
    assert_eq!(apply(&plane, &manifests::runtime_service("worker", "nowhere")).await.code, Some(0));
    let told = condition(&plane.client, "worker", |condition| condition.reason == "NodeNotFound").await;
    assert_eq!((told.type_.as_str(), told.status.as_str()), ("ResourcesReconciled", "False"));
    assert!(told.message.contains("spec.targetNode") && told.message.contains("nowhere"), "{told:?}");
    assert_eq!(count::<Deployment>(&plane.client).await + count::<Service>(&plane.client).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_image_nobody_maps_says_what_to_do() {
    let plane = Plane::start().await;
    let (_gm, data) = (gm(&plane), plane.path("lm"));
    let lm = ["lm", "--kubeconfig", &plane.kubeconfig(), "--node", "edge1", "--data", data.to_str().unwrap()];
    let _lm = Dayu::start(&lm);
    install(&plane).await;
    let text = manifests::runtime_service("worker", "edge1")
        .replace("          command: [dayu, example-worker, aggregator]\n", "");
    assert_eq!(apply(&plane, &text).await.code, Some(0));
    let told = condition(&plane.client, "worker", |condition| condition.message.contains("ImageUnmapped")).await;
    for word in ["example/worker:v1", "dayu.io/image-map", "give the container a command"] {
        assert!(told.message.contains(word), "{word:?} is not in: {}", told.message);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_ends_at_once_says_how_and_what_it_said_last() {
    let plane = Plane::start().await;
    let (_gm, data) = (gm(&plane), plane.path("lm"));
    let lm = ["lm", "--kubeconfig", &plane.kubeconfig(), "--node", "edge1", "--data", data.to_str().unwrap()];
    let _lm = Dayu::start(&[&lm[..], &["--stop-workers"]].concat());
    install(&plane).await;
    let text = manifests::runtime_service("worker", "edge1").replace(
        "command: [dayu, example-worker, aggregator]",
        r#"command: [sh, -c, "echo loading; echo 'no such model: yolo' >&2; exit 3"]"#,
    );
    assert_eq!(apply(&plane, &text).await.code, Some(0));
    let why = "ended with exit code 3: no such model: yolo";
    let told = condition(&plane.client, "worker", |condition| condition.message.contains(why)).await;
    assert_eq!((told.type_.as_str(), told.status.as_str()), ("WorkloadReady", "False"));
    assert!(
        told.message.contains("; `dayu logs worker-") && told.message.contains(" -n default -c worker` has the rest")
    );
    let shown = eventually("what is shown", async || {
        let kubeconfig = plane.kubeconfig();
        let shown = run(&["get", "--kubeconfig", &kubeconfig]).await.out;
        // Once for the resource, once for its pod.
        if shown.matches(why).count() == 2 { Ok(()) } else { Err(shown) }
    });
    shown.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_runs_and_never_listens_says_what_its_probe_meets() {
    let plane = Plane::start().await;
    let (_gm, data) = (gm(&plane), plane.path("lm"));
    let lm = ["lm", "--kubeconfig", &plane.kubeconfig(), "--node", "edge1", "--data", data.to_str().unwrap()];
    let _leftovers = Leftovers(data.clone());
    let _lm = Dayu::start(&lm);
    install(&plane).await;
    let text = manifests::runtime_service("worker", "edge1")
        .replace("command: [dayu, example-worker, aggregator]", "command: [sleep, '1000']");
    assert_eq!(apply(&plane, &text).await.code, Some(0));
    let shown = eventually("what is shown", async || {
        let shown = run(&["get", "--kubeconfig", &plane.kubeconfig(), "pods"]).await.out;
        let remedies = ["does it listen on its POD_IP and that port?", "; `dayu logs worker-"];
        let says = ["worker runs, but its readiness probe fails: ", ":9000: ", "refused", remedies[0], remedies[1]];
        if says.iter().all(|word| shown.contains(word)) { Ok(()) } else { Err(shown) }
    });
    shown.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_whose_name_collides_with_another_is_a_condition_that_names_both() {
    let plane = Plane::start().await;
    let _nodes = plane.play_nodes(&["edge-1", "edge1"]);
    let _gm = gm(&plane);
    install(&plane).await;
    assert_eq!(apply(&plane, &manifests::runtime_service("worker", "edge1")).await.code, Some(0));
    let told = condition(&plane.client, "worker", |condition| condition.reason == "DeviceNamesCollide").await;
    for word in ["spec.targetNode", "edge-1", "edge1", "rename"] {
        assert!(told.message.contains(word), "{word:?} is not in: {}", told.message);
    }
    assert_eq!(count::<Deployment>(&plane.client).await + count::<Service>(&plane.client).await, 0);
}

#[tokio::test]
async fn devices_whose_names_collide_are_both_named() {
    refused(&run(&["up", "--devices", "edge-1,edge1"]).await, &["edge-1 and edge1", "rename one"]);
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_named_once_with_its_address() {
    let plane = Plane::start().await;
    let nobody = plane.kubeconfig_of_nobody();
    let manifest = plane.write("one.yaml", &manifests::node_port_service("one", 30100));
    for command in
        [&["get"][..], &["logs", "a"], &["explain", "a"], &["apply", "-f", &manifest], &["delete", "-f", &manifest]]
    {
        let ended = run(&[command, &["--kubeconfig", &nobody]].concat()).await;
        refused(&ended, &["https://127.0.0.1:1", "does not answer", "refused"]);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[tokio::test]
async fn what_the_server_says_of_a_missing_worker_is_told_as_it_is() {
    let plane = Plane::start().await;
    let ended = run(&["logs", "a", "--kubeconfig", &plane.kubeconfig()]).await;
    refused(&ended, &[r#"worker default/a: pods "a" not found; `dayu get pods -n default` lists the workers"#]);
}

#[tokio::test]
async fn a_manifest_without_documents_is_refused() {
    let plane = Plane::start().await;
    let blank = plane.write("blank.yaml", "# nothing yet\n");
    for command in ["apply", "delete"] {
        let ended = run(&[command, "-f", &blank, "--kubeconfig", &plane.kubeconfig()]).await;
        refused(&ended, &[&blank, "no document"]);
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let plane = Plane::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let gm = Dayu::start(&["gm", "--kubeconfig", &plane.kubeconfig(), "--link-listen", &address]);
    refused(&gm.ends(LIMIT).await, &[&address, "in use", "--link-listen"]);
    let gm = ["gm", "--kubeconfig", &plane.kubeconfig(), "--link-listen", "127.0.0.1:0", "--status", &address];
    let words = ["the status API of the global manager", &address, "in use", "ss -ltnp", "--status"];
    refused(&Dayu::start(&gm).ends(LIMIT).await, &words);
    let (kubeconfig, data) = (plane.kubeconfig(), plane.path("lm"));
    let lm = ["lm", "--kubeconfig", &kubeconfig, "--node", "edge1", "--data", data.to_str().unwrap()];
    let lm = [&lm[..], &["--status", &address]].concat();
    let words = ["the status API of device edge1", &address, "in use", "ss -ltnp", "--status"];
    refused(&Dayu::start(&lm).ends(LIMIT).await, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_a_device_needs_is_named_with_what_needs_it() {
    let plane = Plane::start().await;
    let (kubeconfig, data) = (plane.kubeconfig(), plane.path("lm"));
    let lm = ["lm", "--kubeconfig", &kubeconfig, "--node", "edge1", "--data", data.to_str().unwrap()];
    let mesh = ["mesh", "--kubeconfig", &kubeconfig, "--node", "edge1"];
    let mut first = Dayu::start(&lm);
    let address = address(&plane.client, "edge1").await;
    first.dies().await;
    for (daemon, part, port) in [
        (&lm[..], "workers' reports", 9100),
        (&mesh[..], "the status API", 10551),
        (&mesh[..], "the HTTP front", 10552),
    ] {
        let _taken = TcpListener::bind((address, port)).unwrap();
        let words = [part, "device edge1", &format!("{address}:{port}"), "in use", "ss -ltnp", "stop the other"];
        refused(&Dayu::start(daemon).ends(LIMIT).await, &words);
    }
}

/// Where a device is, once its Node says so.
async fn address(client: &Client, device: &str) -> IpAddr {
    let nodes = Api::<Node>::all(client.clone());
    let told = eventually("the device's address", async || {
        let node = nodes.get(device).await.map_err(|error| error.to_string())?;
        let addresses = node.status.and_then(|status| status.addresses).unwrap_or_default();
        let own = addresses.iter().find(|address| address.type_ == "InternalIP");
        own.map(|own| own.address.parse().unwrap()).ok_or_else(|| format!("{addresses:?}"))
    });
    told.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_refused_by_file_and_offset_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    fill(&data).await;
    let file = data.join("objects.log");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&file, &bytes).unwrap();
    let ended = run(&["up", "--empty", "--data", data.to_str().unwrap()]).await;
    refused(&ended, &[file.to_str().unwrap(), "damaged at byte", "restore the file from a backup"]);
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "the file is as it was");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named_with_the_flag() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let data = file.path().join("state");
    let ended = run(&["up", "--empty", "--data", data.to_str().unwrap()]).await;
    refused(&ended, &["--data", data.to_str().unwrap(), "name a folder"]);
}

/// Some objects, written by a plane that is gone when this returns.
async fn fill(data: &std::path::Path) {
    let cluster = Cluster::builder().data_dir(data.to_owned()).build().await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(cluster.client(), "default");
    for number in 0..20 {
        let metadata = ObjectMeta { name: Some(format!("map-{number}")), ..ObjectMeta::default() };
        maps.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await.unwrap();
    }
}
