//! Server-side apply of a Deployment of 4 KB: created, applied again, changed.

use std::time::Duration;

use dayu_cluster::patch::{Part, Writer, apply};
use dayu_cluster::schema::{Node, builtin};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Applies that are timed for each case.
const ROUNDS: usize = 5000;

pub(crate) fn run() {
    let node = builtin::node("apps", "v1", "Deployment").unwrap_or_default();
    let wanted = deployment(3);
    println!("server-side apply of a Deployment of {} bytes, {ROUNDS} times each", wanted.to_string().len());
    let mut live = applied(None, &wanted, &node);
    builtin::default("apps", "Deployment", &mut live);
    println!("stored with its owners: {} bytes", live.to_string().len());
    report("first", || applied(None, &wanted, &node));
    report("again", || applied(Some(&live), &wanted, &node));
    let changed = deployment(4);
    report("changed", || applied(Some(&live), &changed, &node));
}

fn applied(live: Option<&Value>, wanted: &Value, node: &Node) -> Value {
    let writer =
        Writer { manager: "bench", api_version: "apps/v1", part: Part::WithoutStatus, now: "2026-01-01T00:00:00Z" };
    apply(live, wanted, writer, false, node).unwrap_or_default()
}

fn report(case: &str, mut work: impl FnMut() -> Value) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{case:>8}: p50 {:>6.1?}  p99 {:>6.1?}", times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
}

/// A worker as the layer makes it: a few dozen variables, ports, mounts.
fn deployment(replicas: u32) -> Value {
    let environment: Vec<Value> = (0..30)
        .map(|number| json!({ "name": format!("VARIABLE_{number}"), "value": format!("some value {number}") }))
        .collect();
    let mounts: Vec<Value> = (0..6)
        .map(|number| json!({ "name": format!("volume{number}"), "mountPath": format!("/home/data/volume{number}") }))
        .collect();
    let volumes: Vec<Value> = (0..6)
        .map(|number| json!({ "name": format!("volume{number}"), "hostPath": { "path": format!("/srv/models/volume{number}"), "type": "Directory" } }))
        .collect();
    let labels = json!({ "app": "detector", "example.com/owner": "detector", "kubernetes.io/hostname": "edge1" });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "detector", "namespace": "default", "labels": labels },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "nodeName": "edge1",
                    "containers": [{
                        "name": "detector", "image": "registry/detector:1", "env": environment, "volumeMounts": mounts,
                        "ports": [{ "containerPort": 8000 }, { "containerPort": 8001 }],
                    }],
                    "volumes": volumes,
                },
            },
        },
    })
}
