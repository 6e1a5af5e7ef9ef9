//! Two global managers and a third: one is killed while it works, one is stopped for longer than others respect its Lease, of
//! which it dies. What they had begun is finished once, by the next, within 15 s.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use dayu_cluster::Controllers;
use dayu_core::api::RuntimeService;
use futures::{StreamExt, future::ready};
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Node};
use kube::{
    Api, Client, ResourceExt,
    api::PostParams,
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use xtask::kube::{Assets, ControlPlane, Seat};

use crate::harness::{Dayu, Plane, client_of, eventually, manifests};

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");
const DEVICE: &str = "edge1";
/// From the death of the one that leads to the next one's first work.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Resources that are asked for at once, and how many have their child when whoever leads is struck.
const BATCH: usize = 30;
const BEFORE: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leader_finishes_once_what_the_last_had_begun_on_the_embedded_plane() {
    let plane = Plane::start().await;
    let nodes = plane.play_nodes(&[DEVICE]);
    leaders_are_struck(Site::open(plane.client.clone(), Place::Embedded(Box::new(plane), nodes))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leader_finishes_once_what_the_last_had_begun_on_kubernetes() {
    let Some(assets) = Assets::for_tests() else { return };
    let plane = ControlPlane::start(&assets).await.unwrap();
    let client = client_of(&plane.kubeconfig()).await;
    let node: Node = serde_json::from_value(json!({"metadata": {"name": DEVICE}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
    leaders_are_struck(Site::open(client, Place::Kubernetes(Box::new(plane)))).await;
}

async fn leaders_are_struck(site: Site) {
    let mut first = site.manager("first").await;
    site.led_by("first").await;
    let mut second = site.manager("second").await;
    let mut third = site.manager("third").await;
    for standby in [&mut second, &mut third] {
        standby.says("listening for local managers").await;
    }

    site.begin("killed").await;
    first.dies().await;
    let (next, took) = site.taken_over("killed").await;
    assert!(took < TAKEOVER, "{took:?} after the leader was killed");
    site.made("killed", BATCH).await;

    let (mut stopped, other) = if next == "second" { (second, "third") } else { (third, "second") };
    site.begin("stopped").await;
    stopped.signal(Signal::STOP);
    let (next, took) = site.taken_over("stopped").await;
    assert!(next == other && took < TAKEOVER, "{next}, {took:?} after the leader was stopped");
    site.made("stopped", BATCH).await;
    let twice: Vec<_> = site.children().into_iter().filter(|(_, made)| made.len() > 1).collect();
    assert!(twice.is_empty(), "made twice: {twice:?}");

    // Nobody lets it go on and send what it had in hand.
    assert_eq!(stopped.killed_by(), Some(Signal::KILL), "it does not outlive its Lease");
    site.takes_writes_of(other).await;
}

/// Of each name every Deployment that there ever was, by UID.
type Children = BTreeMap<String, BTreeSet<String>>;

struct Site {
    client: Client,
    children: Arc<Mutex<Children>>,
    place: Place,
    folder: tempfile::TempDir,
    _watching: AbortOnDropHandle<()>,
}

enum Place {
    Embedded(Box<Plane>, #[expect(dead_code, reason = "they end with the site")] Controllers),
    Kubernetes(Box<ControlPlane>),
}

impl Site {
    fn open(client: Client, place: Place) -> Self {
        let children = Arc::<Mutex<Children>>::default();
        let (noted, all) = (children.clone(), Api::<Deployment>::default_namespaced(client.clone()));
        let seen = watcher(all, watcher::Config::default()).default_backoff().applied_objects();
        // A watch that ends is begun again by itself, from where it was.
        let watching = tokio::spawn(seen.filter_map(async |event| event.ok()).for_each(move |child| {
            noted.lock().entry(child.name_any()).or_default().insert(child.uid().unwrap());
            ready(())
        }));
        let folder = tempfile::tempdir().unwrap();
        Self { client, children, place, folder, _watching: AbortOnDropHandle::new(watching) }
    }

    /// A process with the rights of the chart, where there are rights.
    async fn manager(&self, identity: &str) -> Dayu {
        let kubeconfig = match &self.place {
            Place::Embedded(plane, _) => plane.kubeconfig(),
            Place::Kubernetes(plane) => {
                let seat = Seat { pod: identity, node: DEVICE };
                let account = plane.account(MANIFESTS.as_ref(), "gm", seat).await.unwrap();
                let path = self.folder.path().join(identity);
                std::fs::write(&path, account.to_string()).unwrap();
                path.to_str().unwrap().to_owned()
            }
        };
        let link = "127.0.0.1:0";
        let arguments =
            ["--log", "info", "gm", "--kubeconfig", &kubeconfig, "--link-listen", link, "--identity", identity];
        Dayu::start(&arguments)
    }

    async fn holder(&self) -> Option<String> {
        let leases = Api::<Lease>::namespaced(self.client.clone(), "dayu-system");
        leases.get_opt("dayu-gm").await.unwrap()?.spec?.holder_identity
    }

    async fn led_by(&self, identity: &str) {
        let leads = eventually("a leader", async || match self.holder().await {
            Some(holder) if holder == identity => Ok(()),
            other => Err(format!("{other:?} leads")),
        });
        leads.await;
    }

    fn services(&self) -> Api<RuntimeService> {
        Api::default_namespaced(self.client.clone())
    }

    fn children(&self) -> Children {
        self.children.lock().clone()
    }

    async fn create(&self, name: &str) -> Result<(), kube::Error> {
        let service = serde_saphyr::from_str(&manifests::runtime_service(name, DEVICE)).unwrap();
        self.services().create(&PostParams::default(), &service).await.map(drop)
    }

    /// Asks for all of a batch but one, and returns while its children are being made.
    async fn begin(&self, batch: &str) {
        // The first waits until the kind is served.
        let first = format!("{batch}-1");
        eventually("the kind", async || self.create(&first).await.map_err(|error| error.to_string())).await;
        let rest = (2..BATCH).map(async |number| self.create(&format!("{batch}-{number}")).await);
        let (created, ()) = tokio::join!(futures::future::try_join_all(rest), async {
            while self.made_of(batch) < BEFORE {
                sleep(Duration::from_millis(1)).await;
            }
        });
        created.unwrap();
    }

    /// Asks for the last of a batch, and tells who makes its child, and after how long.
    async fn taken_over(&self, batch: &str) -> (String, Duration) {
        let struck = Instant::now();
        let last = format!("{batch}-0");
        self.create(&last).await.unwrap();
        self.made(&last, 1).await;
        (self.holder().await.unwrap(), struck.elapsed())
    }

    /// Waits until as many names with that beginning have had a child.
    async fn made(&self, beginning: &str, count: usize) {
        let all = eventually("children", async || match self.made_of(beginning) {
            made if made == count => Ok(()),
            made => Err(format!("{made} of {count} {beginning}")),
        });
        all.await;
    }

    fn made_of(&self, beginning: &str) -> usize {
        self.children.lock().keys().filter(|name| name.starts_with(beginning)).count()
    }

    /// Where the server itself looks who leads: it takes the writes of that one, and of no other.
    async fn takes_writes_of(&self, leader: &str) {
        if matches!(self.place, Place::Embedded(..)) {
            return;
        }
        let wanted = json!({
            "metadata": {"name": "tried"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
            }},
        });
        let wanted: Deployment = serde_json::from_value(wanted).unwrap();
        let only_tried = PostParams { dry_run: true, ..PostParams::default() };
        for identity in ["second", "third"] {
            let deployments =
                Api::<Deployment>::default_namespaced(client_of(&self.folder.path().join(identity)).await);
            match deployments.create(&only_tried, &wanted).await {
                Ok(_) => assert_eq!(identity, leader),
                Err(error) => {
                    let why = format!("the global manager {identity} does not lead, but {leader}");
                    assert!(identity != leader && error.to_string().contains(&why), "{identity}: {error}");
                }
            }
        }
    }
}
