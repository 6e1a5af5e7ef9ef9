//! `dayu up`, killed: with `--data` its workers live on for the next one, without it nothing does.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::ListParams};
use rustix::process::Signal;

use crate::harness::{Dayu, Leftovers, alone, client_of, eventually, listening, run, workers_of};

const TO_END: Duration = Duration::from_secs(20);
/// A Lease that has to run out is waited for longer.
const AT_ONCE: Duration = Duration::from_secs(8);

fn up(data: &Path, more: &[&str]) -> Dayu {
    let arguments = ["up", "--devices", "cloud,edge1", "--data", data.to_str().unwrap()];
    Dayu::start(&[&arguments[..], more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_one_takes_over_the_workers_and_leads_at_once() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    // By another name than the folder's own, which is what workers are known by.
    let data = folder.path().join("named");
    std::os::unix::fs::symlink(folder.path(), &data).unwrap();
    let real = folder.path().canonicalize().unwrap();
    let _leftovers = Leftovers(real.clone());
    let mut first = up(&data, &[]);
    first.says("every worker is ready").await;
    let workers: BTreeSet<u32> = workers_of(&real).into_iter().collect();
    first.dies().await;

    refuses_another_folder(&real, &workers).await;
    let mut second = up(&real, &["--empty"]);
    let ready = second.told("ready after ").await;
    let took: u64 = ready.split(' ').next().unwrap().parse().unwrap();
    assert!(Duration::from_millis(took) < AT_ONCE, "ready after {took} ms: the dead manager's Lease was waited for");
    assert_eq!(workers_of(&real).into_iter().collect::<BTreeSet<_>>(), workers, "the same processes");
    let client = client_of(&real.join("kubeconfig")).await;
    assert_eq!(restarts(&client).await, 0);
    second.signal(Signal::INT);
    assert_eq!(second.ends(TO_END).await.code, Some(0));
    assert_eq!(workers_of(&real), [0; 0], "a Ctrl-C leaves none");

    let mut third = up(&real, &["--empty"]);
    third.says("kubeconfig: ").await;
    let client = client_of(&real.join("kubeconfig")).await;
    let again = eventually("workers run again", async || match workers_of(&real).len() {
        count if count == workers.len() => Ok(()),
        count => Err(format!("{count} of {}", workers.len())),
    });
    again.await;
    all_ready(&client).await;
    assert_eq!(restarts(&client).await, 0, "to stop and start the whole is no restart of a worker");
    third.signal(Signal::INT);
    assert_eq!(third.ends(TO_END).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_data_folder_everything_goes_with_it() {
    let _alone = alone().await;
    let mut up = Dayu::start(&["up", "--devices", "cloud,edge1"]);
    let kubeconfig = PathBuf::from(up.told("kubeconfig: ").await);
    up.says("every worker is ready").await;
    let folder = kubeconfig.parent().unwrap();
    assert!(workers_of(folder).len() > 3);
    up.dies().await;
    let gone = eventually("nothing is left", async || match (workers_of(folder).len(), folder.exists()) {
        (0, false) => Ok(()),
        (workers, folder) => Err(format!("{workers} workers; folder there: {folder}")),
    });
    gone.await;
    assert_eq!(listening(&[[127, 64], [127, 96]]), [""; 0]);
}

/// Says which address is taken, by what, and how to go on.
async fn refuses_another_folder(data: &Path, workers: &BTreeSet<u32>) {
    let ended = run(&["up", "--empty"]).await;
    assert_eq!(ended.code, Some(1));
    let held = listening(&[[127, 64]]);
    assert!(held.iter().any(|address| ended.err.contains(address)), "none of {held:?} is in: {}", ended.err);
    assert!(workers.iter().any(|pid| ended.err.contains(&format!("kill {pid}`"))), "{}", ended.err);
    assert!(ended.err.contains(&format!("dayu up --data {}`", data.display())), "{}", ended.err);
}

async fn pods(client: &Client) -> Vec<Pod> {
    Api::<Pod>::all(client.clone()).list(&ListParams::default()).await.unwrap().items
}

async fn restarts(client: &Client) -> i32 {
    let statuses = pods(client).await.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
    statuses.map(|container| container.restart_count).sum()
}

/// Waits until each worker says that it runs since it was started again.
async fn all_ready(client: &Client) {
    let ready = eventually("every pod is ready", async || {
        let waits = |pod: &Pod| {
            let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
            statuses.into_iter().any(|container| !container.ready || container.last_state.is_none())
        };
        match pods(client).await.iter().filter(|pod| waits(pod)).count() {
            0 => Ok(()),
            waiting => Err(format!("{waiting} wait")),
        }
    });
    ready.await;
}
