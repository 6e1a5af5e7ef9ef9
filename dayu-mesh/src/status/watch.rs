//! Server-sent events: every route as it is, or those to one device, what does not work, what is to be remarked and the version;
//! then what changes.
use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use dayu_core::name::Device;
use futures::{Stream, StreamExt, future::ready, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, broadcast::error::RecvError};

use super::Status;
use crate::feed::{Event, Feed};

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Only routes to this one.
    device: Option<Device>,
}

impl Wanted {
    fn is(&self, event: &Event) -> bool {
        match (event, &self.device) {
            (Event::Route(route), Some(device)) => route.target_node == *device,
            _ => true,
        }
    }
}

pub(super) async fn watch(State(status): State<Arc<Status>>, Query(wanted): Query<Wanted>) -> Response {
    match Arc::clone(&status.watchers).try_acquire_owned() {
        Ok(permit) => {
            let events = events(Arc::clone(&status.feed), permit).filter(move |event| ready(wanted.is(event)));
            Sse::new(events.map(|event| Ok::<_, Infallible>(encode(&event))))
                .keep_alive(KeepAlive::new())
                .into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "too many watchers; share one stream\n").into_response(),
    }
}

/// Never ends by itself. A watcher that falls behind is told all that is there anew (not what went meanwhile), so nobody waits for it.
fn events(feed: Arc<Feed>, permit: OwnedSemaphorePermit) -> impl Stream<Item = Event> {
    let (present, receiver) = feed.subscribe();
    let rounds = stream::unfold((present, receiver, feed, permit), async |(present, mut receiver, feed, permit)| {
        if !present.is_empty() {
            return Some((present, (Vec::new(), receiver, feed, permit)));
        }
        let events = match receiver.recv().await {
            Ok(event) => vec![event],
            Err(RecvError::Lagged(_)) => {
                let (present, again) = feed.subscribe();
                receiver = again;
                present
            }
            Err(RecvError::Closed) => return None,
        };
        Some((events, (Vec::new(), receiver, feed, permit)))
    });
    rounds.flat_map(stream::iter)
}

fn encode(event: &Event) -> sse::Event {
    match event {
        Event::Route(view) => named("route", &**view),
        Event::Change(version) => named("change", &json!({"version": version})),
        Event::Hindered(trouble) => named("hindered", trouble),
        Event::Remark(remark) => named("remark", remark),
    }
}

fn named(name: &str, data: &impl serde::Serialize) -> sse::Event {
    // Fails for maps with keys that are no text; there are none.
    sse::Event::default()
        .event(name)
        .json_data(data)
        .unwrap_or_else(|error| sse::Event::default().comment(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::feed::BEHIND;

    #[test]
    fn who_falls_behind_is_told_the_newest_version_anew() {
        let (feed, permits) = (Arc::new(Feed::default()), Arc::new(Semaphore::new(1)));
        let mut events = pin!(events(Arc::clone(&feed), permits.try_acquire_owned().unwrap()));
        assert!(events.next().now_or_never().is_none(), "no version is known yet");
        let last = BEHIND as u64 + 1;
        (1..=last).for_each(|version| feed.change(version, Vec::new()));
        let told = events.next().now_or_never();
        assert!(matches!(told, Some(Some(Event::Change(version))) if version == last), "{told:?}");
        assert!(events.next().now_or_never().is_none(), "it is told once");
        feed.change(last + 1, Vec::new());
        let told = events.next().now_or_never();
        assert!(matches!(told, Some(Some(Event::Change(version))) if version == last + 1), "{told:?}");
    }
}
