//! How long all in one, or a daemon, takes from its start until it says that it is ready.
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

use super::{process::Process, rest};

/// Between two questions; the figure is that coarse.
const BREATH: Duration = Duration::from_millis(1);
/// One that is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(30);

/// All in one on the folder `data`, just ready, and the milliseconds it took, those before it could look at a clock included.
pub(super) fn all_in_one(binary: &Path, data: &Path) -> io::Result<(Process, f64)> {
    let (data, began) = (data.display().to_string(), Instant::now());
    let mut process = Process::start(binary, &["up", "--empty", "--data", &data])?;
    process.says("ready after ")?;
    let took = began.elapsed();
    process.says("kubeconfig: ")?;
    Ok((process, took.as_secs_f64() * 1e3))
}

/// A daemon that has just become ready and says `so`, and the milliseconds it took.
pub(super) fn daemon(binary: &Path, arguments: &[&str], so: &str) -> io::Result<(Process, f64)> {
    let status = free()?;
    let (said, began) = (status.to_string(), Instant::now());
    let mut process = Process::start(binary, &[arguments, &["--status", &said]].concat())?;
    while !is_ready(status, so) {
        process.is_alive()?;
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("dayu {arguments:?} is not ready within {PATIENCE:?}")));
        }
        rest(BREATH);
    }
    Ok((process, began.elapsed().as_secs_f64() * 1e3))
}

/// An address that nobody listens at.
fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn is_ready(status: SocketAddr, so: &str) -> bool {
    let answer = || {
        let mut socket = TcpStream::connect(status)?;
        socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: status\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).map(|_| answer)
    };
    answer().is_ok_and(|answer: String| answer.starts_with("HTTP/1.1 200 ") && answer.contains(so))
}
