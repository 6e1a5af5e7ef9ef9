//! What an answer says of its endpoint, by whatever way it came.
use std::time::Duration;

use dayu_core::balance::Tracked;
use http::StatusCode;

/// Notes an answer that came after `latency`. One that says that the endpoint cannot serve is a failure: it comes fast, and
/// must not attract more requests by that. What has no status answers well.
pub(crate) fn note<T>(reached: &Tracked<T>, latency: Duration, status: Option<StatusCode>) {
    let declines = |status: StatusCode| status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if status.is_some_and(declines) { reached.failed() } else { reached.answered(latency) }
}
