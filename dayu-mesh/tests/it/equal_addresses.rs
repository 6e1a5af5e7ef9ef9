//! Pods of two devices that have one address, as where each device numbers its pods by itself.
use std::net::SocketAddr;

use dayu_mesh::{Options, run_with};
use http::StatusCode;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{
    At, PATIENCE, Site,
    client::{Answer, Client, get},
    until,
    worker::{self, Seen},
};

const PORT: u16 = 9031;
const NODE_PORT: u16 = 30931;

/// Whoever may ask a mesh for an address gets no further than to what it knows on its own device.
#[tokio::test]
async fn a_mesh_leads_to_no_address_but_of_its_own_endpoints() {
    let site = Site::new().await;
    let (own, other, unknown) = (site.pod(1, 1), site.pod(2, 1), site.pod(1, 9));
    let mut workers = vec![];
    for (number, address) in [(1, own), (2, other)] {
        site.device(&format!("edge{number}"), number).await;
        workers.push(worker::start("there", SocketAddr::new(address, PORT)).await);
    }
    workers.push(worker::start("unknown", SocketAddr::new(unknown, PORT)).await);
    let service = site.service("det", PORT, NODE_PORT).await;
    let at = |device, address| At { device, pod: device, address, ready: true };
    site.endpoints(&service, PORT, &[at("edge1", own), at("edge2", other)]).await;
    let _mesh = site.mesh("edge1").await;
    let front = SocketAddr::new(site.address(1), 10552);
    for (address, port, status) in [
        (own, PORT, 200),
        (own, PORT + 1, 403),
        (other, PORT, 403),
        (unknown, PORT, 403),
        (site.address(1), 10551, 403),
    ] {
        let target = SocketAddr::new(address, port).to_string();
        let asked = Client::connect(front).await.send("CONNECT", &target, &[("host", &target)], "").await.unwrap();
        assert_eq!(asked.status.as_u16(), status, "{target}: {asked:?}");
    }
    let plain = Client::connect(front).await.send("GET", &format!("http://{own}:{PORT}/"), &[], "").await.unwrap();
    assert_eq!(plain.header("x-dayu-reason"), Some("NotAMeshName"), "a request is for a Service");
}

/// Asks the mesh of `edge1` for the worker on `edge2`.
async fn ask(site: &Site) -> Answer {
    let mut client = Client::connect(SocketAddr::new(site.address(1), 10552)).await;
    client.send("GET", "http://edge2.det.default.svc:9031/", &[], "").await.unwrap()
}

#[tokio::test]
async fn each_is_reached_by_the_mesh_of_its_device_and_never_the_other_instead() {
    let site = Site::new().await;
    for number in [1, 2] {
        site.device(&format!("edge{number}"), number).await;
    }
    let address = site.pod(1, 1);
    let service = site.service("det", PORT, NODE_PORT).await;
    let at = |device, pod| At { device, pod, address, ready: true };
    site.endpoints(&service, PORT, &[at("edge1", "det-1"), at("edge2", "det-2")]).await;
    // Here both devices are one machine, so whoever connects to the address reaches this one.
    let _worker = worker::start("at the address", SocketAddr::new(address, PORT)).await;
    let first = site.mesh("edge1").await;

    let refused = ask(&site).await;
    assert_eq!(
        (refused.status, refused.header("x-dayu-reason")),
        (StatusCode::SERVICE_UNAVAILABLE, Some("Unreachable"))
    );
    let why = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(why.contains("the mesh of edge2 does not lead there"), "{why}");
    let own: Seen = get(site.node_port(1, NODE_PORT), "/").await.unwrap().json();
    assert_eq!(own.worker, "at the address", "the device's own is its own");

    let stop = CancellationToken::new();
    let mut second = run_with(site.client.clone(), Options { drain: 0, ..Options::of("edge2") }, stop.clone());
    second.ready().await.expect("the mesh ended");
    // Until what is remembered of the failure before is over.
    let answered = async {
        loop {
            let answer = ask(&site).await;
            if answer.status == StatusCode::OK {
                return answer;
            }
        }
    };
    let answer = timeout(PATIENCE, answered).await.expect("the other mesh leads there");
    assert_eq!(answer.header("x-dayu-endpoint"), Some("edge2/det-2"));
    let landed: Vec<_> = first.requests().into_iter().map(|count| (count.device, count.requests)).collect();
    assert_eq!(landed, [("edge1".to_owned(), 1), ("edge2".to_owned(), 1)]);
    assert!(second.requests().is_empty(), "it is counted once, by who picked");

    site.endpoints(&service, PORT, &[at("edge2", "det-2")]).await;
    let status = SocketAddr::new(site.address(1), 10551);
    until(status, "/v1/services", |told| !told.to_string().contains("det-1")).await;
    stop.cancel();
    second.finished().await.unwrap();
    assert_eq!(ask(&site).await.status, StatusCode::OK, "an address of one device alone leads there");
}
