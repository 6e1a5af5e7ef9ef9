//! Bodies of requests, read within bounds.
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::BoxError;

use super::error::ApiError;

/// What Kubernetes allows for the body of a write.
const LIMIT: usize = 3 * 1024 * 1024;

/// A client that needs longer for so little holds a place that others want.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a request body, at most 3 MiB of it.
pub(super) async fn read<B>(body: B) -> Result<Bytes, ApiError>
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
