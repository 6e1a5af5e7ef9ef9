use serde_json::{Value, json};

use super::path::Path;
use super::scalar::age;
use super::*;

fn now() -> Timestamp {
    "2026-01-10T00:00:00Z".parse().unwrap()
}

fn cells(columns: &Columns, object: &Value) -> Vec<Value> {
    let options = Options { api_version: "meta.k8s.io/v1", include: IncludeObject::None, now: now(), headless: true };
    let table = table(columns, [object], &json!({}), options);
    table["rows"][0]["cells"].as_array().unwrap().clone()
}

#[test]
fn ages_are_those_of_kubectl() {
    let at = |seconds: i64| age(&(now() - jiff::SignedDuration::from_secs(seconds)).to_string(), now());
    let cases = [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (10_860, "3h1m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(at(seconds), expected, "{seconds} seconds");
    }
    assert_eq!(age("soon", now()), "<unknown>");
}

#[test]
fn a_pod_in_one_word() {
    let columns = Columns::builtin("", "Pod");
    let pod = |status: Value| {
        json!({
            "kind": "Pod",
            "metadata": { "name": "p", "creationTimestamp": "2026-01-09T23:59:00Z" },
            "spec": { "containers": [{ "name": "a" }] },
            "status": status,
        })
    };
    let running = pod(json!({ "phase": "Running", "containerStatuses": [{
        "ready": true, "restartCount": 2, "state": { "running": {} },
        "lastState": { "terminated": { "finishedAt": "2026-01-09T23:50:00Z" } },
    }] }));
    assert_eq!(
        cells(&columns, &running)[..5],
        [json!("p"), json!("1/1"), json!("Running"), json!("2 (10m ago)"), json!("60s")]
    );
    let waiting = pod(
        json!({ "phase": "Pending", "containerStatuses": [{ "state": { "waiting": { "reason": "CrashLoopBackOff" } } }] }),
    );
    assert_eq!(cells(&columns, &waiting)[2], "CrashLoopBackOff");
    let failed =
        pod(json!({ "phase": "Failed", "containerStatuses": [{ "state": { "terminated": { "exitCode": 3 } } }] }));
    assert_eq!(cells(&columns, &failed)[2], "ExitCode:3");
    let mut leaving = running;
    leaving["metadata"]["deletionTimestamp"] = "2026-01-10T00:00:30Z".into();
    assert_eq!(cells(&columns, &leaving)[2], "Terminating");
}

#[test]
fn services_show_their_ports_and_nodes_their_state() {
    let service = json!({
        "metadata": { "name": "s" },
        "spec": { "type": "NodePort", "clusterIP": "10.0.0.1", "selector": { "a": "b" }, "ports": [
            { "port": 80, "nodePort": 30080, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" },
        ] },
    });
    assert_eq!(
        cells(&Columns::builtin("", "Service"), &service),
        [
            json!("s"),
            json!("NodePort"),
            json!("10.0.0.1"),
            json!("<none>"),
            json!("80:30080/TCP,53/UDP"),
            json!("<unknown>"),
            json!("a=b")
        ]
    );
    let node = json!({
        "metadata": { "name": "n", "labels": { "node-role.kubernetes.io/edge": "" } },
        "spec": { "unschedulable": true },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }], "nodeInfo": { "kubeletVersion": "v1" } },
    });
    assert_eq!(cells(&Columns::builtin("", "Node"), &node)[1..3], [json!("Ready,SchedulingDisabled"), json!("edge")]);
    let endpoints = json!({ "metadata": { "name": "e" }, "subsets": [{
        "addresses": [{ "ip": "1" }, { "ip": "2" }, { "ip": "3" }, { "ip": "4" }], "ports": [{ "port": 80 }],
    }] });
    assert_eq!(cells(&Columns::builtin("", "Endpoints"), &endpoints)[1], "1:80,2:80,3:80 + 1 more...");
}

#[test]
fn declared_columns_follow_their_paths_and_types() {
    let version = json!({ "additionalPrinterColumns": [
        { "name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status" },
        { "name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1 },
        { "name": "First", "type": "string", "jsonPath": ".spec.names[0]" },
        { "name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        { "name": "Broken", "type": "string", "jsonPath": ".spec.names[" },
        { "name": "Map", "type": "string", "jsonPath": ".spec.map" },
    ] });
    let object = json!({
        "metadata": { "name": "x", "creationTimestamp": "2026-01-09T00:00:00Z" },
        "spec": { "replicas": 3, "names": ["a", "b"], "map": { "k": 1 } },
        "status": { "conditions": [{ "type": "Other", "status": "False" }, { "type": "Ready", "status": "True" }] },
    });
    let columns = Columns::declared(&version);
    assert_eq!(
        cells(&columns, &object),
        [json!("x"), json!("True"), json!(3), json!("a"), json!("24h"), Value::Null, json!("{\"k\":1}")]
    );
    assert_eq!(cells(&columns, &json!({ "metadata": { "name": "y" } }))[1..], vec![Value::Null; 6]);
    assert_eq!(columns.definitions()[2]["priority"], 1);
    assert_eq!(cells(&Columns::declared(&json!({})), &object), [json!("x"), json!("24h")]);
}

#[test]
fn paths_find_what_they_say() {
    let root = json!({ "a": { "b.c": [1, 2, 3], "d": [{ "n": 1, "v": "x" }, { "n": 2, "v": "y" }] } });
    let find = |path: &str| Path::parse(path).unwrap().find(&root).into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(find(".a['b.c'][-1]"), [json!(3)]);
    assert_eq!(find(r".a.b\.c[*]"), [json!(1), json!(2), json!(3)]);
    assert_eq!(find("{.a.d[?(@.n==2)].v}"), [json!("y")]);
    assert_eq!(find(".a.d[?(@.v!='x')].n"), [json!(2)]);
    assert_eq!(find(".a.none.more"), Vec::<Value>::new());
    assert!(Path::parse(".a[").is_err());
    assert!(Path::parse(".a[?(b==1)]").is_err());
}

#[test]
fn rows_carry_what_was_asked_for() {
    let pod = json!({ "kind": "Pod", "metadata": { "name": "p" }, "status": { "phase": "Succeeded" } });
    let columns = Columns::builtin("", "Pod");
    let of = |include, headless| {
        table(
            &columns,
            [&pod],
            &json!({ "resourceVersion": "7" }),
            Options { api_version: "meta.k8s.io/v1", include, now: now(), headless },
        )
    };
    let metadata = of(IncludeObject::Metadata, false);
    assert_eq!(metadata["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(metadata["rows"][0]["conditions"][0]["type"], "Completed");
    assert_eq!(metadata["columnDefinitions"][0]["format"], "name");
    assert_eq!(metadata["metadata"]["resourceVersion"], "7");
    assert_eq!(of(IncludeObject::Object, true)["rows"][0]["object"], pod);
    assert_eq!(of(IncludeObject::None, true)["rows"][0].get("object"), Some(&Value::Null));
    assert_eq!(of(IncludeObject::None, true)["columnDefinitions"], Value::Null);
    assert_eq!(IncludeObject::parse("All"), None);
}
