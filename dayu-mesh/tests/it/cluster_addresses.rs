//! Addresses and names of the cluster on a device of a real one, where they are none of the machine's: asked from a pod's network.
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    process::{Command, Output},
    time::Duration,
};

use dayu_core::{
    directory::{Change, DeviceRecord, EndpointRecord, ServiceRecord, SliceRecord, Source},
    name::ServiceKey,
};
use dayu_mesh::{Options, run_from};
use futures::{StreamExt, channel::mpsc, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, worker};

/// Which part of the test a process plays; the test starts itself again in each network.
const ROLE: &str = "DAYU_TEST_ROLE";
const TEST: &str = "cluster_addresses::a_pod_reaches_addresses_and_names_as_long_as_there_is_the_service";
/// Whom a pod asks.
const TARGET: &str = "DAYU_TEST_TARGET";
const DEVICE: [u8; 4] = [10, 96, 200, 1];
const OTHER: [u8; 4] = [10, 96, 200, 3];
const CLUSTER: [u8; 4] = [10, 96, 7, 7];
/// Where pods are told to ask for names.
const NAMES: &str = "169.254.96.16";

#[test]
fn a_pod_reaches_addresses_and_names_as_long_as_there_is_the_service() {
    match std::env::var(ROLE) {
        Ok(role) if role == "pod" => println!("{}", pod()),
        Ok(role) => tokio::runtime::Runtime::new().unwrap().block_on(device(&role)),
        Err(_) => match Networks::new() {
            Ok(networks) => {
                let device = play(&networks.device, &networks.pod, "");
                let said = String::from_utf8_lossy(&device.stdout) + String::from_utf8_lossy(&device.stderr);
                assert!(device.status.success(), "{said}");
            }
            Err(why) => {
                assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "skipped: {why}");
                println!("skipped: {why}");
            }
        },
    }
}

/// Two networks joined by a cable: a device's, and one of its pods'.
struct Networks {
    device: String,
    pod: String,
}

impl Networks {
    fn new() -> Result<Self, String> {
        let [device, pod] = ["device", "pod"].map(|name| format!("dayu-{name}-{}", std::process::id()));
        let networks = Self { device, pod };
        let Self { device, pod } = &networks;
        for step in [
            format!("netns add {device}"),
            format!("netns add {pod}"),
            format!("-n {device} link set lo up"),
            format!("-n {device} link add pods type veth peer name eth0 netns {pod}"),
            format!("-n {device} addr add 10.96.200.1/24 dev pods"),
            format!("-n {device} addr add 10.96.200.3/24 dev pods"),
            format!("-n {device} link set pods up"),
            format!("-n {pod} addr add 10.96.200.2/24 dev eth0"),
            format!("-n {pod} link set eth0 up"),
            format!("-n {pod} route add default via 10.96.200.1"),
        ] {
            ip(&step)?;
        }
        Ok(networks)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for network in [&self.device, &self.pod] {
            let _ = ip(&format!("netns del {network}"));
        }
    }
}

/// Runs `ip`, and says what it said if it failed.
fn ip(arguments: &str) -> Result<String, String> {
    let done = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("no `ip`: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(said(&done.stdout)) } else { Err(format!("ip {arguments}: {}", said(&done.stderr))) }
}

/// Has this test play `role` in `network`, with the resolver of a pod.
fn play(network: &str, role: &str, target: &str) -> Output {
    // In a mount namespace of its own, which `ip` makes.
    const RESOLVER: &str = "mount -t tmpfs etc /etc && printf 'nameserver %s\\nsearch default.svc.cluster.local \
                            svc.cluster.local cluster.local\\noptions ndots:5\\n' $0 >/etc/resolv.conf && exec \"$@\"";
    let itself = std::env::current_exe().unwrap();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", network, "sh", "-c", RESOLVER, NAMES]);
    command.arg(itself).args([TEST, "--exact", "--nocapture"]).env(ROLE, role).env(TARGET, target);
    command.output().unwrap()
}

/// The pod: asks its target, says who answers, and fails if nobody does.
fn pod() -> String {
    let target = std::env::var(TARGET).unwrap();
    let address = target.to_socket_addrs().unwrap().next().unwrap();
    // Where the address is nobody's, nothing comes back.
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    format!("{target} at {address}: {answer}")
}

/// Changes as they are sent.
struct Told(mpsc::UnboundedReceiver<Change>);

impl Source for Told {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        self.0.boxed()
    }
}

/// What there is of `service` and the devices.
fn present(service: &ServiceRecord) -> [Change; 6] {
    let slice = |name, address: [u8; 4], device| {
        Change::Slice(SliceRecord::new(&service.key, name, 8000, [EndpointRecord::new(address).on(device)]))
    };
    [
        Change::Device(DeviceRecord { addresses: vec![DEVICE.into()], ..DeviceRecord::new("edge1") }),
        Change::Device(DeviceRecord::new("edge2")),
        Change::Service(service.clone()),
        slice("det-1", DEVICE, "edge1"),
        slice("det-2", OTHER, "edge2"),
        Change::Synced,
    ]
}

/// What the device has of routes to itself for `destination`.
fn own_routes(destination: &str) -> String {
    ip(&format!("route show table local {destination}")).unwrap()
}

/// Waits until the cluster address is the device's own, or is not.
async fn until_own(is_own: bool) {
    let settled = async {
        while own_routes("10.96.7.7").is_empty() == is_own {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap_or_else(|_| panic!("an own address: never {is_own}"));
}

/// Whether a pod whose network is `network` gets an answer from `target`, and what it says.
async fn ask(network: &str, target: &str) -> (bool, String) {
    let (network, target) = (network.to_owned(), target.to_owned());
    let pod = tokio::task::spawn_blocking(move || play(&network, "pod", &target)).await.unwrap();
    (pod.status.success(), String::from_utf8_lossy(&[pod.stdout, pod.stderr].concat()).into_owned())
}

/// The device: a mesh, workers of this and of another device, and the pod that asks, whose network is `network`.
async fn device(network: &str) {
    let _worker = worker::start("det-1", SocketAddr::new(DEVICE.into(), 8000)).await;
    let _other = worker::start("det-2", SocketAddr::new(OTHER.into(), 8000)).await;
    let (tell, told) = mpsc::unbounded();
    let service = ServiceRecord::new(ServiceKey::new("default", "det")).port(9000);
    let service = ServiceRecord { addresses: vec![CLUSTER.into()], ..service };
    present(&service).into_iter().for_each(|change| tell.unbounded_send(change).unwrap());
    let stop = CancellationToken::new();
    let names = Options { dns: Some(format!("{NAMES}:53").parse().unwrap()), ..Options::of("edge1") };
    ip("route add local 10.96.9.9 dev lo table local proto 218").unwrap();
    let mut mesh = run_from(Box::new(Told(told)), names, stop.clone());
    mesh.ready().await.unwrap();
    assert_eq!(own_routes("10.96.9.9"), "", "what a killed mesh left is removed");
    for (target, who) in [
        ("10.96.7.7:9000", "det-1"),
        ("det:9000", "det-1"),
        ("det.default.svc.cluster.local:9000", "det-1"),
        ("edge1.det.default.svc:9000", "det-1"),
        ("edge2.det.default.svc:9000", "det-2"),
        ("edge2.det.default.svc.cluster.local:9000", "det-2"),
    ] {
        let (answered, said) = ask(network, target).await;
        assert!(answered && said.contains(who), "{said}");
    }
    assert_eq!(own_routes("241.0.0.0/8").lines().count(), 1);
    assert_eq!(own_routes("10.96.7.7").lines().count(), 1);

    // A Service that is gone gives its address back, and one that comes again has it again.
    tell.unbounded_send(Change::ServiceGone { key: service.key.clone(), uid: service.uid.clone() }).unwrap();
    until_own(false).await;
    for target in ["10.96.7.7:9000", "det.default.svc:9000", "edge2.det.default.svc:9000"] {
        assert!(!ask(network, target).await.0, "nobody answers at {target}");
    }
    tell.unbounded_send(Change::Service(ServiceRecord { version: 2, ..service })).unwrap();
    until_own(true).await;
    stop.cancel();
    mesh.finished().await.unwrap();
    for left in ["10.96.7.7", "241.0.0.0/8", NAMES] {
        assert_eq!(own_routes(left), "", "a mesh that ends leaves nothing behind");
    }
}
