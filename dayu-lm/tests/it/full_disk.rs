//! A full disk: what cannot be stored is not started and says so, what is stored stays, and all goes on once there is room.
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use dayu_core::worker::Runtime;
use dayu_lm::runtime::process::ProcessRuntime;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    process::launch,
    site::{Site, is_alive, pid, state},
};

/// Says where the small disk is.
const DISK: &str = "DAYU_SMALL_DISK";

/// Runs a test of this file on a disk of its own, mounted with `options` where that needs no rights: in namespaces of its own.
fn on_a_disk(options: &str, test: &str) {
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let possible = Command::new("unshare").args(namespaces).arg("true").status();
    if !possible.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "no namespaces of one's own here");
        eprintln!("skipped: no namespaces of one's own here");
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o "$1" tmpfs "$0" && exec "$2" --exact "full_disk::$3" --ignored --nocapture"#;
    let mut inside = Command::new("unshare");
    inside.args(namespaces).args(["sh", "-c", script]).arg(disk.path()).arg(options);
    let output = inside.arg(std::env::current_exe().unwrap()).arg(test).env(DISK, disk.path()).output().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("1 passed"), "{told}\n{errors}");
}

fn disk() -> PathBuf {
    std::env::var_os(DISK).unwrap().into()
}

#[test]
fn without_room_nothing_is_begun_and_nothing_lost() {
    on_a_disk("size=2m", "without_room");
}

#[tokio::test]
#[ignore = "needs a small disk: run by the test above"]
async fn without_room() {
    let site = Site::on(&disk(), "small", 91).await;
    let running = site.start(true).await;
    for name in ["w", "leaving"] {
        site.script(name, "exec sleep 1000").await;
    }
    let (before, leaving) = (pid(&site.until_ready("w").await), pid(&site.until_ready("leaving").await));
    let filler = disk().join("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}

    kill_process(Pid::from_raw(before.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    let pod = site.until("w", |pod| state(pod, "waiting")["reason"] == "StateNotStored").await;
    let told = state(&pod, "waiting")["message"].as_str().unwrap();
    let folders = site.data.path().join("pods");
    assert!(told.contains(folders.to_str().unwrap()) && told.contains("free space"), "{told}");
    assert_eq!(site.event("w", "StateNotStored").await, told);
    site.script("new", "exec sleep 1000").await;
    let told = site.event("new", "PodNotStored").await;
    assert!(told.contains(folders.to_str().unwrap()) && told.contains("free space"), "{told}");
    let files = files(&folders);
    assert!(!files.iter().any(|file| file.contains("default_new") || file.ends_with(".draft")), "{files:?}");
    for file in files.iter().filter(|file| file.ends_with(".json")) {
        serde_json::from_slice::<Value>(&fs::read(file).unwrap()).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    // What runs goes on, and can be ended.
    assert!(is_alive(leaving));
    site.delete("leaving", 5).await;
    site.until_gone("leaving").await;
    assert!(!is_alive(leaving));

    fs::remove_file(&filler).unwrap();
    for name in ["w", "new"] {
        assert_ne!(pid(&site.until_ready(name).await), before);
    }
    running.stop().await;
}

/// Every file and folder beneath `root`.
fn files(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten() {
        let path = entry.unwrap().path();
        all.push(path.to_str().unwrap().to_owned());
        all.extend(files(&path));
    }
    all
}

#[test]
fn a_run_without_room_for_its_log_is_not_started() {
    on_a_disk("size=1m,nr_inodes=32", "without_room_for_a_log");
}

#[tokio::test]
#[ignore = "needs a small disk: run by the test above"]
async fn without_room_for_a_log() {
    let root = disk();
    let runtime = ProcessRuntime::new(&root);
    let launch = launch(&root, 1, "exec sleep 1000");
    let fillers: Vec<_> =
        (0..).map(|n| root.join(n.to_string())).take_while(|path| File::create(path).is_ok()).collect();
    let problem = runtime.start(&launch).await.unwrap_err();
    assert_eq!(problem.reason, "LogNotWritable");
    assert!(problem.message.contains(root.to_str().unwrap()), "names the file: {problem}");
    assert!(problem.message.contains("free space"), "names the remedy: {problem}");
    assert_eq!(runtime.find(&launch.pod, &launch.run, None).await, None, "nothing was started");
    fillers.iter().for_each(|filler| fs::remove_file(filler).unwrap());
    let process = runtime.start(&launch).await.unwrap();
    runtime.kill(&launch.pod, &launch.run, &process).await;
    runtime.wait(&launch.pod, &launch.run, &process).await;
}
