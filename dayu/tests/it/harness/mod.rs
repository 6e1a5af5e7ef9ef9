//! What the tests share: running the binary, asking over HTTP, and a plane of their own.
use std::time::Duration;

use tokio::time::{Instant, sleep};

mod http;
pub(crate) mod manifests;
mod plane;
mod process;
mod system;

pub(crate) use http::ask;
pub(crate) use plane::{Plane, client_of};
pub(crate) use process::{Dayu, Ended, binary, run};
pub(crate) use system::{Leftovers, alone, is_alive, listening, workers_of};

/// Nothing that is waited for takes longer, on a busy machine with a debug build.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Asks `probe` until it has an answer; what it said last is told if it never has.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match probe().await {
            Ok(answer) => return answer,
            Err(last) => assert!(began.elapsed() < LIMIT, "{what}: not within {LIMIT:?}; last: {last}"),
        }
        sleep(Duration::from_millis(25)).await;
    }
}
