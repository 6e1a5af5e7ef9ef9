//! The process driver by itself.
use std::{path::Path, time::Duration};

use dayu_core::worker::{Cause, Launch, Limits, Mount, ProcessId, Run, Runtime};
use dayu_lm::runtime::process::{Limiting, Mounting, ProcessRuntime};

use crate::site::is_alive;

pub(crate) fn launch(root: &Path, attempt: u32, script: &str) -> Launch {
    Launch {
        pod: "6d3f".into(),
        run: Run { container: "c".into(), attempt },
        image: "none".into(),
        command: vec!["sh".into(), "-c".into(), script.into()],
        args: Vec::new(),
        env: vec![("GREETING".into(), "hello".into())],
        working_dir: None,
        mounts: Vec::new(),
        limits: Limits::default(),
        log: root.join("pods/p/c").join(format!("{attempt}.log")),
    }
}

fn number(process: &ProcessId) -> u32 {
    process.as_str().split_once('-').unwrap().0.parse().unwrap()
}

#[tokio::test]
async fn a_run_says_how_it_ended_and_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(root.path());
    for (attempt, script, cause) in [
        (1, "exit 0", Cause::Code(0)),
        (2, "exit 9", Cause::Code(9)),
        (3, "kill -KILL $$", Cause::Signal(9)),
        // What it leaves behind ends with it.
        (4, "sleep 1000 & echo $!; exit 5", Cause::Code(5)),
    ] {
        let launch = launch(root.path(), attempt, script);
        let process = runtime.start(&launch).await.unwrap();
        assert_eq!(runtime.wait(&launch.pod, &launch.run, &process).await, cause, "{script}");
    }
    let left = std::fs::read_to_string(root.path().join("pods/p/c/4.log")).unwrap().trim().parse().unwrap();
    // A signal is delivered when the system gets to it.
    while is_alive(left) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_run_is_found_by_its_mark_alone_and_only_its_own_runtime_finds_it() {
    let root = tempfile::tempdir().unwrap();
    let launch = launch(root.path(), 7, "sleep 1000");
    let process = ProcessRuntime::new(root.path()).start(&launch).await.unwrap();
    let successor = ProcessRuntime::new(root.path());
    assert_eq!(successor.find(&launch.pod, &launch.run, None).await, Some(process.clone()));
    assert_eq!(successor.find(&launch.pod, &launch.run, Some(process.clone())).await, Some(process.clone()));
    let earlier = Run { attempt: 6, ..launch.run.clone() };
    assert_eq!(successor.find(&launch.pod, &earlier, None).await, None);
    let stranger = ProcessRuntime::new(root.path().join("elsewhere"));
    stranger.retain(&[]).await;
    assert_eq!(stranger.find(&launch.pod, &launch.run, None).await, None);
    // The same ID at another time is another process.
    let reused = ProcessId::from(format!("{}-1", number(&process)));
    assert_eq!(successor.find(&launch.pod, &launch.run, Some(reused)).await, None);
    successor.retain(&["6d3f".into()]).await;
    assert!(is_alive(number(&process)));
    successor.retain(&[]).await;
    assert_eq!(successor.wait(&launch.pod, &launch.run, &process).await, Cause::Unknown);
    assert!(!is_alive(number(&process)));
}

#[tokio::test]
async fn mounts_are_seen_by_the_run_and_by_commands_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(root.path());
    let source = root.path().join("models");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("m"), "model\n").unwrap();
    // Beneath a folder that exists, so that a namespace can lay a layer over it.
    let target = root.path().join("not/there");
    let seen = target.join("m").display().to_string();
    let mut launch = launch(root.path(), 1, "cat \"$MODEL\"; exec sleep 1000");
    launch.env.push(("MODEL".into(), seen.clone()));
    launch.mounts = vec![Mount { source: source.clone(), target: target.clone(), read_only: true }];
    let process = runtime.start(&launch).await.unwrap();
    let patience = Duration::from_secs(30);
    let command = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
    runtime
        .exec(&launch.pod, &process, &command("test \"$GREETING\" = hello && grep -q model \"$MODEL\""), patience)
        .await
        .unwrap();
    assert!(runtime.exec(&launch.pod, &process, &command("exit 3"), patience).await.unwrap_err().contains('3'));
    let late = runtime.exec(&launch.pod, &process, &command("sleep 1000"), Duration::from_millis(50)).await;
    assert!(late.unwrap_err().contains("no answer"));
    // A probe that nobody waits for any more ends with all that it started, and is never taken for the run.
    let elsewhere = tempfile::tempdir().unwrap();
    let note = elsewhere.path().join("pid");
    let script = command(&format!("sleep 1000 & echo $! > {}; wait", note.display()));
    let probe = runtime.exec(&launch.pod, &process, &script, Duration::from_secs(1000));
    let noted = async {
        loop {
            match std::fs::read_to_string(&note).unwrap_or_default().trim().parse::<u32>() {
                Ok(pid) => return pid,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let left = tokio::select! { ended = probe => panic!("{ended:?}"), left = noted => left };
    while is_alive(left) {
        tokio::task::yield_now().await;
    }
    assert_eq!(runtime.find(&launch.pod, &launch.run, None).await, Some(process.clone()));
    if runtime.mounting() == Mounting::Namespace {
        let write = runtime.exec(&launch.pod, &process, &command("echo x > \"$MODEL\""), patience).await;
        assert!(write.is_err(), "it is for reading only");
    }
    assert!(!target.exists(), "the device itself is left as it is");
    runtime.kill(&launch.pod, &launch.run, &process).await;
    runtime.wait(&launch.pod, &launch.run, &process).await;
    assert_eq!(std::fs::read_to_string(&launch.log).unwrap(), "model\n");
}

#[tokio::test]
async fn a_mount_beneath_the_root_is_seen_where_it_is_wanted() {
    let root = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(root.path());
    let source = root.path().join("temp");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("frame"), "frame\n").unwrap();
    // What components of Dayu share, and where what they are given lies: the device has neither folder.
    let targets = ["/dayu-no-such", "/dayu-not-there/data/volume0"].map(std::path::PathBuf::from);
    let mut launch = launch(root.path(), 1, "cat \"$FIRST\" \"$SECOND\"; echo clip > \"$FIRST.new\"; exec sleep 1000");
    for (name, target) in ["FIRST", "SECOND"].into_iter().zip(&targets) {
        launch.env.push((name.into(), target.join("frame").display().to_string()));
        launch.mounts.push(Mount { source: source.clone(), target: target.clone(), read_only: false });
    }
    let process = runtime.start(&launch).await.unwrap();
    let written = async {
        while !source.join("frame.new").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written).await.expect("the clip is where the others find it");
    if runtime.mounting() == Mounting::Namespace {
        let patience = Duration::from_secs(30);
        let looks = [
            "sh",
            "-c",
            "test \"$FIRST\" = /dayu-no-such/frame && ls / > /dev/null && grep -q clip /dayu-no-such/frame.new",
        ];
        runtime.exec(&launch.pod, &process, &looks.map(str::to_owned), patience).await.unwrap();
    }
    assert!(targets.iter().all(|target| !target.exists()), "the device itself is left as it is");
    runtime.kill(&launch.pod, &launch.run, &process).await;
    runtime.wait(&launch.pod, &launch.run, &process).await;
    assert_eq!(std::fs::read_to_string(&launch.log).unwrap(), "frame\nframe\n");
}

#[tokio::test]
async fn limits_hold_where_the_system_permits() {
    let root = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(root.path());
    // The second comes when the first has left nothing.
    for attempt in 1..=2 {
        let mut launch = launch(root.path(), attempt, "cat /proc/self/cgroup");
        launch.pod = format!("limits-{attempt}-{}", std::process::id()).into();
        launch.limits = Limits { cpu_millis: Some(500), memory_bytes: Some(64 << 20) };
        let process = runtime.start(&launch).await.unwrap();
        let group = format!("{}_c", launch.pod);
        let (groups, limits) = match runtime.limiting() {
            Limiting::Not(_) => {
                assert_eq!(runtime.remarks(&launch)[0].reason, "LimitsNotEnforced");
                (vec![], vec![])
            }
            Limiting::Unified(ours) => {
                let group = ours.join(&group);
                let limits = vec![(group.join("cpu.max"), "50000 100000"), (group.join("memory.max"), "67108864")];
                (vec![group], limits)
            }
            Limiting::Split { cpu, memory } => {
                let [cpu, memory] = [cpu, memory].map(|ours| ours.join(&group));
                let limits = vec![
                    (cpu.join("cpu.cfs_period_us"), "100000"),
                    (cpu.join("cpu.cfs_quota_us"), "50000"),
                    (memory.join("memory.limit_in_bytes"), "67108864"),
                ];
                (vec![cpu, memory], limits)
            }
        };
        for (file, limit) in limits {
            assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), limit, "{file:?}");
        }
        assert_eq!(runtime.wait(&launch.pod, &launch.run, &process).await, Cause::Code(0));
        // What it does first is within already.
        let said = std::fs::read_to_string(&launch.log).unwrap();
        assert_eq!(said.matches(&format!("/dayu/{group}")).count(), groups.len(), "{said}");
        runtime.release(&launch.pod).await;
        assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_what_lacks() {
    let root = tempfile::tempdir().unwrap();
    let runtime = ProcessRuntime::new(root.path());
    for (command, part) in
        [("no-such-program", "no program no-such-program"), ("/no/such", "/no/such is no file"), ("", "no command")]
    {
        let mut launch = launch(root.path(), 1, "");
        launch.command = command.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let problem = runtime.start(&launch).await.unwrap_err();
        assert!(problem.reason == "StartFailed" && problem.message.contains(part), "{problem}");
    }
}

#[tokio::test]
async fn however_often_a_worker_begins_the_logs_of_two_runs_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let files = || {
        let names = std::fs::read_dir(root.path().join("pods/p/c")).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    // When a log grew stands beside it, unless its run was over before anybody could look.
    let are_of = |[before, last]: [&str; 2]| {
        let (files, logs) = (files(), [format!("{before}.log"), format!("{last}.log")]);
        let runs = [before, last].map(|run| format!("{run}."));
        logs.iter().all(|log| files.contains(log))
            && files.iter().all(|file| runs.iter().any(|run| file.starts_with(run)))
    };
    let runtime = ProcessRuntime::new(root.path());
    for attempt in 1..=20 {
        let launch = launch(root.path(), attempt, "echo $$");
        let process = runtime.start(&launch).await.unwrap();
        runtime.wait(&launch.pod, &launch.run, &process).await;
    }
    assert!(are_of(["19", "20"]), "{:?}", files());
    // No program, and one that the system does not take.
    let refused = root.path().join("refused");
    std::fs::write(&refused, "no program").unwrap();
    for attempt in 21..=40 {
        let mut launch = launch(root.path(), attempt, "");
        launch.command = vec![if attempt % 2 == 0 { "no-such-program".into() } else { refused.display().to_string() }];
        assert_eq!(runtime.start(&launch).await.unwrap_err().reason, "StartFailed");
        assert!(are_of(["19", "20"]), "what failed leaves nothing and takes nothing: {:?}", files());
    }
    // The local manager ends, and the next one takes the run over.
    let adopted = launch(root.path(), 41, "exec sleep 1000");
    let process = runtime.start(&adopted).await.unwrap();
    let runtime = ProcessRuntime::new(root.path());
    assert_eq!(runtime.find(&adopted.pod, &adopted.run, None).await, Some(process.clone()));
    runtime.kill(&adopted.pod, &adopted.run, &process).await;
    runtime.wait(&adopted.pod, &adopted.run, &process).await;
    let next = launch(root.path(), 42, "true");
    let process = runtime.start(&next).await.unwrap();
    runtime.wait(&next.pod, &next.run, &process).await;
    assert!(are_of(["41", "42"]), "{:?}", files());
}
