//! What an API server's refusals are called, for machines and for people.
use kube::{Error, runtime::watcher};

use crate::connect::{refusal, refused};

/// The server's own word for what went wrong, or ours where there was no answer.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
        Error::Api(status) => format!("Http{}", status.code),
        _ => "Unreachable".to_owned(),
    }
}

/// Why a watch of `resource` does not stand.
pub(super) fn of_watch(resource: &str, error: &watcher::Error) -> String {
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
pub(super) fn resource<K: kube::Resource<DynamicType = ()>>() -> String {
    named(&K::plural(&()), &K::group(&()))
}

/// The same of a kind that is known by its names only.
pub(super) fn named(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}
