//! The link's server, seen by a peer of Sedna's kind: no TLS, no sequence numbers, a bare header first.
use dayu_cluster::Cluster;
use dayu_core::{
    connect::Identity,
    link::{Frame, Message, Operation},
    name::Device,
};
use dayu_gm::link::{Admission, Hub, Upstream, listen};
use futures::{SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message as Ws, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use crate::site::PATIENCE;

struct Served {
    hub: Hub,
    upstream: mpsc::Receiver<Upstream>,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve() -> Served {
    let (said, upstream) = mpsc::channel(16);
    let hub = Hub::new(said, 7);
    let listening = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let client = Cluster::builder().build().await.unwrap().client();
    let admission = Admission::new(client, &Identity::generate().unwrap(), true).unwrap();
    let (address, shutdown) = (listening.address, CancellationToken::new());
    let task = tokio::spawn(listening.serve(hub.clone(), admission, shutdown.clone()));
    Served { hub, upstream, address, shutdown, task }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(served: &Served, device: &str) -> Socket {
    let mut request = format!("ws://{}/", served.address).into_client_request().unwrap();
    request.headers_mut().insert("Node-Name", device.parse().unwrap());
    connect_async(request).await.unwrap().0
}

/// The next frame with a message.
async fn message(socket: &mut Socket) -> Message {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a frame in time");
        if let Ws::Text(text) = next.unwrap().unwrap()
            && let Some(message) = Frame::decode(&text).unwrap().message
        {
            return message;
        }
    }
}

fn insert(name: &str, content: &str) -> Message {
    Message::new("ns", "runtimeservice", name, Operation::Insert, content.as_bytes().to_vec())
}

#[tokio::test]
async fn messages_wait_for_the_device_and_go_both_ways() {
    let mut served = serve().await;
    let edge = Device::from("edge1");
    served.hub.send(&edge, insert("a", "old"));
    served.hub.send(&edge, insert("b", "1"));
    served.hub.send(&edge, insert("a", "new"));
    assert!(!served.hub.is_connected(&edge));

    let mut socket = connect(&served, "edge1").await;
    assert_eq!(served.upstream.recv().await, Some(Upstream::Connected(edge.clone())));
    assert_eq!(message(&mut socket).await, insert("b", "1"));
    assert_eq!(message(&mut socket).await, insert("a", "new"));

    let bare = r#"{"namespace":"","resourceKind":"","resourceName":"","operation":""}"#;
    socket.send(Ws::text(bare)).await.unwrap();
    let status = Message::new("ns", "runtimeservice", "a", Operation::Status, b"{}".to_vec());
    let frame = Frame { message: Some(status.clone()), ..Frame::default() };
    socket.send(Ws::text(frame.encode().unwrap())).await.unwrap();
    assert_eq!(served.upstream.recv().await, Some(Upstream::Said(edge.clone(), status)));

    drop(socket);
    assert_eq!(served.upstream.recv().await, Some(Upstream::Disconnected(edge)));
    served.shutdown.cancel();
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_newer_connection_of_a_device_replaces_the_older() {
    let mut served = serve().await;
    let mut older = connect(&served, "edge1").await;
    assert_eq!(served.upstream.recv().await, Some(Upstream::Connected("edge1".into())));
    let mut newer = connect(&served, "edge1").await;
    assert_eq!(served.upstream.recv().await, Some(Upstream::Connected("edge1".into())));
    served.hub.send(&"edge1".into(), insert("a", "1"));
    assert_eq!(message(&mut newer).await.name, "a");
    // The older one ends; it may have carried its first, empty frame before.
    while let Some(Ok(Ws::Text(text))) = older.next().await {
        assert_eq!(Frame::decode(&text).unwrap().message, None);
    }
    assert!(served.hub.is_connected(&"edge1".into()));
}

#[tokio::test]
async fn a_connection_without_a_device_name_is_told_what_is_missing() {
    let served = serve().await;
    let refused = connect_async(format!("ws://{}/", served.address)).await.unwrap_err();
    let tokio_tungstenite::tungstenite::Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), 400);
}
