//! What the starter of a daemon holds of it.
use tokio::{sync::watch, task::JoinHandle};

/// A running daemon that is reached at `A` once it is ready, and ends with `E` when it cannot go on.
///
/// Dropping the handle does not stop it: that is for the token that it was started with.
///
/// ```
/// use dayu_core::daemon::Handle;
/// use tokio::sync::watch::Sender;
///
/// async fn serve(announce: Sender<Option<u16>>) -> Result<(), std::io::Error> {
///     announce.send_replace(Some(9000));
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), std::io::Error> {
/// let mut daemon = Handle::spawn(serve);
/// assert_eq!(daemon.ready().await, Some(9000));
/// daemon.finished().await
/// # }
/// ```
#[derive(Debug)]
pub struct Handle<A, E> {
    ready: watch::Receiver<Option<A>>,
    task: JoinHandle<Result<(), E>>,
}

impl<A: Clone + Send + Sync + 'static, E: Send + 'static> Handle<A, E> {
    /// Runs `daemon` as a task. It says where it is reached as soon as it is ready. Must be called within a Tokio runtime.
    pub fn spawn<F>(daemon: impl FnOnce(watch::Sender<Option<A>>) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (announce, ready) = watch::channel(None);
        Self { ready, task: tokio::spawn(daemon(announce)) }
    }

    /// Waits until it is ready, and tells where it is reached. None if it ended before: [`Handle::finished`] says why.
    pub async fn ready(&mut self) -> Option<A> {
        self.ready.wait_for(Option::is_some).await.ok().and_then(|addresses| addresses.clone())
    }

    /// Ends it as a crash would: nothing is finished, and nothing given back.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Waits for the end: what had begun is finished then. A panic of the daemon goes on here.
    ///
    /// # Errors
    /// Why it ended, unless it was told to.
    pub async fn finished(self) -> Result<(), E> {
        match self.task.await {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_aborted) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_ends_before_it_is_ready_says_why() {
        let mut daemon = Handle::<(), _>::spawn(async |_| Err("no port"));
        assert_eq!(daemon.ready().await, None);
        assert_eq!(daemon.finished().await, Err("no port"));
    }

    #[tokio::test]
    async fn one_that_is_aborted_ends_without_an_error() {
        let daemon = Handle::<(), ()>::spawn(async |_| std::future::pending().await);
        daemon.abort();
        assert_eq!(daemon.finished().await, Ok(()));
    }

    #[tokio::test]
    #[should_panic(expected = "out of luck")]
    async fn a_panic_is_not_lost() {
        let _ = Handle::<(), ()>::spawn(async |_| panic!("out of luck")).finished().await;
    }
}
