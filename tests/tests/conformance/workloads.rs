//! Built-in kinds: defaults, validation, and what the controllers make of them.

use serde_json::{Value, json};

use crate::harness::{Answer, MERGE, Session, scenarios};

scenarios! { pod_defaults, pod_validation, service_defaults, service_validation, deployment_defaults, deployment_rollout, endpoints_of_a_service, nodes }

const PODS: &str = "/api/v1/namespaces/{ns}/pods";
const SERVICES: &str = "/api/v1/namespaces/{ns}/services";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/{ns}/deployments";

/// A pod that no scheduler takes and nobody adds to.
fn pod(name: &str, extra: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "one"}}, "spec": {
        "automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}], "schedulerName": "nobody",
        "containers": [{"name": "c", "image": "i"}]}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

async fn account(session: &mut Session) {
    session.settled("account", "/api/v1/namespaces/{ns}/serviceaccounts/default", |answer| answer.code == 200).await;
}

async fn pod_defaults(session: &mut Session) {
    account(session).await;
    session.post("least", PODS, &pod("least", &json!({}))).await;
    let full = json!({
        "containers": [{"name": "c", "image": "repo/i:1", "ports": [{"containerPort": 80}],
            "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"tcpSocket": {"port": 80}}, "startupProbe": {"exec": {"command": ["x"]}},
            "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "lifecycle": {"preStop": {"httpGet": {"port": 80}}}}],
        "initContainers": [{"name": "init", "image": "i:latest"}],
        "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/x"}}, {"name": "c", "configMap": {"name": "m"}}, {"name": "d", "secret": {"secretName": "s"}}],
        "hostNetwork": true,
    });
    session.post("full", PODS, &pod("full", &full)).await;
    session.post("on a node", PODS, &pod("on", &json!({"nodeName": "nowhere"}))).await;
    session.patch("status", &format!("{PODS}/on/status"), MERGE, &json!({"status": {"phase": "Running", "podIP": "10.1.1.1", "conditions": [{"type": "Ready", "status": "True"}]}})).await;
    session
        .patch(
            "image may change",
            &format!("{PODS}/on"),
            MERGE,
            &json!({"spec": {"containers": [{"name": "c", "image": "j"}]}}),
        )
        .await;
    session
        .patch(
            "command may not",
            &format!("{PODS}/on"),
            MERGE,
            &json!({"spec": {"containers": [{"name": "c", "image": "j", "command": ["x"]}]}}),
        )
        .await;
}

async fn pod_validation(session: &mut Session) {
    account(session).await;
    for (step, extra) in [
        ("no container", json!({"containers": []})),
        ("no image", json!({"containers": [{"name": "c"}]})),
        ("bad name", json!({"containers": [{"name": "C_", "image": "i"}]})),
        ("same name", json!({"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]})),
        ("bad policy", json!({"restartPolicy": "Sometimes"})),
        ("bad pull policy", json!({"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Maybe"}]})),
        ("bad port", json!({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 70000}]}]})),
        (
            "no such volume",
            json!({"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]}),
        ),
        ("bad env", json!({"containers": [{"name": "c", "image": "i", "env": [{"name": "", "value": "x"}]}]})),
        (
            "bad quantity",
            json!({"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "many"}}}]}),
        ),
        (
            "request over limit",
            json!({"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}]}),
        ),
        ("two sources", json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]})),
        ("no source path", json!({"volumes": [{"name": "v", "hostPath": {"path": ""}}]})),
        ("no probe", json!({"containers": [{"name": "c", "image": "i", "livenessProbe": {}}]})),
        ("no account", json!({"serviceAccountName": "nobody"})),
        ("no grace", json!({"terminationGracePeriodSeconds": -1})),
        ("unknown field", json!({"unknown": 1})),
        ("wrong type", json!({"containers": {"name": "c"}})),
    ] {
        session.post(step, PODS, &pod("one", &extra)).await;
        session.delete_quietly(&format!("{PODS}/one")).await;
    }
}

async fn service_defaults(session: &mut Session) {
    let service = |name: &str, spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    session.post("least", SERVICES, &service("least", json!({"ports": [{"port": 80}]}))).await;
    session.post("node port", SERVICES, &service("np", json!({"type": "NodePort", "selector": {"a": "b"}, "ports": [{"name": "x", "port": 80, "targetPort": "web"}, {"name": "y", "port": 81, "protocol": "UDP"}]}))).await;
    session.post("headless", SERVICES, &service("none", json!({"clusterIP": "None", "ports": [{"port": 80}]}))).await;
    session
        .post("external", SERVICES, &service("ext", json!({"type": "ExternalName", "externalName": "example.com"})))
        .await;
    session
        .post("affinity", SERVICES, &service("aff", json!({"sessionAffinity": "ClientIP", "ports": [{"port": 80}]})))
        .await;
    session.patch("to node port", &format!("{SERVICES}/least"), MERGE, &json!({"spec": {"type": "NodePort"}})).await;
    session.patch("and back", &format!("{SERVICES}/least"), MERGE, &json!({"spec": {"type": "ClusterIP"}})).await;
    session
        .patch(
            "another port",
            &format!("{SERVICES}/np"),
            MERGE,
            &json!({"spec": {"ports": [{"name": "x", "port": 90}]}}),
        )
        .await;
    session
        .patch("another address", &format!("{SERVICES}/np"), MERGE, &json!({"spec": {"clusterIP": "10.96.77.77"}}))
        .await;
}

async fn service_validation(session: &mut Session) {
    let service =
        |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": spec});
    for (step, spec) in [
        ("no port", json!({"selector": {"a": "b"}})),
        ("port zero", json!({"ports": [{"port": 0}]})),
        ("two without names", json!({"ports": [{"port": 80}, {"port": 81}]})),
        ("same port", json!({"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]})),
        ("same name", json!({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]})),
        ("bad type", json!({"type": "Public", "ports": [{"port": 80}]})),
        ("bad protocol", json!({"ports": [{"port": 80, "protocol": "ICMP"}]})),
        ("bad target", json!({"ports": [{"port": 80, "targetPort": "Not A Name"}]})),
        ("node port out of range", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]})),
        ("node port without the type", json!({"ports": [{"port": 80, "nodePort": 30099}]})),
        ("address out of range", json!({"clusterIP": "10.1.1.1", "ports": [{"port": 80}]})),
        ("bad address", json!({"clusterIP": "somewhere", "ports": [{"port": 80}]})),
        ("bad affinity", json!({"sessionAffinity": "Cookie", "ports": [{"port": 80}]})),
    ] {
        session.post(step, SERVICES, &service(spec)).await;
        session.delete_quietly(&format!("{SERVICES}/one")).await;
    }
    session.post("name", SERVICES, &json!({"metadata": {"name": "1one"}, "spec": {"ports": [{"port": 80}]}})).await;
}

fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "i"}]}}}})
}

async fn deployment_defaults(session: &mut Session) {
    session.post("create", DEPLOYMENTS, &deployment("web", 0)).await;
    session
        .settled("settled", &format!("{DEPLOYMENTS}/web"), |answer| answer.body["status"]["observedGeneration"] == 1)
        .await;
    for (step, path, value) in [
        ("selector", "/spec/selector/matchLabels/app", json!("other")),
        ("no selector", "/spec/selector", Value::Null),
        ("empty selector", "/spec/selector", json!({})),
        ("negative", "/spec/replicas", json!(-1)),
        ("no container", "/spec/template/spec/containers", json!([])),
        ("policy", "/spec/template/spec/schedulerName", json!(7)),
    ] {
        let mut bad = deployment("bad", 0);
        *bad.pointer_mut(path).unwrap() = value;
        session.post(step, DEPLOYMENTS, &bad).await;
    }
}

/// What a controller manager tells of a rollout that no kubelet takes part in.
async fn deployment_rollout(session: &mut Session) {
    session.generated("web-<hash 1>-");
    account(session).await;
    session.post("create", DEPLOYMENTS, &deployment("web", 1)).await;
    let pods = format!("{PODS}?labelSelector=app=web");
    let found = session
        .settled_quietly(&pods, |answer| answer.body["items"].as_array().is_some_and(|items| items.len() == 1))
        .await;
    let pod = found.body["items"][0].clone();
    session.hashes(&pod["metadata"]["labels"]["pod-template-hash"]);
    let shown = json!({"labels": pod["metadata"]["labels"], "generateName": pod["metadata"]["generateName"], "name": pod["metadata"]["name"],
        "owner": pod["metadata"]["ownerReferences"][0]["kind"], "controller": pod["metadata"]["ownerReferences"][0]["controller"]});
    session.note("pod", 200, &shown);
    let path = format!("{PODS}/{}", pod["metadata"]["name"].as_str().unwrap_or_default());
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    session.patch_quietly(&format!("{path}/status"), MERGE, &ready).await;
    let all_up = |answer: &Answer| {
        answer.body["status"]["availableReplicas"] == 1
            && answer.body["status"]["observedGeneration"] == answer.body["metadata"]["generation"]
    };
    let up = session.settled_quietly(&format!("{DEPLOYMENTS}/web"), all_up).await;
    session.note("up", 200, &conditions(&up.body));
    session.patch_quietly(&format!("{DEPLOYMENTS}/web"), MERGE, &json!({"spec": {"replicas": 0}})).await;
    let down = session
        .settled_quietly(&format!("{DEPLOYMENTS}/web"), |answer| {
            answer.body["status"]["observedGeneration"] == 2 && answer.body["status"].get("replicas").is_none()
        })
        .await;
    session.note("down", 200, &conditions(&down.body));
    session.settled("no pod", &pods, |answer| answer.body["items"] == json!([])).await;
}

/// The status with its conditions by type, in which order controllers do not agree even with themselves.
fn conditions(deployment: &Value) -> Value {
    let mut status = deployment["status"].clone();
    let listed = status["conditions"].as_array().cloned().unwrap_or_default();
    status["conditions"] = listed
        .into_iter()
        .map(|one| (one["type"].as_str().unwrap_or_default().to_owned(), one))
        .collect::<serde_json::Map<_, _>>()
        .into();
    status
}

async fn endpoints_of_a_service(session: &mut Session) {
    account(session).await;
    session.generated("one-");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one", "labels": {"l": "m"}}, "spec": {"selector": {"app": "one"}, "ports": [{"name": "x", "port": 80, "targetPort": 8080}]}});
    session.post("service", SERVICES, &service).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "{ns}"}});
    session.post_quietly("/api/v1/nodes", &node).await;
    let called = json!({"nodeName": "{ns}", "hostname": "first", "subdomain": "one"});
    session.post("pod", PODS, &pod("p", &called)).await;
    session
        .patch(
            "not ready",
            &format!("{PODS}/p/status"),
            MERGE,
            &json!({"status": {"phase": "Running", "podIP": "10.1.1.1", "podIPs": [{"ip": "10.1.1.1"}]}}),
        )
        .await;
    let slices =
        "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices?labelSelector=kubernetes.io/service-name=one";
    let ready =
        |wished: bool| move |answer: &Answer| answer.body["items"][0]["endpoints"][0]["conditions"]["ready"] == wished;
    let shown = |answer: &Answer| {
        let slice = &answer.body["items"][0];
        json!({"endpoints": slice["endpoints"], "ports": slice["ports"], "addressType": slice["addressType"], "labels": slice["metadata"]["labels"],
            "name": slice["metadata"]["name"], "generateName": slice["metadata"]["generateName"], "owners": slice["metadata"]["ownerReferences"]})
    };
    let answer = session.settled_quietly(slices, ready(false)).await;
    session.note("slice, not ready", 200, &shown(&answer));
    session
        .patch(
            "ready",
            &format!("{PODS}/p/status"),
            MERGE,
            &json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        )
        .await;
    let answer = session.settled_quietly(slices, ready(true)).await;
    session.note("slice, ready", 200, &shown(&answer));
    let answer = session
        .settled_quietly("/api/v1/namespaces/{ns}/endpoints/one", |answer| {
            answer.body["subsets"][0]["addresses"].is_array()
        })
        .await;
    session.note(
        "endpoints",
        200,
        &json!({"subsets": answer.body["subsets"], "labels": answer.body["metadata"]["labels"]}),
    );
    session.delete("delete", &format!("{SERVICES}/one"), &Value::Null).await;
    session.settled("slices go", slices, |answer| answer.body["items"] == json!([])).await;
    session.settled("endpoints go", "/api/v1/namespaces/{ns}/endpoints/one", |answer| answer.code == 404).await;
}

async fn nodes(session: &mut Session) {
    let path = "/api/v1/nodes/{ns}";
    session.post("create", "/api/v1/nodes", &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "{ns}", "labels": {"kubernetes.io/hostname": "{ns}"}}, "spec": {"podCIDR": "10.244.9.0/24"}})).await;
    let status = json!({"status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "InternalIP", "address": "10.1.1.9"}], "conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": "m"}], "nodeInfo": {"kubeletVersion": "v1.37.2"}}});
    let answer = session.patch_quietly(&format!("{path}/status"), MERGE, &status).await;
    session.note("status", answer.code, &json!({"status": answer.body["status"]}));
    session.patch("network stays", path, MERGE, &json!({"spec": {"podCIDR": "10.244.8.0/24"}})).await;
    session.patch("bad taint", path, MERGE, &json!({"spec": {"taints": [{"key": "k", "effect": "Sometimes"}]}})).await;
    session.delete("delete", path, &Value::Null).await;
}
