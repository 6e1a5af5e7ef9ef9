//! What goes wrong in a benchmark.

/// Whatever it was: a benchmark has no remedy to offer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
