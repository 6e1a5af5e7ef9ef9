//! Serves an embedded cluster on loopback until interrupted: `cargo run -p dayu-cluster --example serve -- DIR [PORT]`,
//! then `kubectl --kubeconfig DIR/kubeconfig get namespaces`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use dayu_cluster::Cluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("which directory keeps the objects?")?);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;

    let cluster = Cluster::builder().data_dir(dir).build().await?;
    let controllers = cluster.start_controllers();
    let serving = cluster.serve(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).await?;
    tracing::info!(addr = %serving.addr(), "ready");

    tokio::signal::ctrl_c().await?;
    serving.shutdown().await;
    controllers.shutdown().await;
    Ok(())
}
