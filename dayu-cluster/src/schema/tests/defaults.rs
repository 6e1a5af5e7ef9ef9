//! The defaults of built-in kinds, as a 1.37 API server sets them.

use serde_json::{Value, json};

use super::super::builtin::{complete, default, forget_nulls, node};

fn defaulted(group: &str, kind: &str, mut value: Value) -> Value {
    default(group, kind, &mut value);
    value
}

#[test]
fn a_deployment() {
    let value = json!({ "spec": { "template": { "spec": {
        "serviceAccountName": "sa",
        "hostNetwork": true,
        "containers": [{
            "name": "c", "image": "registry:5000/i", "ports": [{ "containerPort": 80 }],
            "env": [
                { "name": "E", "value": "" },
                { "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
            ],
            "livenessProbe": { "httpGet": { "port": 80 } },
        }],
        "volumes": [
            { "name": "h", "hostPath": { "path": "/x" } },
            { "name": "c", "configMap": { "name": "m" } },
            { "name": "e" },
        ],
    } } } });
    let expected = json!({ "spec": {
        "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
        "template": { "spec": {
            "serviceAccountName": "sa", "serviceAccount": "sa", "hostNetwork": true,
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30,
            "containers": [{
                "name": "c", "image": "registry:5000/i", "imagePullPolicy": "Always", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{ "containerPort": 80, "hostPort": 80, "protocol": "TCP" }],
                "env": [
                    { "name": "E" },
                    { "name": "IP", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "status.podIP" } } },
                ],
                "livenessProbe": {
                    "httpGet": { "port": 80, "path": "/", "scheme": "HTTP" },
                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                },
            }],
            "volumes": [
                { "name": "h", "hostPath": { "path": "/x", "type": "" } },
                { "name": "c", "configMap": { "name": "m", "defaultMode": 420 } },
                { "name": "e", "emptyDir": {} },
            ],
        } },
    } });
    assert_eq!(defaulted("apps", "Deployment", value), expected);
    assert_eq!(defaulted("apps", "Deployment", expected.clone()), expected, "defaults are set once");
}

#[test]
fn images_that_move_are_pulled_every_time() {
    let policy = |image: &str| {
        let pod = json!({ "spec": { "containers": [{ "image": image }] } });
        defaulted("", "Pod", pod)["spec"]["containers"][0]["imagePullPolicy"].clone()
    };
    for image in ["a", "a:latest", "host:80/a", "host:80/a:latest"] {
        assert_eq!(policy(image), "Always", "{image}");
    }
    for image in ["a:1", "host:80/a:1", "a@sha256:00", "a:1@sha256:00"] {
        assert_eq!(policy(image), "IfNotPresent", "{image}");
    }
}

#[test]
fn a_service() {
    let service =
        json!({ "spec": { "type": "NodePort", "ports": [{ "port": 80 }, { "port": 81, "targetPort": "web" }] } });
    assert_eq!(
        defaulted("", "Service", service),
        json!({
            "spec": {
                "type": "NodePort", "sessionAffinity": "None", "externalTrafficPolicy": "Cluster",
                "internalTrafficPolicy": "Cluster",
                "ports": [
                    { "port": 80, "protocol": "TCP", "targetPort": 80 },
                    { "port": 81, "protocol": "TCP", "targetPort": "web" },
                ],
            },
            "status": { "loadBalancer": {} },
        })
    );
}

/// Defaults have managers, this has none.
#[test]
fn families_are_completed_rather_than_set() {
    let completed = |spec: Value| {
        let mut service = defaulted("", "Service", json!({ "spec": spec }));
        complete("", "Service", &mut service, true);
        (service["spec"].get("ipFamilies").cloned(), service["spec"].get("ipFamilyPolicy").cloned())
    };
    assert_eq!(completed(json!({ "ports": [{ "port": 80 }] })), (Some(json!(["IPv4"])), Some(json!("SingleStack"))));
    assert_eq!(completed(json!({ "type": "ExternalName", "externalName": "a.b" })), (None, None));
}

#[test]
fn secrets_and_nulls() {
    let mut secret = json!({ "metadata": { "labels": null }, "stringData": { "a": "b" }, "data": { "c": "ZA==" } });
    forget_nulls(&mut secret);
    assert_eq!(
        defaulted("", "Secret", secret),
        json!({ "metadata": {}, "type": "Opaque", "data": { "a": "Yg==", "c": "ZA==" } })
    );
}

#[test]
fn every_known_kind_keeps_what_its_defaults_set() {
    let kinds = [
        ("", "Pod"),
        ("", "Service"),
        ("", "Secret"),
        ("", "PersistentVolumeClaim"),
        ("", "ReplicationController"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "DaemonSet"),
        ("apps", "StatefulSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("storage.k8s.io", "StorageClass"),
    ];
    for (group, kind) in kinds {
        let node = node(group, "v1", kind).unwrap();
        let mut value = defaulted(group, kind, json!({ "spec": { "template": { "spec": { "containers": [{}] } } } }));
        // Those without a template lose the one above and nothing else.
        for unknown in super::super::builtin::prune(&node, &mut value) {
            assert!(["spec", "spec.template"].contains(&unknown.as_str()), "{kind}: {unknown}");
        }
        assert_eq!(super::super::builtin::check_types(&node, &value, None), [], "{kind}");
    }
}
