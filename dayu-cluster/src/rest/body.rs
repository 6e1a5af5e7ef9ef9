//! Bodies in and out: bounded reading, and the shapes of replies.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use serde_json::Value;
use tower::BoxError;

use super::error::ApiError;

/// The body of a reply: whole, or a stream for watches and logs.
pub type ApiBody = UnsyncBoxBody<Bytes, BoxError>;

/// What Kubernetes allows for the body of a write.
const LIMIT: usize = 3 * 1024 * 1024;

/// A client that needs longer for so little holds a place that others want.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a request body, at most 3 MiB of it.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, ApiError>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let collect = tokio::time::timeout(PATIENCE, Limited::new(body, LIMIT).collect());
    let Ok(collected) = collect.await else {
        return Err(ApiError::bad_request("the body of the request did not arrive in time"));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large(LIMIT)),
        Err(error) => Err(ApiError::bad_request(format!("the body of the request cannot be read: {error}"))),
    }
}

pub(crate) fn whole(bytes: Bytes) -> ApiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn json(code: StatusCode, bytes: Bytes) -> Response<ApiBody> {
    typed(code, HeaderValue::from_static("application/json"), whole(bytes))
}

pub(crate) fn value(code: StatusCode, value: &Value) -> Response<ApiBody> {
    json(code, Bytes::from(value.to_string()))
}

pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<ApiBody> {
    typed(code, HeaderValue::from_static("text/plain; charset=utf-8"), whole(text.into()))
}

pub(crate) fn stream(
    content_type: &'static str,
    chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
) -> Response<ApiBody> {
    let frames = futures::StreamExt::map(chunks, |chunk| chunk.map(Frame::data));
    typed(StatusCode::OK, HeaderValue::from_static(content_type), StreamBody::new(frames).boxed_unsync())
}

pub(crate) fn typed(code: StatusCode, content_type: HeaderValue, body: ApiBody) -> Response<ApiBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
