//! A stream of changes, event by event.

use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tokio::time::timeout;

use super::session::PATIENCE;

pub(crate) struct Watch {
    body: Body,
    unread: Vec<u8>,
}

impl Watch {
    pub(super) fn new(body: Body) -> Self {
        Self { body, unread: Vec::new() }
    }

    /// The next event. A bookmark is one only where it ends the initial events: others come when the server likes.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            let event = timeout(PATIENCE, self.line()).await.expect("an event in time");
            let initial = &event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"];
            if event["type"] != "BOOKMARK" || initial == "true" {
                return event;
            }
        }
    }

    /// What is told until the stream ends, bookmarks included.
    pub(super) async fn rest(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match timeout(PATIENCE, self.line()).await.expect("an event in time, or the end") {
                Value::String(_) => return events,
                event => events.push(event),
            }
        }
    }

    async fn line(&mut self) -> Value {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return serde_json::from_slice(&line).expect("an event is JSON");
            }
            match self.body.frame().await {
                Some(frame) => self.unread.extend(frame.unwrap().into_data().unwrap_or_default()),
                None => return Value::String("(the stream ended)".into()),
            }
        }
    }
}
