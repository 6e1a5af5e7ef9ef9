//! Telling somebody what engines do: for metrics.
use std::{fmt::Debug, time::Duration};

/// How a look at a resource ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Everything is as it should be, or on its way.
    Done,
    /// The resource is refused until it, or the site, changes; the reason of its [`Rejection`](crate::template::Rejection).
    Rejected(&'a str),
    /// It is looked at again; a CamelCase reason, such as the API server's (`Forbidden`, `Conflict`).
    Retry(&'a str),
}

/// Is told what engines do. Nothing is awaited: whatever it does must be quick.
///
/// `kind` is the kind of the engine's resources, such as `RuntimeService`. Every method does nothing unless it is written.
///
/// ```
/// use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
/// use dayu_core::engine::{Observer, Outcome};
///
/// #[derive(Debug, Default)]
/// struct Failures(AtomicU64);
///
/// impl Observer for Failures {
///     fn looked(&self, _kind: &str, _took: Duration, outcome: Outcome<'_>) {
///         if let Outcome::Retry(_) = outcome {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Observer: Debug + Send + Sync {
    /// A look at a resource is over.
    fn looked(&self, _kind: &str, _took: Duration, _outcome: Outcome<'_>) {}

    /// So many resources wait for a look, and so many for the end of a pause after a failure.
    fn queued(&self, _kind: &str, _ready: usize, _paused: usize) {}

    /// The watch told of an own write so long after the server had answered it.
    fn echoed(&self, _kind: &str, _lag: Duration) {}

    /// A watch of this kind, the engine's own or one of children or devices, broke or could not be opened, and is tried again;
    /// `why` names what was asked for, and the right that is missing where it is one.
    fn watch_broke(&self, _kind: &str, _why: &str) {}
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
