//! What is not undone at once, or never.
use std::time::Duration;

use dayu_core::engine::Options;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::stage::{Answer, FINALIZER, Fate, OURS, Stage, UNDO, fates};

#[tokio::test(start_paused = true)]
async fn what_fails_is_undone_again_later_and_told_once() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[]).await;
    stage.until_it_runs("cam").await;
    stage.notes.taken();
    let fails = || ("cam", Answer::Fails("camera 7 is switched off; switch it on"));
    stage.notes.answers.lock().extend([fails(), fails()]);
    stage.delete("cam").await;
    stage.until_gone("cam").await;
    let taken = stage.notes.taken();
    assert_eq!(taken, ["DELETE deployments", "DELETE services", UNDO, UNDO, UNDO, FINALIZER]);
    assert_eq!(stage.notes.retries(), ["CleanupFailed", "CleanupFailed"]);
    let [told] = stage.events("CleanupFailed").await.try_into().unwrap();
    assert!(
        told.starts_with("finalizer example.org/camera: camera 7 is switched off; switch it on; tried again"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn of_a_long_error_the_remedy_is_told_all_the_same() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[]).await;
    stage.until_it_runs("cam").await;
    let long: &'static str = "off ".repeat(10_000).leak();
    stage.notes.answers.lock().push_back(("cam", Answer::Fails(long)));
    stage.delete("cam").await;
    stage.until_gone("cam").await;
    let [told] = stage.events("CleanupFailed").await.try_into().unwrap();
    assert!(told.len() < 1024 && told.ends_with("take the finalizer off"), "{told}");
}

/// One look at a time, and one to be undone: the next one waits for the deadline of the first, and nothing else does.
#[tokio::test(start_paused = true)]
async fn what_never_answers_keeps_no_other_resource_waiting() {
    let stage = Stage::open().await;
    let _engine = stage.engine_with(Options { concurrency: 1, ..Options::default() }, Some(fates(|_| Fate::Done)));
    for name in ["dead", "gone"] {
        stage.create(name, &[]).await;
        stage.until_it_runs(name).await;
    }
    stage.notes.answers.lock().extend([("dead", Answer::Never), ("dead", Answer::Never)]);
    let began = Instant::now();
    stage.delete("dead").await;
    while stage.notes.answers.lock().len() > 1 {
        sleep(Duration::from_millis(100)).await;
    }
    stage.create("new", &[]).await;
    stage.until_it_runs("new").await;
    stage.delete("gone").await;
    assert!(began.elapsed() < Duration::from_secs(5), "looks go on: {:?}", began.elapsed());
    stage.until_gone("gone").await;
    assert!(began.elapsed() < Duration::from_secs(35), "its turn comes: {:?}", began.elapsed());
    stage.until_gone("dead").await;
    let [told] = stage.events("CleanupFailed").await.try_into().unwrap();
    assert!(told.contains("nothing answered within 30s"), "{told}");
}

/// An administrator knows better.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_goes_once_its_finalizer_is_taken_off_and_another_takes_its_name() {
    let stage = Stage::open().await;
    let _engine = stage.engine(fates(|_| Fate::Done));
    stage.create("cam", &[]).await;
    stage.until_it_runs("cam").await;
    stage.notes.answers.lock().push_back(("cam", Answer::Never));
    stage.delete("cam").await;
    while !stage.notes.answers.lock().is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage.resources.patch("cam", &PatchParams::default(), &none).await.unwrap();
    stage.until_gone("cam").await;
    stage.notes.taken();
    stage.create("cam", &[]).await;
    let resource = stage.until_it_runs("cam").await;
    assert_eq!(resource.metadata.finalizers.unwrap(), [OURS]);
    assert_eq!(stage.notes.taken(), [FINALIZER, "POST deployments", "POST services"]);
}
