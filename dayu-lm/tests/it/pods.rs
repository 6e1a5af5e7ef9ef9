//! Pods from creation to removal.
use dayu_lm::Options;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node};
use kube::{
    Api,
    api::{ListParams, LogParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::site::{Site, is_alive, pid, state};

#[tokio::test]
async fn a_pod_runs_is_told_of_logs_and_leaves_nothing_behind() {
    let site = Site::new("edge.1", 70).await;
    let running = site.start(true).await;
    let node: Node = Api::all(site.client.clone()).get("edge.1").await.unwrap();
    assert_eq!(node.metadata.labels.unwrap()["dayu.io/managed-by"], "dayu-lm");
    assert_eq!(running.addresses.device.to_string(), "127.70.1.1");

    let script = "echo bound to $POD_IP by $WHO; echo proxy $http_proxy; trap 'exit 0' TERM; sleep 1000 & wait";
    let env = json!([
        {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "AGAIN", "value": "$(WHO)-$(POD_IP)"},
    ]);
    let container = json!({"name": "c", "image": "none", "command": ["sh", "-c", script, "$(AGAIN)"], "env": env});
    site.create("w", json!({"containers": [container]})).await;
    let pod = site.until_ready("w").await;
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["status"]["podIP"], "127.70.1.2");
    assert_eq!(pod["status"]["hostIP"], "127.70.1.1");
    let process = pid(&pod);
    let arguments = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap();
    assert!(arguments.contains("w-127.70.1.2"), "{arguments}");

    site.until_said("w", "bound to 127.70.1.2 by w\nproxy http://127.70.1.1:10552\n").await;

    site.delete("w", 30).await;
    site.until_gone("w").await;
    assert!(!is_alive(process));
    running.stop().await;
    assert_eq!(std::fs::read_dir(site.data.path().join("pods")).unwrap().count(), 0);
}

#[tokio::test]
async fn crashes_are_answered_at_once_and_told() {
    let site = Site::new("edge", 71).await;
    let running = site.start(true).await;
    let births = site.data.path().join("births");
    site.script("crash", &format!("date +%s%N >> {}; exit 7", births.display())).await;
    let pod = site.until("crash", |pod| state(pod, "waiting")["reason"] == "CrashLoopBackOff").await;
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 7);
    assert!(status["restartCount"].as_u64().unwrap() >= 1);
    let births = std::fs::read_to_string(births).unwrap();
    let births: Vec<u64> = births.lines().map(|line| line.parse().unwrap()).collect();
    let pause = std::time::Duration::from_nanos(births[1] - births[0]);
    println!("from the first run to the second, with its program: {pause:?}");
    assert!(pause.as_millis() < 900, "the first crash is not waited for: {pause:?}");

    site.create("once", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "x", "command": ["sh", "-c", "exit 3"]}]}))
        .await;
    let pod = site.until("once", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(state(&pod, "terminated")["exitCode"], 3);

    let init = json!({"name": "first", "image": "x", "command": ["sh", "-c", "sleep 0.05"]});
    let main = json!({"name": "c", "image": "x", "command": ["true"]});
    site.create("job", json!({"restartPolicy": "OnFailure", "initContainers": [init], "containers": [main]})).await;
    let pod = site.until("job", |pod| pod["status"]["phase"] == "Succeeded").await;
    assert_eq!(pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["reason"], "Completed");
    running.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_named_and_its_arrival_noticed() {
    let site = Site::new("edge", 72).await;
    let running = site.start(true).await;
    site.create("unmapped", json!({"containers": [{"name": "c", "image": "reg/det:v1", "args": ["1000"]}]})).await;
    let pod = site.until("unmapped", |pod| state(pod, "waiting")["reason"] == "ImageUnmapped").await;
    assert!(state(&pod, "waiting")["message"].as_str().unwrap().contains("reg/det:v1"));
    let map = json!({"metadata": {"name": "m", "labels": {"dayu.io/image-map": "true"}}, "data": {"a": "reg/det:v1: [sleep]"}});
    let maps: Api<ConfigMap> = Api::default_namespaced(site.client.clone());
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    site.until_ready("unmapped").await;

    let device = site.data.path().join("camera");
    let volume = json!({"name": "v", "hostPath": {"path": device, "type": "File"}});
    let mount = json!({"name": "v", "mountPath": "/dayu-test/camera"});
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", "cat \"$0\"; sleep 1000", "/dayu-test/camera"], "volumeMounts": [mount]});
    site.create("mount", json!({"volumes": [volume], "containers": [container]})).await;
    let pod = site.until("mount", |pod| state(pod, "waiting")["reason"] == "MountMissing").await;
    assert!(state(&pod, "waiting")["message"].as_str().unwrap().contains(&*device.to_string_lossy()));
    std::fs::write(&device, "picture\n").unwrap();
    site.until_ready("mount").await;
    site.until_said("mount", "picture\n").await;
    assert!(!std::path::Path::new("/dayu-test").exists(), "nothing is made on the device");

    site.script("unknown", "true").await;
    let events: Api<Event> = Api::default_namespaced(site.client.clone());
    let events = events.list(&ListParams::default()).await.unwrap();
    let reasons: Vec<&str> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
    for reason in ["ImageUnmapped", "MountMissing", "Started"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_run_before_is_shown_also_where_the_latest_starts_failed() {
    let site = Site::new("edge", 92).await;
    let running = site.start(true).await;
    let program = site.data.path().join("program");
    let away = site.data.path().join("away");
    // The second run takes its program away.
    let script = "#!/bin/sh\ncd \"${0%/*}\"; echo >> runs; n=$(wc -l < runs); echo run $n\n[ $n = 2 ] && mv \"$0\" away\n[ $n -lt 3 ] && exit 1\nexec sleep 1000\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    site.create("w", json!({"containers": [{"name": "c", "image": "none", "command": [program]}]})).await;
    let logs = async |previous| site.pods().logs("w", &LogParams { previous, ..LogParams::default() }).await.unwrap();
    let is_missed = |pod: &serde_json::Value| {
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        state(pod, "waiting")["reason"] == "StartFailed" && *restarts == 2
    };
    site.until("w", is_missed).await;
    assert_eq!([logs(false).await, logs(true).await], ["run 2\n", "run 1\n"]);
    running.stop().await;

    let running = site.start(true).await;
    std::fs::rename(away, program).unwrap();
    site.until_ready("w").await;
    site.until_said("w", "run 3\n").await;
    assert_eq!(logs(true).await, "run 2\n");
    running.stop().await;
}

#[tokio::test]
async fn a_device_that_was_taken_for_dead_speaks_for_its_pods_again() {
    let site = Site::new("edge", 76).await;
    let running = site.start(true).await;
    site.script("w", "sleep 1000").await;
    site.until_ready("w").await;
    // As after a suspension of the machine that outlasted the Lease.
    let unknown = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    let nodes: Api<Node> = Api::all(site.client.clone());
    nodes.patch_status("edge", &PatchParams::default(), &Patch::Merge(unknown)).await.unwrap();
    let silent = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}});
    site.pods().patch_status("w", &PatchParams::default(), &Patch::Merge(silent)).await.unwrap();
    site.until_ready("w").await;
    running.stop().await;
}

#[tokio::test]
async fn a_pod_that_cannot_be_stored_is_told_and_taken_once_it_can() {
    let site = Site::new("full", 89).await;
    let running = site.start(true).await;
    let pods = site.data.path().join("pods");
    if pods.exists() {
        std::fs::remove_dir(&pods).unwrap();
    }
    // What a folder cannot be made in, whoever tries.
    std::fs::write(&pods, "").unwrap();
    site.script("w", "exec sleep 1000").await;
    let told = site.event("w", "PodNotStored").await;
    assert!(told.contains(pods.to_str().unwrap()) && told.contains("free space"), "{told}");
    std::fs::remove_file(&pods).unwrap();
    site.until_ready("w").await;
    running.stop().await;
}

#[tokio::test]
async fn what_a_container_asks_for_before_its_end_comes_before_the_signal() {
    let site = Site::new("edge", 79).await;
    let running = site.start(true).await;
    let told = site.data.path().join("told");
    let tell = |what: &str| format!("echo {what} >> {}", told.display());
    let script = format!("trap '{}; exit 0' TERM; sleep 1000 & wait", tell("signal"));
    let container = |script: &str, hook: &str| {
        let hook = json!({"preStop": {"exec": {"command": ["sh", "-c", hook]}}});
        json!({"containers": [{"name": "c", "image": "none", "command": ["sh", "-c", script], "lifecycle": hook}]})
    };
    site.create("asks", container(&script, &tell("hook"))).await;
    site.create("fails", container("trap 'exit 0' TERM; sleep 1000 & wait", "exit 4")).await;
    for name in ["asks", "fails"] {
        site.until_ready(name).await;
        site.delete(name, 30).await;
        site.until_gone(name).await;
    }
    assert_eq!(std::fs::read_to_string(told).unwrap(), "hook\nsignal\n");
    let why = site.event("fails", "FailedPreStopHook").await;
    assert!(why.contains("exit 4") && why.contains("container c"), "{why}");
    running.stop().await;
}

#[tokio::test]
async fn a_role_stands_on_the_node_that_is_registered_for_it_and_on_no_other() {
    for (network, theirs) in [(92, false), (93, true)] {
        let site = Site::new("edge", network).await;
        let nodes: Api<Node> = Api::all(site.client.clone());
        if theirs {
            // As a kubelet does.
            let address = json!([{"type": "InternalIP", "address": format!("127.{network}.9.1")}]);
            let node = json!({"metadata": {"name": "edge"}, "status": {"addresses": address}});
            nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
            let status = json!({"status": {"addresses": address}});
            nodes.patch_status("edge", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        }
        let running = site.start_with(Options { role: Some("edge"), stop_workers: true, ..Options::of("edge") }).await;
        let labels = nodes.get("edge").await.unwrap().metadata.labels.unwrap_or_default();
        let role = labels.get("node-role.kubernetes.io/edge").map(String::as_str);
        assert_eq!(role, (!theirs).then_some(""), "{labels:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_pod_without_an_address_is_told_and_taken_once_one_is_free() {
    let site = Site::new("narrow", 90).await;
    // Room for five pods.
    let labels = json!({"dayu.io/managed-by": "dayu-lm"});
    let node = json!({"metadata": {"name": "narrow", "labels": labels}, "spec": {"podCIDR": "127.90.1.0/29"}});
    let nodes: Api<Node> = Api::all(site.client.clone());
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let running = site.start(true).await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        site.script(name, "exec sleep 1000").await;
    }
    for name in names {
        site.until_ready(name).await;
    }
    site.script("late", "exec sleep 1000").await;
    site.script("unwanted", "exec sleep 1000").await;
    for name in ["late", "unwanted"] {
        let told = site.event(name, "AddressesExhausted").await;
        assert!(told.contains("podCIDR") && told.contains("delete pods of this device"), "{told}");
    }
    // Nobody has to wait for one that was never taken.
    site.delete("unwanted", 0).await;
    site.until_gone("unwanted").await;
    let address = site.until_ready("c").await["status"]["podIP"].clone();
    site.delete("c", 0).await;
    site.until_gone("c").await;
    assert_eq!(site.until_ready("late").await["status"]["podIP"], address);
    running.stop().await;
}
