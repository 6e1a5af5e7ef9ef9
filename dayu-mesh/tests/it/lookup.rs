//! What programs on a device ask the directory for: who runs where, at which port, and when that changes. The API server is not
//! asked for any of it, and nothing is read out of a name.
use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use dayu_mesh::{Options, run_with};
use http::Request;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::{Value, json};
use tokio::{net::UnixStream, time::timeout};
use tower::service_fn;

use crate::{
    status::managed,
    support::{
        At, NAMESPACE, PATIENCE, Site,
        client::{Client, Events, get},
    },
};

/// `client`, and how often it was used.
fn counted(client: &kube::Client) -> (kube::Client, Arc<AtomicUsize>) {
    let (client, asked) = (client.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let send = move |request: Request<Body>| {
        count.fetch_add(1, Relaxed);
        let client = client.clone();
        async move { client.send(request).await }
    };
    (kube::Client::new(service_fn(send), NAMESPACE), asked)
}

async fn label(site: &Site, device: &str, labels: Value) {
    let nodes: Api<Node> = Api::all(site.client.clone());
    let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
    nodes.patch(device, &PatchParams::default(), &patch).await.unwrap();
}

async fn ask(status: SocketAddr, path: &str) -> Value {
    get(status, path).await.unwrap().json()
}

/// Those of `answer` whose identity says so.
fn that_are<'a>(answer: &'a Value, field: &str, value: &str) -> Vec<&'a Value> {
    let services = answer["services"].as_array().unwrap();
    services.iter().filter(|service| service["identity"][field] == value).collect()
}

/// The first version after `known` that who watches is told of.
async fn told_after(known: u64, events: &mut Events) -> u64 {
    let told = async {
        loop {
            let (event, told) = events.next().await.unwrap();
            match told["version"].as_u64() {
                Some(version) if event == "change" && version > known => return version,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.expect("nobody is told of the change")
}

#[tokio::test]
async fn a_program_finds_all_that_it_needs_without_the_api() {
    let site = Site::new().await;
    site.device("cloud.kubeedge", 1).await;
    site.device("edge1", 2).await;
    label(&site, "cloud.kubeedge", json!({"node-role.kubernetes.io/control-plane": "", "disk": "large"})).await;
    label(&site, "edge1", json!({"node-role.kubernetes.io/edge": "", "kubernetes.io/role": "agent"})).await;
    let detector = managed(&site, "det-edge1-r7").await;
    site.endpoints(&detector, 9007, &[At { device: "edge1", pod: "det", address: site.pod(2, 1), ready: true }]).await;
    let joint = json!({
        "metadata": {"name": "scheduler-cloud", "labels": {"jointmultiedge.sedna.io/name": "scheduler"}},
        "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 9001, "targetPort": 9001, "nodePort": 30971}]},
    });
    let scheduler: Service = site.create(joint).await;
    let at = At { device: "cloud.kubeedge", pod: "scheduler", address: site.pod(1, 1), ready: true };
    site.endpoints(&scheduler, 9001, &[at]).await;
    let (client, asked) = counted(&site.client);
    let mut mesh = run_with(client, Options::of("edge1"), site.stopping());
    let status = mesh.ready().await.unwrap().status;
    crate::support::until(status, "/v1/services?device=edge1", |told| told["services"][0]["route"] == "applied").await;
    let before = asked.load(Relaxed);
    assert!(before >= 3, "it watches through the client that counts: {before}");
    for _ in 0..100 {
        // The port of a component, and which devices serve it.
        let all = ask(status, "/v1/services").await;
        let detectors = that_are(&all, "component", "detector");
        assert_eq!(detectors.len(), 1);
        let (identity, port) = (&detectors[0]["identity"], &detectors[0]["ports"][0]);
        assert_eq!((&port["number"], &port["endpoints"][0]["device"]), (&json!(9007), &json!("edge1")));
        let expected = json!({
            "installID": "lab", "deploymentRevision": 7, "runtimeID": "det-edge1-r7", "component": "detector",
            "logicalService": "vehicle-detection", "runtimeServiceUID": "rts-det-edge1-r7", "targetNode": "edge1",
        });
        assert_eq!(*identity, expected);
        let schedulers = that_are(&all, "jointMultiEdgeService", "scheduler");
        assert_eq!((schedulers.len(), &schedulers[0]["ports"][0]["nodePort"]), (1, &json!(30971)));
        // What runs on a device.
        let on_cloud = ask(status, "/v1/services?device=cloud.kubeedge").await;
        assert_eq!(
            (on_cloud["services"].as_array().unwrap().len(), that_are(&on_cloud, "component", "detector")),
            (1, vec![])
        );
        // Role and address of a device.
        let devices = ask(status, "/v1/devices").await;
        let [cloud, edge] = [0, 1].map(|at| &devices["devices"][at]);
        assert_eq!((&cloud["roles"], &edge["roles"]), (&json!(["control-plane"]), &json!(["agent", "edge"])));
        assert_eq!(edge["addresses"], json!([site.address(2)]));
    }
    assert_eq!(asked.load(Relaxed), before, "the API server was asked");
}

#[tokio::test]
async fn who_watches_is_told_of_a_change_and_finds_it_done() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let service = site.service("det", 9001, 30975).await;
    let at = |ready| At { device: "edge1", pod: "det", address: site.pod(1, 1), ready };
    site.endpoints(&service, 9001, &[at(true)]).await;
    let status = site.mesh("edge1").await.ready().await.unwrap().status;
    let mut events = Events::open(status, "/v1/watch").await;
    let mut known = ask(status, "/v1/services").await["version"].as_u64().unwrap();
    for ready in [false, true, false] {
        site.endpoints(&service, 9001, &[at(ready)]).await;
        known = told_after(known, &mut events).await;
        let services = ask(status, "/v1/services").await;
        assert_eq!(services["services"][0]["ports"][0]["endpoints"][0]["ready"], ready);
    }
    label(&site, "edge1", json!({"node-role.kubernetes.io/edge": ""})).await;
    told_after(known, &mut events).await;
    assert_eq!(ask(status, "/v1/devices").await["devices"][0]["roles"], json!(["edge"]));
}

#[tokio::test]
async fn a_pod_with_a_network_of_its_own_asks_through_a_socket() {
    let (site, folder) = (Site::new().await, tempfile::tempdir().unwrap());
    site.device("edge1", 1).await;
    let path = folder.path().join("mesh.sock");
    // As a mesh that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let options = || Options { socket: Some(path.clone()), ..Options::of("edge1") };
    let _mesh = site.mesh_with(options()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666, "workers are other users");
    let mut client = Client::over(UnixStream::connect(&path).await.unwrap()).await;
    let devices = client.send("GET", "/v1/devices", &[("host", "mesh")], "").await.unwrap().json::<Value>();
    assert_eq!(devices["devices"][0]["name"], "edge1");
}

#[tokio::test]
async fn a_file_in_the_place_of_the_socket_is_left_alone_and_named() {
    let (site, folder) = (Site::new().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("mesh.sock");
    std::fs::write(&path, "notes").unwrap();
    let options = Options { socket: Some(path.clone()), ..Options::of("edge1") };
    let mesh = run_with(site.client.clone(), options, site.stopping());
    let ended = timeout(PATIENCE, mesh.finished()).await.expect("it serves all the same");
    let error = ended.unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()) && error.contains("--socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
}

#[tokio::test]
async fn names_that_are_alike_are_not_taken_for_each_other() {
    let site = Site::new().await;
    let devices = ["edge-1", "edge1", "edge.1"];
    for (number, device) in (1..).zip(devices) {
        site.device(device, number).await;
    }
    for (pod, (name, device)) in (1..).zip([("det", "edge-1"), ("det-2", "edge1"), ("det-2-edge1", "edge.1")]) {
        let service = site.service(name, 9001, 30980 + u16::from(pod)).await;
        site.endpoints(&service, 9001, &[At { device, pod: name, address: site.pod(pod, 1), ready: true }]).await;
    }
    let status = site.mesh("edge1").await.ready().await.unwrap().status;
    for (device, name) in std::iter::zip(devices, ["det", "det-2", "det-2-edge1"]) {
        let told = ask(status, &format!("/v1/services?device={device}")).await;
        let names: Vec<&Value> = told["services"].as_array().unwrap().iter().map(|service| &service["name"]).collect();
        assert_eq!(names, [name], "on {device}");
    }
    site.delete_service("det").await;
    crate::support::until(status, "/v1/services?device=edge-1", |told| told["services"] == json!([])).await;
    assert_eq!(ask(status, "/v1/services").await["services"].as_array().unwrap().len(), 2);
}
