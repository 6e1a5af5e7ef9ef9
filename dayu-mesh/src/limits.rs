//! How much at once: nothing that peers can make the mesh hold is without a bound.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most connections at once, whatever the system would allow.
const CONNECTIONS: u64 = 50_000;
/// Files that are not connections: listeners, watches, logs.
const OTHER_FILES: u64 = 128;

/// Connections that may be relayed at once; each holds two files. Raises the process's soft limit to its hard one first.
pub(crate) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        // Refused only where a sandbox forbids it: then the soft limit stays what it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = (files.saturating_sub(OTHER_FILES) / 2).clamp(16, CONNECTIONS);
    usize::try_from(most).unwrap_or(usize::MAX)
}
