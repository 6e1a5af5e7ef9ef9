//! What a kind has to undo that no owner reference reaches.
use std::{fmt, time::Duration};

use async_trait::async_trait;
use tower::BoxError;

use crate::template::syntax::is_qualified;

/// Undoes what a resource of kind `K` has left outside of the cluster before the resource goes: an account at a camera, a
/// bucket. Given to an engine by [`Engine::with_finalizer`](super::Engine::with_finalizer).
///
/// The engine puts the finalizer on a resource before it writes the first child, so that nothing it stands for can be there
/// without it. When the resource is deleted, all children are deleted first, and their pods waited for; then it is
/// [undone](Finalizer::undo), and only then the resource goes. Meanwhile everything else goes on.
///
/// Do without one where owner references are enough, as they are for whatever Kubernetes keeps: a resource with a finalizer
/// cannot go while no program runs that takes it off, nor while what it undoes is out of reach.
///
/// ```
/// use async_trait::async_trait;
/// use dayu_core::{api::RuntimeService, engine::Finalizer};
/// use tower::BoxError;
///
/// /// Removes the account that a worker has made for itself at a camera.
/// struct Account;
///
/// # async fn remove_account(_camera: &str) -> Result<bool, BoxError> { Ok(true) }
/// #[async_trait]
/// impl Finalizer<RuntimeService> for Account {
///     fn name(&self) -> &'static str {
///         "example.org/camera-account"
///     }
///
///     async fn undo(&self, service: &RuntimeService) -> Result<(), BoxError> {
///         let _was_there = remove_account(&service.spec.component).await?;
///         Ok(())
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "test-util"), mockall::automock)]
#[async_trait]
pub trait Finalizer<K: Send + Sync + 'static>: Send + Sync + 'static {
    /// What it is called in `metadata.finalizers`: a domain of yours, a slash and a name. Never change it: resources that have
    /// the former one would stay for ever.
    fn name(&self) -> &'static str;

    /// Undoes what `resource`, with the status that was told last, has left. None of its children and pods is there any more.
    ///
    /// Idempotent, and content where there is nothing (left) to undo: it is asked again until it succeeds, and again when the
    /// engine ended between its success and the removal of the finalizer, or in the middle of it.
    ///
    /// # Errors
    /// What stands in the way and what to do about it, in a few words for whoever runs `kubectl describe`: it becomes an event
    /// `CleanupFailed` (of a longer text only the begin), and this resource is asked for again later, each time later.
    async fn undo(&self, resource: &K) -> Result<(), BoxError>;

    /// How long one call of [`undo`](Finalizer::undo) may take before it is dropped and counts as failed: 30 seconds unless
    /// this says otherwise. As many resources are undone side by side as are looked at
    /// ([`Options::concurrency`](super::Options::concurrency)), in the order in which they came to it; where all of them wait
    /// for what never answers, the next waits for so long.
    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// A finalizer that an engine does not take.
///
/// ```
/// # use dayu_core::engine::FinalizerError;
/// let error = FinalizerError::Name { name: "camera" };
/// assert!(error.to_string().contains("such as example.org/camera"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FinalizerError {
    /// Kubernetes does not take the name, or cannot tell whose it is.
    #[error(
        "finalizer {name:?} is not a domain, a slash and a name; call it such as example.org/camera, \
         with at most 63 letters, digits and - _ . after the slash"
    )]
    Name {
        /// The name.
        name: &'static str,
    },
    /// The engine has one already.
    #[error("the engine has the finalizer {first} already; undo what {second} stands for in the `undo` of that one")]
    Second {
        /// The one that it has.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

/// A finalizer whose name is right.
pub(super) struct Registered<K> {
    pub(super) name: &'static str,
    pub(super) finalizer: Box<dyn Finalizer<K>>,
}

impl<K: Send + Sync + 'static> Registered<K> {
    pub(super) fn new(finalizer: impl Finalizer<K>) -> Result<Self, FinalizerError> {
        let name = finalizer.name();
        if !(name.contains('/') && is_qualified(name)) {
            return Err(FinalizerError::Name { name });
        }
        Ok(Self { name, finalizer: Box::new(finalizer) })
    }
}

impl<K> fmt::Debug for Registered<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finalizer_says_whose_it_is() {
        let registered = |name: &'static str| {
            let mut finalizer = MockFinalizer::<()>::new();
            finalizer.expect_name().return_const(name);
            Registered::new(finalizer).map(|registered| registered.name)
        };
        assert_eq!(registered("example.org/camera"), Ok("example.org/camera"));
        for name in
            ["camera", "", "/camera", "example.org/", "Example.org/a", "a/b/c", "example.org/-", "foregroundDeletion"]
        {
            assert_eq!(registered(name), Err(FinalizerError::Name { name }));
        }
    }
}
