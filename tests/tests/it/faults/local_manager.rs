//! Faults between the API and a local manager.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use dayu_cluster::{Cluster, Controllers};
use dayu_core::{
    name::Uid,
    worker::{Cause, Launch, Problem, ProcessId, Run, Runtime},
};
use dayu_lm::{Options, run_with_runtime};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    ALL, Faults, Instead,
    Instead::{Heals, Says},
    News, PATIENCE, Row, SHORTLY, STILL, Scene,
    Telling::{Afterwards, Meanwhile},
    befall, does_not_spin,
    layer::Fault::{Busy, CutShort, Refused, Silent, Slow, Truncated},
    parse, tells,
};

const DEVICE: &str = "edge1";

/// A cluster, and the local manager of its device, whose workers run until they are told to end.
struct Manager {
    cluster: Cluster,
    client: Client,
    faults: Faults,
    /// Of each worker.
    container: Value,
    data: TempDir,
    _controllers: Controllers,
    stop: DropGuard,
}

impl Manager {
    /// Not started yet.
    async fn new(network: u8) -> Self {
        let cluster = Cluster::builder().pod_cidr(format!("127.{network}.0.0/16")).build().await.unwrap();
        let controllers = cluster.start_controllers();
        let (client, faults) = (cluster.client(), Faults::default());
        let (data, stop) = (tempfile::tempdir().unwrap(), CancellationToken::new().drop_guard());
        let maps = Api::<ConfigMap>::default_namespaced(client.clone());
        maps.create(&PostParams::default(), &parse(json!({"metadata": {"name": "site"}}))).await.unwrap();
        let container = json!({"name": "c", "image": "i:1"});
        Self { cluster, client, faults, container, data, _controllers: controllers, stop }
    }

    fn start(&mut self) -> dayu_lm::Handle {
        let stop = CancellationToken::new();
        let options = Options { data: Some(self.data.path().to_owned()), ..Options::of(DEVICE) };
        let handle =
            run_with_runtime(self.faults.client(&self.cluster), options, Arc::new(Obedient::default()), stop.clone());
        self.stop = stop.drop_guard();
        handle
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }
}

/// Starts whatever it is asked to, and nothing ends before it is told to.
#[derive(Default)]
struct Obedient {
    ended: watch::Sender<BTreeSet<Uid>>,
}

#[async_trait]
impl Runtime for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn knows_images(&self) -> bool {
        true
    }

    async fn start(&self, launch: &Launch) -> Result<ProcessId, Problem> {
        Ok(launch.pod.as_str().into())
    }

    async fn find(&self, _: &Uid, _: &Run, known: Option<ProcessId>) -> Option<ProcessId> {
        known
    }

    async fn wait(&self, pod: &Uid, _: &Run, _: &ProcessId) -> Cause {
        self.ended.subscribe().wait_for(|ended| ended.contains(pod)).await.unwrap();
        Cause::Code(0)
    }

    async fn terminate(&self, pod: &Uid, _: &Run, _: &ProcessId) {
        self.ended.send_modify(|ended| _ = ended.insert(pod.clone()));
    }

    async fn kill(&self, _: &Uid, _: &Run, _: &ProcessId) {}

    async fn exec(&self, _: &Uid, _: &ProcessId, _: &[String], _: Duration) -> Result<(), String> {
        Ok(())
    }

    async fn release(&self, _: &Uid) {}
}

fn name(number: usize) -> String {
    format!("det-{number}")
}

impl Scene for Manager {
    async fn act(&mut self, number: usize) {
        let pod = json!({
            "metadata": {"name": name(number)},
            "spec": {"nodeName": DEVICE, "containers": [self.container]},
        });
        self.pods().create(&PostParams::default(), &parse(pod)).await.unwrap();
    }

    async fn is_in_order(&mut self, number: usize) -> bool {
        let pod = self.pods().get(&name(number)).await.unwrap();
        pod.status.is_some_and(|status| status.phase.as_deref() == Some("Running"))
    }

    async fn told(&mut self, number: usize) -> String {
        let pod = self.pods().get(&name(number)).await.unwrap();
        format!("{:?}\n", pod.status)
    }

    fn client(&self) -> Client {
        self.client.clone()
    }
}

macro_rules! rows {
    ($($test:ident: $scene:expr, $network:literal, $which:expr, $right:literal, $told:expr, $but:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            let mut manager = Manager::new($network).await;
            let mut handle = manager.start();
            handle.ready().await.expect("it is ready");
            let row = Row { what: stringify!($test), which: $which, right: $right, told: $told, but: &$but };
            let faults = manager.faults.clone();
            befall(&mut $scene(manager), &faults, &row).await;
        }
    )*};
}

/// As it is: what happens is a new pod.
const PLACING: fn(Manager) -> Manager = |manager| manager;

/// A new pod names something that has to be looked up.
const NAMING: fn(Manager) -> Manager = |mut manager| {
    manager.container["envFrom"] = json!([{"configMapRef": {"name": "site"}}]);
    manager
};

const DELETED: Instead = Heals("it is gone, and the watch says so");
/// A worker that names something waits no longer for it, and is tried again.
const LATE: Instead = Says("ConfigMap default/site: no answer within 2s");

rows! {
    watching_pods: PLACING, 150, |method, path| method == "GET" && path.ends_with("/pods"),
        "watch pods", Meanwhile, [];
    telling_of_pods: PLACING, 151, |method, path| method == "PATCH" && path.ends_with("/status"),
        "patch pods/status", Meanwhile, [];
    deleting_pods: Deleting, 159, |method, path| method == "DELETE" && path.contains("/pods/"),
        "delete pods", Meanwhile, [(Truncated, DELETED), (CutShort, DELETED)];
    being_alive: PLACING, 152, |_, path| path.contains("/leases"),
        "patch leases.coordination.k8s.io", Meanwhile, [];
    watching_the_node: PLACING, 157, |method, path| method == "GET" && path.contains("/nodes"),
        "watch nodes", Meanwhile, STILL;
    looking_up: NAMING, 158, |method, path| method == "GET" && path.ends_with("/configmaps/site"),
        "get configmaps", Meanwhile,
        [
            (Refused(404, "NotFound"), Says("ConfigMap default/site: it does not exist; create it")),
            (Busy(429, 7), LATE),
            (Busy(503, 7), LATE),
            (Busy(429, 45), LATE),
            (Slow, LATE),
            (Silent, LATE),
        ];
    asking_anything: PLACING, 153, |_, _| true,
        "patch leases.coordination.k8s.io", Afterwards, [];
}

/// A pod that is deleted goes once its device says that nothing is left of it.
struct Deleting(Manager);

impl Scene for Deleting {
    async fn act(&mut self, number: usize) {
        self.0.act(number).await;
        let runs = async {
            while !self.0.is_in_order(number).await {
                sleep(SHORTLY).await;
            }
        };
        timeout(PATIENCE, runs).await.expect("the pod runs");
        self.0.pods().delete(&name(number), &DeleteParams::default().grace_period(1)).await.unwrap();
    }

    async fn is_in_order(&mut self, number: usize) -> bool {
        self.0.pods().get_opt(&name(number)).await.unwrap().is_none()
    }

    /// Nothing of a pod tells why it is still there.
    async fn told(&mut self, _: usize) -> String {
        String::new()
    }

    fn client(&self) -> Client {
        self.0.client()
    }
}

/// Before a device is known nothing else happens that would make the local manager ask again.
#[tokio::test(start_paused = true)]
async fn registering() {
    for fault in ALL {
        let mut manager = Manager::new(154).await;
        manager.faults.begin(|_, path| path.contains("/nodes"), fault);
        let mut handle = manager.start();
        sleep(super::LASTS).await;
        if fault != Slow {
            tells(&format!("{fault:?}"), &News::all(manager.client.clone()).told().await, &[fault.words()]);
        }
        does_not_spin(&format!("{fault:?}"), &manager.faults.end());
        let ready = timeout(PATIENCE, handle.ready()).await;
        assert!(ready.is_ok_and(|addresses| addresses.is_some()), "{fault:?}: it is not registered");
        let nodes = Api::<Node>::all(manager.client.clone()).list(&ListParams::default()).await.unwrap();
        assert_eq!(nodes.items.len(), 1);
        drop(manager.stop);
        handle.finished().await.unwrap();
    }
}
