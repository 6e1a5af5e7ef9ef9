//! What can be wrong with a cluster, each provoked on Kubernetes with devices that are played: the doctor names it with its remedy,
//! and says nothing of it any more when it is mended.
use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, ToSpan};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use xtask::kube::{Assets, ControlPlane, Seat, Settings};

use crate::harness::{Dayu, client_of, eventually, manifests, run};

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");
const DEVICES: [&str; 3] = ["edge1", "edge2", "edge3"];
/// What is being deleted may take a minute before the doctor wonders.
const PATIENCE: Duration = Duration::from_secs(120);
/// A node is taken for lost after ten seconds without a word rather than fifty.
const HASTY: Settings = Settings {
    api_server: &[],
    controller_manager: &[("node-monitor-grace-period", "10s"), ("node-monitor-period", "1s")],
    scheduler: &[],
};

/// What is provoked by objects alone, what the doctor says of it, and what it says to do.
const CAUSES: [(&str, [&str; 3]); 7] = [
    (
        "apiVersion: v1
kind: ResourceQuota
metadata: {name: small, namespace: full}
spec: {hard: {pods: '0'}}",
        ["runtimeservice/quota in full", "exceeded quota: small", "-> raise the ResourceQuota"],
    ),
    (
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
  - name: guard.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 1
    clientConfig: {url: 'https://127.0.0.1:1/'}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: guarded}}
    rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]",
        ["runtimeservice/webhook in guarded", "guard.example.com", "-> start the program behind the webhook"],
    ),
    (
        "apiVersion: v1
kind: Namespace
metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}",
        [
            "runtimeservice/privileged in strict",
            "violates PodSecurity",
            "-> leave out of the spec what the message names",
        ],
    ),
    (
        "apiVersion: v1
kind: Pod
metadata: {name: kube-proxy-x, namespace: kube-system, labels: {k8s-app: kube-proxy}}
spec: {nodeName: edge1, hostNetwork: true, containers: [{name: c, image: i}]}",
        ["kube-proxy", "of our Services on edge1, before the mesh there can", "-> keep it away from devices"],
    ),
    (
        "apiVersion: v1
kind: Pod
metadata: {name: gm, namespace: sedna, labels: {sedna: gm}}
spec: {nodeName: edge1, containers: [{name: c, image: i}]}",
        ["sedna/gm", "another global manager", "-> let one of the two go"],
    ),
    (
        "apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: kubeedge, labels: {kubeedge: edgemesh-agent}}
spec: {nodeName: edge3, containers: [{name: c, image: i}]}",
        ["kubeedge/agent", "another mesh takes the same addresses on edge3", "its rules in iptables outlive it"],
    ),
    (
        "{apiVersion: v1, kind: Node, metadata: {name: spare1}}
---
{apiVersion: v1, kind: Node, metadata: {name: spare.1}}",
        ["spare.1, spare1", "are the same once -, _ and . are dropped", "-> rename all but one"],
    ),
];
/// Resources that meet them: name, namespace, device.
const STRUCK: [(&str, &str, &str); 5] = [
    ("quota", "full", "edge1"),
    ("webhook", "guarded", "edge1"),
    ("privileged", "strict", "edge1"),
    ("refused", "refusing", "edge1"),
    ("astray", "default", "nowhere"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cause_is_named_with_its_remedy_until_it_is_mended() {
    let Some(site) = Site::start().await else { return };
    site.says(&["no fault found"]).await;

    // First what takes its time.
    site.ills.lock().silent = Some("edge2");
    site.create("default", "kept", "edge3").await;
    let held = json!({"metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    site.kubectl(&["create", "namespace", "leaving"], "").await;
    site.kubectl(&["create", "-n", "leaving", "-f", "-"], &with_kind("ConfigMap", held).to_string()).await;
    site.kubectl(&["delete", "namespace", "leaving", "--wait=false"], "").await;
    site.pod_runs("default").await;
    site.ills.lock().unconfirming = Some("edge3");
    site.kubectl(&["delete", "pod", "--all", "--grace-period=1", "--wait=false"], "").await;

    for (manifest, _) in CAUSES {
        let namespace = manifest.split("namespace: ").nth(1).and_then(|rest| rest.split([',', '}']).next());
        site.exists(namespace.unwrap_or("guarded")).await;
        site.kubectl(&["apply", "-f", "-"], manifest).await;
    }
    site.exists("refusing").await;
    for (name, namespace, device) in STRUCK {
        site.create(namespace, name, device).await;
    }
    for (_, said) in CAUSES {
        site.says(&said).await;
    }
    site.says(&["runtimeservice/refused in refusing", "UnexpectedAdmissionError", "-> give the device what"]).await;
    site.says(&["runtimeservice/astray in default", "NodeNotFound", "-> correct the device's name"]).await;
    site.says(&["edge2", "is not ready", "-> is edge2 on, and does its kubelet"]).await;
    site.clock_of("edge3", -300).await;
    site.says(&["300 s behind this machine's", "-> let both follow the same time source"]).await;
    site.clock_of("edge3", 0).await;
    site.kubectl(&["create", "-f", "-"], &hindered("edge1").to_string()).await;
    site.says(&["edge1", "mesh: watch of Nodes: may not", "-> give its service account the right to watch nodes"])
        .await;
    site.says(&["leaving", "example.com/hold", "-> let whoever put a finalizer there run"]).await;
    site.says(&["should have ended", "edge3 does not confirm", "-> bring edge3 back"]).await;

    *site.ills.lock() = Ills::default();
    for (name, namespace, _) in STRUCK {
        site.kubectl(&["delete", "runtimeservice", name, "-n", namespace], "").await;
    }
    site.kubectl(&["delete", "runtimeservice", "kept"], "").await;
    for (manifest, _) in CAUSES {
        site.kubectl(&["delete", "--wait=false", "-f", "-"], manifest).await;
    }
    let release = r#"{"metadata": {"finalizers": null}}"#;
    site.kubectl(&["patch", "configmap", "held", "-n", "leaving", "--type=merge", "-p", release], "").await;
    site.says(&["no fault found"]).await;
}

fn with_kind(kind: &str, mut object: Value) -> Value {
    (object["apiVersion"], object["kind"]) = (json!("v1"), json!(kind));
    object
}

/// What the local manager of a device says that hinders its mesh.
fn hindered(device: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "told", "namespace": "default"},
        "eventTime": format!("{:.6}", Timestamp::now()), "type": "Warning", "reason": "Hindered", "action": "Work",
        "note": "mesh: watch of Nodes: may not watch nodes: no", "regarding": {"kind": "Node", "name": device},
        "reportingController": "dayu-lm", "reportingInstance": device,
    })
}

/// What devices do wrong.
#[derive(Clone, Copy, Default)]
struct Ills {
    /// Says nothing any more.
    silent: Option<&'static str>,
    /// Does not say that what is deleted has ended.
    unconfirming: Option<&'static str>,
}

struct Site {
    plane: ControlPlane,
    client: Client,
    ills: Arc<Mutex<Ills>>,
    _kubelets: AbortOnDropHandle<()>,
    _manager: Dayu,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start() -> Option<Self> {
        let plane = ControlPlane::start_with(&Assets::for_tests()?, HASTY).await.unwrap();
        let client = client_of(&plane.kubeconfig()).await;
        let folder = tempfile::tempdir().unwrap();
        for device in DEVICES {
            let node = serde_json::from_value(json!({"metadata": {"name": device}})).unwrap();
            Api::<Node>::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
        }
        let seat = Seat { pod: "gm", node: DEVICES[0] };
        let (account, path) = (plane.account(MANIFESTS.as_ref(), "gm", seat).await.unwrap(), folder.path().join("gm"));
        std::fs::write(&path, account.to_string()).unwrap();
        // Devices could not reach it at the address that it listens on here.
        let (listen, advertise) = (["--link-listen", "127.0.0.1:0"], ["--link-advertise", "localhost:9000"]);
        let arguments =
            [&["gm", "--identity", "gm", "--kubeconfig", path.to_str().unwrap()][..], &listen, &advertise].concat();
        let manager = Dayu::start(&arguments);
        let ills = Arc::<Mutex<Ills>>::default();
        let kubelets = AbortOnDropHandle::new(tokio::spawn(kubelets(client.clone(), ills.clone())));
        let site = Self { plane, client, ills, _kubelets: kubelets, _manager: manager, _folder: folder };
        for device in DEVICES {
            let lease = format!(
                "{{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {{name: lm-{device}, namespace: dayu-system}}}}"
            );
            site.kubectl(&["apply", "-f", "-"], &lease).await;
        }
        Some(site)
    }

    async fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        self.plane.run_kubectl(arguments, input).await.unwrap()
    }

    async fn exists(&self, namespace: &str) {
        let manifest = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
        self.kubectl(&["apply", "-f", "-"], &manifest).await;
        let account = ["get", "serviceaccount", "default", "-n", namespace];
        eventually("no pod is let in without it", async || {
            self.plane.run_kubectl(&account, "").await.map_err(|error| error.to_string())
        })
        .await;
    }

    async fn create(&self, namespace: &str, name: &str, device: &str) {
        let manifest = manifests::runtime_service(name, device);
        let manifest = manifest.replace("namespace: default", &format!("namespace: {namespace}"));
        self.kubectl(&["apply", "-f", "-"], &manifest).await;
    }

    async fn pod_runs(&self, namespace: &str) {
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let runs = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        eventually("a pod runs", async || {
            let all = pods.list(&ListParams::default()).await.unwrap();
            if all.iter().any(runs) { Ok(()) } else { Err(format!("{:?}", all.items)) }
        })
        .await;
    }

    /// A device says that it lives, by a clock that is so many seconds ahead.
    async fn clock_of(&self, device: &str, ahead: i64) {
        let renewed = Timestamp::now() + ahead.seconds();
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": device, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": device, "renewTime": format!("{renewed:.6}")},
        });
        self.kubectl(&["apply", "-f", "-"], &lease.to_string()).await;
    }

    /// Waits until the doctor says all of that.
    async fn says(&self, expected: &[&str]) {
        let (began, kubeconfig) = (Instant::now(), self.plane.kubeconfig());
        loop {
            let said = run(&["doctor", "--kubeconfig", kubeconfig.to_str().unwrap()]).await.out;
            let Some(missing) = expected.iter().find(|text| !said.contains(**text)) else { return };
            assert!(began.elapsed() < PATIENCE, "the doctor does not say {missing:?}:\n{said}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Those that are not silent say that they live, run what is bound to them or refuse it, and let go what is deleted.
async fn kubelets(client: Client, ills: Arc<Mutex<Ills>>) {
    let (nodes, pods) = (Api::<Node>::all(client.clone()), Api::<Pod>::all(client.clone()));
    loop {
        let Ills { silent, unconfirming } = *ills.lock();
        let living = |device: &str| DEVICES.contains(&device) && silent != Some(device);
        for (number, device) in (1..).zip(DEVICES).filter(|(_, device)| living(device)) {
            let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": Timestamp::now()});
            let address = json!({"type": "InternalIP", "address": format!("203.0.113.{number}")});
            let room = json!({"pods": "100", "cpu": "8", "memory": "8Gi"});
            let status = json!({"capacity": room, "conditions": [ready], "addresses": [address]});
            let patch = Patch::Strategic(json!({"status": status}));
            nodes.patch_status(device, &PatchParams::default(), &patch).await.unwrap();
        }
        for pod in pods.list(&ListParams::default()).await.unwrap() {
            let device = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
            if living(device) {
                attend(&client, &pod, unconfirming == Some(device)).await;
            }
        }
        sleep(Duration::from_millis(300)).await;
    }
}

async fn attend(client: &Client, pod: &Pod, keeps: bool) {
    let pods = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap());
    let name = pod.name_any();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    // Whatever is gone meanwhile needs no attention.
    if pod.metadata.deletion_timestamp.is_some() && !keeps {
        let _ = pods.delete(&name, &DeleteParams::default().grace_period(0)).await;
    } else if phase == "Pending" {
        let status = match pod.namespace().as_deref() {
            Some("refusing") => {
                json!({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no camera is free"})
            }
            _ => json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
        };
        let _ = pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await;
    }
}
