//! What the API is asked for a container: read through watches where a change matters, one by one otherwise.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dayu_core::{
    api::{label, lean::Lean},
    connect::{WatchBackoff, refusal, unwatched},
    daemon::Plight,
    worker::Problem,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Container, Secret, Service};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, reflector, reflector::Store, watcher},
};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::image;

/// The API must answer within this; a device that is cut off goes on with what it had.
const PATIENCE: Duration = Duration::from_secs(2);

/// The reason of a problem that only says that the API did not answer.
pub(crate) const UNREACHABLE: &str = "ApiUnreachable";
/// That of one that names what is not to be had, as a kubelet calls it.
const CONFIG_ERROR: &str = "CreateContainerConfigError";

/// Answers questions about other objects than the pod.
#[derive(Clone)]
pub(crate) struct Lookup {
    client: Client,
    services: Store<Lean<Service>>,
    images: Store<ConfigMap>,
    changed: watch::Receiver<()>,
    /// Why the last watch that broke did.
    broken: Arc<Mutex<Option<String>>>,
}

impl Lookup {
    /// Watches services and image maps until `shutdown`.
    pub(crate) fn start(client: &Client, plight: &Arc<Plight>, shutdown: &CancellationToken) -> Self {
        let (told, changed) = watch::channel(());
        let broken: Arc<Mutex<Option<String>>> = Arc::default();
        let breaks = |what: &'static str| {
            let (plight, broken) = (Arc::clone(plight), Arc::clone(&broken));
            move |why: String| {
                plight.grows(what, &why);
                *broken.lock() = Some(why);
            }
        };
        let maps = watcher::Config::default().labels(&format!("{}=true", label::IMAGE_MAP));
        let images =
            follow(Api::<ConfigMap>::all(client.clone()), maps, shutdown, breaks("watch of ConfigMaps"), move || {
                let _ = told.send(());
            });
        let all = watcher::Config::default();
        let services = Api::<Lean<Service>>::all(client.clone());
        let services = follow(services, all, shutdown, breaks("watch of Services"), || ());
        Self { client: client.clone(), services, images, changed, broken }
    }

    /// Told when an image map changes: a container that lacked a command may have one now.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.clone()
    }

    /// Waits until services and image maps are known.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        let both = async { tokio::join!(self.services.wait_until_ready(), self.images.wait_until_ready()) };
        match tokio::time::timeout(PATIENCE, both).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let why = self.broken.lock().clone().unwrap_or_else(|| "no answer".to_owned());
                let what = "the API has not told the services and image maps";
                Err(Problem::new(UNREACHABLE, format!("{what} within {PATIENCE:?}: {why}")))
            }
        }
    }

    pub(super) fn services(&self) -> Vec<Arc<Lean<Service>>> {
        self.services.state()
    }

    /// What to run for the container's image.
    pub(super) fn command(&self, container: &Container) -> Result<Vec<String>, Problem> {
        let image = container.image.as_deref().unwrap_or_default();
        let mut maps = self.images.state();
        maps.sort_by_key(|map| (map.metadata.namespace.clone(), map.metadata.name.clone()));
        image::command(maps.iter().map(|map| &**map), &container.name, image)
    }

    /// The entries of a ConfigMap; none if it may be missing and is.
    pub(super) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
        optional: Option<bool>,
    ) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
        let found = get(Api::<ConfigMap>::namespaced(self.client.clone(), namespace), namespace, name, optional);
        let Some(map) = found.await? else { return Ok(BTreeMap::new()) };
        let text = map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
        Ok(text.chain(map.binary_data.into_iter().flatten().map(|(key, value)| (key, value.0))).collect())
    }

    /// The entries of a Secret; none if it may be missing and is.
    pub(super) async fn secret(
        &self,
        namespace: &str,
        name: &str,
        optional: Option<bool>,
    ) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
        let found = get(Api::<Secret>::namespaced(self.client.clone(), namespace), namespace, name, optional);
        let Some(secret) = found.await? else { return Ok(BTreeMap::new()) };
        Ok(secret.data.into_iter().flatten().map(|(key, value)| (key, value.0)).collect())
    }
}

/// Keeps a store of everything that `config` selects, and tells of each change, and why the watch breaks.
fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    shutdown: &CancellationToken,
    broke: impl Fn(String) + Send + 'static,
    changed: impl Fn() + Send + 'static,
) -> Store<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut events = watcher(api, config).backoff(WatchBackoff::default()).modify(trim).reflect(writer).boxed();
        while let Some(Some(event)) = shutdown.run_until_cancelled(events.next()).await {
            match event {
                Ok(_) => changed(),
                Err(error) => {
                    let why = unwatched::<K>(&error);
                    tracing::debug!(kind = %K::kind(&()), why, "the watch broke; it is opened again");
                    broke(why);
                }
            }
        }
    });
    store
}

/// Leaves out what nobody asks for: these stores hold every service of the cluster.
fn trim<K: kube::Resource>(object: &mut K) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.annotations = None;
}

async fn get<K>(api: Api<K>, namespace: &str, name: &str, optional: Option<bool>) -> Result<Option<K>, Problem>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let problem =
        |reason: &str, why: String| Err(Problem::new(reason, format!("{} {namespace}/{name}: {why}", K::kind(&()))));
    match tokio::time::timeout(PATIENCE, api.get_opt(name)).await {
        Ok(Ok(None)) if optional != Some(true) => {
            problem(CONFIG_ERROR, "it does not exist; create it, or mark the reference optional".to_owned())
        }
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            let reason = if is_decided(&error) { CONFIG_ERROR } else { UNREACHABLE };
            problem(reason, refusal("get", &K::plural(&()), &error))
        }
        Err(_) => problem(UNREACHABLE, format!("no answer within {PATIENCE:?}")),
    }
}

/// Whether the server says something of what was asked for. One that is busy, that fails, or that takes our credentials no more,
/// is as good as away: workers that ran before start again with what they had.
fn is_decided(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400..500) && !matches!(status.code, 401 | 429))
}
