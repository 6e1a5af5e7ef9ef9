//! The controllers together, over a store in memory: what one writes the others act on.
use std::time::Duration;

use dayu_cluster::{
    Cluster, Controllers,
    store::{
        CUSTOMRESOURCEDEFINITIONS, DEPLOYMENTS, DeleteOptions, ENDPOINTS, ENDPOINTSLICES, LEASES, NAMESPACES, NODES,
        Object, PODS, Propagation, ResourceRef, SERVICEACCOUNTS, SERVICES, Store,
    },
};
use serde_json::{Value, json};

struct Running {
    store: Store,
    _tasks: Controllers,
}

async fn start() -> Running {
    let cluster = Cluster::builder().build().await.unwrap();
    Running { store: cluster.store().clone(), _tasks: cluster.start_controllers() }
}

/// Waits until the objects of a collection are as wished.
async fn until(store: &Store, resource: &ResourceRef, wished: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = tokio::time::sleep(Duration::from_secs(30));
    tokio::pin!(deadline);
    let mut watch = store.watch(resource, store.list(resource, None).resource_version).unwrap();
    loop {
        let objects: Vec<Value> =
            store.list(resource, None).objects.iter().map(|object| object.value().unwrap()).collect();
        if wished(&objects) {
            return objects;
        }
        tokio::select! {
            _ = watch.next() => {}
            () = &mut deadline => panic!("{resource} never became as wished: {objects:#?}"),
        }
    }
}

fn node(store: &Store, name: &str) {
    let conditions = json!([{"type": "Ready", "status": "True"}]);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}, "status": {"conditions": conditions}});
    store.create(&NODES, node).unwrap();
}

fn deployment(store: &Store, name: &str, device: &str, replicas: usize) -> std::sync::Arc<Object> {
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [device]}]}]}}});
    let container = json!({"name": "c", "image": "i", "ports": [{"containerPort": 9000}]});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"replicas": replicas, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"affinity": affinity, "containers": [container]}}},
    });
    store.create(&DEPLOYMENTS, object).unwrap()
}

fn become_ready(store: &Store, pod: &Value, address: &str) {
    let (namespace, name) = (pod["metadata"]["namespace"].as_str().unwrap(), pod["metadata"]["name"].as_str().unwrap());
    let written = store.modify(&PODS, namespace, name, |pod| {
        pod["status"]["phase"] = "Running".into();
        pod["status"]["podIP"] = address.into();
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    });
    written.unwrap();
}

#[tokio::test]
async fn a_deployment_becomes_bound_pods_and_endpoints_and_goes_with_all_of_them() {
    let Running { store, _tasks } = start().await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "det", "namespace": "default", "labels": {"team": "x"}},
        "spec": {"clusterIP": "127.96.0.9", "type": "ClusterIP", "selector": {"app": "det"},
            "ports": [{"name": "tcp-0", "port": 9000, "protocol": "TCP", "targetPort": 9000}]},
    });
    store.create(&SERVICES, service).unwrap();
    deployment(&store, "det", "edge.1", 2);
    let waiting =
        until(&store, &PODS, |pods| pods.len() == 2 && pods.iter().all(|pod| !pod["status"]["conditions"].is_null()))
            .await;
    assert_eq!(waiting[0]["status"]["conditions"][0]["reason"], "Unschedulable");

    node(&store, "edge.1");
    node(&store, "edge2");
    let bound = until(&store, &PODS, |pods| pods.iter().all(|pod| pod["spec"]["nodeName"] == "edge.1")).await;
    let nodes = until(&store, &NODES, |nodes| nodes.iter().all(|node| node["spec"]["podCIDR"].is_string())).await;
    assert_ne!(nodes[0]["spec"]["podCIDR"], nodes[1]["spec"]["podCIDR"]);
    for (at, pod) in bound.iter().enumerate() {
        become_ready(&store, pod, &format!("127.64.1.{}", at + 2));
    }
    let ready = |slices: &[Value]| {
        slices
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().unwrap())
            .filter(|e| e["conditions"]["ready"] == true)
            .count()
    };
    let slices = until(&store, &ENDPOINTSLICES, |slices| ready(slices) == 2).await;
    assert_eq!(slices[0]["metadata"]["labels"]["team"], "x");
    until(&store, &ENDPOINTS, |all| {
        all.iter().any(|e| e["subsets"][0]["addresses"].as_array().is_some_and(|a| a.len() == 2))
    })
    .await;
    let deployments = until(&store, &DEPLOYMENTS, |all| all[0]["status"]["availableReplicas"] == 2).await;
    assert_eq!(deployments[0]["status"]["observedGeneration"], 1);

    store.delete(&DEPLOYMENTS, "default", "det", &DeleteOptions::default()).unwrap();
    let stopping =
        until(&store, &PODS, |pods| pods.iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_string())).await;
    assert_eq!(stopping.len(), 2);
    until(&store, &ENDPOINTSLICES, |slices| ready(slices) == 0).await;
}

#[tokio::test]
async fn deleting_one_deployment_leaves_its_namesake_alone() {
    let Running { store, _tasks } = start().await;
    deployment(&store, "det", "nowhere", 1);
    deployment(&store, "det-2", "nowhere", 1);
    until(&store, &PODS, |pods| pods.len() == 2).await;
    store.delete(&DEPLOYMENTS, "default", "det", &DeleteOptions::default()).unwrap();
    let left = until(&store, &PODS, |pods| pods.len() == 1).await;
    assert!(left[0]["metadata"]["name"].as_str().unwrap().starts_with("det-2-"));
}

#[tokio::test]
async fn a_dependent_whose_owner_never_was_is_collected() {
    let Running { store, _tasks } = start().await;
    let owner =
        json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone", "uid": "0", "controller": true}]);
    let orphan = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "default", "ownerReferences": owner}});
    store.create(&SERVICES, orphan).unwrap();
    until(&store, &SERVICES, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn a_deleted_namespace_is_emptied_and_goes() {
    let Running { store, _tasks } = start().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}});
    store.create(&NAMESPACES, namespace).unwrap();
    until(&store, &SERVICEACCOUNTS, |all| all.iter().any(|account| account["metadata"]["namespace"] == "n")).await;
    store
        .create(&SERVICES, json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"}}))
        .unwrap();
    store.delete(&NAMESPACES, "", "n", &DeleteOptions::default()).unwrap();
    until(&store, &NAMESPACES, |all| all.iter().all(|namespace| namespace["metadata"]["name"] != "n")).await;
    assert!(store.list(&SERVICES, Some("n")).objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_heartbeat_stops_is_unknown_and_its_pods_serve_nobody() {
    let Running { store, _tasks } = start().await;
    node(&store, "edge1");
    let renewed = jiff::Timestamp::now().to_string();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "edge1", "namespace": "kube-node-lease"},
        "spec": {"renewTime": renewed},
    });
    deployment(&store, "det", "edge1", 1);
    let pods = until(&store, &PODS, |pods| pods.iter().any(|pod| pod["spec"]["nodeName"] == "edge1")).await;
    become_ready(&store, &pods[0], "127.64.1.2");
    store.create(&LEASES, lease).unwrap();
    tokio::time::sleep(Duration::from_secs(41)).await;
    let nodes = until(&store, &NODES, |nodes| nodes[0]["status"]["conditions"][0]["status"] == "Unknown").await;
    assert!(nodes[0]["spec"]["taints"].to_string().contains("node.kubernetes.io/unreachable"));
    until(&store, &PODS, |pods| pods[0]["status"]["conditions"].to_string().contains("NodeNotReady")).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_back_loses_its_taint_and_gets_pods_again() {
    let Running { store, _tasks } = start().await;
    node(&store, "edge1");
    store
        .create(
            &LEASES,
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "edge1", "namespace": "kube-node-lease"}, "spec": {}}),
        )
        .unwrap();
    let tainted = |nodes: &[Value]| nodes[0]["spec"]["taints"].to_string().contains("unreachable");
    until(&store, &LEASES, |leases| leases.len() == 1).await;
    tokio::time::sleep(Duration::from_secs(41)).await;
    until(&store, &NODES, tainted).await;
    deployment(&store, "det", "edge1", 1);
    let waiting = |pods: &[Value]| pods.len() == 1 && pods[0]["status"]["conditions"][0]["reason"] == "Unschedulable";
    until(&store, &PODS, waiting).await;
    store.modify(&NODES, "", "edge1", |node| node["status"]["conditions"][0]["status"] = "True".into()).unwrap();
    until(&store, &NODES, |nodes| nodes[0]["spec"]["taints"].is_null()).await;
    until(&store, &PODS, |pods| pods[0]["spec"]["nodeName"] == "edge1").await;
}

#[tokio::test]
async fn orphaned_pods_are_taken_over_by_the_same_deployment_made_again() {
    let Running { store, _tasks } = start().await;
    deployment(&store, "det", "nowhere", 2);
    let names = |pods: &[Value]| pods.iter().map(|pod| pod["metadata"]["name"].to_string()).collect::<Vec<_>>();
    let before = names(&until(&store, &PODS, |pods| pods.len() == 2).await);
    let orphan = DeleteOptions { propagation_policy: Some(Propagation::Orphan), ..DeleteOptions::default() };
    store.delete(&DEPLOYMENTS, "default", "det", &orphan).unwrap();
    until(&store, &DEPLOYMENTS, <[Value]>::is_empty).await;
    let again = deployment(&store, "det", "nowhere", 2);
    let owned = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == *again.meta.uid;
    let after = until(&store, &PODS, |pods| pods.len() == 2 && pods.iter().all(owned)).await;
    assert_eq!(names(&after), before);
}

#[tokio::test]
async fn a_changed_template_replaces_the_pods_and_a_reordered_one_does_not() {
    let Running { store, _tasks } = start().await;
    deployment(&store, "det", "nowhere", 1);
    let first = until(&store, &PODS, |pods| pods.len() == 1).await[0]["metadata"]["name"].clone();
    let reordered = |deployment: &mut Value| {
        let template = deployment["spec"]["template"].take();
        let fields: Vec<_> = template.as_object().unwrap().clone().into_iter().rev().collect();
        deployment["spec"]["template"] = Value::Object(fields.into_iter().collect());
        deployment["metadata"]["generation"] = 2.into();
    };
    store.modify(&DEPLOYMENTS, "default", "det", reordered).unwrap();
    let image = |deployment: &mut Value| deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "j".into();
    until(&store, &DEPLOYMENTS, |all| all[0]["status"]["observedGeneration"] == all[0]["metadata"]["generation"]).await;
    assert_eq!(store.list(&PODS, None).objects[0].value().unwrap()["metadata"]["name"], first);
    store.modify(&DEPLOYMENTS, "default", "det", image).unwrap();
    until(&store, &PODS, |pods| pods.len() == 1 && pods[0]["metadata"]["name"] != first).await;
}

/// One that is deleted by a client is tried with the API alone; this one is collected.
#[tokio::test]
async fn a_definition_that_nobody_owns_any_more_goes_after_its_objects() {
    let Running { store, _tasks } = start().await;
    let owner = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "toyshop"}});
    let owner = store.create(&NAMESPACES, owner).unwrap().meta.uid.clone();
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "toys.example.com", "finalizers": ["customresourcecleanup.apiextensions.k8s.io"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": "toyshop", "uid": owner}],
        },
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "toys", "kind": "Toy"}},
    });
    let toys = ResourceRef::fixed("example.com", "toys");
    store.create(&CUSTOMRESOURCEDEFINITIONS, definition).unwrap();
    let toy = json!({"apiVersion": "example.com/v1", "kind": "Toy",
        "metadata": {"name": "t", "namespace": "default", "finalizers": ["example.com/hold"]}});
    store.create(&toys, toy).unwrap();
    store.delete(&NAMESPACES, "", "toyshop", &DeleteOptions::default()).unwrap();
    until(&store, &toys, |all| all[0]["metadata"]["deletionTimestamp"].is_string()).await;
    assert!(store.get(&CUSTOMRESOURCEDEFINITIONS, "", "toys.example.com").is_some());
    store.modify(&toys, "default", "t", |toy| toy["metadata"]["finalizers"] = json!([])).unwrap();
    until(&store, &CUSTOMRESOURCEDEFINITIONS, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn pods_of_hollow_nodes_run_have_addresses_of_their_own_and_go() {
    let cluster = Cluster::builder().build().await.unwrap();
    let (_controllers, store) = (cluster.start_controllers(), cluster.store());
    let _nodes = cluster.start_hollow_nodes(&["edge1"]).unwrap();
    until(store, &NODES, |nodes| nodes.iter().any(|node| node["spec"]["podCIDR"].is_string())).await;
    for (name, node) in [("a", "edge1"), ("b", "edge1"), ("c", "elsewhere")] {
        let containers = json!([{"name": "main", "image": "main:1"}]);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": node, "containers": containers},
        });
        store.create(&PODS, pod).unwrap();
    }
    let running = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    let pods = until(store, &PODS, |pods| pods.iter().filter(|pod| running(pod)).count() == 2).await;
    let mut addresses: Vec<_> = pods.iter().map(|pod| pod["status"]["podIP"].as_str()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, [None, Some("127.64.1.2"), Some("127.64.1.3")], "another node's pod is not touched");
    store.delete(&PODS, "default", "a", &DeleteOptions::default()).unwrap();
    until(store, &PODS, |pods| pods.iter().all(|pod| pod["metadata"]["name"] != "a")).await;
}
