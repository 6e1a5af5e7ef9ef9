//! The global manager on a cluster: resources in, children and truthful status out.
use std::{collections::BTreeMap, time::Duration};

use dayu_core::{
    api::{JointMultiEdgeService, RuntimeService},
    link::ActivationAck,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Node, Pod, Service},
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::site::{Site, condition, on_both, runtime_service};

on_both! {
    a_runtime_service_is_ready_when_its_device_has_confirmed_the_route,
    what_a_runtime_service_asks_for_is_never_changed,
    what_may_be_empty_may_be_left_out,
    bad_resources_are_told_and_make_nothing,
    workers_are_updated_one_by_one_pruned_and_go_with_their_resource_only,
    what_is_not_planned_any_more_goes_from_a_child_and_what_others_added_stays,
    services_say_how_they_are_balanced_as_their_resources_do,
    a_foreign_object_of_the_same_name_is_never_adopted,
    what_somebody_changed_while_nobody_led_is_put_right,
}

async fn a_runtime_service_is_ready_when_its_device_has_confirmed_the_route(site: &mut Site) {
    let mut link = site.link("edge1").await;

    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let pods = site
        .until::<Pod>(|pods| pods.len() == 1 && pods[0].spec.as_ref().is_some_and(|spec| spec.node_name.is_some()))
        .await;
    let deployment = &site.until::<Deployment>(|all| all.len() == 1).await[0];
    assert_eq!(deployment.owner_references()[0].kind, "RuntimeService");
    site.until::<RuntimeService>(|all| condition(&all[0].status, "Ready").0 == "False").await;

    site.become_ready(&pods[0], "10.64.1.2").await;
    let (_, asked) = site.asked(&mut link).await;
    assert_eq!(asked.endpoint_pod_uid.as_str(), pods[0].uid().unwrap());
    let ack = ActivationAck {
        runtime_service_uid: asked.runtime_service_uid.clone(),
        service_uid: asked.service_uid.clone(),
        endpoint_pod_uid: asked.endpoint_pod_uid.clone(),
        deployment_revision: asked.deployment_revision,
        runtime_id: asked.runtime_id.clone(),
        target_node: asked.target_node.clone(),
        local_sequence: 3,
        observed_at: "2026-01-02T03:04:05Z".parse().unwrap(),
    };
    link.say(ack.message(&site.namespace).unwrap());
    let ready = site.until::<RuntimeService>(|all| condition(&all[0].status, "Ready").0 == "True").await;
    assert_eq!(condition(&ready[0].status, "Activated"), ("True".to_owned(), "Activated".to_owned()));
    let metrics = crate::status::get(site.addresses.status.unwrap(), "/metrics").await.unwrap().1;
    for part in ["dayu_gm_activations_asked_total 1", "dayu_gm_activation_seconds_count 1", "dayu_gm_link_devices 1"] {
        assert!(metrics.contains(part), "{part:?} is not in:\n{metrics}");
    }

    // Nothing changes, nothing is written.
    let version = || async {
        let list = services.list(&ListParams::default()).await.unwrap();
        // Kubernetes goes on writing the status of Deployments.
        let generation = site.until::<Deployment>(|_| true).await[0].metadata.generation;
        (list.items[0].status.clone(), list.items[0].resource_version(), generation)
    };
    let before = version().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(before, version().await);
}

async fn what_a_runtime_service_asks_for_is_never_changed(site: &mut Site) {
    let services = site.api::<RuntimeService>();
    let before = services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    site.until::<Deployment>(|all| all.len() == 1).await;
    let changes = [
        json!({"spec": {"deploymentRevision": 2}}),
        json!({"spec": {"targetNode": "edge2"}}),
        json!({"spec": {"podTemplate": {"metadata": {"labels": {"added": "1"}}}}}),
    ];
    for change in changes {
        let changed = services.patch("det", &PatchParams::default(), &Patch::Merge(&change)).await;
        let Err(kube::Error::Api(refused)) = changed else { panic!("{change} is taken: {changed:?}") };
        assert!(refused.code == 422 && refused.message.contains("a RuntimeService is immutable"), "{refused:?}");
    }
    assert_eq!(services.get("det").await.unwrap().spec, before.spec);
    // What is said about it may change.
    let label = Patch::Merge(json!({"metadata": {"labels": {"added": "1"}}}));
    services.patch("det", &PatchParams::default(), &label).await.unwrap();
}

/// The Go manager's definitions took it, and so does Kubernetes where it can go by it.
async fn what_may_be_empty_may_be_left_out(site: &mut Site) {
    let runtime = json!(runtime_service("run", "edge1", 9000));
    let joint = json!(joint("det", &json!([worker("edge1", "i:1")])));
    let kinds = [
        (ApiResource::erase::<RuntimeService>(&()), runtime, "/spec/podTemplate/spec"),
        (ApiResource::erase::<JointMultiEdgeService>(&()), joint, "/spec/edgeWorker/0/template/spec"),
    ];
    for (kind, mut sent, pod) in kinds {
        // As text: the types would say the empty name.
        let services = Api::<DynamicObject>::namespaced_with(site.client.clone(), &site.namespace, &kind);
        let stored = async |sent: &Value| {
            let resource = serde_json::from_value(sent.clone()).unwrap();
            json!(services.create(&PostParams::default(), &resource).await.unwrap())
        };
        sent.pointer_mut(pod).unwrap()["imagePullSecrets"] = json!([{}]);
        assert_eq!(stored(&sent).await.pointer(pod).unwrap()["imagePullSecrets"], json!([{}]));

        sent["metadata"]["name"] = json!(format!("bare-{}", sent["metadata"]["name"].as_str().unwrap()));
        let (aliases, from) = (json!([{"hostnames": ["a"]}]), json!([{"configMapRef": {"optional": true}}]));
        let spec = sent.pointer_mut(pod).unwrap();
        (spec["hostAliases"], spec["containers"][0]["envFrom"]) = (aliases.clone(), from.clone());
        let bare = stored(&sent).await.pointer(pod).unwrap().clone();
        assert_eq!((&bare["hostAliases"], &bare["containers"][0]["envFrom"]), (&aliases, &from));
    }
    let pulls = |deployment: &Deployment| {
        let deployment = json!(deployment);
        let secrets = deployment.pointer("/spec/template/spec/imagePullSecrets").and_then(Value::as_array);
        secrets.is_some_and(|secrets| secrets.len() == 1)
    };
    let is_made = |all: &[Deployment], name: &str| all.iter().any(|one| one.name_any().starts_with(name) && pulls(one));
    site.until::<Deployment>(|all| is_made(all, "run") && is_made(all, "det-")).await;
}

/// More is wrong with its pods than fits in an event.
fn wrong_in_many_ways() -> RuntimeService {
    let mut service = serde_json::to_value(runtime_service("bad-pods", "edge1", 9000)).unwrap();
    let containers = service["spec"]["podTemplate"]["spec"]["containers"].as_array_mut().unwrap();
    containers.extend((0..9).map(|number| json!({"name": format!("No_Name_{number}"), "image": "i:1"})));
    serde_json::from_value(service).unwrap()
}

async fn bad_resources_are_told_and_make_nothing(site: &mut Site) {
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &wrong_in_many_ways()).await.unwrap();
    services.create(&PostParams::default(), &runtime_service("bad-port", "edge1", 8081)).await.unwrap();
    services.create(&PostParams::default(), &runtime_service("bad-node", "nowhere", 9000)).await.unwrap();
    let told = |all: &[RuntimeService]| all.iter().all(|service| condition(&service.status, "Ready").0 == "False");
    let told = site.until::<RuntimeService>(|all| all.len() == 3 && told(all)).await;
    let [_, pods, port] = &*told else { unreachable!("three in the order of their names") };
    assert!(format!("{:?}", port.status).contains("declared"), "{:?}", port.status);
    let why = format!("{:?}", pods.status);
    assert!(why.len() > 2 * 1024 && why.contains("No_Name_8"), "{why}");
    for name in ["bad-node", "bad-pods", "bad-port"] {
        let is_about = |event: &Event| event.involved_object.name.as_deref() == Some(name);
        site.until::<Event>(|events| events.iter().any(is_about)).await;
    }
    assert!(site.until::<Deployment>(|_| true).await.is_empty());

    // The device comes: what waited for it is made.
    let node: Node =
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "nowhere"}})).unwrap();
    Api::<Node>::all(site.client.clone()).create(&PostParams::default(), &node).await.unwrap();
    site.until::<Deployment>(|all| all.len() == 1).await;
}

pub(super) fn joint(name: &str, workers: &Value) -> JointMultiEdgeService {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService", "metadata": {"name": name},
        "spec": {"serviceConfig": {"pos": "edge", "port": 9000, "targetPort": 9000}, "edgeWorker": workers},
    }))
    .unwrap()
}

pub(super) fn worker(device: &str, image: &str) -> Value {
    // A name twice: what a real API server refuses to apply, and users send.
    let env = json!([{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]);
    json!({"template": {"spec": {"nodeName": device, "containers": [{"name": "a", "image": image, "env": env}]}}})
}

async fn workers_are_updated_one_by_one_pruned_and_go_with_their_resource_only(site: &mut Site) {
    let services = site.api::<JointMultiEdgeService>();
    let both = json!([worker("edge1", "i:1"), worker("edge1", "i:1"), worker("edge2", "i:1")]);
    services.create(&PostParams::default(), &joint("det", &both)).await.unwrap();
    services.create(&PostParams::default(), &joint("det-2", &json!([worker("edge1", "i:1")]))).await.unwrap();
    let before = site.until::<Deployment>(|all| all.len() == 4).await;

    let changed = json!([worker("edge1", "i:1"), worker("edge1", "i:1"), worker("edge2", "i:2")]);
    let patch = json!({"spec": {"edgeWorker": changed}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let image = |deployment: &Deployment| {
        let value = serde_json::to_value(deployment).unwrap();
        value.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let after = site.until::<Deployment>(|all| all.iter().any(|deployment| image(deployment) == "i:2")).await;
    let is_as_before =
        |new: &&Deployment| before.iter().any(|old| old.name_any() == new.name_any() && old.spec == new.spec);
    assert_eq!((after.iter().filter(is_as_before).count(), after.len()), (3, 4));

    let patch = json!({"spec": {"edgeWorker": [worker("edge1", "i:1")]}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    site.until::<Deployment>(|all| all.len() == 2).await;

    // Users delete the Service and the Deployments by name before the resource itself: what is missed meanwhile is made anew.
    let theirs = |name: &str| name == "det-edge" || name.starts_with("det-edgeworker-");
    let children = async |site: &Site| {
        let deployments = site.until::<Deployment>(|_| true).await.into_iter().map(|one| (one.name_any(), one.uid()));
        let services = site.until::<Service>(|_| true).await.into_iter().map(|one| (one.name_any(), one.uid()));
        deployments.chain(services).filter(|(name, _)| theirs(name)).collect::<BTreeMap<_, _>>()
    };
    let first = children(site).await;
    assert_eq!(first.len(), 2, "{first:?}");
    for name in first.keys() {
        match name.as_str() {
            "det-edge" => drop(site.api::<Service>().delete(name, &DeleteParams::default()).await.unwrap()),
            _ => drop(site.api::<Deployment>().delete(name, &DeleteParams::default()).await.unwrap()),
        }
    }
    let is_anew = |name: &str, uid: Option<String>| first.get(name).is_some_and(|before| *before != uid);
    site.until::<Deployment>(|all| all.iter().any(|one| is_anew(&one.name_any(), one.uid()))).await;
    site.until::<Service>(|all| all.iter().any(|one| is_anew(&one.name_any(), one.uid()))).await;
    services.delete("det", &DeleteParams::default()).await.unwrap();
    let left = site.until::<Deployment>(|all| all.iter().all(|one| !theirs(&one.name_any()))).await;
    assert!(left.len() == 1 && left[0].name_any().starts_with("det-2-"), "{left:?}");
    site.until::<Service>(|all| all.iter().all(|one| !theirs(&one.name_any()))).await;

    // A resource that comes later is served: what there was to be done about the earlier is done. Nothing has come again.
    services.create(&PostParams::default(), &joint("det-3", &json!([worker("edge1", "i:1")]))).await.unwrap();
    site.until::<Deployment>(|all| all.iter().any(|one| one.name_any().starts_with("det-3-"))).await;
    let quiet = r#"dayu_gm_queue_depth{kind="JointMultiEdgeService",state="ready"} 0"#;
    crate::status::until(site.addresses.status.unwrap(), "/metrics", 200, quiet).await;
    assert_eq!(children(site).await, BTreeMap::new());
}

async fn what_is_not_planned_any_more_goes_from_a_child_and_what_others_added_stays(site: &mut Site) {
    let worker = |names: &[&str]| {
        let env: Vec<Value> = names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
        json!([{"template": {"spec": {"nodeName": "edge1", "containers": [{"name": "a", "image": "i:1", "env": env}]}}}])
    };
    let services = site.api::<JointMultiEdgeService>();
    services.create(&PostParams::default(), &joint("det", &worker(&["KEPT", "DROPPED"]))).await.unwrap();
    let deployment = site.until::<Deployment>(|all| all.len() == 1).await[0].name_any();
    let theirs = json!({"metadata": {"annotations": {"theirs": "1"}}});
    let deployments = site.api::<Deployment>();
    deployments.patch(&deployment, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();

    // Twice: what was created counts as applied from the first change on.
    for (names, gone) in [(&["KEPT", "ADDED"][..], "DROPPED"), (&["KEPT"], "ADDED")] {
        let patch = json!({"spec": {"edgeWorker": worker(names)}});
        services.patch("det", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let env = |deployment: &Deployment| {
            let value = serde_json::to_value(deployment).unwrap();
            value.pointer("/spec/template/spec/containers/0/env").unwrap().to_string()
        };
        let is_there = |all: &[Deployment], name: &str| env(&all[0]).contains(&format!("\"{name}\""));
        let as_planned = |all: &[Deployment]| names.iter().all(|name| is_there(all, name)) && !is_there(all, gone);
        let all = site.until::<Deployment>(as_planned).await;
        assert_eq!(all[0].annotations()["theirs"], "1");
    }
}

/// An annotation leaves the generation as it is: it must be seen nevertheless.
async fn services_say_how_they_are_balanced_as_their_resources_do(site: &mut Site) {
    let said = |service: &Service, key: &str| service.annotations().get(key).cloned();
    let say = |value: Option<&str>| Patch::Merge(json!({"metadata": {"annotations": {"dayu.io/balance": value}}}));
    let (joints, runtimes) = (site.api::<JointMultiEdgeService>(), site.api::<RuntimeService>());
    let mut det = joint("det", &json!([worker("edge1", "i:1")]));
    det.annotations_mut().insert("dayu.io/spill".to_owned(), "8-in-flight".to_owned());
    joints.create(&PostParams::default(), &det).await.unwrap();
    runtimes.create(&PostParams::default(), &runtime_service("run", "edge1", 9000)).await.unwrap();
    let are = async |balance: Option<&str>| {
        let ours = |service: &&Service| ["det-edge", "run"].contains(&service.name_any().as_str());
        let as_wished = |service: &Service| said(service, "dayu.io/balance").as_deref() == balance;
        site.until::<Service>(|all| {
            let ours: Vec<_> = all.iter().filter(ours).collect();
            ours.len() == 2 && ours.iter().all(|service| as_wished(service))
        })
        .await
    };
    let first = are(None).await;
    let spilling: Vec<_> = first.iter().filter_map(|service| said(service, "dayu.io/spill")).collect();
    assert_eq!(spilling, ["8-in-flight"]);
    for wish in [Some("random"), Some("nonsense"), None] {
        joints.patch("det", &PatchParams::default(), &say(wish)).await.unwrap();
        runtimes.patch("run", &PatchParams::default(), &say(wish)).await.unwrap();
        let now = are(wish).await;
        assert!(
            now.iter().all(|service| first.iter().any(|before| before.uid() == service.uid())),
            "changed, not replaced"
        );
    }
}

async fn a_foreign_object_of_the_same_name_is_never_adopted(site: &mut Site) {
    let foreign: Service = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "det"}, "spec": {"ports": [{"port": 1}], "selector": {"app": "x"}},
    }))
    .unwrap();
    site.api::<Service>().create(&PostParams::default(), &foreign).await.unwrap();
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let refused = |all: &[RuntimeService]| {
        condition(&all[0].status, "ResourcesReconciled") == ("False".into(), "ReconcileFailed".into())
    };
    site.until::<RuntimeService>(|all| all.len() == 1 && refused(all)).await;
    let service = site.api::<Service>().get("det").await.unwrap();
    assert_eq!(service.spec.unwrap().selector.unwrap()["app"], "x");
}

async fn what_somebody_changed_while_nobody_led_is_put_right(site: &mut Site) {
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let deployment = site.until::<Deployment>(|all| all.len() == 1).await.swap_remove(0);
    let service = site.until::<Service>(|all| all.iter().any(|one| one.name_any() == "det")).await;
    let selector = |all: &[Service]| {
        let det = all.iter().find(|one| one.name_any() == "det").unwrap();
        det.spec.as_ref().unwrap().selector.clone()
    };
    let planned = selector(&service);

    site.depose().await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "other:1"}]}}}});
    let deployments = site.api::<Deployment>();
    deployments.patch(&deployment.name_any(), &PatchParams::default(), &Patch::Strategic(image)).await.unwrap();
    let elsewhere = json!({"spec": {"selector": {"app": "x"}}});
    site.api::<Service>().patch("det", &PatchParams::default(), &Patch::Merge(elsewhere)).await.unwrap();
    assert_ne!(selector(&site.until::<Service>(|_| true).await), planned);

    site.hand_over(site.manager("next").await).await;
    let containers = |all: &[Deployment]| all[0].spec.template.spec.as_ref().unwrap().containers.clone();
    site.until::<Deployment>(|all| containers(all)[0].image.as_deref() == Some("i:1")).await;
    site.until::<Service>(|all| selector(all) == planned).await;
}
