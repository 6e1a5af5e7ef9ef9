//! What slices and Endpoints say of given pods.
use serde_json::{Value, json};

use super::{
    super::pod::Pod,
    step::{Backend, Wish, bring_to, endpoints, slices},
};
use crate::store::Meta;

fn service() -> (Meta, Wish) {
    let value = json!({
        "metadata": {"name": "det", "namespace": "ns", "uid": "s", "labels": {"a": "b"}},
        "spec": {"selector": {"app": "x"}, "ports": [
            {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}, {"name": "raw", "port": 9000}]},
    });
    (serde_json::from_value(value["metadata"].clone()).unwrap(), serde_json::from_value(value).unwrap())
}

fn backend(pod: &str, ready: bool, terminating: bool, wish: &Wish, http: Option<u16>) -> Backend {
    let ports: Vec<Value> = http.iter().map(|port| json!({"name": "http", "containerPort": port})).collect();
    let parsed: Pod = serde_json::from_value(json!({"spec": {"containers": [{"ports": ports}]}})).unwrap();
    Backend {
        address: "127.64.1.2".into(),
        node: Some("edge1".into()),
        hostname: None,
        pod: pod.into(),
        uid: format!("u-{pod}").into(),
        ready,
        terminating,
        ports: wish.ports(&parsed),
    }
}

#[test]
fn named_ports_are_looked_up_on_each_pod_and_differing_ones_get_their_own_slice() {
    let (meta, wish) = service();
    let backends = [
        backend("a", true, false, &wish, Some(8080)),
        backend("b", true, false, &wish, Some(8081)),
        backend("c", true, false, &wish, None),
    ];
    let slices = slices(&meta, &wish, &backends);
    let ports: Vec<String> = slices.iter().map(|slice| slice["ports"].to_string()).collect();
    assert_eq!(slices.len(), 3, "{ports:?}");
    assert!(ports[0].contains("9000") && !ports[0].contains("web"), "{ports:?}");
    assert!(ports[1].contains("8080") && ports[2].contains("8081"), "{ports:?}");
    assert_eq!(slices[1]["metadata"]["labels"]["kubernetes.io/service-name"], "det");
}

#[test]
fn readiness_and_departure_are_told() {
    let (meta, wish) = service();
    let backends = [backend("a", false, false, &wish, Some(1)), backend("b", true, true, &wish, Some(1))];
    let slice = &slices(&meta, &wish, &backends)[0];
    let conditions: Vec<String> =
        slice["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["conditions"].to_string()).collect();
    assert_eq!(
        conditions,
        [
            r#"{"ready":false,"serving":false,"terminating":false}"#,
            r#"{"ready":false,"serving":true,"terminating":true}"#
        ]
    );
    let endpoints = endpoints(&meta, &wish, &backends, "now");
    assert_eq!(endpoints["subsets"][0]["notReadyAddresses"].as_array().unwrap().len(), 1);
    assert!(endpoints["subsets"][0]["addresses"].is_null());
}

#[test]
fn an_equal_object_is_left_alone_whatever_the_time() {
    let (meta, wish) = service();
    let mut present = endpoints(&meta, &wish, &[], "earlier");
    let before = present.clone();
    bring_to(&mut present, &endpoints(&meta, &wish, &[], "later"));
    assert_eq!(present, before);
}
