//! Why the front does not carry a request: a status, a reason for machines, a text for people.
use std::net::SocketAddr;

use bytes::Bytes;
use dayu_core::{balance, directory::NameError, name::Device};
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;

use super::{authority::Unclear, body::Answer, headers::REASON};

/// Why a request is not carried, or not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Unclear(#[from] Unclear),
    #[error(
        "{0:?} is no name or address of the mesh; ask for <service>.<namespace>.svc or <device>.<service>.<namespace>.svc, and set no_proxy for hosts outside"
    )]
    Outside(String),
    #[error(transparent)]
    Short(NameError),
    #[error(transparent)]
    Unknown(NameError),
    #[error("the host says device {host} and x-target-device says {header:?}; send one of them, or the same")]
    Contradiction { host: Device, header: String },
    #[error("x-target-device says {0:?}; send the name of one device, once")]
    NoOneDevice(String),
    #[error(transparent)]
    Refused(#[from] balance::Error),
    #[error(
        "endpoint {endpoint} broke the exchange: {problem}; the request may have been carried out, so it was not sent again"
    )]
    Broken { endpoint: SocketAddr, problem: String },
    #[error("endpoint {endpoint} did not begin to answer within {seconds} s")]
    Late { endpoint: SocketAddr, seconds: u64 },
    #[error("the request ended before it was whole; send as much as its content-length says, or the last chunk")]
    Cut,
    #[error("the request did not arrive whole within {seconds} s; send less at a time, or CONNECT for a tunnel")]
    Slow { seconds: u64 },
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unclear(_) | Self::Contradiction { .. } | Self::NoOneDevice(_) | Self::Cut => StatusCode::BAD_REQUEST,
            Self::Outside(_) | Self::Short(_) => StatusCode::FORBIDDEN,
            Self::Unknown(_) | Self::Refused(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken { .. } => StatusCode::BAD_GATEWAY,
            Self::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Slow { .. } => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The reason, for machines.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Unclear(_) | Self::Contradiction { .. } | Self::NoOneDevice(_) => "BadTarget",
            Self::Unknown(NameError::UnknownDevice { .. }) => "NoSuchDevice",
            Self::Unknown(_) => "NoSuchService",
            Self::Outside(_) | Self::Short(_) => "NotAMeshName",
            Self::Refused(refused) => refused.reason(),
            Self::Broken { .. } => "EndpointBroke",
            Self::Late { .. } => "EndpointLate",
            Self::Slow { .. } => "ClientLate",
            Self::Cut => "ClientBroke",
        }
    }

    /// The refusal as an answer.
    pub(crate) fn answer<G>(&self) -> Response<Answer<G>> {
        let mut response = Response::new(Answer::Text(Full::new(Bytes::from(format!("{self}\n")))));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(REASON, HeaderValue::from_static(self.reason()));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}
