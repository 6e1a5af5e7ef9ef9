//! What the store refuses.

use super::ResourceRef;

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{resource} \"{name}\" not found")]
    NotFound { resource: ResourceRef, name: String },
    #[error("{resource} \"{name}\" already exists")]
    AlreadyExists { resource: ResourceRef, name: String },
    /// The object is no longer what the caller based its change on.
    #[error(
        "Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified; please apply your \
         changes to the latest version and try again"
    )]
    Conflict { resource: ResourceRef, name: String },
    /// A uid precondition does not hold.
    #[error("Operation cannot be fulfilled on {resource} \"{name}\": Precondition failed: {reason}")]
    Precondition { resource: ResourceRef, name: String, reason: String },
    /// The window of remembered events begins later than asked.
    #[error("too old resource version: {asked} ({oldest})")]
    Gone { asked: u64, oldest: u64 },
    /// The value is no Kubernetes object.
    #[error("{resource}: not an object with metadata.name: {reason}")]
    Malformed { resource: ResourceRef, reason: String },
    /// The change could not be made durable.
    #[error("the change was not stored: {0}")]
    Journal(#[from] super::journal::JournalError),
}
