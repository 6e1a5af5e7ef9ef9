use serde_json::{Value, json};

use super::{plan, service};
use crate::{
    name::{Device, Revision},
    template::Activation,
};

fn deployment(change: impl FnOnce(&mut Value)) -> Value {
    let plan = plan(&service(change)).unwrap();
    serde_json::to_value(&plan.workers[0].deployment).unwrap()
}

#[test]
fn the_deployment_carries_its_identity_everywhere() {
    let deployment = deployment(|_| {});
    assert_eq!(deployment["metadata"]["name"], "det-edge1-r2");
    let labels = json!({
        "dayu.io/mesh-managed": "true", "dayu.io/install-id": "lab", "dayu.io/deployment-revision": "2",
        "dayu.io/runtime-id": "det-edge1-r2", "dayu.io/component": "processor",
        "dayu.io/runtime-service-uid": "uid-rts",
    });
    assert_eq!(deployment["metadata"]["labels"], labels);
    let pod = &deployment["spec"]["template"]["metadata"];
    assert_eq!(pod["labels"]["app"], "det");
    assert_eq!(pod["labels"]["dayu.io/runtime-id"], "det-edge1-r2");
    assert_eq!(pod["annotations"]["note"], "x");
    assert_eq!(pod["annotations"]["dayu.io/logical-service"], "cars/all");
    assert_eq!(pod["annotations"]["dayu.io/target-node"], "edge-1");
    assert_eq!(pod["annotations"]["dayu.io/runtime-spec-hash"].as_str().unwrap().len(), 64);
    assert_eq!(
        deployment["spec"]["selector"]["matchLabels"],
        json!({"dayu.io/deployment-revision": "2", "dayu.io/runtime-id": "det-edge1-r2",
            "dayu.io/runtime-service-uid": "uid-rts"}),
    );
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(deployment["spec"]["replicas"], 1);
}

#[test]
fn the_pod_is_the_users_but_for_where_it_runs_and_what_it_may() {
    let deployment = deployment(|service| service["spec"]["podTemplate"]["spec"]["nodeName"] = json!("edge-1"));
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["env"], json!([{"name": "A", "value": "1"}]), "nothing is injected");
    assert_eq!(pod["restartPolicy"], "Always");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["nodeName"], Value::Null, "naming the node floods with failed pods when it is away");
    let terms = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    assert_eq!(*terms, json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["edge-1"]}]}]));
    assert_eq!(
        pod["tolerations"],
        json!([
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
            {"operator": "Exists", "effect": "NoSchedule"},
        ]),
    );
}

#[test]
fn affinity_of_the_users_narrows_further() {
    let gpu = json!({"key": "gpu", "operator": "Exists"});
    let terms = json!([{"matchExpressions": [gpu]}, {"matchExpressions": []}]);
    let affinity =
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
    let deployment = deployment(|service| service["spec"]["podTemplate"]["spec"]["affinity"] = affinity);
    let terms = &deployment["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchExpressions"], json!([gpu]));
    assert_eq!(terms[0]["matchFields"], terms[1]["matchFields"], "terms are alternatives: each needs the device");
}

#[test]
fn the_service_exists_with_an_endpoint_only() {
    let with = plan(&service(|_| {})).unwrap();
    let spec = serde_json::to_value(&with.services[0]).unwrap()["spec"].clone();
    assert_eq!(spec["ports"], json!([{"name": "runtime", "protocol": "TCP", "port": 9000, "targetPort": 9000}]),);
    assert_eq!((&spec["type"], &spec["sessionAffinity"]), (&json!("ClusterIP"), &json!("None")));
    let awaited =
        Activation { service: "det-edge1-r2".to_owned(), device: Device::from("edge-1"), revision: Revision(2) };
    assert_eq!(with.activation, Some(awaited));

    let without = plan(&service(|service| drop(service["spec"].as_object_mut().unwrap().remove("endpoint")))).unwrap();
    assert_eq!((without.services.len(), without.activation), (0, None));
}

#[test]
fn equal_arguments_give_equal_plans() {
    assert_eq!(plan(&service(|_| {})).unwrap(), plan(&service(|_| {})).unwrap());
}

#[test]
fn the_service_alone_says_how_it_is_balanced_as_the_resource_does() {
    let plan = |annotations: Value| plan(&service(|service| service["metadata"]["annotations"] = annotations)).unwrap();
    let (plain, said) = (plan(json!({"team": "b"})), plan(json!({"dayu.io/spill": "8-in-flight", "team": "b"})));
    assert_eq!(plain.workers, said.workers);
    let annotations = |plan: &crate::template::Plan| plan.services[0].metadata.annotations.clone().unwrap();
    let mut expected = annotations(&plain);
    assert_eq!(expected.len(), 3);
    expected.insert("dayu.io/spill".to_owned(), "8-in-flight".to_owned());
    assert_eq!(annotations(&said), expected);
}
