//! What an API server's refusals are called, for machines and for people.
use kube::Error;

use crate::template::Failure;

/// A child that could not be written.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) child: String,
    /// CamelCase, machine-readable.
    pub(super) reason: String,
    pub(super) message: String,
}

impl Refusal {
    /// Of something of ours, `what`, that cannot be sent.
    pub(super) fn unwritable(what: &str, error: &serde_json::Error) -> Self {
        let message = format!("cannot be written as JSON: {error}");
        Self { child: what.to_owned(), reason: "Unwritable".to_owned(), message }
    }

    /// Whether what was to be written is going or changed meanwhile, which is not worth an event.
    pub(super) fn is_passing(&self) -> bool {
        matches!(&*self.reason, "NotFound" | "Conflict")
    }

    /// As it is told in statuses and events.
    pub(super) fn failure(&self) -> Failure {
        Failure::Refused { child: self.child.clone(), message: self.message.clone() }
    }
}

/// The server's own word for what went wrong, or ours where there was no answer.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
        Error::Api(status) => format!("Http{}", status.code),
        _ => "Unreachable".to_owned(),
    }
}
