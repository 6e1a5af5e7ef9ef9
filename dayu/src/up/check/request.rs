//! One request of the self-test, over a new connection each, as Dayu's own clients do it.
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use dayu_core::name::Device;
use dayu_pipeline::form;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

use super::targets::FRAME;

/// Longest wait for a whole answer; a refusal comes at once, so whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 64 * 1024;
/// A refusal by who speaks no HTTP.
const RESET: &str = "ConnectionReset";

/// How a request says which device it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// `http://<device address>:<node port>`.
    NodePort,
    /// `http://<device>.<service>.<namespace>.svc`, through the caller's mesh.
    Name,
    /// `http://<service>.<namespace>.svc` and the header `x-target-device`, through the caller's mesh.
    Header,
}

impl Form {
    /// How a request is refused whose device has no worker of the service.
    fn refusal(self) -> &'static str {
        match self {
            Self::NodePort => RESET,
            Self::Name | Self::Header => "NoEndpointOnDevice",
        }
    }
}

/// A request that can be sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) form: Form,
    /// The address of the device that calls, where nothing else tells which that is: else its mesh is asked.
    pub(super) from: Option<IpAddr>,
    /// Where to connect.
    pub(super) address: SocketAddr,
    /// `host:port` as the URL has it.
    pub(super) authority: String,
    pub(super) path: &'static str,
    /// The device that it means.
    pub(super) device: Device,
    pub(super) service: String,
    /// Whether that device has a worker of the service.
    pub(super) is_served: bool,
}

impl Call {
    /// Whether this is what has to become of it while nothing is broken: it lands where it says, or is refused where nobody serves.
    pub(super) fn expects(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Landed(by) => self.is_served && by.device == self.device.as_str(),
            Outcome::Refused(reason) => !self.is_served && reason == self.form.refusal(),
            Outcome::Broken(_) => false,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} by {:?}", self.service, self.device, self.form)
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A worker answered: its own word on who it is.
    Landed(dayu_pipeline::Identity),
    /// Refused at once, with the reason that was given.
    Refused(String),
    /// The connection broke, or nothing came: what happens to requests whose worker is killed under them.
    Broken(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landed(by) => write!(f, "landed on {}", by.device),
            Self::Refused(reason) => write!(f, "was refused: {reason}"),
            Self::Broken(problem) => write!(f, "broke: {problem}"),
        }
    }
}

/// Sends one request with `body` and says what became of it.
pub(super) async fn send(call: &Call, body: Bytes) -> Outcome {
    match tokio::time::timeout(PATIENCE, exchange(call, body)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Broken(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn exchange(call: &Call, body: Bytes) -> Outcome {
    let stream = match connect(call).await {
        Ok(stream) => stream,
        Err(error) => return Outcome::Refused(format!("{:?}", error.kind())),
    };
    let _ = stream.set_nodelay(true);
    match converse(call, body, stream).await {
        Ok(outcome) => outcome,
        // By name and by header the mesh speaks HTTP, and says why.
        Err(error) if call.form == Form::NodePort && is_reset(&error) => Outcome::Refused(RESET.to_owned()),
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

async fn connect(call: &Call) -> io::Result<TcpStream> {
    let Some(from) = call.from else { return TcpStream::connect(call.address).await };
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind((from, 0).into())?;
    socket.connect(call.address).await
}

/// A layer-4 refusal is a reset, or an end, before the first byte of an answer: in the middle of the request, or before it is sent.
fn is_reset(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    let broke = |io: &io::Error| matches!(io.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
    error.is_incomplete_message() || error.is_canceled() || source.is_some_and(broke)
}

async fn converse(call: &Call, body: Bytes, stream: TcpStream) -> Result<Outcome, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _driver = tokio::spawn(connection);
    let target = match call.form {
        Form::NodePort => call.path.to_owned(),
        Form::Name | Form::Header => format!("http://{}{}", call.authority, call.path),
    };
    let kind = if call.path == FRAME { form::KIND } else { "application/json" };
    let mut request = Request::post(target).header(header::HOST, &call.authority).header(header::CONTENT_TYPE, kind);
    if call.form == Form::Header {
        request = request.header("x-target-device", call.device.as_str());
    }
    let Ok(request) = request.body(Full::new(body)) else {
        return Ok(Outcome::Broken("not a valid request".to_owned()));
    };
    let answer = sender.send_request(request);
    // While it is there, a request that is handed over as the connection ends may wait in between for ever.
    drop(sender);
    Ok(judge(answer.await?).await)
}

async fn judge(response: Response<Incoming>) -> Outcome {
    let status = response.status();
    let reason = response.headers().get("x-dayu-reason").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = match Limited::new(response.into_body(), LARGEST_ANSWER).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Outcome::Broken(error.to_string()),
    };
    match (status, reason) {
        (StatusCode::OK, _) => match serde_json::from_slice(&body) {
            Ok(identity) => Outcome::Landed(identity),
            Err(error) => Outcome::Broken(format!("an answer that no worker gives: {error}")),
        },
        (_, Some(reason)) => Outcome::Refused(reason),
        (status, None) => Outcome::Broken(format!("{status}: {}", String::from_utf8_lossy(&body))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_is_taken_and_ended_is_a_refusal_whenever_it_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refusing = tokio::spawn(async move {
            while let Ok((taken, from)) = listener.accept().await {
                assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 2]));
                drop(taken);
            }
        });
        let call = Call {
            form: Form::NodePort,
            from: Some([127, 0, 0, 2].into()),
            address,
            authority: address.to_string(),
            path: "/",
            device: Device::new("edge1"),
            service: "det".to_owned(),
            is_served: false,
        };
        for size in [0, 60_000, 2_000_000].into_iter().cycle().take(600) {
            let outcome = send(&call, vec![0; size].into()).await;
            assert_eq!(outcome, Outcome::Refused(RESET.to_owned()), "{size} bytes");
            assert!(call.expects(&outcome));
        }
        refusing.abort();
    }
}
