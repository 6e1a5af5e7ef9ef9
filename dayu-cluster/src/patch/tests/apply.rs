use serde_json::{Value, json};

use super::*;

fn web(image: &str, port: u16) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "default", "labels": { "app": "web" } },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": image, "ports": [{ "containerPort": port }] }] },
            },
        },
    })
}

fn apply_as(manager: &str, live: Option<&Value>, applied: &Value, force: bool) -> Result<Value, ApplyError> {
    apply(live, applied, writer(manager), force, &deployments())
}

#[test]
fn owns_what_it_applies_in_the_form_of_kubernetes() {
    let object = apply_as("ci", None, &web("a:1", 80), false).unwrap();
    assert_eq!(
        owned(&object, "ci"),
        json!({
            "f:metadata": { "f:labels": { "f:app": {} } },
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {
                    "f:metadata": { "f:labels": { "f:app": {} } },
                    "f:spec": { "f:containers": { "k:{\"name\":\"web\"}": {
                        ".": {}, "f:name": {}, "f:image": {},
                        "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } },
                    } } },
                },
            },
        })
    );
    let entry = &object["metadata"]["managedFields"][0];
    assert_eq!(entry["operation"], "Apply");
    assert_eq!(entry["apiVersion"], "apps/v1");
    assert_eq!(entry["fieldsType"], "FieldsV1");
    assert_eq!(entry.get("subresource"), None);
}

#[test]
fn the_same_again_changes_nothing_also_later() {
    let object = apply_as("ci", None, &web("a:1", 80), false).unwrap();
    let later = Writer { now: "2027-01-01T00:00:00Z", ..writer("ci") };
    let again = apply(Some(&object), &web("a:1", 80), later, false, &deployments()).unwrap();
    assert_eq!(again, object);
}

#[test]
fn what_is_no_longer_applied_goes_and_what_others_own_stays() {
    let mut object = apply_as("ci", None, &web("a:1", 80), false).unwrap();
    let before = object.clone();
    object["metadata"]["labels"]["team"] = "x".into();
    object["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "side", "image": "s"}));
    update(Some(&before), &mut object, writer("other"), &deployments());
    let mut less = web("a:1", 81);
    less["metadata"].as_object_mut().unwrap().remove("labels");
    less["spec"].as_object_mut().unwrap().remove("replicas");
    let object = apply_as("ci", Some(&object), &less, false).unwrap();
    assert_eq!(object["metadata"]["labels"], json!({"team": "x"}));
    assert_eq!(object["spec"].get("replicas"), None);
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 2);
    assert_eq!(containers[0]["ports"], json!([{"containerPort": 81}]));
}

#[test]
fn a_field_of_another_manager_is_a_conflict_until_forced() {
    let mut object = web("a:1", 80);
    update(None, &mut object, writer("kubectl-create"), &deployments());
    let mut mine = web("a:2", 80);
    mine["spec"]["replicas"] = 3.into();
    let error = apply_as("ci", Some(&object), &mine, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using apps/v1: \
         .spec.template.spec.containers[name=\"web\"].image"
    );
    mine["spec"]["replicas"] = 5.into();
    assert_eq!(
        apply_as("ci", Some(&object), &mine, false).unwrap_err().to_string(),
        "Apply failed with 2 conflicts: conflicts with \"kubectl-create\" using apps/v1:\n\
         - .spec.replicas\n- .spec.template.spec.containers[name=\"web\"].image"
    );
    let forced = apply_as("ci", Some(&object), &mine, true).unwrap();
    assert_eq!(forced["spec"]["replicas"], 5);
    assert_eq!(owned(&forced, "kubectl-create")["f:spec"].get("f:replicas"), None);
    assert!(owned(&forced, "ci")["f:spec"].get("f:replicas").is_some());
}

#[test]
fn equal_values_are_shared() {
    let object = apply_as("a", None, &web("a:1", 80), false).unwrap();
    let object = apply_as("b", Some(&object), &web("a:1", 80), false).unwrap();
    assert_eq!(owned(&object, "a"), owned(&object, "b"));
    // What one gives up, the other still wants.
    let mut less = web("a:1", 80);
    less["spec"].as_object_mut().unwrap().remove("replicas");
    let object = apply_as("a", Some(&object), &less, false).unwrap();
    assert_eq!(object["spec"]["replicas"], 3);
}

#[test]
fn duplicates_and_unknown_fields_are_refused() {
    let mut twice = web("a:1", 80);
    twice["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "web"}));
    assert_eq!(
        apply_as("ci", None, &twice, false).unwrap_err().to_string(),
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): \
         .spec.template.spec.containers: duplicate entries for key [name=\"web\"]"
    );
    let mut unknown = web("a:1", 80);
    unknown["spec"]["template"]["spec"]["containers"][0]["imge"] = "x".into();
    assert_eq!(
        apply_as("ci", None, &unknown, false).unwrap_err().to_string(),
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): \
         .spec.template.spec.containers[name=\"web\"].imge: field not declared in schema"
    );
}

#[test]
fn items_follow_the_applied_order_and_strangers_keep_their_neighbours() {
    let with = |names: &[&str]| {
        let mut object = web("a", 80);
        object["spec"]["template"]["spec"]["containers"] =
            names.iter().map(|name| json!({"name": name, "image": "i"})).collect();
        object
    };
    let names = |object: &Value| -> Vec<String> {
        let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        containers.iter().map(|container| container["name"].as_str().unwrap().into()).collect()
    };
    let mut live = with(&["a", "b", "c", "d"]);
    update(None, &mut live, writer("other"), &deployments());
    assert_eq!(names(&apply_as("ci", Some(&live), &with(&["d", "b"]), false).unwrap()), ["a", "c", "d", "b"]);
    assert_eq!(
        names(&apply_as("ci", Some(&live), &with(&["x", "b", "y"]), false).unwrap()),
        ["a", "x", "b", "c", "d", "y"]
    );
}

#[test]
fn kubectl_takes_over_what_it_applied_from_the_client() {
    let mut object = web("a:1", 80);
    let annotation = web("a:1", 80).to_string();
    object["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": annotation });
    update(None, &mut object, writer("kubectl-client-side-apply"), &deployments());
    let object = apply_as("kubectl", Some(&object), &web("a:2", 80), false).unwrap();
    assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["image"], "a:2");
    let annotation = &object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert!(annotation.as_str().unwrap().contains("a:2"));
    assert!(apply_as("ci", Some(&object), &web("a:3", 80), false).is_err());
}

#[test]
fn status_and_the_rest_are_owned_apart() {
    let object = apply_as("ci", None, &web("a:1", 80), false).unwrap();
    let status = Writer { part: Part::Status, ..writer("ctl") };
    let condition = json!({"type": "Available", "status": "True"});
    let applied = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"x": "y"}},
        "spec": {"replicas": 9}, "status": {"conditions": [condition]},
    });
    let object = apply(Some(&object), &applied, status, false, &deployments()).unwrap();
    assert_eq!(object["spec"]["replicas"], 3);
    assert_eq!(object["status"]["conditions"], json!([condition]));
    let entry =
        object["metadata"]["managedFields"].as_array().unwrap().iter().find(|entry| entry["manager"] == "ctl").unwrap();
    assert_eq!(entry["subresource"], "status");
    assert_eq!(
        entry["fieldsV1"],
        json!({"f:status": {"f:conditions": {"k:{\"type\":\"Available\"}": {".": {}, "f:type": {}, "f:status": {}}}}})
    );
}
