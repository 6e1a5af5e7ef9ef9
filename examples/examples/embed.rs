//! The balance stack inside another program: no Kubernetes, no mesh; "service S on device D" gives a connection or a reason.
//!
//! `cargo run -p dayu-examples --example embed`
use std::{error::Error, io, net::SocketAddr, sync::Arc};

use dayu_core::balance::{self, Request, policy};
use dayu_core::directory::{
    Change, DeviceRecord, Directory, Endpoint, EndpointRecord, ServiceRecord, SliceRecord, Source,
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
    let detector = ServiceKey::new("shop", "detector");
    let mut table = vec![ServiceRecord::new(detector.clone()).port(9000).into(), DeviceRecord::new("edge3").into()];
    for name in ["edge1", "edge2"] {
        let address = serve(name).await?;
        let runs = SliceRecord::new(&detector, name, address.port(), [EndpointRecord::new(address.ip()).on(name)]);
        table.extend([DeviceRecord::new(name).into(), runs.into()]);
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
        let request = Request::to(detector.clone(), 9000).on((*device).into());
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
