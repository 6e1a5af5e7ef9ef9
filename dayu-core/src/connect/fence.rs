//! Connections that do not outlive the term in which they were of use.
use std::{future::poll_fn, pin::pin, task::Poll};

use hyper::rt::Executor;

use super::Term;

/// Runs a client's connections, each until the term is over in which it did anything; to their own end where there is none.
#[derive(Clone, Debug)]
pub(super) struct Fenced(pub(super) Option<Term>);

impl<C> Executor<C> for Fenced
where
    C: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, connection: C) {
        let Some(term) = self.0.clone() else {
            tokio::spawn(connection);
            return;
        };
        tokio::spawn(async move {
            let (mut connection, mut was_of_use) = (pin!(connection), false);
            // Whatever is sent is sent by a step of the connection, however long ago it was handed over.
            poll_fn(|cx| match term.within(|| connection.as_mut().poll(cx)) {
                Some(step) => {
                    was_of_use = true;
                    step
                }
                None if was_of_use => Poll::Ready(()),
                None => connection.as_mut().poll(cx),
            })
            .await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::mpsc, time::Instant};

    use super::*;

    /// A connection that sends on what it is handed, and says where it was sent.
    fn connection(term: &Term) -> (mpsc::UnboundedSender<u8>, mpsc::UnboundedReceiver<u8>) {
        let (hand_over, mut handed) = mpsc::unbounded_channel();
        let (send, sent) = mpsc::unbounded_channel();
        Fenced(Some(term.clone())).execute(async move {
            while let Some(what) = handed.recv().await {
                let _ = send.send(what);
            }
        });
        (hand_over, sent)
    }

    fn begin(term: &Term) {
        term.until(Instant::now() + Duration::from_secs(60));
    }

    #[tokio::test]
    async fn what_was_handed_over_in_time_is_not_sent_late() {
        let term = Term::default();
        begin(&term);
        let (hand_over, mut sent) = connection(&term);
        hand_over.send(1).unwrap();
        assert_eq!(sent.recv().await, Some(1));
        hand_over.send(2).unwrap();
        term.over();
        assert_eq!(sent.recv().await, None, "the connection has ended");
        assert!(hand_over.send(3).is_err());
    }

    #[tokio::test]
    async fn who_never_might_and_who_may_at_last_go_on() {
        let term = Term::default();
        let (hand_over, mut sent) = connection(&term);
        hand_over.send(1).unwrap();
        assert_eq!(sent.recv().await, Some(1));
        begin(&term);
        hand_over.send(2).unwrap();
        assert_eq!(sent.recv().await, Some(2));
        term.over();
        hand_over.send(3).unwrap();
        assert_eq!(sent.recv().await, None);
    }
}
