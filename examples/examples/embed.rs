//! The balance stack inside another program: no Kubernetes, no mesh; "service S on device D" gives a connection or a reason.
//!
//! `cargo run -p dayu-examples --example embed`
use std::{error::Error, io, net::SocketAddr, sync::Arc};

use dayu_core::balance::{self, Request, policy};
use dayu_core::directory::{
    Change, DeviceRecord, Directory, Endpoint, EndpointRecord, PortRecord, ServiceRecord, SliceRecord, Source,
};
use dayu_core::name::ServiceKey;
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceExt, service_fn};

/// Where the program knows its services from; it could be a file or a database that tells what changes, as it changes.
struct Table(Vec<Change>);

impl Source for Table {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        stream::iter(self.0).chain(stream::iter([Change::Synced])).boxed()
    }
}

/// The Service `shop/detector` on port 9000.
fn detector() -> Change {
    let port =
        PortRecord { name: "".into(), protocol: "TCP".into(), number: 9000, node_port: None, target: Some(9000) };
    Change::Service(ServiceRecord {
        key: ServiceKey::new("shop", "detector"),
        uid: "detector".into(),
        version: 1,
        kind: "ClusterIP".into(),
        addresses: Vec::new(),
        ports: vec![port],
        affinity: None,
        labels: Default::default(),
        target: None,
        logical_service: "".into(),
    })
}

fn device(name: &str) -> Change {
    Change::Device(DeviceRecord { device: name.into(), version: 1, addresses: Vec::new(), ready: true })
}

/// The detector on `device` listens at `address`.
fn runs(device: &str, address: SocketAddr) -> Change {
    Change::Slice(SliceRecord {
        namespace: "shop".into(),
        name: format!("detector-{device}").into(),
        service: "detector".into(),
        version: 1,
        labels: Default::default(),
        ports: vec![("".into(), address.port())],
        endpoints: vec![EndpointRecord {
            address: address.ip(),
            device: Some(device.into()),
            pod: None,
            ready: true,
            serving: true,
            terminating: false,
            weight: 1,
        }],
    })
}

/// A server that tells everyone its name.
async fn serve(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            connection.write_all(name.as_bytes()).await?;
        }
        io::Result::Ok(())
    });
    Ok(address)
}

/// What each device's detector answers, or why it does not.
pub(crate) async fn ask(devices: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut table = vec![detector(), device("edge3")];
    for name in ["edge1", "edge2"] {
        table.extend([device(name), runs(name, serve(name).await?)]);
    }
    let directory = Arc::new(Directory::new());
    let mut changes = Box::new(Table(table)).changes();
    while let Some(change) = changes.next().await {
        directory.apply(change);
    }

    let connect = service_fn(|endpoint: Endpoint| TcpStream::connect(endpoint.address));
    let stack = balance::stack(directory, policy::PowerOfTwo, connect, balance::Options::default());
    let mut answers = Vec::new();
    for device in devices {
        let request = Request::to(ServiceKey::new("shop", "detector"), 9000).on((*device).into());
        answers.push(match stack.clone().oneshot(request).await {
            Ok(mut connection) => {
                let mut answer = String::new();
                connection.read_to_string(&mut answer).await?;
                answer
            }
            Err(error) => format!("{}: {error}", error.reason()),
        });
    }
    Ok(answers)
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "an example shows what it does")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    for answer in ask(&["edge1", "edge2", "edge3", "edge9"]).await? {
        println!("{answer}");
    }
    Ok(())
}
