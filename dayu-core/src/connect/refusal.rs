//! What an error of the API says to people.
use std::{error, iter};

use kube::{Error, Resource, core::Status, runtime::watcher};

/// An error of the API's client, or of what stands on it, in words for people: every cause down to the one that helps, each once,
/// and where the server answered, its own words.
///
/// ```
/// use dayu_core::connect::told;
/// use kube::core::Status;
///
/// let error = kube::Error::Api(Box::new(Status::failure("pods \"a\" not found", "NotFound").with_code(404)));
/// assert_eq!(told(&error), "pods \"a\" not found");
/// ```
#[must_use]
pub fn told(error: &(dyn error::Error + 'static)) -> String {
    let mut said = String::new();
    for cause in iter::successors(Some(error), |cause| cause.source()) {
        let text = cause.to_string();
        // Many errors end with the text of their cause.
        if let Some(own) = said.strip_suffix(&text).map(str::len) {
            said.truncate(own);
        }
        match of_client(cause) {
            Some(Error::Api(status)) => return then(said, &status.message),
            // That a service failed says nothing beside why.
            Some(Error::Service(_)) => {}
            _ => said = then(said, &text),
        }
    }
    said
}

fn of_client<'a>(cause: &'a (dyn error::Error + 'static)) -> Option<&'a Error> {
    cause.downcast_ref().or_else(|| cause.downcast_ref::<Box<Error>>().map(AsRef::as_ref))
}

fn then(said: String, text: &str) -> String {
    if said.is_empty() || said.ends_with(": ") { said + text } else { said + ": " + text }
}

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
        error => format!("{verb} {resource}: {}", told(error)),
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

/// Why a watch of a kind does not stand, in the same words.
///
/// ```
/// use dayu_core::connect::unwatched;
/// use k8s_openapi::api::apps::v1::Deployment;
/// use kube::{core::Status, runtime::watcher};
///
/// let error = watcher::Error::WatchError(Box::new(Status::failure("no", "Forbidden").with_code(403)));
/// assert_eq!(unwatched::<Deployment>(&error), "may not watch deployments.apps: no");
/// ```
#[must_use]
pub fn unwatched<K: Resource<DynamicType = ()>>(error: &watcher::Error) -> String {
    let resource = &right_on::<K>();
    match error {
        watcher::Error::InitialListFailed(error) => refusal("list", resource, error),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            refusal("watch", resource, error)
        }
        watcher::Error::WatchError(status) => refused("watch", resource, status),
        watcher::Error::NoResourceVersion => format!("watch {resource}: {error}"),
    }
}

/// `deployments.apps`, as rights are spoken of.
pub(crate) fn right_on<K: Resource<DynamicType = ()>>() -> String {
    named(&K::plural(&()), &K::group(&()))
}

/// The same of a kind that is known by its names only.
pub(crate) fn named(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Outer<E: error::Error + 'static> {
        said: String,
        source: E,
    }

    fn around<E: error::Error + 'static>(words: &str, source: E) -> Outer<E> {
        Outer { said: words.replace("{}", &source.to_string()), source }
    }

    fn answered() -> Error {
        Error::Api(Box::new(Status::failure("pods \"a\" not found", "NotFound").with_code(404)))
    }

    #[test]
    fn every_cause_is_told_once() {
        assert_eq!(told(&around("no link", io::Error::other("refused"))), "no link: refused");
        assert_eq!(told(&around("no link: {}", io::Error::other("refused"))), "no link: refused");
        assert_eq!(told(&around("{}", io::Error::other("refused"))), "refused");
    }

    #[test]
    fn of_what_the_server_answered_its_own_words_are_told() {
        assert_eq!(told(&answered()), "pods \"a\" not found");
        assert_eq!(told(&Box::new(answered())), "pods \"a\" not found");
        assert_eq!(told(&around("cannot list: {}", answered())), "cannot list: pods \"a\" not found");
    }

    #[test]
    fn a_transport_that_fails_is_told_by_its_causes() {
        let transport = || Error::Service(around("does not answer", io::Error::other("refused")).into());
        assert_eq!(told(&transport()), "does not answer: refused");
        assert_eq!(told(&around("cannot list: {}", transport())), "cannot list: does not answer: refused");
    }
}
