//! Workers outlive their local manager.
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};

use crate::site::{Site, is_alive, pid};

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
