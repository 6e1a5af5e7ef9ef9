//! What an API server's refusals are called, for machines.
use kube::Error;

/// The server's own word for what went wrong, or ours where there was no answer.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
        Error::Api(status) => format!("Http{}", status.code),
        _ => "Unreachable".to_owned(),
    }
}
