//! A cluster in memory, a device, and its local manager.
use std::{path::Path, time::Duration};

use dayu_cluster::{Cluster, Controllers};
use dayu_lm::{Addresses, Handle, Options};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, LogParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) client: Client,
    pub(crate) data: TempDir,
    pub(crate) device: &'static str,
    _controllers: Controllers,
}

pub(crate) struct Running {
    handle: Handle,
    stop: CancellationToken,
    pub(crate) addresses: Addresses,
}

impl Site {
    /// Each test has a network of its own, so that tests run side by side.
    pub(crate) async fn new(device: &'static str, network: u8) -> Self {
        Self::on(&std::env::temp_dir(), device, network).await
    }

    /// With its data beneath `folder`.
    pub(crate) async fn on(folder: &Path, device: &'static str, network: u8) -> Self {
        let cluster = Cluster::builder()
            .pod_cidr(format!("127.{network}.0.0/16"))
            .kubelet_scheme_annotation("dayu.io/kubelet-scheme")
            .build()
            .await
            .unwrap();
        let controllers = cluster.start_controllers();
        let data = tempfile::tempdir_in(folder).unwrap();
        Self { client: cluster.client(), data, device, _controllers: controllers }
    }

    pub(crate) async fn start(&self, stop_workers: bool) -> Running {
        self.start_with(Options { stop_workers, ..Options::of(self.device) }).await
    }

    pub(crate) async fn start_with(&self, options: Options) -> Running {
        let options = Options { data: Some(self.data.path().to_owned()), ..options };
        let stop = CancellationToken::new();
        let mut handle = dayu_lm::run_with(self.client.clone(), options, stop.clone());
        match tokio::time::timeout(PATIENCE, handle.ready()).await {
            Ok(Some(addresses)) => Running { handle, stop, addresses },
            Ok(None) => panic!("{}", handle.finished().await.unwrap_err()),
            Err(_) => panic!("not ready in time"),
        }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = self.device.into();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec});
        self.pods().create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    /// A pod of one container that runs a shell script.
    pub(crate) async fn script(&self, name: &str, script: &str) {
        self.create(name, json!({"containers": [{"name": "c", "image": "none", "command": ["sh", "-c", script]}]}))
            .await;
    }

    pub(crate) async fn delete(&self, name: &str, grace: u32) {
        self.pods().delete(name, &DeleteParams::default().grace_period(grace)).await.unwrap();
    }

    /// Waits until the pod is as wished.
    pub(crate) async fn until(&self, name: &str, wished: impl Fn(&Value) -> bool) -> Value {
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut seen = watcher(self.pods(), only).applied_objects().boxed();
        let mut last = Value::Null;
        let found = async {
            loop {
                last = serde_json::to_value(seen.next().await.unwrap().unwrap()).unwrap();
                if wished(&last) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            panic!("{name} never became as wished: {last:#}");
        }
        last
    }

    pub(crate) async fn until_ready(&self, name: &str) -> Value {
        self.until(name, is_ready).await
    }

    /// Waits for an event of the pod, and gives its message.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> String {
        let events = Api::<Event>::default_namespaced(self.client.clone());
        let mut seen = watcher(events, watcher::Config::default()).applied_objects().boxed();
        let found = async {
            loop {
                let event = seen.next().await.unwrap().unwrap();
                if event.involved_object.name.as_deref() == Some(name) && event.reason.as_deref() == Some(reason) {
                    return event.message.unwrap();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no event {reason} of {name}"))
    }

    /// Waits until the output of the pod is `text`.
    pub(crate) async fn until_said(&self, name: &str, text: &str) {
        let mut log = String::new();
        let said = async {
            while log != text {
                log = self.pods().logs(name, &LogParams::default()).await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, said).await.is_err() {
            panic!("{name} never said {text:?}, but {log:?}");
        }
    }

    /// Waits until the API has forgotten the pod.
    pub(crate) async fn until_gone(&self, name: &str) {
        let gone = kube::runtime::wait::await_condition(self.pods(), name, |pod: Option<&Pod>| pod.is_none());
        tokio::time::timeout(PATIENCE, gone).await.expect("gone in time").unwrap();
    }
}

impl Running {
    /// Stops it as Ctrl-C does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.handle.finished()).await.expect("it ends in time").unwrap();
    }
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// The first container's state, such as `waiting` with its fields.
pub(crate) fn state<'a>(pod: &'a Value, kind: &str) -> &'a Value {
    &pod["status"]["containerStatuses"][0]["state"][kind]
}

/// The process of the first container.
pub(crate) fn pid(pod: &Value) -> u32 {
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap();
    id.strip_prefix("process://").unwrap().split_once('-').unwrap().0.parse().unwrap()
}

pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}
