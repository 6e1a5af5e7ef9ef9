//! One POST over a new connection, through a proxy when there is one: how Dayu's own workers talk.
use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest wait for a whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Answers above this are cut off.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not an absolute `http` URL.
    #[error("{0:?} is not an absolute http URL, such as http://edge1.detector-both.default.svc:9000/frame")]
    Url(String),
    /// No connection.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    /// The connection broke.
    #[error("the exchange broke: {0}")]
    Exchange(#[from] hyper::Error),
    /// The answer is too large or broke.
    #[error("the answer is unusable: {0}")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
    /// Somebody answered, but not with success.
    #[error("answered {0}: {1}")]
    Refused(StatusCode, String),
    /// No answer in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// Posts `body`, which is of that `kind`, to `url` and gives the answer's body.
///
/// # Errors
/// See [`Error`]; every status outside 2xx is one.
pub async fn post(url: &str, proxy: Option<SocketAddr>, kind: &str, body: Bytes) -> Result<Bytes, Error> {
    tokio::time::timeout(PATIENCE, exchange(url, proxy, kind, body)).await.map_err(|_| Error::Late)?
}

async fn exchange(url: &str, proxy: Option<SocketAddr>, kind: &str, body: Bytes) -> Result<Bytes, Error> {
    let unusable = || Error::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| unusable())?;
    let authority = uri.authority().ok_or_else(unusable)?.as_str().to_owned();
    let stream = match proxy {
        Some(proxy) => TcpStream::connect(proxy).await.map_err(|e| Error::Connect(proxy.to_string(), e))?,
        None => {
            let target = (uri.host().ok_or_else(unusable)?, uri.port_u16().unwrap_or(80));
            TcpStream::connect(target).await.map_err(|e| Error::Connect(authority.clone(), e))?
        }
    };
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _driver = tokio::spawn(connection);
    let target = if proxy.is_some() { url } else { uri.path_and_query().map_or("/", |path| path.as_str()) };
    let request = Request::post(target)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, kind)
        .body(Full::new(body))
        .map_err(|_| unusable())?;
    let answer = sender.send_request(request);
    // While it is there, a request that is handed over as the connection ends may wait in between for ever.
    drop(sender);
    let response = answer.await?;
    let status = response.status();
    let answer = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.map_err(Error::Answer)?.to_bytes();
    if status.is_success() {
        Ok(answer)
    } else {
        Err(Error::Refused(status, String::from_utf8_lossy(&answer).into_owned()))
    }
}
