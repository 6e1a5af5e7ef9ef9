//! What a refusal of the API server says to people.
use kube::{Error, core::Status};

/// What came of doing `verb` to `resource`, in words for whoever has to do something about it: what was not allowed is named,
/// whatever the server says, and so are credentials that are not accepted.
///
/// ```
/// use dayu_core::connect::refusal;
/// use kube::core::Status;
///
/// let error = kube::Error::Api(Box::new(Status::failure("no", "Forbidden").with_code(403)));
/// let told = refusal("patch", "deployments.apps", &error);
/// assert_eq!(told, "may not patch deployments.apps: no");
/// ```
#[must_use]
pub fn refusal(verb: &str, resource: &str, error: &Error) -> String {
    match error {
        Error::Api(status) => refused(verb, resource, status),
        error => format!("{verb} {resource}: {error}"),
    }
}

/// The same of a refusal that came in a stream.
#[must_use]
pub fn refused(verb: &str, resource: &str, status: &Status) -> String {
    let message = &status.message;
    match status.code {
        401 => {
            format!(
                "{verb} {resource}: the credentials are not accepted ({message}); renew the token or the kubeconfig"
            )
        }
        // A right is missing, or a quota or a policy is in the way: the server says which.
        403 => format!("may not {verb} {resource}: {message}"),
        _ => message.clone(),
    }
}
