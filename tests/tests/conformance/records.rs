//! Leases and events.

use serde_json::json;

use crate::harness::{MERGE, Session, scenarios};

scenarios! { leases, events }

async fn leases(session: &mut Session) {
    let leases = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases";
    let one = format!("{leases}/one");
    let lease = |holder: &str, seconds: i64| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "one"}, "spec": {
        "holderIdentity": holder, "leaseDurationSeconds": seconds, "leaseTransitions": 1,
        "acquireTime": "2026-01-02T03:04:05.123456Z", "renewTime": "2026-01-02T03:04:05.000000Z"}})
    };
    let made = session.post("create", leases, &lease("a", 15)).await.body;
    session.put("renew without a version", &one, &lease("a", 15)).await;
    let mut taken = made.clone();
    taken["spec"]["holderIdentity"] = "b".into();
    session.put("take by an old version", &one, &taken).await;
    session.post("bad duration", leases, &lease("a", 0)).await;
    let mut fresh = lease("c", 15);
    fresh["metadata"]["name"] = "two".into();
    session.put("put creates", &format!("{leases}/two"), &fresh).await;
    session.patch("bad transitions", &one, MERGE, &json!({"spec": {"leaseTransitions": -1}})).await;
    let whole = json!({"spec": {"renewTime": "2026-01-02T03:04:05Z"}});
    session.patch("a time without a fraction", &one, MERGE, &whole).await;
    session.patch("bad time", &one, MERGE, &json!({"spec": {"renewTime": "yesterday"}})).await;
}

async fn events(session: &mut Session) {
    let events = "/api/v1/namespaces/{ns}/events";
    let event = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "type": "Warning", "reason": "Because", "message": "it was so",
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "namespace": "{ns}", "uid": "u"},
        "source": {"component": "suite"}, "count": 1, "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z"})
    };
    session.post("create", events, &event("one")).await;
    session
        .patch("again", &format!("{events}/one"), MERGE, &json!({"count": 2, "lastTimestamp": "2026-01-02T03:04:06Z"}))
        .await;
    session
        .get(
            "by object",
            &format!("{events}?fieldSelector=involvedObject.name=one,involvedObject.kind=ConfigMap,type=Warning"),
        )
        .await;
    session.get("in the new group", "/apis/events.k8s.io/v1/namespaces/{ns}/events/one").await;
    let mut astray = event("two");
    astray["involvedObject"]["namespace"] = "elsewhere".into();
    session.post("about another namespace", events, &astray).await;
    let new = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "three"}, "type": "Normal", "reason": "Since", "action": "Doing", "note": "it is so",
        "eventTime": "2026-01-02T03:04:05.123456Z", "reportingController": "example.com/suite", "reportingInstance": "i",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "namespace": "{ns}", "uid": "u"}});
    session.post("create in the new group", "/apis/events.k8s.io/v1/namespaces/{ns}/events", &new).await;
    session.get("in the old group", &format!("{events}/three")).await;
    for (step, field, value) in [
        ("a note that is too long", "note", json!("n".repeat(1025))),
        ("a reason that is too long", "reason", json!("R".repeat(129))),
        ("no action", "action", json!("")),
        ("no reporter", "reportingController", json!("")),
        ("no instance of it", "reportingInstance", json!("")),
        ("another type", "type", json!("Error")),
        ("about no namespace", "regarding", json!({"kind": "Node", "name": "n"})),
    ] {
        let mut wrong = new.clone();
        (wrong["metadata"]["name"], wrong[field]) = (json!("wrong"), value);
        session.post(step, "/apis/events.k8s.io/v1/namespaces/{ns}/events", &wrong).await;
    }
    let mut precise = event("precise");
    (precise["eventTime"], precise["message"]) = (json!("2026-01-02T03:04:05.123456Z"), json!("n".repeat(1025)));
    session.post("too long in the old group", events, &precise).await;
    session.post("new without a time", "/apis/events.k8s.io/v1/namespaces/{ns}/events", &json!({"metadata": {"name": "four"}, "type": "Normal", "reason": "Since", "regarding": {"namespace": "{ns}"}})).await;
}
