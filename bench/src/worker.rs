//! How soon the process driver has a worker running, and running again after its first crash.
use std::{io, path::Path, time::Duration};

use clap::Args;
use dayu_cluster::Cluster;
use dayu_core::worker::{Launch, Limits, Run, Runtime};
use dayu_lm::{Options, runtime::process::ProcessRuntime};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::PostParams,
    runtime::wait::{Condition, await_condition},
};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::Failure,
    figures::{Check, Figures, percentile},
};

const DEVICE: &str = "bench";
/// Processes that are started.
const STARTS: usize = 300;
/// Workers that crash once.
const CRASHES: usize = 50;
/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    check: Check,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = crate::scratch()?;
    let figures = runtime.block_on(measure(folder.path())).map_err(io::Error::other)?;
    figures.check(&arguments.check)
}

async fn measure(data: &Path) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let starts = starts(&data.join("alone")).await?;
    told(&mut figures, "a worker's start", &starts, 5.0);
    let restarts = restarts(&data.join("lm")).await?;
    told(&mut figures, "a worker's first crash to its next run", &restarts, 50.0);
    Ok(figures)
}

fn told(figures: &mut Figures, what: &str, took: &[Duration], limit: f64) {
    let of = |percent| percentile(took.iter().copied(), percent).as_secs_f64() * 1e3;
    for percent in [50, 99] {
        figures.limited(format!("{what}, ms, p{percent}"), of(percent), limit);
    }
}

/// From the demand until the program runs.
async fn starts(root: &Path) -> Result<Vec<Duration>, Failure> {
    let runtime = ProcessRuntime::new(root);
    let mut took = Vec::new();
    for attempt in 1..=STARTS {
        let launch = Launch {
            pod: "bench".into(),
            run: Run { container: "worker".into(), attempt: attempt.try_into()? },
            image: "none".into(),
            command: ["sleep", "1000"].map(str::to_owned).into(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: None,
            mounts: Vec::new(),
            limits: Limits::default(),
            log: root.join(format!("{attempt}.log")),
        };
        let began = Instant::now();
        let process = runtime.start(&launch).await?;
        took.push(began.elapsed());
        runtime.kill(&launch.pod, &launch.run, &process).await;
        runtime.wait(&launch.pod, &launch.run, &process).await;
    }
    Ok(took)
}

/// What workers of a local manager note themselves: from just before the crash until the next run says the time.
async fn restarts(data: &Path) -> Result<Vec<Duration>, Failure> {
    let cluster = Cluster::builder().pod_cidr("127.93.0.0/16").build().await?;
    let _controllers = cluster.start_controllers();
    let stop = CancellationToken::new();
    let options = Options { data: Some(data.to_owned()), stop_workers: true, ..Options::of(DEVICE) };
    let mut manager = dayu_lm::run_with(cluster.client(), options, stop.clone());
    if manager.ready().await.is_none() {
        return Err(manager.finished().await.err().map_or("the local manager ended".into(), Into::into));
    }
    let took = crashes(&Api::default_namespaced(cluster.client()), data).await;
    stop.cancel();
    manager.finished().await?;
    took
}

async fn crashes(pods: &Api<Pod>, data: &Path) -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::new();
    for number in 0..CRASHES {
        let (name, note) = (format!("worker-{number}"), data.join(format!("times-{number}")));
        let script =
            format!("[ -s {0} ] && date +%s%N >> {0} && exec sleep 1000; date +%s%N > {0}; exit 1", note.display());
        let container = json!({"name": "worker", "image": "none", "command": ["sh", "-c", script]});
        let pod = json!({"metadata": {"name": name}, "spec": {"nodeName": DEVICE, "containers": [container]}});
        pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        timeout(PATIENCE, await_condition(pods.clone(), &name, runs_again())).await??;
        let [crashed, again] = timeout(PATIENCE, noted(&note)).await??;
        took.push(Duration::from_nanos(again.saturating_sub(crashed)));
    }
    Ok(took)
}

/// The two times in `note`. The second comes when the system gets to the program that says it.
async fn noted(note: &Path) -> Result<[u64; 2], Failure> {
    loop {
        let text = std::fs::read_to_string(note)?;
        let times: Vec<u64> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        if let [crashed, again] = times[..] {
            return Ok([crashed, again]);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn runs_again() -> impl Condition<Pod> {
    |pod: Option<&Pod>| {
        let statuses = pod.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
        let running = |state: &k8s_openapi::api::core::v1::ContainerState| state.running.is_some();
        statuses
            .is_some_and(|all| all.iter().any(|one| one.restart_count == 1 && one.state.as_ref().is_some_and(running)))
    }
}
