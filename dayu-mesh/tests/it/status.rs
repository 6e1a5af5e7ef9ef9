//! The status API: routes bit for bit, the directory, and the stream of changes.
use std::net::SocketAddr;

use http::StatusCode;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{
    strict::Pair,
    support::{
        At, Site,
        client::{Client, Events, get},
        worker::{self, Seen},
    },
};

fn status(site: &Site, device: u8) -> SocketAddr {
    SocketAddr::new(site.address(device), 10551)
}

/// A managed Service on `edge1`, as a RuntimeService makes it.
pub(crate) async fn managed(site: &Site, name: &str) -> Service {
    let service = json!({
        "metadata": {
            "name": name,
            "labels": {
                "dayu.io/mesh-managed": "true",
                "dayu.io/install-id": "lab",
                "dayu.io/deployment-revision": "7",
                "dayu.io/runtime-id": name,
                "dayu.io/component": "detector",
                "dayu.io/runtime-service-uid": format!("rts-{name}"),
            },
            "annotations": {"dayu.io/target-node": "edge1", "dayu.io/logical-service": "vehicle-detection"},
        },
        "spec": {"type": "ClusterIP", "ports": [{"name": "http", "port": 9007, "targetPort": 9007}]},
    });
    site.create(service).await
}

fn at(site: &Site, pod: u8) -> At<'static> {
    At { device: "edge1", pod: "det-1", address: site.pod(1, pod), ready: true }
}

pub(crate) fn cluster_address(service: &Service) -> SocketAddr {
    let address = service.spec.as_ref().unwrap().cluster_ip.as_deref().unwrap();
    SocketAddr::new(address.parse().unwrap(), 9007)
}

#[tokio::test]
async fn a_managed_route_is_applied_told_and_closed_with_its_service() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let _worker = worker::start("det", SocketAddr::new(site.pod(1, 1), 9007)).await;
    let _mesh = site.mesh("edge1").await;
    let mut events = Events::open(status(&site, 1), "/v1/watch?device=edge1").await;
    let mut of_others = Events::open(status(&site, 1), "/v1/watch?device=edge2").await;
    let service = managed(&site, "det").await;
    let (uid, address) = (service.uid().unwrap(), cluster_address(&service));
    crate::support::until(status(&site, 1), &format!("/v1/routes/{uid}"), |route| route["state"] == "DEGRADED").await;
    let refused = get(address, "/").await;
    assert!(refused.is_err(), "closed until applied: {refused:?}");
    site.endpoints(&service, 9007, &[at(&site, 1)]).await;
    let applied = loop {
        let (name, route) = events.next().await.unwrap();
        if name == "route" && route["state"] == "APPLIED" {
            break route;
        }
    };
    assert_eq!(applied["serviceUID"], json!(uid));
    assert_eq!(applied["endpointPodUID"], "uid-det-1");
    let version = get(status(&site, 1), "/v1/services").await.unwrap().json::<Value>()["version"].as_u64();
    loop {
        let (name, told) = of_others.next().await.unwrap();
        assert_ne!(name, "route", "{told}");
        if told["version"].as_u64() >= version {
            break;
        }
    }
    let told = get(status(&site, 1), &format!("/v1/routes/{uid}")).await.unwrap();
    assert_eq!(told.status, StatusCode::OK);
    let text = String::from_utf8(told.body.to_vec()).unwrap();
    let order = [
        "serviceUID",
        "runtimeServiceUID",
        "serviceResourceVersion",
        "endpointsResourceVersion",
        "deploymentRevision",
        "runtimeID",
        "state",
        "localSequence",
        "sourceState",
        "targetNode",
        "endpointPodUID",
        "observedAt",
    ];
    let positions: Vec<_> = order.iter().map(|field| text.find(&format!("\"{field}\":")).unwrap()).collect();
    assert!(positions.is_sorted() && !text.contains("reason"), "{text}");
    let seen: Seen = get(address, "/x").await.unwrap().json();
    assert_eq!(seen.worker, "det");
    let mut held = Client::connect(address).await;
    held.send("GET", "/", &[("host", "x")], "").await.unwrap();
    site.delete_service("det").await;
    crate::support::until(status(&site, 1), "/v1/routes", |report| report["routes"] == json!({})).await;
    assert!(held.send("GET", "/", &[("host", "x")], "").await.is_err(), "the old connection is closed");
}

#[tokio::test]
async fn a_replaced_service_closes_the_connections_of_the_one_before() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let _worker = worker::start("det", SocketAddr::new(site.pod(1, 1), 9007)).await;
    let _mesh = site.mesh("edge1").await;
    let service = managed(&site, "det").await;
    site.endpoints(&service, 9007, &[at(&site, 1)]).await;
    let applied = |uid: String| format!("/v1/routes/{uid}");
    crate::support::until(status(&site, 1), &applied(service.uid().unwrap()), |route| route["state"] == "APPLIED")
        .await;
    let mut held = Client::connect(cluster_address(&service)).await;
    held.send("GET", "/", &[("host", "x")], "").await.unwrap();
    site.delete_service("det").await;
    let again = managed(&site, "det").await;
    assert_ne!(service.uid(), again.uid());
    crate::support::until(status(&site, 1), &applied(again.uid().unwrap()), |route| route["state"] == "APPLIED").await;
    assert!(held.send("GET", "/", &[("host", "x")], "").await.is_err());
    assert!(get(cluster_address(&again), "/").await.is_ok());
}

#[tokio::test]
async fn unknown_paths_and_routes_are_said_as_go_says_them() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let _mesh = site.mesh("edge1").await;
    let status = status(&site, 1);
    for (path, code, body) in [
        ("/healthz", 200, r#"{"status":"ok"}"#),
        ("/v1/routes/", 400, r#"{"error":"serviceUID is required"}"#),
        ("/v1/routes/a/b", 400, r#"{"error":"serviceUID is required"}"#),
        ("/v1/routes/x", 404, r#"{"error":"route for Service UID x not found"}"#),
        ("/other", 404, "404 page not found\n"),
    ] {
        let answer = get(status, path).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (code, body.as_bytes()), "{path}");
    }
    let ready = get(status, "/readyz").await.unwrap();
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json::<Value>()["sourceMessage"], "Service and Endpoints informer caches synced");
}

#[tokio::test]
async fn the_directory_answers_what_is_where() {
    let pair = Pair::new(2).await;
    let status = status(&pair.site, 1);
    let on_edge2: Value = get(status, "/v1/services?device=edge2").await.unwrap().json();
    let endpoints = on_edge2.pointer("/services/0/ports/0/endpoints").unwrap().as_array().unwrap();
    assert_eq!(endpoints.len(), 2);
    assert!(endpoints.iter().all(|endpoint| endpoint["device"] == "edge2"));
    let nowhere: Value = get(status, "/v1/services?device=edge9").await.unwrap().json();
    assert_eq!(nowhere["services"], json!([]));
    let devices: Value = get(status, "/v1/devices").await.unwrap().json();
    assert_eq!(devices["devices"][1]["name"], "edge2");
    let explained: Value = get(status, "/v1/explain?service=default/det&device=edge2").await.unwrap().json();
    let picked: Vec<_> =
        explained["endpoints"].as_array().unwrap().iter().filter(|one| one["picked"] == true).collect();
    assert_eq!((picked.len(), &picked[0]["device"]), (1, &json!("edge2")));
    let keyed: Value = get(status, "/v1/explain?service=default/det&key=camera%201").await.unwrap().json();
    assert_eq!(keyed["policy"], "consistent-hash");
    let text = get(status, "/v1/explain?service=default/det&device=edge3&format=text").await.unwrap();
    assert!(String::from_utf8_lossy(&text.body).contains("refused: NoSuchDevice"));
}

#[tokio::test]
async fn requests_are_counted_exactly() {
    let pair = Pair::new(2).await;
    for _ in 0..30 {
        get(pair.site.node_port(1, 30901), "/").await.unwrap();
    }
    let counts = pair.meshes[0].requests();
    assert_eq!(counts.iter().map(|count| count.requests).sum::<u64>(), 30);
    assert!(counts.iter().all(|count| count.device == "edge1" && count.service == "default/det"), "{counts:?}");
    let told: Value = get(status(&pair.site, 1), "/v1/stats").await.unwrap().json();
    assert_eq!(told["requests"], serde_json::to_value(&counts).unwrap());
    let metrics = get(status(&pair.site, 1), "/metrics").await.unwrap();
    let text = String::from_utf8_lossy(&metrics.body);
    for part in [
        r#"dayu_mesh_requests_total{service="default/det",device="edge1"} 30"#,
        r#"dayu_mesh_routes{state="applied"} 0"#,
        "dayu_mesh_failed_listeners 0",
        "dayu_mesh_synced 1",
        "# EOF",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
