//! What workers of `dayu up` start and cut loose: by a session of its own, another parent, and no environment.
use std::{fmt::Write, fs, path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, api::ListParams};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Dayu, Leftovers, alone, client_of, eventually, manifests, workers_of};

const TO_END: Duration = Duration::from_secs(20);
/// So many programs does a worker detach that run on.
const RUNNING: usize = 3;
/// So many workers fail, and so many programs that end does each detach before.
const FAILING: usize = 8;
const ENDING: usize = 16;

/// Programs known by an argument that no other has; what is left of them ends with the test.
struct Detached(String);

impl Detached {
    fn new(case: usize) -> Self {
        Self(format!("{case}00{}", 1_000_000 + std::process::id()))
    }

    /// Starts them in three ways: as a child, as a grandchild whose parent is gone, and as the child of one that is detached.
    fn script(&self) -> String {
        let Self(mark) = self;
        format!(
            "env -i setsid sleep {mark} & (env -i setsid nohup sleep {mark} &); env -i setsid sh -c 'sleep {mark} & wait' &"
        )
    }

    fn pids(&self) -> Vec<u32> {
        let of = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let sleeps = |pid: &u32| of(pid) == format!("sleep\0{}\0", self.0).as_bytes();
        pids().filter(sleeps).collect()
    }

    async fn run(&self) {
        eventually("they run, and are nobody's", async || match self.pids() {
            pids if pids.len() == RUNNING => Ok(()),
            pids => Err(format!("{pids:?}")),
        })
        .await;
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        for pid in self.pids() {
            let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL);
        }
    }
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The children of `parent` that have ended, and that nobody has waited for.
fn zombies(parent: u32) -> Vec<String> {
    let stats = pids().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    stats.filter(|stat| stat.contains(&format!(") Z {parent} "))).collect()
}

/// A RuntimeService with containers beside the one that serves.
fn with(name: &str, scripts: &[String]) -> String {
    let mut containers = "containers:".to_owned();
    for (number, script) in scripts.iter().enumerate() {
        let command = format!("command: [sh, -c, {script:?}]");
        let _ = write!(containers, "\n        - {{name: more-{number}, image: \"example/more:v1\", {command}}}");
    }
    manifests::runtime_service(name, "solo").replace("containers:", &containers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_is_gone_however_it_ends() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let _leftovers = Leftovers(folder.path().to_owned());
    let orderly = "DETACH exec sleep 1000";
    // Hears no request to end, from before what it detaches runs.
    let stubborn = "trap '' TERM; DETACH while :; do sleep 1000 & wait; done";
    let cases: [(&str, bool, &[Signal]); 4] = [
        (orderly, false, &[Signal::INT]),
        (orderly, true, &[Signal::TERM]),
        (stubborn, false, &[Signal::INT, Signal::INT]),
        (stubborn, true, &[Signal::INT, Signal::TERM]),
    ];
    for (case, (worker, kept, signals)) in cases.into_iter().enumerate() {
        let detached = Detached::new(case);
        let file = folder.path().join("loose.yaml");
        fs::write(&file, with("loose", &[worker.replace("DETACH", &detached.script())])).unwrap();
        let data = folder.path().join(case.to_string());
        let mut arguments = vec!["up", "--devices", "solo", file.to_str().unwrap()];
        if kept {
            arguments.extend(["--data", data.to_str().unwrap()]);
        }
        let mut up = Dayu::start(&arguments);
        let kubeconfig = PathBuf::from(up.told("kubeconfig: ").await);
        detached.run().await;
        up.says("every worker is ready").await;
        for (times, signal) in signals.iter().enumerate() {
            if times > 0 {
                up.says("stopping; another Ctrl-C ends at once").await;
            }
            up.signal(*signal);
        }
        let ended = up.ends(TO_END).await;
        assert_eq!(ended.code, Some(if signals.len() == 1 { 0 } else { 130 }), "{}", ended.err);
        assert_eq!(detached.pids(), [0; 0], "case {case}: left behind");
        assert!(!ended.err.contains("left behind"), "{}", ended.err);
        eventually("its folder is as it was asked for", async || match kubeconfig.exists() {
            there if there == kept => Ok(()),
            there => Err(format!("there: {there}")),
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_by_itself_is_waited_for_and_takes_no_exit_code_with_it() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let told = folder.path().join("told");
    let mut scripts = vec![format!("(env -i setsid sh -c 'echo $$ > {}' &); exec sleep 1000", told.display())];
    let detaching: String = (0..ENDING).map(|_| "(env -i setsid true &); ").collect();
    scripts.extend((0..FAILING).map(|_| format!("{detaching} exit 3")));
    let file = folder.path().join("failing.yaml");
    fs::write(&file, with("failing", &scripts)).unwrap();
    let mut up = Dayu::start(&["up", "--devices", "solo", "--data", data.to_str().unwrap(), file.to_str().unwrap()]);
    up.says("applied: ").await;
    let pods = Api::<Pod>::namespaced(client_of(&data.join("kubeconfig")).await, "default");
    eventually("all have failed twice, with the code of their own", async || {
        let pods = pods.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let statuses = pods.items.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        let codes: Vec<_> = statuses.filter(|status| status.restart_count > 0).filter_map(code).collect();
        assert!(codes.iter().all(|code| *code == 3), "{codes:?}");
        if codes.len() == FAILING { Ok(()) } else { Err(format!("{codes:?}")) }
    })
    .await;
    eventually("all that were detached are gone", async || {
        let pid = fs::read_to_string(&told).map_err(|error| error.to_string())?;
        if pid.ends_with('\n') && !PathBuf::from(format!("/proc/{}", pid.trim())).exists() { Ok(()) } else { Err(pid) }
    })
    .await;
    eventually("and nothing that ended is still there", async || match zombies(up.pid()) {
        none if none.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    })
    .await;
    up.signal(Signal::INT);
    assert_eq!(up.ends(TO_END).await.code, Some(0));
    assert_eq!(workers_of(&data), [0; 0]);
}

/// How a container's last run ended.
fn code(status: ContainerStatus) -> Option<i32> {
    Some(status.last_state?.terminated?.exit_code)
}
