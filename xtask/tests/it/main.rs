//! A real control plane, started and ended.

use std::path::Path;
use std::process::Command;

use xtask::kube::{Assets, Cluster, ControlPlane, skip};
use xtask::protobuf;

#[tokio::test]
async fn a_plane_keeps_its_objects_over_a_restart_and_leaves_nothing_behind() {
    let Some(assets) = Assets::for_tests() else { return };
    let mut plane = ControlPlane::start(&assets).await.unwrap();
    let folder = plane.kubeconfig().parent().unwrap().to_owned();
    let kubectl = |arguments: &[&str]| {
        let output = Command::new(plane.kubectl()).arg("--kubeconfig").arg(plane.kubeconfig()).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(kubectl(&["version"]).contains("Server Version: v1."));
    kubectl(&["create", "configmap", "kept"]);

    plane.restart_api_server().await.unwrap();

    let output = Command::new(plane.kubectl())
        .arg("--kubeconfig")
        .arg(plane.kubeconfig())
        .args(["get", "configmap", "kept", "-o", "name"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "configmap/kept\n");
    drop(plane);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_node_is_a_machine_of_its_own_and_leaves_nothing_behind() {
    let Some(assets) = Cluster::assets_for_tests() else { return };
    let cluster = Cluster::start(&assets, &["one"], Path::new("/bin/true"), &[]).await.unwrap();
    let folder = cluster.plane().kubeconfig().parent().unwrap().to_owned();
    let said = |program: &str, arguments: &[&str]| {
        let output = cluster.nodes()[0].command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said("hostname", &[]).trim(), "one");
    assert!(said("ctr", &["--namespace", "k8s.io", "images", "list", "--quiet"]).contains("docker.io/library/dayu:"));
    assert!(said("cat", &["/proc/1/comm"]).starts_with("sh"));

    drop(cluster);

    assert!(!folder.exists());
    let group = format!("kube-node-{}-one", std::process::id());
    let find = Command::new("find").args(["/sys/fs/cgroup", "-name", &group]).output().unwrap();
    assert_eq!(String::from_utf8(find.stdout).unwrap(), "");
}

/// The table that the embedded plane reads protocol buffers by is what the sources say.
#[test]
fn the_table_of_messages_is_current() {
    let table = match protobuf::table(protobuf::MODULES) {
        Ok(table) => table,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return skip(&format!("no sources of Kubernetes' types in Go's module cache: {error}"));
        }
        Err(error) => panic!("{error}"),
    };
    let kept = include_str!("../../../dayu-cluster/src/rest/write/protobuf/messages.txt");
    assert!(table == kept, "write it anew: cargo xtask protobuf > dayu-cluster/src/rest/write/protobuf/messages.txt");
}
