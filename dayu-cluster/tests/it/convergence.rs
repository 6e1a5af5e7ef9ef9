//! Whatever users, nodes and crashes do in whatever order: in the end the objects say what was asked for.
use std::collections::BTreeSet;

use dayu_cluster::{
    Cluster, Controllers, Environment,
    store::{
        DEPLOYMENTS, DeleteOptions, ENDPOINTS, ENDPOINTSLICES, NODES, Object, PODS, Propagation, ResourceRef, SERVICES,
        Store,
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

#[derive(Clone, Debug)]
enum Step {
    Deploy {
        app: u8,
        replicas: usize,
        image: u8,
        recreate: bool,
    },
    Undeploy {
        app: u8,
        propagation: u8,
    },
    Expose {
        app: u8,
    },
    Hide {
        app: u8,
    },
    NodeReady {
        node: u8,
        ready: bool,
    },
    FailPod {
        which: usize,
    },
    DeletePod {
        which: usize,
    },
    /// The local managers do their work.
    Work,
    /// The controllers get to see what happened, or some of it.
    Breathe {
        times: u8,
    },
    /// They crash and come back.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8, 0..4usize, 0..2u8, any::<bool>())
            .prop_map(|(app, replicas, image, recreate)| Step::Deploy { app, replicas, image, recreate }),
        1 => (0..3u8, 0..3u8).prop_map(|(app, propagation)| Step::Undeploy { app, propagation }),
        1 => (0..3u8).prop_map(|app| Step::Expose { app }),
        1 => (0..3u8).prop_map(|app| Step::Hide { app }),
        1 => (0..2u8, any::<bool>()).prop_map(|(node, ready)| Step::NodeReady { node, ready }),
        1 => any::<usize>().prop_map(|which| Step::FailPod { which }),
        1 => any::<usize>().prop_map(|which| Step::DeletePod { which }),
        2 => Just(Step::Work),
        4 => (1..40u8).prop_map(|times| Step::Breathe { times }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..30)
}

/// A clock that stands when the runtime's does.
struct Clock(Instant);

impl Environment for Clock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH + self.0.elapsed()
    }

    fn random(&self) -> u64 {
        dayu_cluster::System.random()
    }
}

struct Site {
    cluster: Cluster,
    store: Store,
    controllers: Option<Controllers>,
}

impl Site {
    async fn start() -> Self {
        let cluster = Cluster::builder().environment(Clock(Instant::now())).build().await.unwrap();
        let (store, controllers) = (cluster.store().clone(), Some(cluster.start_controllers()));
        for node in 0..2 {
            let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{node}")}, "spec": {}, "status": status});
            store.create(&NODES, node).unwrap();
        }
        Self { cluster, store, controllers }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Deploy { app, replicas, image, recreate } => self.deploy(app, replicas, image, recreate),
            Step::Undeploy { app, propagation } => {
                let all = [Propagation::Background, Propagation::Foreground, Propagation::Orphan];
                self.delete(&DEPLOYMENTS, &format!("app{app}"), Some(all[usize::from(propagation)]));
            }
            Step::Expose { app } => {
                let spec =
                    json!({"selector": {"app": format!("app{app}")}, "ports": [{"port": 80, "protocol": "TCP"}]});
                let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(&format!("svc{app}")), "spec": spec});
                // There already is as good.
                drop(self.store.create(&SERVICES, service));
            }
            Step::Hide { app } => self.delete(&SERVICES, &format!("svc{app}"), None),
            Step::NodeReady { node, ready } => self.ready_node(node, ready),
            Step::FailPod { which } => {
                let fail = |pod: &mut Value| pod["status"]["phase"] = "Failed".into();
                if let Some(pod) = self.pick(which) {
                    drop(self.store.modify(&PODS, "default", &pod, fail));
                }
            }
            Step::DeletePod { which } => {
                if let Some(pod) = self.pick(which) {
                    self.delete(&PODS, &pod, None);
                }
            }
            Step::Work => self.work(),
            Step::Breathe { times } => breathe(times.into()).await,
            Step::Restart => {
                self.controllers = None;
                breathe(10).await;
                self.controllers = Some(self.cluster.start_controllers());
            }
        }
    }

    fn deploy(&self, app: u8, replicas: usize, image: u8, recreate: bool) {
        let name = format!("app{app}");
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": format!("i{image}")}]}});
        let strategy = json!({"type": if recreate { "Recreate" } else { "RollingUpdate" }});
        let selector = json!({"matchLabels": {"app": name}});
        let spec = json!({"replicas": replicas, "selector": selector, "strategy": strategy, "template": template});
        let mut object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(&name), "spec": spec.clone()});
        object["metadata"]["generation"] = 1.into();
        if self.store.create(&DEPLOYMENTS, object).is_err() {
            // Gone meanwhile is as good.
            drop(self.store.modify(&DEPLOYMENTS, "default", &name, |live| live["spec"] = spec.clone()));
        }
    }

    fn ready_node(&self, node: u8, ready: bool) {
        let status = if ready { "True" } else { "Unknown" };
        let set = |node: &mut Value| node["status"]["conditions"][0]["status"] = status.into();
        self.store.modify(&NODES, "", &format!("n{node}"), set).unwrap();
    }

    fn pick(&self, which: usize) -> Option<String> {
        let pods = self.store.list(&PODS, None).objects;
        (!pods.is_empty()).then(|| pods[which % pods.len()].meta.name.as_ref().into())
    }

    fn delete(&self, resource: &ResourceRef, name: &str, propagation_policy: Option<Propagation>) {
        // Gone already is as good.
        drop(self.store.delete(
            resource,
            "default",
            name,
            &DeleteOptions { propagation_policy, ..DeleteOptions::default() },
        ));
    }

    /// What local managers do: stop what is to stop, run what is bound to a ready node.
    fn work(&self) {
        for pod in self.objects(&PODS) {
            let (name, node) = (pod["metadata"]["name"].as_str().unwrap(), pod["spec"]["nodeName"].as_str());
            let up = node.is_some_and(|node| {
                let node = self.store.get(&NODES, "", node).unwrap().value().unwrap();
                node["status"]["conditions"][0]["status"] == "True"
            });
            if !up {
                continue;
            }
            if pod["metadata"]["deletionTimestamp"].is_string() {
                let at_once = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
                self.store.delete(&PODS, "default", name, &at_once).unwrap();
                continue;
            }
            if pod["status"]["phase"] == "Failed" {
                continue;
            }
            let run = |pod: &mut Value| {
                pod["status"]["phase"] = "Running".into();
                pod["status"]["podIP"] = "127.64.1.2".into();
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            };
            self.store.modify(&PODS, "default", name, run).unwrap();
        }
    }

    /// Until nothing changes any more, however long one waits.
    async fn settle(&mut self) {
        (0..2).for_each(|node| self.ready_node(node, true));
        let mut quiet = 0;
        while quiet < 3 {
            let before = self.store.version();
            breathe(50).await;
            self.work();
            breathe(50).await;
            tokio::time::sleep(Duration::from_secs(31)).await;
            quiet = if self.store.version() == before { quiet + 1 } else { 0 };
        }
    }

    fn objects(&self, resource: &ResourceRef) -> Vec<Value> {
        let objects = self.store.list(resource, Some("default")).objects;
        objects.iter().map(|object: &std::sync::Arc<Object>| object.value().unwrap()).collect()
    }

    fn check(&self) {
        let (pods, deployments) = (self.objects(&PODS), self.objects(&DEPLOYMENTS));
        let owned = |pod: &Value, uid: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == *uid;
        for deployment in &deployments {
            let mine: Vec<&Value> = pods.iter().filter(|pod| owned(pod, &deployment["metadata"]["uid"])).collect();
            let wanted = deployment["spec"]["replicas"].as_u64().unwrap();
            let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
            assert_eq!(mine.len() as u64, wanted, "{deployment:#?} has {mine:#?}");
            assert!(mine.iter().all(|pod| pod["spec"]["containers"][0]["image"] == *image), "{mine:#?}");
            let status = &deployment["status"];
            assert_eq!(status["readyReplicas"].as_u64().unwrap_or_default(), wanted, "{deployment:#?}");
            assert_eq!(status["observedGeneration"], deployment["metadata"]["generation"]);
        }
        for pod in pods.iter().filter(|pod| pod["metadata"]["ownerReferences"][0].is_object()) {
            let owner = deployments.iter().find(|deployment| owned(pod, &deployment["metadata"]["uid"]));
            assert!(owner.is_some(), "an owner that is not there: {pod:#?}");
        }
        let services = self.objects(&SERVICES);
        for service in &services {
            let app = &service["spec"]["selector"]["app"];
            let selected: BTreeSet<String> = pods
                .iter()
                .filter(|pod| pod["metadata"]["labels"]["app"] == *app && pod["status"]["phase"] == "Running")
                .map(|pod| pod["metadata"]["uid"].to_string())
                .collect();
            let slices = self.objects(&ENDPOINTSLICES);
            let mine = slices.iter().filter(|slice| owned(slice, &service["metadata"]["uid"]));
            let endpoints = mine.flat_map(|slice| slice["endpoints"].as_array().unwrap());
            let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
            let served: BTreeSet<String> = ready.map(|endpoint| endpoint["targetRef"]["uid"].to_string()).collect();
            assert_eq!(served, selected, "{slices:#?}");
        }
        assert_eq!(self.objects(&ENDPOINTSLICES).len(), services.len());
        assert_eq!(self.objects(&ENDPOINTS).len(), services.len());
    }
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "default"})
}

async fn breathe(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_ends_as_asked(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut site = Site::start().await;
            for step in steps {
                site.take(step).await;
            }
            site.settle().await;
            site.check();
        });
    }
}
