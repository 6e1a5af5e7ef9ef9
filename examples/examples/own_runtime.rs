//! A worker runtime of one's own: workers are functions of this program instead of processes.
use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use dayu_core::name::Uid;
use dayu_core::worker::{Cause, Effect, Launch, Problem, ProcessId, Run, Runtime};
use futures::future::BoxFuture;
use tokio::{sync::watch, task::AbortHandle};
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
    ended: watch::Receiver<Option<Cause>>,
}

#[async_trait]
impl Runtime for Functions {
    fn name(&self) -> &'static str {
        "function"
    }

    async fn start(&self, launch: &Launch) -> Result<ProcessId, Problem> {
        let unknown =
            || Problem::new("FunctionUnknown", format!("no function is called {}; name another", launch.image));
        let function = self.images.get(launch.image.as_str()).ok_or_else(unknown)?;
        let (stop, (end, ended)) = (CancellationToken::new(), watch::channel(None));
        let task = tokio::spawn(function(launch, stop.clone()));
        let living = Living { stop, kill: task.abort_handle(), ended };
        self.runs.lock().insert((launch.pod.clone(), launch.run.clone()), living);
        tokio::spawn(async move {
            end.send_replace(Some(
                task.await.map_or_else(|error| Cause::Signal(if error.is_panic() { 6 } else { 9 }), Cause::Code),
            ))
        });
        Ok(ProcessId::from(launch.run.to_string()))
    }

    /// Functions end with their program: after its restart none is found, and each is started anew.
    async fn find(&self, pod: &Uid, run: &Run, _: Option<ProcessId>) -> Option<ProcessId> {
        let runs = self.runs.lock();
        runs.get(&(pod.clone(), run.clone())).filter(|living| living.ended.borrow().is_none())?;
        Some(ProcessId::from(run.to_string()))
    }

    async fn wait(&self, pod: &Uid, run: &Run, _: &ProcessId) -> Cause {
        let ended = self.runs.lock().get(&(pod.clone(), run.clone())).map(|living| living.ended.clone());
        let Some(mut ended) = ended else { return Cause::Unknown };
        ended.wait_for(Option::is_some).await.ok().and_then(|cause| *cause).unwrap_or(Cause::Unknown)
    }

    async fn stop(&self, pod: &Uid, run: &Run, _: &ProcessId, kill: bool) {
        if let Some(living) = self.runs.lock().get(&(pod.clone(), run.clone())) {
            if kill { living.kill.abort() } else { living.stop.cancel() }
        }
    }

    async fn exec(&self, _: &Uid, _: &ProcessId, _: &[String], _: Duration) -> Result<(), String> {
        Err("a function runs no commands; probe it by HTTP or TCP".to_owned())
    }

    async fn release(&self, pod: &Uid) {
        self.runs.lock().retain(|(of, _), _| of != pod);
    }
}

/// The program of the example: crashes the first time, and then serves until it is asked to end.
fn greeter(launch: &Launch, stop: CancellationToken) -> BoxFuture<'static, i32> {
    let crashes = launch.run.attempt == 1;
    Box::pin(async move {
        if crashes {
            return 1;
        }
        stop.cancelled().await;
        0
    })
}

#[tokio::main]
pub(crate) async fn main() {
    let images = HashMap::from([("greeter", greeter as Function)]);
    let functions = Functions { images, runs: Default::default() };
    let effects = dayu_examples::drive(&functions, "greeter", 2).await;
    let as_wished = matches!(
        effects.as_slice(),
        [Effect::Start(first), Effect::Start(second), Effect::Terminate(..), Effect::Release]
            if (first.attempt, second.attempt) == (1, 2)
    );
    assert!(as_wished, "started, started again after its crash, ended and given back, not {effects:?}");
}
