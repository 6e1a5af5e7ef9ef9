//! A worker in another language, with nothing of ours in it: all it knows is the address of the service that it asks.
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use xtask::kube::skip;

use crate::harness::{Dayu, LIMIT, Leftovers, alone, eventually, run};

/// Asks a service on two devices, each until it is answered, and on one that nobody has; then writes down what it heard.
const WORKER: &str = r#"
import json, os, sys, time, urllib.error, urllib.request

def ask(device):
    try:
        with urllib.request.urlopen(f"http://{device}.detector-both.pipeline.svc:9000/health", timeout=10) as answer:
            return "answered by " + json.load(answer)["device"]
    except urllib.error.HTTPError as refusal:
        return f"refused with {refusal.code} {refusal.headers['x-dayu-reason']}"

heard = []
for device in ["edge1", "edge2", "moon"]:
    while (answer := ask(device)).startswith("refused") and device != "moon":
        time.sleep(0.05)
    heard.append(f"{device}: {answer}")
with open(sys.argv[1] + ".new", "w") as file:
    file.write("\n".join(heard))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_in_python_reaches_a_service_on_the_device_that_it_names() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skip("no python3 here");
    }
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let (data, heard) = (folder.path().join("state"), folder.path().join("heard"));
    let _leftovers = Leftovers(data.clone());
    let mut up = Dayu::start(&["up", "--devices", "cloud,edge1,edge2", "--data", data.to_str().unwrap()]);
    up.says("every worker is ready").await;

    let container = json!({"name": "asks", "image": "python:3", "command": ["python3", "-c", WORKER, heard]});
    let worker = json!({"template": {"spec": {"nodeName": "edge1", "containers": [container]}}});
    let foreign = json!({"apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService",
        "metadata": {"name": "foreign", "namespace": "pipeline"}, "spec": {"edgeWorker": [worker]}});
    let file = folder.path().join("foreign.yaml");
    std::fs::write(&file, foreign.to_string()).unwrap();
    let kubeconfig = data.join("kubeconfig");
    let apply = ["apply", "--kubeconfig", kubeconfig.to_str().unwrap(), "-f", file.to_str().unwrap()];
    let applied = run(&apply).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");

    let told =
        eventually("it heard", async || std::fs::read_to_string(&heard).map_err(|error| error.to_string())).await;
    let expected = ["edge1: answered by edge1", "edge2: answered by edge2", "moon: refused with 503 NoSuchDevice"];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    up.signal(Signal::INT);
    assert_eq!(up.ends(LIMIT).await.code, Some(0));
}
