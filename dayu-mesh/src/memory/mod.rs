//! What a mesh knew, kept on its device: one that starts while the API server is out of reach serves it at once.
//!
//! ```text
//!            ┌──────────── records ────────────┐
//!            ▼                                 │ once synced, when something changed
//!  file ─► Source::changes_from ─► Directory ──┘
//!            ▲    recalled, then live
//!       API server
//! ```
//!
//! What is kept are the directory's own records, and they come back as changes of the source, so there is one way to make
//! routes. The source goes on from there: what it lists takes the place of what was recalled, what it does not list is gone, and
//! until it has listed everything the directory is stale and nothing is written over what was kept.
mod generations;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dayu_core::{
    directory::{Change, Directory, Records, Snapshot, Source},
    link::Fingerprint,
    name::Device,
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{Options, feed::Feed};
use generations::{Generations, Unusable, read};

/// Between two writes: a memory card lives for so many of them only.
const PAUSE: Duration = Duration::from_secs(10);
/// What it is called when something is wrong with it.
const WHAT: &str = "memory of routes";

/// What is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    whose: Whose,
    records: Records,
}

/// Of no use to any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Whose {
    device: Device,
    /// Whatever tells it from other clusters.
    cluster: String,
}

/// Where a mesh keeps what it knows.
pub(crate) struct Memory {
    generations: Arc<Generations>,
    whose: Whose,
    /// What was written last.
    newest: Option<Fingerprint>,
}

impl Memory {
    /// That of the mesh that `options` describe; none if it is to have none.
    fn of(options: &Options) -> Option<Self> {
        let generations = Arc::new(Generations::within(options.data.as_deref()?));
        let whose = Whose { device: options.node.clone(), cluster: options.cluster.clone() };
        Some(Self { generations, whose, newest: None })
    }

    /// What `source` tells the mesh that `options` describe, from where that was when it wrote down what it knew, and where it goes on
    /// to do so.
    pub(crate) async fn recalling(
        source: Box<dyn Source>,
        options: &Options,
        feed: &Feed,
    ) -> (BoxStream<'static, Change>, Option<Self>) {
        let Some(mut memory) = Self::of(options) else { return (source.changes(), None) };
        let changes = match memory.recall(feed).await {
            Some(known) => source.changes_from(known),
            None => source.changes(),
        };
        (changes, Some(memory))
    }

    /// What was known when it was written last, if that can be read; else the time before. `feed` is told of whatever cannot.
    async fn recall(&mut self, feed: &Feed) -> Option<Records> {
        let (generations, whose) = (Arc::clone(&self.generations), self.whose.clone());
        let (recalled, unusable) = spawn_blocking(move || recall(&generations, &whose)).await.ok()?;
        for problem in unusable {
            tracing::warn!(%problem, "what was known cannot be recalled");
            feed.hindered(WHAT, &problem.to_string());
        }
        let (records, print, from) = recalled?;
        tracing::info!(services = records.services.len(), from = %from.display(), "recalled what was known before the start");
        // From the one before, it is written again even if nothing changes.
        let [newest, _] = self.generations.newest_first();
        self.newest = (from == newest).then_some(print);
        Some(records)
    }

    /// Keeps what `directory` comes to know, until `ending` and once more then.
    pub(crate) async fn follow(mut self, directory: Arc<Directory>, feed: Arc<Feed>, ending: CancellationToken) {
        let mut versions = directory.subscribe();
        versions.mark_changed();
        let mut is_kept = true;
        loop {
            if is_kept {
                let _ = ending.run_until_cancelled(versions.changed()).await;
            }
            let is_last = ending.is_cancelled();
            versions.mark_unchanged();
            // What is stale is what was kept, or less.
            let is_news = directory.with(Snapshot::is_synced);
            if is_news {
                is_kept = self.keep(directory.records(), &feed).await;
            }
            if is_last {
                return;
            }
            if is_news {
                ending.run_until_cancelled(sleep(PAUSE)).await;
            }
        }
    }

    /// Writes `records` unless that is what was written last. Whether they are kept now.
    async fn keep(&mut self, records: Records, feed: &Feed) -> bool {
        let kept = Kept { whose: self.whose.clone(), records };
        let (generations, newest) = (Arc::clone(&self.generations), self.newest);
        let written = spawn_blocking(move || {
            let text = serde_json::to_vec(&kept)?;
            let print = Fingerprint::of(&text);
            if newest != Some(print) {
                generations.write(print, &text)?;
            }
            Ok::<_, std::io::Error>(print)
        });
        match written.await {
            Ok(Ok(print)) => self.newest = Some(print),
            Ok(Err(error)) => {
                let folder = self.generations.folder().display();
                feed.hindered(
                    WHAT,
                    &format!("cannot write to {folder}: {error}; free space there, or name another --data"),
                );
                return false;
            }
            // The runtime ends.
            Err(_) => {}
        }
        true
    }
}

type Recalled = (Records, Fingerprint, PathBuf);

/// From the newest generation that can be used, and what is wrong with newer ones.
fn recall(generations: &Generations, whose: &Whose) -> (Option<Recalled>, Vec<Unusable>) {
    let mut unusable = Vec::new();
    for file in generations.newest_first() {
        match understood(&file, whose) {
            Ok(Some((records, print))) => return (Some((records, print, file)), unusable),
            Ok(None) => {}
            Err(problem) => {
                if let Unusable::Damaged { .. } = problem {
                    generations.put_aside(&file);
                }
                unusable.push(problem);
            }
        }
    }
    (None, unusable)
}

/// What is in `file`, if it is there and of use.
fn understood(file: &Path, whose: &Whose) -> Result<Option<(Records, Fingerprint)>, Unusable> {
    let Some((print, text)) = read(file)? else { return Ok(None) };
    let kept: Kept = serde_json::from_slice(&text)
        .map_err(|error| Unusable::Damaged { file: file.to_owned(), why: error.to_string() })?;
    if kept.whose == *whose {
        return Ok(Some((kept.records, print)));
    }
    let Whose { device, cluster } = kept.whose;
    Err(Unusable::Foreign { file: file.to_owned(), device, cluster })
}

#[cfg(test)]
mod tests;
