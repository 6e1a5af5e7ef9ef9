//! When a finalizer is put on and taken off.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dayu_core::engine::Options;
use kube::ResourceExt;
use tokio::time::sleep;

use super::stage::{FINALIZER, Fate, OURS, Stage, THEIRS, UNDO, children, condition, fates};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_resource_is_held_before_its_first_child_and_let_go_after_its_last() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[]).await;
    let resource = stage.until_it_runs("cam").await;
    assert_eq!(resource.finalizers(), [OURS]);
    assert_eq!(stage.notes.taken(), [FINALIZER, "POST deployments", "POST services"]);
    assert_eq!(children(&stage.client, &resource).await.len(), 3, "a pod as well");

    sleep(HOUR).await;
    assert!(stage.notes.taken().is_empty(), "what is held needs no write");

    stage.delete("cam").await;
    stage.until_gone("cam").await;
    assert_eq!(stage.notes.taken(), ["DELETE deployments", "DELETE services", UNDO, FINALIZER]);
    assert!(stage.notes.retries().is_empty(), "{:?}", stage.notes);
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_a_finalizer_writes_none() {
    let stage = Stage::open().await;
    let _engine = stage.engine_with(Options::default(), None);
    stage.create("cam", &[]).await;
    let resource = stage.until_it_runs("cam").await;
    assert!(resource.finalizers().is_empty());
    stage.delete("cam").await;
    stage.until_gone("cam").await;
    assert_eq!(stage.notes.taken(), ["POST deployments", "POST services"]);
}

#[tokio::test(start_paused = true)]
async fn anothers_finalizer_stays_and_is_waited_for_without_a_look() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[THEIRS]).await;
    stage.until_it_runs("cam").await;
    stage.delete("cam").await;
    let theirs = |finalizers: &[String]| finalizers == [THEIRS];
    let resource =
        stage.until("cam", |found| found.is_some_and(|resource| theirs(resource.finalizers()))).await.unwrap();
    assert!(children(&stage.client, &resource).await.is_empty());

    sleep(Duration::from_secs(1)).await;
    let (looks, _) = (stage.notes.looks(), stage.notes.taken());
    sleep(HOUR).await;
    assert_eq!((stage.notes.looks(), stage.notes.taken()), (looks, vec![]));
    stage.edit("cam", &[]).await;
    stage.until_gone("cam").await;
    assert!(stage.notes.taken().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_goes_before_it_was_ever_held_gets_no_finalizer() {
    let stage = Stage::open().await;
    stage.create("cam", &[THEIRS]).await;
    stage.delete("cam").await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    sleep(HOUR).await;
    assert!(stage.notes.taken().is_empty());
    let resource = stage.resources.get("cam").await.unwrap();
    assert_eq!((resource.finalizers(), stage.notes.looks()), ([THEIRS.to_owned()].as_slice(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_that_somebody_takes_off_is_put_on_again() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[]).await;
    stage.until_it_runs("cam").await;
    for left in [vec![THEIRS], vec![]] {
        stage.edit("cam", &left).await;
        let again = [left, vec![OURS]].concat();
        stage.until("cam", |found| found.is_some_and(|resource| resource.finalizers() == again)).await;
    }
}

/// What the engine knows is out of date whenever it writes: another finalizer came or went just before.
#[tokio::test(start_paused = true)]
async fn finalizers_that_change_meanwhile_are_kept_as_they_are() {
    let stage = Arc::new(Stage::open().await);
    let (edited, writes) = (stage.clone(), AtomicUsize::new(0));
    let _engine = stage.engine(Arc::new(move |write| {
        let at = if write == FINALIZER { writes.fetch_add(1, Ordering::Relaxed) } else { usize::MAX };
        let stage = edited.clone();
        Box::pin(async move {
            match at {
                0 => stage.edit("cam", &[THEIRS]).await,
                2 => stage.edit("cam", &[OURS]).await,
                _ => {}
            }
            Fate::Done
        })
    }));
    stage.create("cam", &[]).await;
    let resource = stage.until_it_runs("cam").await;
    assert_eq!(resource.finalizers(), [THEIRS, OURS]);
    assert_eq!(stage.notes.taken(), [FINALIZER, FINALIZER, "POST deployments", "POST services"]);
    stage.delete("cam").await;
    stage.until_gone("cam").await;
    let after = stage.notes.taken();
    assert_eq!(after[2..], [UNDO, FINALIZER, FINALIZER], "it is undone once: {after:?}");
    assert!(stage.events("ReconcileFailed").await.is_empty(), "what passes by itself is no event");
    assert_eq!(stage.notes.retries(), ["Conflict", "Conflict"]);
}

/// Deleted just before the engine, which does not know, puts its finalizer on.
#[tokio::test(start_paused = true)]
async fn what_is_deleted_just_before_it_would_be_held_makes_nothing() {
    let stage = Arc::new(Stage::open().await);
    let (deleting, writes) = (stage.clone(), AtomicUsize::new(0));
    let _engine = stage.engine(Arc::new(move |_| {
        let (stage, is_first) = (deleting.clone(), writes.fetch_add(1, Ordering::Relaxed) == 0);
        Box::pin(async move {
            if is_first {
                stage.delete("cam").await;
            }
            Fate::Done
        })
    }));
    stage.create("cam", &[THEIRS]).await;
    sleep(HOUR).await;
    assert_eq!(stage.notes.taken(), [FINALIZER]);
    assert_eq!(stage.resources.get("cam").await.unwrap().finalizers(), [THEIRS]);
    assert!(stage.events("ReconcileFailed").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_the_right_nothing_is_made_and_the_right_is_named() {
    let stage = Stage::open().await;
    let engine = stage.engine(fates(|write| if write == FINALIZER { Fate::Forbidden } else { Fate::Done }));
    stage.create("cam", &[]).await;
    let why = "finalizer example.org/camera: may not patch runtimeservices.sedna.io";
    let told = |kind| move |found: Option<&_>| condition(found, kind).is_some_and(|c| c.to_string().contains(why));
    stage.until("cam", told("ResourcesReconciled")).await;
    sleep(HOUR / 3).await;
    assert!(stage.notes.taken().is_empty());
    assert_eq!(stage.events("ReconcileFailed").await.iter().filter(|note| note.starts_with(why)).count(), 1);
    drop(engine);

    // With the right it goes on.
    let engine = stage.engine(fates(|_| Fate::Done));
    stage.until_it_runs("cam").await;
    drop(engine);
    stage.notes.taken();
    let _without = stage.engine(fates(|write| if write == FINALIZER { Fate::Forbidden } else { Fate::Done }));
    stage.delete("cam").await;
    sleep(HOUR / 3).await;
    let taken = stage.notes.taken();
    assert_eq!(taken, ["DELETE deployments", "DELETE services", UNDO], "it is not undone again each time");
    assert_eq!(stage.events("ReconcileFailed").await.iter().filter(|note| note.starts_with(why)).count(), 2);
}
