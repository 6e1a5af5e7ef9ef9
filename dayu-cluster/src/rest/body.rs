//! Bodies of replies, in the shapes that there are.
use bytes::Bytes;
use futures::Stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use tower::BoxError;

/// The body of a reply: whole, or a stream for watches and logs.
pub(crate) type ApiBody = UnsyncBoxBody<Bytes, BoxError>;

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
