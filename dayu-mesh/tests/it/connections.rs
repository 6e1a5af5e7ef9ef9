//! What peers do to connections, and what must not come of it.
use std::{net::SocketAddr, time::Duration};

use dayu_mesh::Options;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    strict::Pair,
    support::{At, PATIENCE, Site, client::get, fastest_of_ten, worker},
};

#[tokio::test]
async fn a_client_that_shuts_down_writing_gets_the_whole_answer() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let listener = TcpListener::bind(SocketAddr::new(site.pod(1, 1), 9003)).await.unwrap();
    let service = site.service("bulk", 9003, 30903).await;
    site.endpoints(&service, 9003, &[At { device: "edge1", pod: "bulk-1", address: site.pod(1, 1), ready: true }])
        .await;
    let _mesh = site.mesh("edge1").await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = Vec::new();
        stream.read_to_end(&mut question).await.unwrap();
        stream.write_all(&vec![5; 1024 * 1024]).await.unwrap();
        question
    });
    let mut stream = TcpStream::connect(site.node_port(1, 30903)).await.unwrap();
    stream.write_all(b"all of it").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.len(), 1024 * 1024);
    assert_eq!(server.await.unwrap(), b"all of it");
}

#[tokio::test]
async fn a_black_hole_costs_others_nothing() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    // A full backlog drops what comes: connecting to it neither succeeds nor fails.
    let hole = TcpSocket::new_v4().unwrap();
    let address = SocketAddr::new(site.pod(1, 1), 9004);
    hole.bind(address).unwrap();
    let _hole = hole.listen(0).unwrap();
    let _queued = TcpStream::connect(address).await.unwrap();
    let black = site.service("black", 9004, 30904).await;
    site.endpoints(&black, 9004, &[At { device: "edge1", pod: "black-1", address: site.pod(1, 1), ready: true }]).await;
    let _worker = worker::start("white", SocketAddr::new(site.pod(1, 2), 9005)).await;
    let white = site.service("white", 9005, 30905).await;
    site.endpoints(&white, 9005, &[At { device: "edge1", pod: "white-1", address: site.pod(1, 2), ready: true }]).await;
    let _mesh = site.mesh("edge1").await;
    let mut waiting = TcpStream::connect(site.node_port(1, 30904)).await.unwrap();
    tokio::select! {
        biased;
        served = get(site.node_port(1, 30905), "/") => assert!(served.is_ok()),
        _ = waiting.read_u8() => panic!("served only when dialling the other was given up"),
    }
    let refused = timeout(PATIENCE, waiting.read_u8()).await;
    assert!(refused.expect("refused once dialling is given up").is_err());
}

#[tokio::test]
async fn a_client_that_says_nothing_holds_nobody_up() {
    let pair = Pair::new(1).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(pair.site.node_port(1, 30901)).await.unwrap());
    }
    let fastest = fastest_of_ten(async || assert!(get(pair.site.node_port(1, 30901), "/").await.is_ok())).await;
    assert!(fastest < Duration::from_millis(200), "{fastest:?}");
}

#[tokio::test]
async fn connections_of_a_service_that_is_gone_are_closed() {
    let pair = Pair::new(1).await;
    let mut stream = TcpStream::connect(pair.site.node_port(1, 30901)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream.read_u8().await.unwrap();
    pair.site.delete_service("det").await;
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection outlived its Service");
    assert!(TcpStream::connect(pair.site.node_port(1, 30901)).await.is_err(), "and nobody listens any more");
}

#[tokio::test]
async fn a_busy_port_is_reported_and_taken_when_free() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let squatter = TcpListener::bind(site.node_port(1, 30906)).await.unwrap();
    let _worker = worker::start("late", SocketAddr::new(site.pod(1, 1), 9006)).await;
    let service = site.service("late", 9006, 30906).await;
    site.endpoints(&service, 9006, &[At { device: "edge1", pod: "late-1", address: site.pod(1, 1), ready: true }])
        .await;
    let _mesh = site.mesh("edge1").await;
    let status = SocketAddr::new(site.address(1), 10551);
    let told = get(status, "/v1/listeners").await.unwrap().json::<serde_json::Value>();
    assert_eq!(told["failed"][0]["service"], json!("default/late"), "{told}");
    assert!(told["failed"][0]["reason"].as_str().unwrap().contains("30906"), "{told}");
    drop(squatter);
    crate::support::until(status, "/v1/listeners", |told| told["failed"] == json!([])).await;
    assert!(get(site.node_port(1, 30906), "/").await.is_ok());
}

/// A Service of one worker that accepts and says nothing.
async fn silent(site: &Site, name: &str, pod: u8, port: u16, node_port: u16) -> TcpListener {
    let listener = TcpListener::bind(SocketAddr::new(site.pod(1, pod), port)).await.unwrap();
    let service = site.service(name, port, node_port).await;
    let at = At { device: "edge1", pod: name, address: site.pod(1, pod), ready: true };
    site.endpoints(&service, port, &[at]).await;
    listener
}

/// Connects to a Service whose workers say nothing, and waits until that is refused.
/// Whether the system asks after the other end of each of the connections from or to `address`, in its own table: it tells which
/// clock runs for each.
fn is_asked_after(address: SocketAddr) -> Vec<bool> {
    let SocketAddr::V4(address) = address else { panic!("{address} is not in this table") };
    let written = format!("{:08X}:{:04X}", u32::from(*address.ip()).swap_bytes(), address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let its = rows.filter(|row| row[3] == "01" && (row[1] == written || row[2] == written));
    its.map(|row| row[5].starts_with("02:")).collect()
}

/// As a device that loses its power: it neither answers nor ends what it began.
#[tokio::test]
async fn whoever_goes_without_a_word_is_asked_after_on_both_sides() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let worker = silent(&site, "quiet", 1, 9017, 30917).await;
    let _mesh = site.mesh("edge1").await;
    let node_port = site.node_port(1, 30917);
    let mut client = TcpStream::connect(node_port).await.unwrap();
    let (mut server, _) = worker.accept().await.unwrap();
    let asked = |address| {
        let mut asked = is_asked_after(address);
        asked.sort_unstable();
        asked
    };
    assert_eq!(asked(node_port), [false, true], "of the two ends only the mesh's asks");
    // Once something has come through, the mesh has done with the connection what it does.
    server.write_all(b".").await.unwrap();
    client.read_u8().await.unwrap();
    assert_eq!(asked(worker.local_addr().unwrap()), [false, true]);
}

async fn is_refused(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    timeout(PATIENCE, stream.read_u8()).await.expect("it was taken").unwrap_err();
}

#[tokio::test]
async fn a_flooded_service_leaves_room_for_others_and_what_is_too_much_is_refused_and_counted() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let _workers = [silent(&site, "one", 1, 9011, 30911).await, silent(&site, "two", 2, 9012, 30912).await];
    let third = silent(&site, "three", 3, 9013, 30913).await;
    let _mesh = site.mesh_with(Options { connections: Some(8), ..Options::of("edge1") }).await;
    let mut held = Vec::new();
    for node_port in [30911, 30912] {
        for _ in 0..4 {
            held.push(TcpStream::connect(site.node_port(1, node_port)).await.unwrap());
        }
        if node_port == 30911 {
            is_refused(site.node_port(1, node_port)).await; // the fifth of one Service
        }
    }
    is_refused(site.node_port(1, 30913)).await; // and the ninth of all
    dayu_mesh::relay::reset_on_close(&held.pop().unwrap());
    let status = SocketAddr::new(site.address(1), 10551);
    let metrics = String::from_utf8(get(status, "/metrics").await.unwrap().body.to_vec()).unwrap();
    for reason in ["ListenerFull", "MeshFull"] {
        assert!(metrics.contains(&format!("reason=\"{reason}\"}} 1")), "{reason}: {metrics}");
    }
    let freed = async {
        loop {
            let mut asking = TcpStream::connect(site.node_port(1, 30913)).await.unwrap();
            tokio::select! {
                taken = third.accept() => return taken,
                said = asking.read_u8() => drop(said.unwrap_err()),
            }
        }
    };
    timeout(PATIENCE, freed).await.expect("what ends makes room").unwrap();
}
