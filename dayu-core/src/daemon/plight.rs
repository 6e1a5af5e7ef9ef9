//! What keeps a daemon from its work: known while it lasts, and an event for people once it lasts.
use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

/// Whatever does not work is tried again within less: what was not seen for so long is over.
const OVER: Duration = Duration::from_secs(90);
/// What heals sooner is nothing to tell: servers restart, and watches end.
const LASTING: Duration = Duration::from_secs(20);
/// Kubernetes forgets an event within the hour.
const AGAIN: Duration = Duration::from_secs(30 * 60);
/// Between two events about the same when only the cause is another.
const OTHERWISE: Duration = Duration::from_secs(5 * 60);
/// Troubles that wait to be told.
const WAITING: usize = 64;
/// First and longest pause after an event could not be written.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An event that is written later than this says how much later.
const LATE: Duration = Duration::from_secs(5);
/// Bytes that a note may have, less what is added to one that is late.
const NOTE: usize = 940;

/// Something that does not work.
///
/// ```
/// use dayu_core::daemon::Trouble;
///
/// let trouble = Trouble { what: "watch of Services".into(), why: "may not watch services: no".into() };
/// assert_eq!(trouble.to_string(), "watch of Services: may not watch services: no");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What was to be done.
    pub what: String,
    /// What came of it, in words for people: those of the server, and the right that is missing where it is one.
    pub why: String,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// What does not work at the moment.
///
/// ```
/// use dayu_core::daemon::Plight;
///
/// let (plight, _news) = Plight::new();
/// plight.grows("watch of Services", "may not watch services: no");
/// assert_eq!(plight.words(), "watch of Services: may not watch services: no\n");
/// ```
#[derive(Debug)]
pub struct Plight {
    state: Mutex<State>,
    news: mpsc::Sender<(Trouble, Instant)>,
}

#[derive(Debug, Default)]
struct State {
    /// Since when there was always something that did not work, and when that was seen last.
    lasts: Option<(Instant, Instant)>,
    troubles: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    why: String,
    last: Instant,
    told: Option<(Instant, String)>,
}

impl Seen {
    fn is_news(&self) -> bool {
        self.told.as_ref().is_none_or(|(told, why)| {
            let age = self.last - *told;
            age >= AGAIN || (age >= OTHERWISE && *why != self.why)
        })
    }
}

impl Plight {
    /// None yet, and what will be worth an event. Whoever tells nobody drops that.
    #[must_use]
    pub fn new() -> (Self, News) {
        let (news, told) = mpsc::channel(WAITING);
        (Self { state: Mutex::default(), news }, News(told))
    }

    /// `what` did not work, because of `why`. It is over when it was not said again for 90 s. Once there was something for 20 s,
    /// whatever does not work becomes an event, and one more every half hour, or after five minutes if it is for another cause.
    /// Needs Tokio's clock.
    pub fn grows(&self, what: &str, why: &str) {
        let (mut state, now) = (self.state.lock(), Instant::now());
        let since = state.lasts.filter(|(_, last)| now - *last < OVER).map_or(now, |(since, _)| since);
        state.lasts = Some((since, now));
        let known = state.troubles.remove(what).filter(|known| now - known.last < OVER);
        let mut seen = Seen { why: why.to_owned(), last: now, told: known.and_then(|known| known.told) };
        if now - since >= LASTING && seen.is_news() {
            let trouble = Trouble { what: what.to_owned(), why: why.to_owned() };
            // Full: there is enough to read already, and nobody can be told.
            if self.news.try_send((trouble, now)).is_ok() {
                seen.told = Some((now, why.to_owned()));
            }
        }
        state.troubles.insert(what.to_owned(), seen);
    }

    /// What does not work, by what it is.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        let (mut state, now) = (self.state.lock(), Instant::now());
        state.troubles.retain(|_, seen| now - seen.last < OVER);
        state.troubles.iter().map(|(what, seen)| Trouble { what: what.clone(), why: seen.why.clone() }).collect()
    }

    /// The same, a line each.
    #[must_use]
    pub fn words(&self) -> String {
        self.troubles().iter().map(|trouble| format!("{trouble}\n")).collect()
    }
}

/// Troubles that last, and are still to be told.
#[derive(Debug)]
pub struct News(mpsc::Receiver<(Trouble, Instant)>);

impl News {
    /// Writes an event `Hindered` about the object `of` for each, as `reporter`, until the [`Plight`] is gone. One that cannot be
    /// written, since what hinders the daemon often hinders this as well, is written once it can be, and says how late it is.
    pub async fn tell(mut self, client: Client, reporter: Reporter, of: ObjectReference) {
        while let Some((trouble, since)) = self.0.recv().await {
            let mut pause = FIRST_PAUSE;
            // A new recorder each time: one would keep the note of an earlier event of that reason.
            while let Err(error) =
                Recorder::new(client.clone(), reporter.clone()).publish(&event(&trouble, since.elapsed()), &of).await
            {
                tracing::debug!(%error, %trouble, "the event is not written yet");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn event(trouble: &Trouble, late: Duration) -> Event {
    let mut note = trouble.to_string();
    while note.len() > NOTE {
        note.pop();
    }
    if late >= LATE {
        note += &format!(" (was so {} s ago, and could not be told before)", late.as_secs());
    }
    Event {
        type_: EventType::Warning,
        reason: "Hindered".to_owned(),
        note: Some(note),
        action: "Work".to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plight() -> (Plight, impl FnMut() -> Option<String>) {
        let (plight, mut news) = Plight::new();
        (plight, move || news.0.try_recv().ok().map(|(trouble, _)| trouble.to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_told_once_and_what_is_over_is_not_known_any_more() {
        let (plight, mut told) = plight();
        plight.grows("watch of Pods", "refused");
        tokio::time::advance(LASTING / 2).await;
        plight.grows("watch of Pods", "refused");
        assert_eq!(told(), None, "it may heal");
        for _ in 0..5 {
            tokio::time::advance(LASTING / 2).await;
            plight.grows("watch of Pods", "forbidden");
        }
        assert_eq!((told().as_deref(), told()), (Some("watch of Pods: forbidden"), None));
        assert_eq!(plight.words(), "watch of Pods: forbidden\n");
        tokio::time::advance(OVER).await;
        assert_eq!(plight.words(), "");
        plight.grows("watch of Pods", "forbidden");
        assert_eq!(told(), None, "it begins anew");
    }

    /// A server that is busy keeps all of them waiting, one after the other.
    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_with_one_and_then_with_another_lasts_as_well() {
        let (plight, mut told) = plight();
        plight.grows("watch of Services", "busy");
        tokio::time::advance(Duration::from_secs(35)).await;
        plight.grows("watch of Nodes", "busy");
        assert_eq!((told().as_deref(), told()), (Some("watch of Nodes: busy"), None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_told_again_before_it_is_forgotten() {
        let (plight, mut told) = plight();
        for _ in 0..=(2 * AGAIN + LASTING).as_secs().div_ceil(30) {
            plight.grows("Lease", "no");
            tokio::time::advance(Duration::from_secs(30)).await;
        }
        assert_eq!(std::iter::from_fn(&mut told).count(), 3);
    }

    #[test]
    fn an_event_that_is_late_says_so() {
        let trouble = Trouble { what: "Lease".into(), why: "né".repeat(NOTE) };
        let note = |late| event(&trouble, late).note.unwrap();
        assert!(!note(Duration::ZERO).contains("ago"));
        assert!(note(Duration::from_secs(64)).contains("64 s ago"));
        assert!(note(Duration::from_secs(u64::MAX)).len() < 1024, "the API takes no longer one");
    }
}
