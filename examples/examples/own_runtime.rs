//! A worker runtime of one's own: workers are functions of this program instead of processes.
use std::{collections::HashMap, error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use dayu_cluster::Cluster;
use dayu_core::name::Uid;
use dayu_core::worker::{Cause, Launch, Problem, ProcessId, Run, Runtime};
use dayu_lm::Options;
use futures::future::{BoxFuture, FutureExt, Shared};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, runtime::wait::await_condition};
use serde_json::json;
use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;

/// What an image stands for: it ends with its exit code, soon after it is asked to.
type Function = fn(&Launch, CancellationToken) -> BoxFuture<'static, i32>;
struct Functions {
    images: HashMap<&'static str, Function>,
    runs: parking_lot::Mutex<HashMap<(Uid, Run), Living>>,
}

struct Living {
    stop: CancellationToken,
    kill: AbortHandle,
    ended: Shared<BoxFuture<'static, Cause>>,
}

#[async_trait]
impl Runtime for Functions {
    fn name(&self) -> &'static str {
        "function"
    }

    fn knows_images(&self) -> bool {
        true
    }

    async fn start(&self, launch: &Launch) -> Result<ProcessId, Problem> {
        let unknown = || Problem::new("FunctionUnknown", format!("no function is called {}", launch.image));
        let function = self.images.get(launch.image.as_str()).ok_or_else(unknown)?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(function(launch, stop.clone()));
        let (kill, cut) = (task.abort_handle(), |error: JoinError| Cause::Signal(if error.is_panic() { 6 } else { 9 }));
        let ended = task.map(move |ended| ended.map_or_else(cut, Cause::Code)).boxed().shared();
        self.runs.lock().insert((launch.pod.clone(), launch.run.clone()), Living { stop, kill, ended });
        Ok(ProcessId::from(launch.run.to_string()))
    }

    /// Functions end with their program: after its restart none is found, and each is started anew.
    async fn find(&self, pod: &Uid, run: &Run, process: Option<ProcessId>) -> Option<ProcessId> {
        self.runs.lock().get(&(pod.clone(), run.clone())).filter(|living| !living.kill.is_finished())?;
        process.or_else(|| Some(run.to_string().into()))
    }

    async fn wait(&self, pod: &Uid, run: &Run, _: &ProcessId) -> Cause {
        let ended = self.runs.lock().get(&(pod.clone(), run.clone())).map(|living| living.ended.clone());
        if let Some(ended) = ended { ended.await } else { Cause::Unknown }
    }

    async fn terminate(&self, pod: &Uid, run: &Run, _: &ProcessId) {
        self.runs.lock().get(&(pod.clone(), run.clone())).inspect(|living| living.stop.cancel());
    }

    async fn kill(&self, pod: &Uid, run: &Run, _: &ProcessId) {
        self.runs.lock().get(&(pod.clone(), run.clone())).inspect(|living| living.kill.abort());
    }

    async fn exec(&self, _: &Uid, _: &ProcessId, _: &[String], _: Duration) -> Result<(), String> {
        Err("a function runs no commands; probe it by HTTP or TCP".to_owned())
    }

    async fn release(&self, pod: &Uid) {
        self.runs.lock().retain(|(of, _), _| of != pod);
    }
}

/// Crashes the first time, and then serves until it is asked to end.
fn greeter(launch: &Launch, stop: CancellationToken) -> BoxFuture<'static, i32> {
    match launch.run.attempt {
        1 => async { 1 }.boxed(),
        _ => async move { stop.cancelled().await }.map(|()| 0).boxed(),
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().pod_cidr("127.126.0.0/16").build().await?;
    let (_controllers, data, shutdown) = (cluster.start_controllers(), tempfile::tempdir()?, CancellationToken::new());
    let functions = Functions { images: HashMap::from([("greeter", greeter as Function)]), runs: Default::default() };
    let options = Options { data: Some(data.path().into()), stop_workers: true, ..Options::of("edge1") };
    let manager = dayu_lm::run_with_runtime(cluster.client(), options, Arc::new(functions), shutdown.clone());
    let pods = Api::<Pod>::default_namespaced(cluster.client());
    let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "edge1", "containers": [{"name": "main", "image": "greeter"}]}});
    pods.create(&Default::default(), &serde_json::from_value(pod)?).await?;
    let again = |pod: &Pod| Some(pod.status.as_ref()?.container_statuses.as_ref()?.first()?.restart_count == 1);
    await_condition(pods, "a", |pod: Option<&Pod>| pod.and_then(again).unwrap_or_default()).await?;
    shutdown.cancel();
    Ok(manager.finished().await?)
}
