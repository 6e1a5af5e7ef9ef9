//! Workers outlive their local manager.
use dayu_lm::Options;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use tokio::time::{Duration, timeout};

use crate::{
    site::{Site, is_alive, pid},
    status::get,
};

#[tokio::test]
async fn a_worker_lives_on_and_is_taken_over_and_its_death_is_seen() {
    let site = Site::new("edge", 73).await;
    let running = site.start(false).await;
    site.script("w", "sleep 1000").await;
    let before = pid(&site.until_ready("w").await);
    running.stop().await;
    assert!(is_alive(before), "it ends with nobody");

    let running = site.start(false).await;
    let pod = site.until_ready("w").await;
    assert_eq!((pid(&pod), pod["status"]["containerStatuses"][0]["restartCount"].as_u64()), (before, Some(0)));
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(before as i32).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let pod = site
        .until("w", |pod| pod["status"]["containerStatuses"][0]["restartCount"] == 1 && crate::site::is_ready(pod))
        .await;
    let after = pid(&pod);
    assert_ne!(after, before);
    running.stop().await;

    // Died, and deleted, while nobody looked.
    rustix::process::kill_process(rustix::process::Pid::from_raw(after as i32).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let pods: Api<Pod> = site.pods();
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 1);
    site.delete("w", 0).await;
    let running = site.start(true).await;
    site.script("next", "sleep 1000").await;
    site.until_ready("next").await;
    running.stop().await;
    assert_eq!(
        std::fs::read_dir(site.data.path().join("pods")).unwrap().count(),
        1,
        "only that of the pod that is left"
    );
}

#[tokio::test]
async fn suspended_workers_end_and_begin_again() {
    let site = Site::new("edge", 74).await;
    let running = site.start(true).await;
    site.script("w", "sleep 1000").await;
    let before = pid(&site.until_ready("w").await);
    running.stop().await;
    assert!(!is_alive(before));
    let running = site.start(true).await;
    let pod = site.until("w", |pod| crate::site::is_ready(pod) && pid(pod) != before).await;
    assert!(is_alive(pid(&pod)));
    running.stop().await;
}

#[tokio::test]
async fn what_is_damaged_is_told_and_put_aside_and_the_rest_lives_on() {
    let site = Site::new("edge", 85).await;
    let running = site.start(false).await;
    let mut before = Vec::new();
    for name in ["well", "state", "pod"] {
        site.script(name, "exec sleep 1000").await;
        before.push(pid(&site.until_ready(name).await));
    }
    running.stop().await;
    let data = site.data.path();
    let folders: Vec<_> = std::fs::read_dir(data.join("pods")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let of = |name: &str| folders.iter().find(|path| path.to_str().unwrap().contains(&format!("_{name}_"))).unwrap();
    let damaged = [
        of("state").join("state.json"),
        // Looked at when the worker begins anew.
        of("state").join("c/launch.json"),
        of("pod").join("pod.json"),
        data.join("device.json"),
        data.join("outbox"),
    ];
    for path in &damaged {
        std::fs::write(path, "not what was kept").unwrap();
    }

    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = site.start_with(Options { status: Some(address), stop_workers: true, ..Options::of("edge") }).await;
    let mut told = String::new();
    let all = async {
        while !damaged.iter().all(|path| told.contains(&format!("{} is damaged (", path.display()))) {
            told = get(address, "/readyz").await;
        }
    };
    let all = timeout(Duration::from_secs(30), all).await;
    assert!(all.is_ok(), "{damaged:?} are not all in:\n{told}");
    for path in &damaged {
        let aside = path.with_extension("damaged");
        assert!(told.contains(aside.to_str().unwrap()), "{told}");
        assert_eq!(std::fs::read_to_string(aside).unwrap(), "not what was kept");
    }
    assert!(site.event("edge", "Hindered").await.contains("is damaged ("));
    assert_eq!(pid(&site.until_ready("well").await), before[0]);
    for (name, before) in [("state", before[1]), ("pod", before[2])] {
        let pod = site.until(name, |pod| crate::site::is_ready(pod) && pid(pod) != before).await;
        assert!(is_alive(pid(&pod)) && !is_alive(before));
    }
    running.stop().await;
}
