//! When a client may write.
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::time::Instant;

/// A time in which may be written, such as that in which one of several leads. It has not begun yet; clones are the same.
///
/// ```
/// # use std::time::Duration;
/// # use dayu_core::connect::Term;
/// # use tokio::time::Instant;
/// let term = Term::default();
/// assert_eq!(term.within(|| "written"), None);
/// term.until(Instant::now() + Duration::from_secs(8));
/// assert_eq!(term.within(|| "written"), Some("written"));
/// term.over();
/// assert!(!term.holds());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Term(Arc<RwLock<Option<Instant>>>);

impl Term {
    /// From now until `end`, or until it is called again.
    pub fn until(&self, end: Instant) {
        *self.0.write() = Some(end);
    }

    /// It is over, and so is every step that began [within](Self::within) it: blocks until the last of these has returned. Not to
    /// be called by such a step.
    pub fn over(&self) {
        *self.0.write() = None;
    }

    /// Whether it is now.
    #[must_use]
    pub fn holds(&self) -> bool {
        is_before(*self.0.read_recursive())
    }

    /// Takes a step if it is now; none otherwise. The step must be short: [`over`](Self::over) waits for it.
    pub fn within<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        let end = self.0.read_recursive();
        is_before(*end).then(step)
    }
}

fn is_before(end: Option<Instant>) -> bool {
    end.is_some_and(|end| Instant::now() < end)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_itself() {
        let term = Term::default();
        term.until(Instant::now() + Duration::from_secs(1));
        assert!(term.holds());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!term.holds());
        assert_eq!(term.within(|| ()), None);
    }

    #[test]
    fn it_is_over_when_the_last_step_has_returned() {
        let term = Term::default();
        term.until(Instant::now() + Duration::from_secs(60));
        let ((begun, has_begun), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
        let (stepping, told) = (term.clone(), mpsc::channel());
        let step = thread::spawn(move || stepping.within(|| (begun.send(()), ends.recv())).is_some());
        has_begun.recv().unwrap();
        let (tell, is_over) = told;
        let ending = thread::spawn(move || {
            term.over();
            tell.send(()).unwrap();
        });
        assert!(is_over.recv_timeout(Duration::from_millis(50)).is_err(), "a step is under way");
        end.send(()).unwrap();
        is_over.recv().unwrap();
        assert!(step.join().unwrap());
        ending.join().unwrap();
    }
}
