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

use crate::api::condition::bounded;

/// Whatever does not work fails again within less, after a minute's pause and half a minute of silence at most: what was not seen
/// for so long is over.
const OVER: Duration = Duration::from_secs(120);
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
/// Bytes that the note of an event may have, less what is added to one that is late.
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

    /// `what` did not work, because of `why`. It is over when it was not said again for 120 s. Once there was something for 20 s,
    /// whatever does not work becomes an event, and one more every half hour, or after five minutes if it is for another cause.
    /// Needs Tokio's clock.
    pub fn grows(&self, what: &str, why: &str) {
        let (mut state, now) = (self.state.lock(), Instant::now());
        let since = state.lasts.filter(|(_, last)| now - *last < OVER).map_or(now, |(since, _)| since);
        state.lasts = Some((since, now));
        state.troubles.retain(|_, seen| now - seen.last < OVER);
        let told = state.troubles.remove(what).and_then(|known| known.told);
        let mut seen = Seen { why: why.to_owned(), last: now, told };
        if now - since >= LASTING && seen.is_news() {
            let trouble = Trouble { what: what.to_owned(), why: why.to_owned() };
            // Full: there is enough to read already, and nobody can be told.
            if self.news.try_send((trouble, now)).is_ok() {
                seen.told = Some((now, why.to_owned()));
            }
        }
        state.troubles.insert(what.to_owned(), seen);
    }

    /// `what` went wrong for good, because of `why`: it will not be seen again, so it is an event at once. Otherwise as
    /// [`grows`](Self::grows).
    ///
    /// ```
    /// let (plight, _news) = dayu_core::daemon::Plight::new();
    /// plight.happened("outbox", "it is damaged");
    /// assert_eq!(plight.words(), "outbox: it is damaged\n");
    /// ```
    pub fn happened(&self, what: &str, why: &str) {
        let (mut state, now) = (self.state.lock(), Instant::now());
        let (what, why) = (what.to_owned(), why.to_owned());
        let trouble = Trouble { what: what.clone(), why: why.clone() };
        let told = self.news.try_send((trouble, now)).ok().map(|()| (now, why.clone()));
        state.troubles.insert(what, Seen { why, last: now, told });
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
    /// Writes an event `Hindered` about the object `of` for each, as `reporter`, until the [`Plight`] is gone. What cannot be
    /// written, since what hinders the daemon often hinders this as well, is written once it can be, says how late it is, and is as
    /// few events as it fits in: whoever was cut off is often one of many.
    pub async fn tell(mut self, client: Client, reporter: Reporter, of: ObjectReference) {
        let mut waiting = Vec::new();
        while let Some(news) = self.0.recv().await {
            waiting.push(news);
            let mut pause = FIRST_PAUSE;
            while let Some((note, told)) = note(&waiting) {
                // A new recorder each time: one would keep the note of an earlier event of that reason.
                let recorder = Recorder::new(client.clone(), reporter.clone());
                if let Err(error) = recorder.publish(&event(note), &of).await {
                    if pause == FIRST_PAUSE {
                        tracing::warn!(%error, "what hinders this daemon cannot be told in an event yet; may it create events?");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.join(&mut waiting);
                } else {
                    waiting.drain(..told);
                }
            }
        }
    }

    /// Adds what is new to what waits, in the place of what was known of the same.
    fn join(&mut self, waiting: &mut Vec<(Trouble, Instant)>) {
        while let Ok(news) = self.0.try_recv() {
            waiting.retain(|(trouble, _)| trouble.what != news.0.what);
            waiting.push(news);
        }
    }
}

/// As many of the first that wait as one event can tell, and how many these are; none if nothing waits.
fn note(waiting: &[(Trouble, Instant)]) -> Option<(String, usize)> {
    let (first, since) = waiting.first()?;
    let (mut note, mut told) = (first.to_string(), 1);
    for (trouble, _) in &waiting[1..] {
        let more = format!("; {trouble}");
        if note.len() + more.len() > NOTE {
            break;
        }
        (note, told) = (note + &more, told + 1);
    }
    let mut note = bounded(note, NOTE);
    let late = since.elapsed();
    if late >= LATE {
        note += &format!(" (was so {} s ago, and could not be told before)", late.as_secs());
    }
    Some((note, told))
}

fn event(note: String) -> Event {
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

    #[tokio::test(start_paused = true)]
    async fn what_happens_once_is_told_at_once_and_makes_nothing_else_last() {
        let (plight, mut told) = plight();
        plight.happened("outbox", "damaged");
        assert_eq!((told().as_deref(), told()), (Some("outbox: damaged"), None));
        tokio::time::advance(LASTING).await;
        plight.grows("watch of Pods", "refused");
        assert_eq!(told(), None, "it may heal");
        assert_eq!(plight.words(), "outbox: damaged\nwatch of Pods: refused\n");
        tokio::time::advance(OVER).await;
        assert_eq!(plight.words(), "");
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

    fn trouble(what: &str, why: &str) -> (Trouble, Instant) {
        (Trouble { what: what.to_owned(), why: why.to_owned() }, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_that_is_late_says_so_and_is_never_too_long() {
        let waiting = [trouble("Lease", &"né".repeat(NOTE))];
        assert!(!note(&waiting).unwrap().0.contains("ago"));
        tokio::time::advance(Duration::from_secs(64)).await;
        assert!(note(&waiting).unwrap().0.contains("64 s ago"));
        tokio::time::advance(Duration::from_secs(u64::from(u32::MAX))).await;
        assert!(note(&waiting).unwrap().0.len() < 1024, "the API takes no longer one");
        assert_eq!(note(&[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_fit_are_told_at_once() {
        let waiting = [trouble("a", "no"), trouble("b", "no"), trouble("c", &"n".repeat(NOTE))];
        assert_eq!(note(&waiting), Some(("a: no; b: no".to_owned(), 2)));
        assert_eq!(note(&waiting[2..]).unwrap().1, 1);
    }

    #[tokio::test]
    async fn of_the_same_only_the_newest_waits() {
        let (plight, mut news) = Plight::new();
        let mut waiting = vec![trouble("a", "no"), trouble("b", "no")];
        plight.news.send(trouble("a", "never")).await.unwrap();
        news.join(&mut waiting);
        let told: Vec<_> = waiting.iter().map(|(trouble, _)| trouble.to_string()).collect();
        assert_eq!(told, ["b: no", "a: never"]);
    }
}
