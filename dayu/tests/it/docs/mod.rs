//! What README and docs show to be typed does work: every `console` block is a session of its own, and every command in it is
//! run, in order, in a folder that has what the repository's root has to show.
//!
//! * `dayu up …` goes on in the background once everything is ready, gets a Ctrl-C when the block is over, and must end well.
//! * A command whose comment says `until Ctrl-C` is ended once it has printed something.
//! * `<!-- not run: WHY -->` above a block: it is left out.
//! * `cargo test --workspace` is what runs this.
use std::path::{Path, PathBuf};

use crate::harness::{LIMIT, Leftovers, alone};

mod block;
mod session;

use block::{Block, Command};
use session::Session;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The blocks of every document that users read.
fn blocks() -> Vec<Block> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    files.push(root().join("README.md"));
    files.sort();
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    files.iter().flat_map(|path| block::blocks(path.strip_prefix(root()).unwrap(), &text(path))).collect()
}

/// Whether the machine has what is typed here; a test without it says so, and fails where everything must be there.
fn has_programs() -> bool {
    let paths: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let lacks = ["bash", "curl", "kubectl"].into_iter().find(|name| !paths.iter().any(|path| path.join(name).exists()));
    let Some(name) = lacks else { return true };
    xtask::kube::skip(&format!("there is no {name} in the PATH"));
    false
}

/// Types `commands` in a folder of their own; an error says what the shell said.
async fn run(commands: &[Command]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let _leftovers = Leftovers(folder.path().canonicalize().unwrap());
    Session::prepare(folder.path(), &root()).run(commands, LIMIT * 3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_works_when_it_is_typed() {
    if !has_programs() {
        return;
    }
    let _alone = alone().await;
    let shown: Vec<_> = blocks().into_iter().filter(|block| block.not_run.is_none()).collect();
    assert!(shown.len() >= 3, "README shows two, operating one: {shown:?}");
    for Block { place, commands, .. } in &shown {
        assert_eq!(run(commands).await, Ok(()), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_is_not_overlooked() {
    if !has_programs() {
        return;
    }
    let typed = |text: &str| vec![Command::read("true"), Command::read(text), Command::read("true")];
    for text in ["dayu get", "no-such-program", "curl http://127.0.0.1:1/", "sleep 0   # until Ctrl-C", "false | cat"] {
        assert!(run(&typed(text)).await.is_err(), "{text} passed");
    }
}

#[test]
fn what_is_left_out_says_why_and_what_runs_this_is_run_by_ci() {
    for Block { place, not_run, .. } in blocks() {
        assert!(not_run.is_none_or(|why| why.len() > 20), "{place}: say why");
    }
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains(session::OURSELVES), "README tells people to type what CI does not run");
}
