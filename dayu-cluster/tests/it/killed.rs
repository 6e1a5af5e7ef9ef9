//! A process that is killed (kill -9) amid writes, again and again on the same folder: what was acknowledged is there, nothing is there
//! by half, and versions go on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dayu_cluster::Cluster;
use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, ResourceExt};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

const FOLDER: &str = "DAYU_SERVED_FOLDER";
const READY: &str = "the child serves";
const ROUNDS: u64 = 10;
/// Each with objects of its own, written in turn: what a kill meets are the last writes of many.
const WRITERS: usize = 4;
const OBJECTS: usize = 8;
/// Acknowledgements before a kill, at most, and the largest text: enough for the file to be written anew in some rounds.
const WRITES: usize = 120;
const LARGEST: usize = 300_000;
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill_at_any_instant() {
    let dir = tempfile::tempdir().unwrap();
    let mut moments = StdRng::seed_from_u64(9);
    let mut written: Vec<Written> = (0..(WRITERS * OBJECTS) as u64).map(Written::new).collect();
    for _ in 0..ROUNDS {
        let mut server = Server::start(dir.path()).await;
        let maps = server.maps().await;
        let version = compare(&maps, &mut written).await;
        let acknowledged = mpsc::unbounded_channel();
        let writers =
            written.chunks_mut(OBJECTS).map(|objects| write_on(&maps, objects, version, acknowledged.0.clone()));
        let killed = server.dies_after(moments.random_range(1..=WRITES), acknowledged.1);
        tokio::time::timeout(LIMIT, async { tokio::join!(join_all(writers), killed) }).await.expect("each one ends");
    }
    let server = Server::start(dir.path()).await;
    compare(&server.maps().await, &mut written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is killed: run by the test above"]
async fn child_that_serves() {
    let dir = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let cluster = Cluster::builder().data_dir(dir).build().await.unwrap();
    let _serving = cluster.serve(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await.unwrap();
    println!("\n{READY}");
    // Its end is that of whoever started it.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await.unwrap().unwrap();
}

/// This program once more, as [`child_that_serves`].
struct Server {
    child: Child,
    kubeconfig: PathBuf,
    _ends_with_us: ChildStdin,
}

impl Server {
    async fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "killed::child_that_serves", "--ignored", "--nocapture"]).env(FOLDER, dir);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async { while lines.next_line().await.unwrap().expect("it serves") != READY {} };
        tokio::time::timeout(LIMIT, ready).await.expect("it serves");
        Self { _ends_with_us: child.stdin.take().unwrap(), child, kubeconfig: dir.join("kubeconfig") }
    }

    async fn maps(&self) -> Api<ConfigMap> {
        let kubeconfig = std::fs::read_to_string(&self.kubeconfig).unwrap();
        Api::default_namespaced(Client::try_from(crate::serving::config(&kubeconfig).await).unwrap())
    }

    /// While others are under way.
    async fn dies_after(&mut self, writes: usize, mut acknowledged: mpsc::UnboundedReceiver<()>) {
        for _ in 0..writes {
            acknowledged.recv().await.unwrap();
        }
        self.child.kill().await.unwrap();
    }
}

/// An object as its writer knows it.
struct Written {
    name: String,
    random: StdRng,
    /// Its version and text as acknowledged; none where it is not there.
    acknowledged: Option<(u64, String)>,
    /// What is asked for and not acknowledged: another text, or none for its deletion.
    asked: Option<Option<String>>,
}

impl Written {
    fn new(number: u64) -> Self {
        Self { name: format!("m{number}"), random: StdRng::seed_from_u64(number), acknowledged: None, asked: None }
    }

    /// Creates, changes or deletes it.
    async fn write(&mut self, maps: &Api<ConfigMap>) -> kube::Result<()> {
        let stays = self.acknowledged.is_none() || self.random.random_ratio(3, 4);
        let text = stays.then(|| self.text());
        self.asked = Some(text.clone());
        self.acknowledged = match text.map(|text| map(&self.name, text)) {
            None => maps.delete(&self.name, &DeleteParams::default()).await.map(|_| None)?,
            Some(map) if self.acknowledged.is_none() => Some(kept(maps.create(&PostParams::default(), &map).await?)),
            Some(map) => Some(kept(maps.replace(&self.name, &PostParams::default(), &map).await?)),
        };
        self.asked = None;
        Ok(())
    }

    /// Never the same twice.
    fn text(&mut self) -> String {
        let (number, length) = (self.random.random::<u64>(), self.random.random_range(0..LARGEST));
        format!("{number}{}", "x".repeat(length))
    }
}

/// Until nobody answers; each version is above `since`.
async fn write_on(maps: &Api<ConfigMap>, objects: &mut [Written], since: u64, told: mpsc::UnboundedSender<()>) {
    for at in (0..objects.len()).cycle() {
        match objects[at].write(maps).await {
            Ok(()) => assert!(objects[at].acknowledged.as_ref().is_none_or(|(version, _)| *version > since)),
            Err(kube::Error::Api(status)) => panic!("refused: {status:?}"),
            Err(_nobody_answers) => return,
        }
        let _ = told.send(());
    }
}

fn map(name: &str, text: String) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"text": text}})).unwrap()
}

fn kept(map: ConfigMap) -> (u64, String) {
    let version = map.resource_version().unwrap().parse().unwrap();
    (version, map.data.unwrap().remove("text").unwrap())
}

/// Each object is as acknowledged, or as asked for by whoever got no answer. Gives the version of all.
async fn compare(maps: &Api<ConfigMap>, written: &mut [Written]) -> u64 {
    let all = maps.list(&ListParams::default()).await.unwrap();
    let version = all.metadata.resource_version.unwrap().parse().unwrap();
    let mut there: std::collections::BTreeMap<_, _> =
        all.items.into_iter().map(|map| (map.name_any(), kept(map))).collect();
    for Written { name, acknowledged, asked, .. } in written {
        let found = there.remove(name);
        let short = |text: &str| text.trim_end_matches('x').to_owned() + &format!(" and {} bytes", text.len());
        let told = |kept: &Option<(u64, String)>| kept.as_ref().map(|(version, text)| (*version, short(text)));
        let is_as_asked = asked.take().is_some_and(|asked| asked.as_ref() == found.as_ref().map(|(_, text)| text));
        let goes_on = found.as_ref().map(|(version, _)| version) > acknowledged.as_ref().map(|(version, _)| version);
        let is_right = found == *acknowledged || is_as_asked && (found.is_none() || goes_on);
        assert!(is_right, "{name} was acknowledged as {:?} and is {:?}", told(acknowledged), told(&found));
        assert!(acknowledged.as_ref().is_none_or(|(acknowledged, _)| version >= *acknowledged), "versions go back");
        *acknowledged = found;
    }
    assert!(there.is_empty(), "by nobody: {:?}", there.keys());
    version
}
