//! A full disk: what cannot be stored is not started and says so, what is stored stays, and all goes on once there is room.
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use dayu_core::worker::Runtime;
use dayu_lm::runtime::process::ProcessRuntime;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use xtask::small_disk;

use crate::{
    process::launch,
    site::{Site, is_alive, pid, state},
};

#[test]
fn without_room_nothing_is_begun_and_nothing_lost() {
    small_disk::run("size=2m", "full_disk::without_room").unwrap();
}

#[tokio::test]
#[ignore = "needs a small disk: run by the test above"]
async fn without_room() {
    let disk = small_disk::path().unwrap();
    let site = Site::on(&disk, "small", 91).await;
    let running = site.start(true).await;
    for name in ["w", "leaving"] {
        site.script(name, "exec sleep 1000").await;
    }
    let (before, leaving) = (pid(&site.until_ready("w").await), pid(&site.until_ready("leaving").await));
    let filler = disk.join("filler");
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
    small_disk::run("size=1m,nr_inodes=32", "full_disk::without_room_for_a_log").unwrap();
}

#[tokio::test]
#[ignore = "needs a small disk: run by the test above"]
async fn without_room_for_a_log() {
    let root = small_disk::path().unwrap();
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
