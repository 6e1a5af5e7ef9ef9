use serde_json::{Value, json};

use super::{pods, refuses, worker};

fn with(mounts: Value) -> Value {
    let mut worker = worker("edge-1");
    worker["mounts"] = mounts;
    json!({"edgeWorker": [worker]})
}

/// The volume and the container's mount that `mount` becomes.
fn mounted(mount: Value) -> (Value, Value) {
    let pod = pods(with(Value::Array(vec![mount]))).remove(0);
    (pod["volumes"][0].clone(), pod["containers"][0]["volumeMounts"][0].clone())
}

fn host(path: &str, prefix: &str) -> Value {
    json!({"hostPath": {"path": path, "prefix": prefix}})
}

#[test]
fn a_path_of_the_device_goes_where_it_says() {
    let places = [
        (host("/dev/video0", "/ignored"), "/dev/video0", "/dev/video0"),
        (host("/srv//models/", ""), "/srv/models", "/srv/models"),
        (host("models/", "/data"), "/data/models", "/home/data/models"),
        (host("a/../b/c.yaml", "/data/"), "/data/b/c.yaml", "/home/data/b/c.yaml"),
        (host("models", "  "), "models", "/home/data/models"),
    ];
    for (source, on_device, in_container) in places {
        let (volume, mount) = mounted(json!({"name": "M", "source": source, "target": {}}));
        assert_eq!(volume, json!({"name": "m", "hostPath": {"path": on_device}}));
        assert_eq!(mount, json!({"name": "m", "mountPath": in_container}));
    }
}

#[test]
fn the_target_overrides_and_qualifies() {
    let target = json!({"path": "/temp", "readOnly": true, "subPath": "s", "mountPropagation": "HostToContainer"});
    let (volume, mount) = mounted(json!({
        "source": {"type": "hostPath", "hostPath": {"path": "temp/", "prefix": "/data", "pathType": "DirectoryOrCreate"}},
        "target": target,
    }));
    assert_eq!(volume, json!({"name": "mount-0", "hostPath": {"path": "/data/temp", "type": "DirectoryOrCreate"}}));
    assert_eq!(
        mount,
        json!({"name": "mount-0", "mountPath": "/temp", "readOnly": true, "subPath": "s",
            "mountPropagation": "HostToContainer"}),
    );
}

#[test]
fn sources_of_the_cluster_go_by_their_names() {
    let (volume, mount) = mounted(json!({"name": "c", "source": {"configMap": {"name": "conf", "optional": true}}}));
    assert_eq!(volume, json!({"name": "c", "configMap": {"name": "conf", "optional": true}}));
    assert_eq!(mount, json!({"name": "c", "mountPath": "/home/data/conf", "readOnly": true}));

    let (volume, mount) = mounted(json!({"name": "s", "source": {"secret": {"secretName": "key"}}}));
    assert_eq!(volume, json!({"name": "s", "secret": {"secretName": "key"}}));
    assert_eq!(mount, json!({"name": "s", "mountPath": "/home/data/key", "readOnly": true}));

    let claim = json!({"persistentVolumeClaim": {"claimName": "disk", "readOnly": true}});
    let (volume, mount) = mounted(json!({"name": "p", "source": claim}));
    assert_eq!(volume, json!({"name": "p", "persistentVolumeClaim": {"claimName": "disk", "readOnly": true}}));
    assert_eq!(mount, json!({"name": "p", "mountPath": "/home/data/disk", "readOnly": true}));
    let claim = json!({"persistentVolumeClaim": {"claimName": "disk"}});
    assert_eq!(mounted(json!({"name": "p", "source": claim})).1, json!({"name": "p", "mountPath": "/home/data/disk"}));

    let empty = json!({"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}});
    let (volume, mount) = mounted(json!({"name": "Scratch", "source": empty}));
    assert_eq!(volume, json!({"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}));
    assert_eq!(mount, json!({"name": "scratch", "mountPath": "/home/data/Scratch"}));
}

#[test]
fn volume_names_become_valid() {
    let name = |name: &str| mounted(json!({"name": name, "source": host("/x", "")})).0["name"].clone();
    assert_eq!(name("My_Mount.1"), "my-mount-1");
    assert_eq!(name("__a__"), "az", "a trailing separator becomes z");
    assert_eq!(name("é"), "mount-0");
    assert_eq!(name(&"n".repeat(70)), "n".repeat(63));
}

#[test]
fn env_and_containers_restrict_to_each_other() {
    let mut edge = worker("edge-1");
    edge["template"]["spec"]["containers"] = json!([{"name": "a"}, {"name": "b"}]);
    edge["mounts"] = json!([{"name": "d", "source": host("/d", ""), "containers": ["b"], "envName": "D"}]);
    let pod = &pods(json!({"edgeWorker": [edge]}))[0];
    let sees = |index: usize| {
        pod["containers"][index]["env"].as_array().unwrap().contains(&json!({"name": "D", "value": "/d"}))
    };
    assert_eq!((sees(0), sees(1)), (false, true));
    assert_eq!(pod["containers"][0].get("volumeMounts"), None);
    assert_eq!(pod["containers"][1]["volumeMounts"], json!([{"name": "d", "mountPath": "/d"}]));
}

#[test]
fn what_is_there_and_equal_is_tolerated() {
    let mount = json!({"name": "d", "source": host("/d", ""), "envName": "D"});
    let pod = &pods(with(json!([mount, mount])))[0];
    assert_eq!(pod["volumes"].as_array().unwrap().len(), 1);
    assert_eq!(pod["containers"][0]["volumeMounts"].as_array().unwrap().len(), 1);
}

#[test]
fn what_contradicts_is_refused_at_its_place() {
    let field = |rest: &str| format!("spec.edgeWorker[0].mounts{rest}");
    let d = json!({"name": "d", "source": host("/d", ""), "envName": "D"});
    let same_name = json!({"name": "d", "source": host("/e", "")});
    refuses(with(json!([d, same_name])), &field("[1].name"), &["\"d\" already exists"]);
    let same_path = json!({"name": "e", "source": host("/e", ""), "target": {"path": "/d"}});
    refuses(with(json!([d, same_path])), &field("[1]"), &["container \"a\" already mounts \"/d\""]);
    let same_variable = json!({"name": "e", "source": host("/e", ""), "envName": "D"});
    refuses(with(json!([d, same_variable])), &field("[1].envName"), &["already defines env \"D\""]);
    let ours = json!({"name": "e", "source": host("/e", ""), "envName": "NODE_NAME"});
    refuses(with(json!([ours])), &field("[0].envName"), &["NODE_NAME"]);
    let unknown = json!({"name": "e", "source": host("/e", ""), "containers": ["z"]});
    refuses(with(json!([unknown])), &field("[0]"), &["container \"z\" not found among a"]);
}

#[test]
fn sources_that_say_nothing_or_too_much_are_refused() {
    let field = |rest: &str| format!("spec.edgeWorker[0].mounts[0].{rest}");
    let source = |source: Value| with(json!([{"name": "m", "source": source}]));
    refuses(source(json!({})), &field("source"), &["no source"]);
    let two = json!({"emptyDir": {}, "configMap": {"name": "c"}});
    refuses(source(two), &field("source"), &["ambiguous", "configMap and emptyDir"]);
    refuses(source(json!({"type": "nfs"})), &field("source.type"), &["\"nfs\""]);
    refuses(source(json!({"type": "hostPath"})), &field("source.hostPath.path"), &["empty"]);
    refuses(source(json!({"secret": {"secretName": " "}})), &field("source.secret.secretName"), &["empty"]);
    refuses(source(host("/", "")), &field("target.path"), &["no name"]);
}

#[test]
fn a_relative_path_stays_under_its_prefix() {
    let field = "spec.edgeWorker[0].mounts[0].source.hostPath.path";
    for path in ["../secret", "a/../../b", ".."] {
        refuses(with(json!([{"source": host(path, "/data")}])), field, &["leaves the prefix \"/data\""]);
    }
}
