//! A data directory has one owner at a time.
use std::{path::Path, time::Duration};

use dayu_cluster::Cluster;
use tokio::time::{Instant, advance};

async fn opened(dir: &Path) -> Result<Cluster, String> {
    Cluster::builder().data_dir(dir.to_owned()).build().await.map_err(|error| error.to_string())
}

/// As long as a child takes to become its program: it holds what its parent held.
#[tokio::test(start_paused = true)]
async fn one_that_is_let_go_of_in_a_moment_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let first = opened(dir.path()).await.unwrap();
    let next = tokio::spawn({
        let dir = dir.path().to_owned();
        async move { opened(&dir).await }
    });
    tokio::task::yield_now().await;
    advance(Duration::from_millis(500)).await;
    drop(first);
    next.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_in_use_is_refused_soon() {
    let dir = tempfile::tempdir().unwrap();
    let _first = opened(dir.path()).await.unwrap();
    let began = Instant::now();
    let refused = opened(dir.path()).await.unwrap_err();
    assert!(refused.contains("is in use by another process"), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(3));
}
