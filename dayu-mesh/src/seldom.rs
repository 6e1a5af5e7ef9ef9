//! Saying once in a while what happens all the time.
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Between two times of saying it.
const INTERVAL: Duration = Duration::from_secs(10);

/// Something that may happen thousands of times a second, and is said at most once in ten.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    /// How often it happened since.
    unsaid: u64,
}

impl Seldom {
    /// It happened: how often since it was last said, if it is to be said now.
    pub(crate) fn say(&self) -> Option<u64> {
        let (mut state, now) = (self.0.lock(), Instant::now());
        state.unsaid += 1;
        if state.said.is_some_and(|said| now < said + INTERVAL) {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_said_at_once_and_the_rest_together() {
        let seldom = Seldom::default();
        let said: Vec<_> = (0..5).filter_map(|_| seldom.say()).collect();
        assert_eq!(said, [1]);
        tokio::time::advance(INTERVAL).await;
        assert_eq!((seldom.say(), seldom.say()), (Some(5), None));
    }
}
