//! `dayu doctor`: says what is well, names what is not, and the exit code tells the two apart.
use rustix::process::Signal;

use crate::harness::{Dayu, Ended, LIMIT, Plane, alone, eventually, manifests, run};

async fn doctor(kubeconfig: &str) -> Ended {
    run(&["doctor", "--kubeconfig", kubeconfig]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_site_is_well_until_something_asks_for_a_device_that_is_not_there() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let mut up = Dayu::start(&["up", "--empty", "--devices", "cloud,edge-1", "--data", data.to_str().unwrap()]);
    let kubeconfig = up.told("kubeconfig: ").await;
    let well = eventually("a site that is well", async || {
        let said = doctor(&kubeconfig).await;
        if said.code == Some(0) { Ok(said) } else { Err(said.out) }
    });
    let well = well.await;
    for line in ["no fault found", "up leads", "cloud", "edge-1"] {
        assert!(well.out.contains(line), "{line:?} is not in:\n{}", well.out);
    }
    let found = well.out.lines().next().unwrap().find("FOUND").unwrap();
    assert!(well.out.lines().skip(1).all(|line| line.len() < found || line.as_bytes()[found - 1] == b' '));

    let file = folder.path().join("lost.yaml");
    std::fs::write(&file, manifests::runtime_service("lost", "nowhere")).unwrap();
    let applied = run(&["apply", "--kubeconfig", &kubeconfig, "-f", file.to_str().unwrap()]).await;
    assert_eq!(applied.code, Some(0), "{}", applied.err);
    let told = eventually("a fault that is told", async || {
        let said = doctor(&kubeconfig).await;
        if said.out.contains("NodeNotFound") { Ok(said) } else { Err(said.out) }
    });
    let told = told.await;
    assert_eq!(told.code, Some(1), "{}", told.out);
    for part in ["runtimeservice/lost in default", "-> correct the device's name", "1 fault found"] {
        assert!(told.out.contains(part), "{part:?} is not in:\n{}", told.out);
    }
    up.signal(Signal::INT);
    let ended = up.ends(LIMIT).await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("WARN"), "that the doctor looked is nothing to warn of:\n{}", ended.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_on_which_nothing_is_installed_lacks_each_part() {
    let plane = Plane::start().await;
    let said = doctor(&plane.kubeconfig()).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    for part in
        ["runtimeservices.sedna.io", "dayu crds | kubectl apply", "no global manager has led yet", "dayu lm --node"]
    {
        assert!(said.out.contains(part), "{part:?} is not in:\n{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_away_is_told_as_such() {
    let plane = Plane::start().await;
    let said = doctor(&plane.kubeconfig_of_nobody()).await;
    assert_eq!(said.code, Some(1));
    for part in ["https://127.0.0.1:1", "does not answer", "refused", "is the API running", "1 fault found"] {
        assert!(said.out.contains(part), "{part:?} is not in:\n{}", said.out);
    }
}
