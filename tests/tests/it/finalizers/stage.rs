//! A cluster with a device that runs whatever it is given, a camera that workers leave something at, and engines whose writes
//! are noted and can go wrong.
use std::{collections::VecDeque, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use dayu_cluster::{Cluster, Controllers};
use dayu_core::{
    api::RuntimeService,
    engine::{Engine, Finalizer, Observer, Options, Outcome, World},
    template::runtime_service::RuntimeServiceTemplate,
};
use futures::future::{BoxFuture, pending, ready};
use http::{Request, Response};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{Pod, Service},
        events::v1::Event,
    },
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    client::Body,
    runtime::wait::await_condition,
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::{BoxError, service_fn};

use crate::mocks::install;

pub(super) const OURS: &str = "example.org/camera";
pub(super) const THEIRS: &str = "example.org/theirs";
/// What the engine writes to put a finalizer on or take it off.
pub(super) const FINALIZER: &str = "PATCH runtimeservices";
pub(super) const UNDO: &str = "undo";
/// Of a clock that runs only while all wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// What becomes of a write of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Done,
    /// The engine ends before it, or after it.
    CrashBefore,
    CrashAfter,
    /// It is done, and nobody hears of it.
    AnswerLost,
    /// 403.
    Forbidden,
}

/// Says what becomes of a write, and may do something else first.
pub(super) type Fates = Arc<dyn Fn(&str) -> BoxFuture<'static, Fate> + Send + Sync>;

pub(super) fn fates(of: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Fates {
    Arc::new(move |write| Box::pin(ready(of(write))))
}

/// How it goes where it is not undone at once.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Fails(&'static str),
    Never,
}

pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) notes: Arc<Notes>,
    pub(super) resources: Api<RuntimeService>,
    _played: [Controllers; 2],
}

/// What happened, in order.
#[derive(Debug, Default)]
pub(super) struct Notes {
    writes: Mutex<Vec<String>>,
    retries: Mutex<Vec<String>>,
    looks: Mutex<usize>,
    /// For the next ones to be undone; all others are at once.
    pub(super) answers: Mutex<VecDeque<(&'static str, Answer)>>,
    pub(super) crashed: Notify,
}

impl Notes {
    /// All writes of children and finalizers, and what was undone.
    pub(super) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.writes.lock())
    }

    pub(super) fn retries(&self) -> Vec<String> {
        self.retries.lock().clone()
    }

    pub(super) fn looks(&self) -> usize {
        *self.looks.lock()
    }

    fn answer(&self, name: &str) -> Option<Answer> {
        let mut answers = self.answers.lock();
        let at = answers.iter().position(|(of, _)| *of == name)?;
        answers.remove(at).map(|(_, answer)| answer)
    }

    fn note(&self, what: String) {
        self.writes.lock().push(what);
    }
}

impl Observer for Notes {
    fn looked(&self, _kind: &str, _took: Duration, outcome: Outcome<'_>) {
        *self.looks.lock() += 1;
        if let Outcome::Retry(reason) = outcome {
            self.retries.lock().push(reason.to_owned());
        }
    }
}

struct Camera {
    client: Client,
    notes: Arc<Notes>,
}

#[async_trait]
impl Finalizer<RuntimeService> for Camera {
    fn name(&self) -> &'static str {
        OURS
    }

    async fn undo(&self, resource: &RuntimeService) -> Result<(), BoxError> {
        let left = children(&self.client, resource).await;
        self.notes.note(if left.is_empty() { UNDO.to_owned() } else { format!("{UNDO} while {left:?} are there") });
        let answer = self.notes.answer(&resource.name_any());
        match answer {
            Some(Answer::Fails(why)) => Err(why.into()),
            Some(Answer::Never) => pending().await,
            None => Ok(()),
        }
    }
}

/// Names of all that the resource has made and that is there.
pub(super) async fn children(client: &Client, resource: &RuntimeService) -> Vec<String> {
    let ours = ListParams::default().labels(&format!("dayu.io/resource-uid={}", resource.uid().unwrap()));
    let mut all = named::<Deployment>(client, &ours).await;
    all.extend(named::<Service>(client, &ours).await);
    all.extend(named::<Pod>(client, &ours).await);
    all
}

async fn named<K>(client: &Client, those: &ListParams) -> Vec<String>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let list = Api::<K>::default_namespaced(client.clone()).list(those).await.unwrap();
    list.items.iter().map(|object| format!("{} {}", K::kind(&()), object.name_any())).collect()
}

pub(super) fn runtime_service(name: &str) -> RuntimeService {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": name},
        "spec": {
            "installID": name, "deploymentRevision": 1, "component": "source", "targetNode": "edge1", "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 9000}]}]}},
        },
    }))
    .unwrap()
}

impl Stage {
    pub(super) async fn open() -> Self {
        let cluster = Cluster::builder().build().await.unwrap();
        let (client, controllers) = (cluster.client(), cluster.start_controllers());
        let nodes = cluster.start_hollow_nodes(&["edge1"]).unwrap();
        install(&client).await;
        let resources = Api::default_namespaced(client.clone());
        Self { client, notes: Arc::default(), resources, _played: [controllers, nodes] }
    }

    /// An engine with a finalizer, until this is dropped.
    pub(super) fn engine(&self, fates: Fates) -> AbortOnDropHandle<()> {
        self.engine_with(Options::default(), Some(fates))
    }

    /// Without `fates` it has no finalizer.
    pub(super) fn engine_with(&self, options: Options, fates: Option<Fates>) -> AbortOnDropHandle<()> {
        let camera = fates.is_some().then(|| Camera { client: self.client.clone(), notes: self.notes.clone() });
        let client = self.noted(fates.unwrap_or_else(|| self::fates(|_| Fate::Done)));
        let options = Options { observer: self.notes.clone(), ..options };
        let watched = self.client.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let (shutdown, (world, _demands)) = (CancellationToken::new(), World::new());
            let _watch = AbortOnDropHandle::new(tokio::spawn(world.clone().watch(watched, shutdown.clone())));
            let mut engine = Engine::new(RuntimeServiceTemplate, client, world, options);
            if let Some(camera) = camera {
                engine = engine.with_finalizer(camera).unwrap();
            }
            engine.run(shutdown).await;
        }))
    }

    fn noted(&self, fates: Fates) -> Client {
        let (client, notes) = (self.client.clone(), self.notes.clone());
        let noted = service_fn(move |request: Request<Body>| {
            let (client, notes, fates) = (client.clone(), notes.clone(), fates.clone());
            async move {
                let Some(write) = write(&request) else { return client.send(request).await.map_err(BoxError::from) };
                let fate = fates(&write).await;
                if !(fate == Fate::CrashBefore || fate == Fate::Forbidden) {
                    notes.note(write);
                }
                match fate {
                    Fate::Done => Ok(client.send(request).await?),
                    Fate::CrashBefore => crash(&notes).await,
                    Fate::CrashAfter => {
                        client.send(request).await?;
                        crash(&notes).await
                    }
                    Fate::AnswerLost => {
                        client.send(request).await?;
                        Err("connection reset".into())
                    }
                    Fate::Forbidden => Ok(forbidden()),
                }
            }
        });
        Client::new(noted, "default")
    }

    pub(super) async fn create(&self, name: &str, finalizers: &[&str]) -> RuntimeService {
        let mut resource = runtime_service(name);
        resource.metadata.finalizers =
            (!finalizers.is_empty()).then(|| finalizers.iter().map(ToString::to_string).collect());
        self.resources.create(&PostParams::default(), &resource).await.unwrap()
    }

    pub(super) async fn delete(&self, name: &str) {
        self.resources.delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(super) async fn edit(&self, name: &str, finalizers: &[&str]) {
        let wished = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        self.resources.patch(name, &PatchParams::default(), &wished).await.unwrap();
    }

    /// Waits until the resource, or its absence, is as wished.
    pub(super) async fn until(
        &self,
        name: &str,
        wished: impl Fn(Option<&RuntimeService>) -> bool,
    ) -> Option<RuntimeService> {
        let seen = await_condition(self.resources.clone(), name, wished);
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{name}: {:?}", self.notes)).unwrap()
    }

    pub(super) async fn until_gone(&self, name: &str) {
        self.until(name, |resource| resource.is_none()).await;
    }

    /// Waits until its worker runs.
    pub(super) async fn until_it_runs(&self, name: &str) -> RuntimeService {
        let runs = |resource: Option<&RuntimeService>| {
            condition(resource, "WorkloadReady").is_some_and(|c| c["status"] == "True")
        };
        self.until(name, runs).await.unwrap()
    }

    /// The notes of all events for `reason`.
    pub(super) async fn events(&self, reason: &str) -> Vec<String> {
        let events = Api::<Event>::default_namespaced(self.client.clone()).list(&ListParams::default()).await.unwrap();
        let those = events.items.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
        those.filter_map(|event| event.note).collect()
    }
}

pub(super) fn condition(resource: Option<&RuntimeService>, kind: &str) -> Option<Value> {
    let status = serde_json::to_value(resource?.status.as_ref()?).unwrap();
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind).cloned()
}

/// What is written, where it is a child or a finalizer: the verb and the kind.
fn write(request: &Request<Body>) -> Option<String> {
    let (_, what) = request.uri().path().split_once("/namespaces/default/")?;
    let mut parts = what.split('/');
    let kind = parts.next()?;
    let is_other = request.method() == "GET" || kind == "events" || parts.nth(1).is_some();
    (!is_other).then(|| format!("{} {kind}", request.method()))
}

async fn crash(notes: &Notes) -> Result<Response<Body>, BoxError> {
    notes.crashed.notify_one();
    pending().await
}

fn forbidden() -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "User \"camera\" cannot patch resource \"runtimeservices\"",
    });
    Response::builder().status(403).body(Body::from(status.to_string().into_bytes())).unwrap()
}
