//! One run of a container: as it lives, and what is remembered of it.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cause, ProcessId};

/// A run that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// What runs.
    pub process: ProcessId,
    /// Since when.
    pub since: Timestamp,
    /// Its startup probe, if any, has succeeded.
    pub started: bool,
    /// Requests may be sent to it. Kept over a restart of the driver: a worker is not unready because nobody looked.
    pub ready: bool,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Number of the run.
    #[serde(default)]
    pub attempt: u32,
    /// What ran.
    pub process: Option<ProcessId>,
    /// How it ended.
    pub cause: Cause,
    /// When it began.
    pub since: Timestamp,
    /// When its end was seen.
    pub at: Timestamp,
}
