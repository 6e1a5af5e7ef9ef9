//! Connections that do not outlive the right to write on them.
use std::{future::poll_fn, pin::pin, task::Poll};

use hyper::rt::Executor;

/// Runs a client's connections, each until it may no longer do what it once might.
#[derive(Clone, Debug)]
pub(super) struct Fenced<F> {
    pub(super) open: F,
}

impl<F, C> Executor<C> for Fenced<F>
where
    F: Fn() -> bool + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, connection: C) {
        let open = self.open.clone();
        tokio::spawn(async move {
            let (mut connection, mut was_open) = (pin!(connection), false);
            // Whatever is sent is sent by a step of the connection, however long ago it was handed over.
            poll_fn(|cx| {
                let is_open = open();
                if was_open && !is_open {
                    return Poll::Ready(());
                }
                was_open = is_open;
                connection.as_mut().poll(cx)
            })
            .await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    };

    use tokio::sync::mpsc;

    use super::*;

    /// A connection that sends on what it is handed, and says where it was sent.
    fn connection(open: &Arc<AtomicBool>) -> (mpsc::UnboundedSender<u8>, mpsc::UnboundedReceiver<u8>) {
        let (hand_over, mut handed) = mpsc::unbounded_channel();
        let (send, sent) = mpsc::unbounded_channel();
        let open = open.clone();
        Fenced { open: move || open.load(Relaxed) }.execute(async move {
            while let Some(what) = handed.recv().await {
                let _ = send.send(what);
            }
        });
        (hand_over, sent)
    }

    #[tokio::test]
    async fn what_was_handed_over_in_time_is_not_sent_late() {
        let open = Arc::new(AtomicBool::new(true));
        let (hand_over, mut sent) = connection(&open);
        hand_over.send(1).unwrap();
        assert_eq!(sent.recv().await, Some(1));
        hand_over.send(2).unwrap();
        open.store(false, Relaxed);
        assert_eq!(sent.recv().await, None, "the connection has ended");
        assert!(hand_over.send(3).is_err());
    }

    #[tokio::test]
    async fn who_never_might_and_who_may_at_last_go_on() {
        let open = Arc::new(AtomicBool::new(false));
        let (hand_over, mut sent) = connection(&open);
        hand_over.send(1).unwrap();
        assert_eq!(sent.recv().await, Some(1));
        open.store(true, Relaxed);
        hand_over.send(2).unwrap();
        assert_eq!(sent.recv().await, Some(2));
        open.store(false, Relaxed);
        hand_over.send(3).unwrap();
        assert_eq!(sent.recv().await, None);
    }
}
