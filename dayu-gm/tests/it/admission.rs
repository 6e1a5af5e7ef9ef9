//! Who is let in on the link.
use std::{net::SocketAddr, sync::Arc};

use dayu_cluster::Cluster;
use dayu_core::{connect::Identity, link::Fingerprint};
use dayu_gm::link::{Admission, Hub, Upstream, listen};
use futures::StreamExt;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Namespace};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, SignatureScheme, client::ResolvesClientCert, sign::CertifiedKey},
};
use tokio_tungstenite::{
    client_async, connect_async,
    tungstenite::{Error, Message as Ws, client::IntoClientRequest, handshake::client::Request},
};
use tokio_util::sync::CancellationToken;

/// A link that takes nobody at their word.
struct Strict {
    client: Client,
    manager: Identity,
    address: SocketAddr,
    upstream: mpsc::Receiver<Upstream>,
    _shutdown: tokio_util::sync::DropGuard,
}

impl Strict {
    async fn start() -> Self {
        let client = Cluster::builder().build().await.unwrap().client();
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "dayu-system"}})).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let (said, upstream) = mpsc::channel(16);
        let (manager, shutdown) = (Identity::generate().unwrap(), CancellationToken::new());
        let listening = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listening.address;
        let admission = Admission::new(client.clone(), &manager, false).unwrap();
        tokio::spawn(listening.serve(Hub::new(said, 7), admission, shutdown.clone()));
        Self { client, manager, address, upstream, _shutdown: shutdown.drop_guard() }
    }

    async fn publish(&self, device: &str, key: Fingerprint) {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": format!("lm-{device}"), "annotations": {"dayu.io/link-key": key.to_string()}},
        });
        let leases = Api::<Lease>::namespaced(self.client.clone(), "dayu-system");
        leases.patch(&format!("lm-{device}"), &PatchParams::apply("test"), &Patch::Apply(lease)).await.unwrap();
    }

    fn request(&self, device: &str) -> Request {
        let mut request = format!("ws://{}/", self.address).into_client_request().unwrap();
        request.headers_mut().insert("Node-Name", device.parse().unwrap());
        request
    }

    /// What a caller that holds `key` and says that it is `device` hears first.
    async fn call(&self, device: &str, key: &Identity) -> Ws {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(key.client(self.manager.fingerprint()).unwrap());
        let stream = connector.connect("any".try_into().unwrap(), stream).await.unwrap();
        let (mut socket, _) = client_async(self.request(device), stream).await.unwrap();
        socket.next().await.unwrap().unwrap()
    }
}

fn refusal(heard: &Ws) -> &str {
    match heard {
        Ws::Close(Some(frame)) => frame.reason.as_str(),
        other => panic!("let in: {other:?}"),
    }
}

#[tokio::test]
async fn a_device_is_the_one_whose_key_its_lease_names() {
    let mut link = Strict::start().await;
    let (edge1, edge2) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    link.publish("edge1", edge1.fingerprint()).await;

    let heard = link.call("edge1", &edge2).await;
    assert!(refusal(&heard).contains("names another key"), "{heard:?}");
    let heard = link.call("edge2", &edge2).await;
    assert!(refusal(&heard).contains("dayu-system/lm-edge2"), "{heard:?}");
    assert!(link.upstream.try_recv().is_err(), "nobody is in");

    let heard = link.call("edge1", &edge1).await;
    assert!(matches!(heard, Ws::Text(_)), "{heard:?}");
    assert_eq!(link.upstream.recv().await, Some(Upstream::Connected("edge1".into())));
}

#[tokio::test]
async fn nobody_is_believed_without_tls() {
    let mut link = Strict::start().await;
    assert!(connect_async(link.request("edge1")).await.is_err());
    assert!(link.upstream.try_recv().is_err());
}

#[tokio::test]
async fn a_device_does_not_talk_to_somebody_else() {
    let link = Strict::start().await;
    let (edge1, another) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let stream = TcpStream::connect(link.address).await.unwrap();
    let connector = TlsConnector::from(edge1.client(another.fingerprint()).unwrap());
    let error = connector.connect("any".try_into().unwrap(), stream).await.unwrap_err();
    assert!(error.to_string().contains("not the published"), "{error}");
}

/// Has no certificate to show.
#[derive(Debug)]
struct Nothing;

impl ResolvesClientCert for Nothing {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn whoever_shows_no_key_is_cut() {
    let link = Strict::start().await;
    let stream = TcpStream::connect(link.address).await.unwrap();
    let known = Identity::generate().unwrap().client(link.manager.fingerprint()).unwrap();
    let mut keyless = ClientConfig::clone(&known);
    keyless.client_auth_cert_resolver = Arc::new(Nothing);
    let connector = TlsConnector::from(Arc::new(keyless));
    // In TLS 1.3 the client's side is done before the server has seen that nothing was shown.
    let refused = match connector.connect("any".try_into().unwrap(), stream).await {
        Ok(stream) => {
            matches!(client_async(link.request("edge1"), stream).await, Err(Error::Io(_) | Error::Protocol(_)))
        }
        Err(_) => true,
    };
    assert!(refused);
}
