//! What an engine can be told.
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    backoff::Backoff,
    observe::{Observer, Unobserved},
};

/// What an engine can be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only this namespace; all when absent.
    pub namespace: Option<String>,
    /// Looks at the same time.
    pub concurrency: usize,
    /// How long a resource that fails waits.
    pub backoff: Backoff,
    /// Where workers find their local manager: [`Site::local_manager`](crate::template::Site::local_manager).
    pub local_manager: String,
    /// The wall clock, for the times in statuses.
    pub clock: fn() -> Timestamp,
    /// Draws from 0 to 1, so that what failed together does not come back together.
    pub jitter: fn() -> f64,
    /// Is told what the engine does.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    /// All namespaces, 32 looks at a time, the local manager at [`LOCAL_MANAGER`](crate::api::env::LOCAL_MANAGER).
    fn default() -> Self {
        Self {
            namespace: None,
            concurrency: 32,
            backoff: Backoff::default(),
            local_manager: crate::api::env::LOCAL_MANAGER.to_owned(),
            clock: Timestamp::now,
            jitter: rand::random,
            observer: Arc::new(Unobserved),
        }
    }
}
