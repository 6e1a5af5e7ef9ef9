//! A full disk: every write is refused in clear words, nothing that was acknowledged is lost, and the plane goes on by
//! itself once there is room.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::Duration;

use dayu_cluster::store::{DEPLOYMENTS, NODES, PODS, ResourceRef, Store};
use dayu_cluster::{BuildError, Cluster};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use xtask::small_disk;

#[test]
fn a_full_disk_is_told_and_outlived() {
    small_disk::run("size=4m", "full_disk::on_a_small_disk").unwrap();
}

/// Not every file system gives blocks in advance.
#[test]
fn room_is_kept_where_it_has_to_be_written() {
    small_disk::run_on("ramfs", "mode=700", "full_disk::on_a_plain_disk").unwrap();
}

fn map(name: &str, size: usize) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"text": "x".repeat(size)}})).unwrap()
}

/// Asserts that a write was refused for want of room.
fn assert_full<T: std::fmt::Debug>(written: Result<T, kube::Error>, disk: &Path) {
    let Err(kube::Error::Api(status)) = written else { panic!("written on a full disk: {written:?}") };
    assert_eq!((status.code, status.reason.as_str()), (507, "InsufficientStorage"), "{status:?}");
    assert!(status.message.contains(disk.to_str().unwrap()), "names the folder: {status:?}");
    assert!(status.message.contains("free space"), "names the remedy: {status:?}");
}

/// Somebody else on the same disk, who takes every block as soon as it is free.
struct Neighbour {
    moves: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    fn on(disk: &Path) -> Self {
        let mut file = File::create(disk.join("neighbour")).unwrap();
        let full = Arc::new(Barrier::new(2));
        let moves = Arc::new(AtomicBool::new(true));
        let (reached, greedy) = (full.clone(), moves.clone());
        let thread = std::thread::spawn(move || {
            while file.write_all(&[0; 4096]).is_ok() {}
            reached.wait();
            while greedy.load(Ordering::Relaxed) {
                if file.write_all(&[0; 4096]).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        full.wait();
        Self { moves, thread: Some(thread) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.moves.store(false, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking());
    }
}

fn demand(store: &Store) {
    let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "edge"}, "spec": {}, "status": status});
    store.create(&NODES, node).unwrap();
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template});
    let metadata = json!({"name": "a", "namespace": "default", "generation": 1});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec});
    store.create(&DEPLOYMENTS, deployment).unwrap();
}

async fn until(store: &Store, resource: &ResourceRef, text: &str) {
    let mut watch = store.watch(resource, store.version()).unwrap();
    let says = |json: &[u8]| std::str::from_utf8(json).unwrap().contains(text);
    while !store.list(resource, None).objects.iter().any(|object| says(&object.json)) {
        tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect(text).unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a small disk: run by the test above"]
async fn on_a_small_disk() {
    let disk = small_disk::path().unwrap();
    let cluster = begin(&disk).await.unwrap();
    let store = cluster.store().clone();
    demand(&store);
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let mut acknowledged = Vec::new();
    for _ in 0..60 {
        acknowledged.push(one_more(&maps, acknowledged.len(), 8000).await.unwrap());
    }
    // From here to the end of the test.
    let neighbour = Neighbour::on(&disk);
    fill(&store, &maps, &mut acknowledged, &disk).await;
    changes_are_refused(&maps, &disk).await;

    // The controllers find no room for what they have to write, until there is some.
    let controllers = cluster.start_controllers();
    let mut trouble = 0;
    while store.list(&PODS, None).objects.is_empty() && trouble < 100 {
        tokio::task::yield_now().await;
        trouble += 1;
    }
    assert!(store.list(&PODS, None).objects.is_empty());
    make_room(&maps, &mut acknowledged, &disk).await;
    until(&store, &PODS, r#""nodeName":"edge""#).await;
    until(&store, &DEPLOYMENTS, r#""unavailableReplicas":1"#).await;
    create_as_soon_as_there_is_room(&maps, "more", &mut acknowledged, &disk).await;

    // Full to the last byte as it is, it begins again.
    controllers.shutdown().await;
    drop((maps, store, cluster));
    acknowledged.sort();
    assert_eq!(kept(&begin_again(&disk).await).await, acknowledged);
    drop(neighbour);
}

#[tokio::test]
#[ignore = "needs a disk of its own: run by the test above"]
async fn on_a_plain_disk() {
    let disk = small_disk::path().unwrap();
    let log = disk.join("data/objects.log");
    for number in 0..3 {
        let cluster = begin_again(&disk).await;
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
        one_more(&maps, number, 200_000).await.unwrap();
        assert_eq!(kept(&cluster).await.len(), number + 1);
        let text = std::fs::read(&log).unwrap();
        let unused = text.iter().rev().take_while(|byte| **byte == 0).count();
        assert!(unused >= 256 * 1024, "kept for deletions: {unused}");
    }
}

async fn begin(disk: &Path) -> Result<Cluster, BuildError> {
    Cluster::builder().data_dir(disk.join("data")).build().await
}

/// The client's own task, and whoever writes the journal anew, let go of the directory once they have run.
async fn begin_again(disk: &Path) -> Cluster {
    let begun = async {
        loop {
            match begin(disk).await {
                Err(error) if error.to_string().contains("in use") => tokio::task::yield_now().await,
                begun => return begun.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), begun).await.expect("the directory is free again")
}

/// Creates another object of so many bytes, and gives its name.
async fn one_more(maps: &Api<ConfigMap>, number: usize, size: usize) -> kube::Result<String> {
    let name = format!("m{number}");
    maps.create(&PostParams::default(), &map(&name, size)).await.map(|_| name)
}

/// Creates objects until even the smallest is refused, and is so when the files have been written anew.
async fn fill(store: &Store, maps: &Api<ConfigMap>, acknowledged: &mut Vec<String>, disk: &Path) {
    let mut before = None;
    while before != Some(acknowledged.len()) {
        before = Some(acknowledged.len());
        for size in [8000, 1] {
            let refused = loop {
                match one_more(maps, acknowledged.len(), size).await {
                    Ok(name) => acknowledged.push(name),
                    refused => break refused,
                }
                assert!(acknowledged.len() < 1000, "this disk is not small");
            };
            assert_full(refused, disk);
        }
        compacted(store).await;
    }
}

async fn compacted(store: &Store) {
    let compacted = async {
        while store.is_being_compacted() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), compacted).await.expect("it ends");
}

async fn changes_are_refused(maps: &Api<ConfigMap>, disk: &Path) {
    let change = Patch::Merge(json!({"data": {"text": "y".repeat(8000)}}));
    assert_full(maps.patch("m0", &PatchParams::default(), &change).await, disk);
    assert_full(maps.replace("m1", &PostParams::default(), &map("m1", 9000)).await, disk);
    assert_full(maps.create(&PostParams::default(), &map("more", 8000)).await, disk);
    assert_eq!(maps.get("m0").await.unwrap().data, map("m0", 8000).data, "as it was");
}

/// Deletions need no room, and what they leave is room for others, to the last.
async fn make_room(maps: &Api<ConfigMap>, acknowledged: &mut Vec<String>, disk: &Path) {
    for name in acknowledged.drain(..40) {
        maps.delete(&name, &DeleteParams::default()).await.unwrap();
    }
    create_as_soon_as_there_is_room(maps, "again", acknowledged, disk).await;
}

async fn create_as_soon_as_there_is_room(
    maps: &Api<ConfigMap>,
    name: &str,
    acknowledged: &mut Vec<String>,
    disk: &Path,
) {
    let created = async {
        while let Err(error) = maps.create(&PostParams::default(), &map(name, 8000)).await {
            assert_full::<ConfigMap>(Err(error), disk);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), created).await.expect("there is room again");
    acknowledged.push(name.into());
}

/// The names of all objects that the test has made.
async fn kept(cluster: &Cluster) -> Vec<String> {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let all = maps.list(&ListParams::default()).await.unwrap();
    all.into_iter().filter_map(|map| map.metadata.name).filter(|name| name != "kube-root-ca.crt").collect()
}
