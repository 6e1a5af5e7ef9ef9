//! Carrying out one probe.
use std::{net::IpAddr, time::Duration};

use dayu_core::worker::{ProbeAction, ProbeSpec, Scheme};
use http::{HeaderValue, Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Asks a worker at `address`; a failure says what came instead. Commands are the runtime's affair.
pub(super) async fn probe(spec: &ProbeSpec, address: IpAddr) -> Result<(), String> {
    let answer = async {
        match &spec.action {
            ProbeAction::Tcp { host, port } => connect(host.as_deref(), address, *port).await.map(drop),
            ProbeAction::Http { scheme: Scheme::Https, .. } => Err("HTTPS probes are not carried out here".to_owned()),
            ProbeAction::Http { host, port, path, headers, .. } => {
                let stream = connect(host.as_deref(), address, *port).await?;
                get(stream, &format!("{address}:{port}"), path, headers).await
            }
            ProbeAction::Unsupported(why) => Err(why.clone()),
            ProbeAction::Exec(_) => Err("a command is run by the runtime".to_owned()),
        }
    };
    tokio::time::timeout(spec.timeout, answer).await.unwrap_or_else(|_| Err(late(spec.timeout)))
}

fn late(timeout: Duration) -> String {
    format!("no answer after {timeout:?}")
}

async fn connect(host: Option<&str>, address: IpAddr, port: u16) -> Result<TcpStream, String> {
    let own = address.to_string();
    let host = host.unwrap_or(&own);
    TcpStream::connect((host, port)).await.map_err(|error| format!("{host}:{port}: {error}"))
}

async fn get(stream: TcpStream, host: &str, path: &str, headers: &[(String, String)]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("GET http://{host}{path}: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let _driver = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let mut request = Request::get(path);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header(header::HOST, host);
    }
    request = request
        .header(header::USER_AGENT, HeaderValue::from_static("kube-probe/dayu"))
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|error| failed(&error))?;
    let answer = sender.send_request(request);
    // While it is there, a request that is handed over as the connection ends may wait in between for ever.
    drop(sender);
    let response = answer.await.map_err(|error| failed(&error))?;
    match response.status().as_u16() {
        200..=399 => Ok(()),
        code => Err(failed(&format_args!("answered {code}"))),
    }
}
