//! Kinds that users bring: schema, rules, subresources.

use serde_json::{Value, json};

use crate::harness::{MERGE, Session, scenarios};
use crate::kinds::{GADGET, GADGETS, definition, gadget};

scenarios! { defining, packed_definition, bad_definitions, defaulting_and_pruning, validation, rules, generations, scaling, changing_definitions }

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{ns}.example.com";

fn established(answer: &crate::harness::Answer) -> bool {
    let conditions = answer.body["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Established" && one["status"] == "True")
}

async fn defining(session: &mut Session) {
    session.post("create", DEFINITIONS, &definition()).await;
    session.settled("established", DEFINITION, established).await;
    session.post("create again", DEFINITIONS, &definition()).await;
    session.post("an object", GADGETS, &gadget("one", json!({"size": 1}))).await;
    let mut taken = definition();
    taken["metadata"]["name"] = "widgets.{ns}.example.com".into();
    taken["spec"]["names"] = json!({"kind": "Widget", "plural": "widgets", "shortNames": ["gd"]});
    session.post("a short name that is taken", DEFINITIONS, &taken).await;
    session
        .settled(
            "names not accepted",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{ns}.example.com",
            |answer| answer.body["status"]["conditions"].is_array(),
        )
        .await;
    session.delete("delete", DEFINITION, &Value::Null).await;
    session.settled("gone", DEFINITION, |answer| answer.code == 404).await;
    session.settled("kind is gone", GADGETS, |answer| answer.code == 404).await;
}

async fn packed_definition(session: &mut Session) {
    /// What Kubernetes' own types write of a definition, as clients in Go send it.
    const PACKED: &[u8] = include_bytes!("definition.pb");
    const NAME: &str = "gadgets.packed.example.com";
    let made = session.post_packed_quietly(DEFINITIONS, PACKED).await;
    session.note("create", made.code, &made.body["spec"]);
    session.defined(NAME);
    session.settled_quietly(&format!("{DEFINITIONS}/{NAME}"), established).await;
    let gadgets = "/apis/packed.example.com/v1/namespaces/{ns}/gadgets";
    let gadget = |spec: Value| json!({"apiVersion": "packed.example.com/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": spec});
    for (step, spec) in [
        ("too small", json!({"size": 0.25})),
        ("too large", json!({"size": 200.5})),
        ("mode", json!({"size": 1, "mode": "medium"})),
        (
            "good",
            json!({"size": 1.5, "either": "x", "free": {"a": [1]}, "labels": {"a": "b"}, "parts": [{"name": "p"}]}),
        ),
    ] {
        session.post(step, gadgets, &gadget(spec)).await;
    }
}

async fn bad_definitions(session: &mut Session) {
    let change = |step: &'static str, path: &str, value: Value| {
        let mut bad = definition();
        *bad.pointer_mut(path).unwrap() = value;
        (step, bad)
    };
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let cases = [
        change("name", "/metadata/name", json!("other.{ns}.example.com")),
        change("scope", "/spec/scope", json!("Everywhere")),
        change("no version", "/spec/versions", json!([])),
        change("kind", "/spec/names/kind", json!("not a kind")),
        change("plural", "/spec/names/plural", json!("Gadgets")),
        change("no schema", "/spec/versions/0/schema", Value::Null),
        change("no storage", "/spec/versions/0/storage", json!(false)),
        change("not structural", &format!("{schema}/properties/spec/properties/size"), json!({"minimum": 1})),
        change("bad type", &format!("{schema}/properties/spec/properties/size/type"), json!("int")),
        change("bad default", &format!("{schema}/properties/spec/properties/mode/default"), json!("medium")),
        change(
            "unparsable rule",
            &format!("{schema}/properties/spec/x-kubernetes-validations"),
            json!([{"rule": "self.size >"}]),
        ),
        change(
            "list keys",
            &format!("{schema}/properties/spec/properties/ports/x-kubernetes-list-map-keys"),
            json!(["none"]),
        ),
        change("column path", "/spec/versions/0/additionalPrinterColumns/0/jsonPath", json!("spec.size")),
        change("column type", "/spec/versions/0/additionalPrinterColumns/0/type", json!("text")),
        change("pattern", &format!("{schema}/properties/spec/properties/name/pattern"), json!("(")),
        // Last: where only its form is looked at, it is defined.
        change(
            "bad rule",
            &format!("{schema}/properties/spec/x-kubernetes-validations"),
            json!([{"rule": "self.nothing > 1"}]),
        ),
    ];
    for (step, bad) in cases {
        session.post(step, DEFINITIONS, &bad).await;
    }
}

async fn defaulting_and_pruning(session: &mut Session) {
    session.define(&definition()).await;
    session
        .post(
            "defaults",
            GADGETS,
            &gadget("one", json!({"size": 3, "ports": [{"port": 1}], "unknown": 1, "nested": {"x": 1}})),
        )
        .await;
    session
        .post("null is default", GADGETS, &gadget("two", json!({"size": 3, "mode": null, "maybe": null, "name": null})))
        .await;
    session
        .post(
            "free keeps",
            GADGETS,
            &gadget("three", json!({"size": 3, "free": {"a": {"b": [1, null]}}, "either": "x"})),
        )
        .await;
    let mut more = gadget("four", json!({"size": 3}));
    more["extra"] = json!({"a": 1});
    more["status"] = json!({"phase": "x"});
    session.post("top level and status", GADGETS, &more).await;
    session
        .post(
            "strict",
            &format!("{GADGETS}?fieldValidation=Strict"),
            &gadget("five", json!({"size": 3, "unknown": 1, "nested": {"x": 1}})),
        )
        .await;
    session.put("replace prunes", GADGET, &json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"size": 4}})).await;
    session.get("read", GADGET).await;
}

async fn validation(session: &mut Session) {
    session.define(&definition()).await;
    for (step, spec) in [
        ("no size", json!({})),
        ("size text", json!({"size": "3"})),
        ("size fraction", json!({"size": 1.5})),
        ("size whole float", json!({"size": 2.0})),
        ("too small", json!({"size": 0})),
        ("too large", json!({"size": 10})),
        ("enum", json!({"size": 1, "mode": "medium"})),
        ("pattern", json!({"size": 1, "name": "A"})),
        ("length", json!({"size": 1, "name": "abcdef"})),
        ("too many", json!({"size": 1, "plain": ["1", "2", "3", "4"]})),
        ("item type", json!({"size": 1, "plain": [1]})),
        ("duplicate keys", json!({"size": 1, "ports": [{"port": 1}, {"port": 1}]})),
        ("duplicate tags", json!({"size": 1, "tags": ["a", "a"]})),
        ("missing key", json!({"size": 1, "ports": [{"name": "x"}]})),
        ("int or string", json!({"size": 1, "either": true})),
        ("map value", json!({"size": 1, "map": {"a": 1}})),
        ("null", json!({"size": null})),
        ("object", json!({"size": {}})),
        ("array for object", json!([1])),
    ] {
        session.post(step, GADGETS, &gadget("one", spec)).await;
        session.delete_quietly(GADGET).await;
    }
    session
        .post(
            "no spec",
            GADGETS,
            &json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": "x"}}),
        )
        .await;
    session
        .post(
            "no kind",
            GADGETS,
            &json!({"apiVersion": "{ns}.example.com/v1", "metadata": {"name": "x"}, "spec": {"size": 1}}),
        )
        .await;
    session
        .post("no version", GADGETS, &json!({"kind": "Gadget", "metadata": {"name": "x"}, "spec": {"size": 1}}))
        .await;
    session.post("bad name", GADGETS, &gadget("Bad_Name", json!({"size": 1}))).await;
}

async fn rules(session: &mut Session) {
    session.define(&definition()).await;
    session.post("map too large", GADGETS, &gadget("one", json!({"size": 1, "map": {"a": "1", "b": "2"}}))).await;
    session.post("slow and large", GADGETS, &gadget("one", json!({"size": 6, "mode": "slow"}))).await;
    session.post("fine", GADGETS, &gadget("one", json!({"size": 2, "fixed": "f", "map": {"a": "1"}}))).await;
    session.patch("fixed changes", GADGET, MERGE, &json!({"spec": {"fixed": "g"}})).await;
    session.patch("fixed goes", GADGET, MERGE, &json!({"spec": {"fixed": null}})).await;
    session.patch("fixed comes", GADGET, MERGE, &json!({"spec": {"fixed": "h"}})).await;
    session.patch("two rules", GADGET, MERGE, &json!({"spec": {"fixed": "i", "map": {"b": "2", "c": "3"}}})).await;
}

async fn generations(session: &mut Session) {
    session.define(&definition()).await;
    let status = format!("{GADGET}/status");
    let made = session.post("create", GADGETS, &gadget("one", json!({"size": 3}))).await.body;
    session.patch("label", GADGET, MERGE, &json!({"metadata": {"labels": {"a": "b"}}})).await;
    session.patch("spec", GADGET, MERGE, &json!({"spec": {"size": 4}})).await;
    session.patch("same spec", GADGET, MERGE, &json!({"spec": {"size": 4}})).await;
    session.patch("status", &status, MERGE, &json!({"status": {"phase": "x"}})).await;
    session
        .patch(
            "status with labels",
            &status,
            MERGE,
            &json!({"metadata": {"labels": {"c": "d"}, "finalizers": ["example.com/x"]}, "status": {"phase": "y"}}),
        )
        .await;
    session.get("status read", &status).await;
    session.put("old status", &status, &made).await;
    let mut new = session.get("read", GADGET).await.body;
    new["status"]["phase"] = "z".into();
    new["spec"]["size"] = 9.into();
    session.put("status replaced", &status, &new).await;
    session.patch("bad status", &status, MERGE, &json!({"status": {"phase": 1}})).await;
    session.post("post to status", &status, &made).await;
    session.delete("delete status", &status, &Value::Null).await;
    session.delete("delete with a grace", GADGET, &json!({"gracePeriodSeconds": 10})).await;
}

async fn scaling(session: &mut Session) {
    session.define(&definition()).await;
    let scale = format!("{GADGET}/scale");
    session.post("create", GADGETS, &gadget("one", json!({"size": 3, "replicas": 2}))).await;
    session.get("read", &scale).await;
    session
        .patch_quietly(&format!("{GADGET}/status"), MERGE, &json!({"status": {"replicas": 2, "selector": "a=b"}}))
        .await;
    let mut read = session.get("read with status", &scale).await.body;
    read["spec"]["replicas"] = 5.into();
    session.put("replace", &scale, &read).await;
    session.put("replace an old version", &scale, &read).await;
    session.patch("patch", &scale, MERGE, &json!({"spec": {"replicas": 0}})).await;
    session.patch("below zero", &scale, MERGE, &json!({"spec": {"replicas": -1}})).await;
    session.get("the object", GADGET).await;
}

async fn changing_definitions(session: &mut Session) {
    session.define(&definition()).await;
    session.post("an object", GADGETS, &gadget("one", json!({"size": 3}))).await;
    let maximum = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/maximum";
    let patch = json!([{"op": "replace", "path": maximum, "value": 2}, {"op": "remove", "path": "/spec/versions/0/subresources/scale"}]);
    let patched = session.patch_quietly(DEFINITION, crate::harness::JSON_PATCH, &patch).await;
    assert_eq!(patched.code, 200, "{}", patched.body);
    session.settled("no scale", &format!("{GADGET}/scale"), |answer| answer.code == 404).await;
    session
        .patch("what was invalid already may stay", GADGET, MERGE, &json!({"metadata": {"labels": {"a": "b"}}}))
        .await;
    session.patch("a new invalid value may not", GADGET, MERGE, &json!({"spec": {"size": 4}})).await;
    let group = json!([{"op": "replace", "path": "/spec/scope", "value": "Cluster"}]);
    session.patch("scope stays", DEFINITION, crate::harness::JSON_PATCH, &group).await;
    let version = json!([{"op": "add", "path": "/spec/versions/-", "value": {"name": "v2", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}]);
    let patched = session.patch_quietly(DEFINITION, crate::harness::JSON_PATCH, &version).await;
    assert_eq!(patched.code, 200, "{}", patched.body);
    session
        .settled("another version", "/apis/{ns}.example.com/v2/namespaces/{ns}/gadgets/one", |answer| {
            answer.code == 200
        })
        .await;
}
