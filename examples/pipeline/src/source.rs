//! The source: a camera that posts a frame to the next URL in turn, at a steady rate.
use std::time::Duration;

use crate::{Identity, Settings, client, form, frame};

/// Runs until the process ends. A frame that nobody took is dropped: the next one is fresher.
pub(crate) async fn run(settings: &Settings) {
    let identity = Identity::of(settings);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / settings.frames_per_second.max(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    for index in 0.. {
        ticks.tick().await;
        let Some(url) = settings.next.get(index as usize % settings.next.len().max(1)) else { continue };
        let (task, pixels) = frame::render(&identity, index, frame::SIZES[index as usize % frame::SIZES.len()]);
        let body = form::encode(&task, &pixels);
        if let Err(error) = client::post(url, settings.proxy, form::KIND, body).await {
            report(url, &error);
        }
    }
}

/// A source has no other voice than its log.
#[expect(clippy::print_stderr)]
fn report(url: &str, error: &client::Error) {
    eprintln!("frame dropped: {url}: {error}");
}
