//! Whatever write an engine ends at, before or after it, and whatever answer is lost: nothing is there that is not held, nothing
//! is undone while something runs, and in the end all is undone and gone.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kube::ResourceExt;
use proptest::prelude::*;
use tokio::{runtime::Builder, time::timeout};

use super::stage::{Fate, Fates, OURS, PATIENCE, Stage, UNDO, children};

/// The fate of each write; it is deleted before the one at `deleted`, or once it runs.
#[derive(Clone, Debug)]
struct Life {
    fates: Vec<Fate>,
    deleted: usize,
}

fn lives() -> impl Strategy<Value = Life> {
    let fate = prop_oneof![
        4 => Just(Fate::Done), 2 => Just(Fate::CrashBefore), 2 => Just(Fate::CrashAfter), 2 => Just(Fate::AnswerLost),
    ];
    (prop::collection::vec(fate, 0..14), 0..10_usize).prop_map(|(fates, deleted)| Life { fates, deleted })
}

fn live(life: Life) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let stage = Arc::new(Stage::open().await);
        let created = stage.create("cam", &[]).await;
        let fates = of(&life, &stage);
        let mut engine = stage.engine(fates.clone());
        let over = async {
            loop {
                tokio::select! {
                    () = end(&stage) => return,
                    () = stage.notes.crashed.notified() => {
                        drop(engine);
                        engine = stage.engine(fates.clone());
                    }
                }
            }
        };
        timeout(PATIENCE, Box::pin(over)).await.unwrap_or_else(|_| panic!("{life:?}: {:?}", stage.notes));
        let taken = stage.notes.taken();
        let is_undone_late = |write: &String| !write.starts_with(UNDO) || write == UNDO;
        assert!(taken.iter().all(is_undone_late), "{life:?}: {taken:?}");
        // One that goes before it is held has nothing to undo.
        let made = taken.iter().any(|write| write.starts_with("POST"));
        assert!(!made || taken.iter().any(|write| write == UNDO), "{life:?}: {taken:?}");
        assert!(children(&stage.client, &created).await.is_empty(), "{life:?}: {taken:?}");
    });
}

async fn end(stage: &Stage) {
    let resource =
        stage.until("cam", |found| found.is_none_or(|resource| resource.metadata.deletion_timestamp.is_some()));
    // What runs before it is deleted is deleted then.
    let runs = async {
        stage.until_it_runs("cam").await;
        stage.delete("cam").await;
    };
    tokio::select! { _ = resource => {}, () = runs => {} }
    stage.until_gone("cam").await;
}

fn of(life: &Life, stage: &Arc<Stage>) -> Fates {
    let (life, stage, writes) = (life.clone(), stage.clone(), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |write| {
        let (at, stage, write) = (writes.fetch_add(1, Ordering::Relaxed), stage.clone(), write.to_owned());
        let (fate, is_last) = (life.fates.get(at).copied().unwrap_or_default(), at == life.deleted);
        Box::pin(async move {
            let found = stage.resources.get_opt("cam").await.unwrap();
            if write.starts_with("POST") {
                assert!(
                    found.as_ref().is_some_and(|resource| resource.finalizers() == [OURS]),
                    "{write} of what is not held"
                );
            }
            if is_last && found.is_some_and(|resource| resource.metadata.deletion_timestamp.is_none()) {
                stage.delete("cam").await;
            }
            fate
        })
    })
}

#[test]
fn each_write_alone_can_be_the_last_of_an_engine() {
    for at in 0..7 {
        for fate in [Fate::CrashBefore, Fate::CrashAfter, Fate::AnswerLost] {
            let fates = (0..at).map(|_| Fate::Done).chain([fate]).collect();
            live(Life { fates, deleted: usize::MAX });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_nothing_is_left_and_nothing_is_undone_too_early(life in lives()) {
        live(life);
    }
}
