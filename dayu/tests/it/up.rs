//! `dayu up`: everything on this machine, and nothing of it afterwards.
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use dayu_pipeline::frame::SIZES;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::{
    Dayu, LIMIT, Leftovers, alone, ask, binary, client_of, eventually, is_alive, listening, manifests, run, workers_of,
};

const DEVICES: [&str; 3] = ["cloud.kubeedge", "edge-1", "b"];
/// A Ctrl-C has done its work within this.
const TO_END: Duration = Duration::from_secs(20);
/// Sooner than a worker is killed that does not end.
const AT_ONCE: Duration = Duration::from_secs(4);
/// The port of every mesh's HTTP front.
const FRONT: u16 = 10552;
/// The port of every mesh's status API.
const STATUS: u16 = 10551;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_lands_where_it_says_and_nothing_is_left_when_it_ends() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let arguments = ["up", "--devices", "cloud.kubeedge,edge-1,b", "--data", data.to_str().unwrap()];
    let mut up = Dayu::start(&arguments);
    up.says("every worker is ready").await;
    let kubeconfig = data.join("kubeconfig");
    let client = client_of(&kubeconfig).await;
    let pids = ask_everyone(&client).await;
    assert_eq!(pids.len(), 5, "an aggregator, three detectors on one edge and one on the other: {pids:?}");
    tells_of_each_worker(&mut up, &client).await;
    let all = workers_of(&data);
    assert!(all.len() >= 7, "and two cameras: {all:?}");
    keeps_the_newest_frame_on_each(&data).await;
    says_what_each_device_is_for(&client, &kubeconfig).await;
    refuses_a_second(&data).await;
    changes_the_pipeline(&client).await;
    let before = objects(&client).await;

    up.signal(Signal::INT);
    let ended = up.ends(TO_END).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0, "workers outlive it");
    assert_eq!(workers_of(&data), [0; 0], "workers outlive it");
    assert_eq!(listening(&[[127, 64], [127, 96]]), [""; 0], "something still listens");

    // On the same devices, with what became of the pipeline.
    let mut again = Dayu::start(&["up", "--data", data.to_str().unwrap()]);
    again.says("going on with the resources that are there").await;
    let client = client_of(&kubeconfig).await;
    assert_eq!(objects(&client).await, before, "the same objects are there again");
    let anew = eventually("workers run again", async || {
        let pids = ask_everyone(&client).await;
        if pids.len() == 5 { Ok(pids) } else { Err(format!("{pids:?}")) }
    });
    assert!(anew.await.is_disjoint(&pids), "as new processes");
    again.signal(Signal::INT);
    assert_eq!(again.ends(TO_END).await.code, Some(0));
    assert_eq!(workers_of(&data), [0; 0]);
}

/// Of nobody, as on most systems.
const NOBODY: u32 = 65_534;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_needs_no_root() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let arguments = ["up", "--devices", "cloud.kubeedge,edge-1,b", "--data", data.to_str().unwrap()];
    let mut up = if rustix::process::geteuid().is_root() {
        // Where the binary is built, another user may not look.
        let of_his = folder.path().join("dayu");
        std::fs::copy(binary(), &of_his).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        Dayu::start_as(NOBODY, &of_his, &arguments)
    } else {
        Dayu::start(&arguments)
    };
    up.says("every worker is ready").await;
    assert!(!is_of_root(up.pid()));
    let pids = ask_everyone(&client_of(&data.join("kubeconfig")).await).await;
    assert_eq!(pids.len(), 5, "{pids:?}");
    keeps_the_newest_frame_on_each(&data).await;
    up.signal(Signal::INT);
    let ended = up.ends(TO_END).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(workers_of(&data), [0; 0], "workers outlive it");
}

fn is_of_root(pid: u32) -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{pid}")).unwrap()) == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_data_folder_no_file_is_left() {
    let _alone = alone().await;
    let mut up = Dayu::start(&["up", "--empty", "--devices", "solo"]);
    let kubeconfig = up.told("kubeconfig: ").await;
    let folder = Path::new(&kubeconfig).parent().unwrap();
    assert!(folder.join("objects.log").is_file(), "state lies in {}", folder.display());
    up.signal(Signal::INT);
    assert_eq!(up.ends(TO_END).await.code, Some(0));
    assert!(!folder.exists(), "{} is left behind", folder.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_becomes_ready_is_told_and_keeps_nobody_from_the_rest() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let file = folder.path().join("two.yaml");
    let nowhere = manifests::runtime_service("nowhere", "moon");
    let fifo = folder.path().join("fifo");
    let good = manifests::runtime_service("good", "solo").replace("containers:", &speaker(&fifo));
    std::fs::write(&file, format!("{good}---\n{nowhere}")).unwrap();
    let arguments = ["up", "--devices", "solo", "--data", data.to_str().unwrap(), file.to_str().unwrap()];
    let mut up = Dayu::start(&arguments);
    up.says("RuntimeService default/good is ready").await;
    let told = up.says("RuntimeService default/nowhere waits: ").await;
    assert!(told.contains("no node is named \"moon\""), "{told}");
    assert!(told.contains("no device of this run is called moon: start with --devices solo,moon"), "{told}");
    up.prints("good.default.svc:9000").await;

    let kubeconfig = data.join("kubeconfig");
    let client = client_of(&kubeconfig).await;
    looks_at_one_of_them(&client, kubeconfig.to_str().unwrap(), &fifo).await;
    std::fs::write(&file, nowhere).unwrap();
    let delete = ["delete", "--kubeconfig", kubeconfig.to_str().unwrap(), "-f", file.to_str().unwrap()];
    assert_eq!(run(&delete).await.out, "runtimeservice/nowhere deleted\n");
    up.says("every worker is ready").await;
    assert_eq!(run(&delete).await.out, "runtimeservice/nowhere was not there\n");
    up.signal(Signal::INT);
    assert_eq!(up.ends(TO_END).await.code, Some(0));
}

/// A first container beside the one that serves: it says something, and then what it is told.
fn speaker(fifo: &Path) -> String {
    let script = format!("mkfifo {fifo}; echo spoken; cat {fifo}; exec sleep 1000", fifo = fifo.display());
    format!("containers:\n        - {{name: speaker, image: \"example/speaker:v1\", command: [sh, -c, {script:?}]}}")
}

/// By name alone, wherever it is.
async fn looks_at_one_of_them(client: &Client, kubeconfig: &str, fifo: &Path) {
    let found = run(&["get", "--kubeconfig", kubeconfig, "rts", "good"]).await;
    assert!(found.out.contains("default     good"), "{found:?}");
    let missed = run(&["get", "--kubeconfig", kubeconfig, "rts", "other"]).await;
    assert!(missed.err.contains("no runtimeservices is called \"other\""), "{missed:?}");
    let pods = Api::<Pod>::namespaced(client.clone(), "default").list(&ListParams::default()).await.unwrap();
    let worker = pods.items[0].name_any();
    let spoken = run(&["logs", "--kubeconfig", kubeconfig, &worker]).await;
    assert_eq!(spoken.out, "spoken\n", "the first container's: {spoken:?}");
    let mut following = Dayu::start(&["logs", "--kubeconfig", kubeconfig, &worker, "-f"]);
    following.prints("spoken\n").await;
    // For both, so that it waits for nobody.
    let mut told = std::fs::File::options().read(true).write(true).open(fifo).unwrap();
    told.write_all(b"more\n").unwrap();
    following.prints("spoken\nmore\n").await;
    let explained = run(&["explain", "--kubeconfig", kubeconfig, "good", "--device", "solo"]).await;
    let words = ["default/good", "solo", &worker];
    assert!(words.iter().all(|word| explained.out.contains(word)), "{explained:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_waits_for_a_device_can_be_ended() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let arguments = ["up", "--data", data.to_str().unwrap(), "--devices"];
    let mut up = Dayu::start(&[&arguments[..], &["solo"]].concat());
    up.says("every worker is ready").await;
    let nodes = Api::<Node>::all(client_of(&data.join("kubeconfig")).await);
    let foreign =
        Node { metadata: ObjectMeta { name: Some("foreign".to_owned()), ..ObjectMeta::default() }, ..Node::default() };
    nodes.create(&PostParams::default(), &foreign).await.unwrap();
    up.signal(Signal::INT);
    assert_eq!(up.ends(TO_END).await.code, Some(0));

    // Somebody else's node, for which nobody says where it is.
    let mut up = Dayu::start(&[&arguments[..], &["solo,foreign"]].concat());
    let told = up.says("waiting for device foreign: its Node was made by somebody else").await;
    assert!(!told.contains("device solo"), "that one came: {told}");
    assert!(told.contains("/kubeconfig delete node foreign") && told.contains("--devices"), "{told}");
    eventually("the other device's workers run", async || {
        let workers = workers_of(&data);
        if workers.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
    up.signal(Signal::INT);
    assert_eq!(up.ends(TO_END).await.code, Some(0));
    assert_eq!(workers_of(&data), [0; 0], "workers outlive it");
}

/// A worker that hears no request to end, and what it started.
const STUBBORN: &str = r#"containers:
        - {name: stubborn, image: "example/stubborn:v1", command: [sh, -c, "trap '' TERM; sleep 1000 & while :; do wait; done"]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_ctrl_c_ends_at_once_and_leaves_nothing() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stubborn.yaml");
    std::fs::write(&file, manifests::runtime_service("stubborn", "solo").replace("containers:", STUBBORN)).unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    for kept in [true, false] {
        let mut arguments = vec!["up", "--devices", "solo", file.to_str().unwrap()];
        if kept {
            arguments.extend(["--data", data.to_str().unwrap()]);
        }
        let mut up = Dayu::start(&arguments);
        let kubeconfig = PathBuf::from(up.told("kubeconfig: ").await);
        let state = kubeconfig.parent().unwrap();
        up.says("every worker is ready").await;
        assert!(workers_of(state).len() >= 3, "with the one that was started by another");
        up.signal(Signal::INT);
        up.says("stopping; another Ctrl-C ends at once").await;
        up.signal(Signal::INT);
        let ended = up.ends(AT_ONCE).await;
        assert_eq!(ended.code, Some(130), "{}", ended.err);
        let nothing = eventually("nothing is left", async || match (workers_of(state), state.exists()) {
            (workers, folder) if workers.is_empty() && folder == kept => Ok(()),
            left => Err(format!("{left:?}")),
        });
        nothing.await;
        assert_eq!(listening(&[[127, 64], [127, 96]]), [""; 0]);
    }
    // What it held is there, ready when last heard of or already not.
    let mut again = Dayu::start(&["up", "--empty", "--devices", "other", "--data", data.to_str().unwrap()]);
    let told = again.says("no device of this run is called solo: start with --devices other,solo").await;
    assert!(told.contains("RuntimeService default/stubborn wa"), "{told}");
    again.signal(Signal::INT);
    assert_eq!(again.ends(TO_END).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_with_all_it_runs_once_nobody_reads_what_it_prints() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let _leftovers = Leftovers(data.clone());
    let mut up = Dayu::start(&["up", "--devices", "solo", "--data", data.to_str().unwrap()]);
    up.prints("SERVICE").await;
    up.is_read_no_longer();
    assert_eq!(up.ends(LIMIT).await.code, Some(0));
    assert_eq!(workers_of(&data), [0; 0], "workers outlive it");
}

/// Where each one runs, and how many requests each replica was given.
async fn tells_of_each_worker(up: &mut Dayu, client: &Client) {
    let pods = Api::<Pod>::namespaced(client.clone(), "pipeline").list(&ListParams::default()).await.unwrap();
    assert_eq!(pods.items.len(), 7);
    for pod in &pods {
        let (device, worker) = (pod.spec.as_ref().unwrap().node_name.as_deref().unwrap(), pod.name_any());
        up.prints_row(&[device, &worker, pod.status.as_ref().unwrap().pod_ip.as_deref().unwrap()]).await;
        let service = ["aggregator", "detector"].into_iter().find(|name| worker.starts_with(name));
        if let Some(service) = service.map(|name| name.replace("detector", "detector-both")) {
            up.prints_row(&[&format!("pipeline/{service}"), device, &worker]).await;
        }
    }
}

/// Cameras send to every device with detectors; each has a folder of its own, which its detectors know as `/temp`.
async fn keeps_the_newest_frame_on_each(data: &Path) {
    for device in &DEVICES[1..] {
        let folder = data.join("files").join(device).join("temp");
        let kept = eventually("a frame is kept", async || {
            let frame = std::fs::metadata(folder.join("newest.frame")).map_err(|error| format!("{device}: {error}"))?;
            Ok::<_, String>(frame.len())
        });
        let size = usize::try_from(kept.await).unwrap();
        assert!(SIZES.contains(&size), "{size} bytes on {device}");
    }
    assert!(!Path::new("/data/dayu-files").exists(), "something is kept where the manifest says");
}

/// In the table of nodes, and for programs on the device.
async fn says_what_each_device_is_for(client: &Client, kubeconfig: &Path) {
    let roles = ["control-plane", "edge", "edge"];
    let nodes = run(&["get", "--kubeconfig", kubeconfig.to_str().unwrap(), "nodes"]).await.out;
    for (device, address) in addresses(client).await {
        let role = roles[DEVICES.iter().position(|known| *known == device).unwrap()];
        let row = nodes.lines().find(|row| row.split_whitespace().next() == Some(&device));
        assert!(row.is_some_and(|row| row.split_whitespace().any(|word| word == role)), "{nodes}");
        let directory = eventually("the directory of a device", async || {
            let reply = ask(SocketAddr::new(address, STATUS), "/v1/devices", &[]).await?;
            let told: Value = serde_json::from_str(&reply.body).map_err(|error| error.to_string())?;
            let roles = told["devices"].as_array().into_iter().flatten().map(|device| device["roles"].clone());
            let mut roles: Vec<Value> = roles.collect();
            roles.sort_by_key(Value::to_string);
            let all = json!([["control-plane"], ["edge"], ["edge"]]);
            if Value::from(roles) == all { Ok(()) } else { Err(reply.body) }
        });
        directory.await;
    }
}

/// Takes the cameras away, as a user may, and waits until they are gone.
async fn changes_the_pipeline(client: &Client) {
    let joint = Api::<JointMultiEdgeService>::namespaced(client.clone(), "pipeline");
    joint.delete("camera", &DeleteParams::default()).await.unwrap();
    let gone = eventually("the cameras go", async || {
        let left: Vec<_> = objects(client).await.into_keys().filter(|name| name.contains("camera")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    gone.await;
}

async fn refuses_a_second(data: &Path) {
    let second = run(&["up", "--empty", "--data", data.to_str().unwrap()]).await;
    assert_ne!(second.code, Some(0));
    assert!(second.err.contains(data.to_str().unwrap()) && second.err.contains("in use"), "{}", second.err);
    assert!(second.err.contains("use another data directory"), "{}", second.err);
}

/// Asks each service for each of its devices from each device, in all three forms, until every replica has answered. Gives
/// the processes that did.
async fn ask_everyone(client: &Client) -> BTreeSet<String> {
    let addresses = addresses(client).await;
    let services: Vec<(&str, &[&str], usize)> =
        vec![("aggregator", &DEVICES[..1], 1), ("detector-both", &DEVICES[1..], 3)];
    let mut pids = BTreeSet::new();
    for (service, devices, replicas) in services {
        let node_port = node_port(client, service).await;
        for device in devices {
            // Replicas are picked by load: some rounds until each has had a turn.
            for _ in 0..replicas * 4 {
                for caller in addresses.values() {
                    let front = SocketAddr::new(*caller, FRONT);
                    let by_name = format!("http://{device}.{service}.pipeline.svc:9000/health");
                    pids.insert(landed(device, front, &by_name, &[]).await);
                    let by_header = format!("http://{service}.pipeline.svc:9000/health");
                    pids.insert(landed(device, front, &by_header, &[("x-target-device", device)]).await);
                }
                if let Some(port) = node_port {
                    let there = SocketAddr::new(addresses[*device], port);
                    pids.insert(landed(device, there, "/health", &[]).await);
                }
            }
        }
    }
    pids
}

/// Asks until there is an answer; the first one must be of `device`. Gives the process that answered.
async fn landed(device: &str, to: SocketAddr, target: &str, headers: &[(&str, &str)]) -> String {
    let reply = eventually(target, async || {
        let reply = ask(to, target, headers).await?;
        if reply.status == 200 { Ok(reply) } else { Err(reply.head) }
    });
    let reply = reply.await;
    assert_eq!(reply.field("device"), device, "{target} at {to} landed elsewhere");
    reply.field("pid")
}

async fn addresses(client: &Client) -> BTreeMap<String, IpAddr> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    let address = |node: &Node| {
        let addresses = node.status.as_ref()?.addresses.as_ref()?;
        addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()
    };
    let known: BTreeMap<_, _> = nodes.iter().map(|node| (node.name_any(), address(node).unwrap())).collect();
    assert_eq!(known.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(DEVICES));
    known
}

async fn node_port(client: &Client, service: &str) -> Option<u16> {
    let service = Api::<Service>::namespaced(client.clone(), "pipeline").get(service).await.unwrap();
    service.spec?.ports?.first()?.node_port?.try_into().ok()
}

/// What users made and what was made for them, by kind and name, with its identity.
async fn objects(client: &Client) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    all.extend(of::<RuntimeService>(client).await);
    all.extend(of::<JointMultiEdgeService>(client).await);
    all.extend(of::<Service>(client).await);
    all.extend(of::<Pod>(client).await);
    all
}

async fn of<K>(client: &Client) -> BTreeMap<String, String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    list.iter().map(|item| (format!("{}/{}", K::kind(&()), item.name_any()), item.uid().unwrap())).collect()
}
