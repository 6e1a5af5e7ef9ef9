//! Carrying out one probe.
mod tls;

use std::{io, net::IpAddr, time::Duration};

use dayu_core::worker::{ProbeAction, ProbeSpec, Scheme};
use http::{HeaderValue, Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::either::Either;

/// Programs that take the loopback address for their own are the usual cause.
const REFUSED: &str = "; does it listen on its POD_IP and that port?";

/// Asks a worker at `address`; a failure says what came instead. Commands are the runtime's affair.
pub(super) async fn probe(spec: &ProbeSpec, address: IpAddr) -> Result<(), String> {
    let own = address.to_string();
    let answer = async {
        match &spec.action {
            ProbeAction::Tcp { host, port } => connect(host.as_deref().unwrap_or(&own), *port).await.map(drop),
            ProbeAction::Http { host, port, path, scheme, headers } => {
                let host = host.as_deref().unwrap_or(&own);
                let stream = connect(host, *port).await?;
                let failed = |error| format!("{host}:{port}: TLS: {error}");
                let (scheme, stream) = match scheme {
                    Scheme::Http => ("http", Either::Left(stream)),
                    Scheme::Https => ("https", Either::Right(tls::begin(stream, host).await.map_err(failed)?)),
                };
                get(stream, scheme, &format!("{host}:{port}"), path, headers).await
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

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port)).await.map_err(|error| {
        let remedy = if error.kind() == io::ErrorKind::ConnectionRefused { REFUSED } else { "" };
        format!("{host}:{port}: {error}{remedy}")
    })
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scheme: &str,
    authority: &str,
    path: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("GET {scheme}://{authority}{path}: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let _driver = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let mut request = Request::get(path);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header(header::HOST, authority);
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
