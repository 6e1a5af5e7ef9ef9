//! Two nodes on which everything is installed as its documentation says: once for all tests.
use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde_json::Value;
use tokio::time::Instant;
use xtask::kube::{Cluster, Node, built};

use crate::http::Ask;

pub(crate) const NODES: [&str; 2] = ["edge1", "edge2"];
const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");
const WORKLOADS: [&str; 3] = ["deployment/dayu-gm", "daemonset/dayu-lm", "daemonset/dayu-mesh"];
/// What is waited for takes a second or two; a busy machine is given more.
const LIMIT: Duration = Duration::from_secs(90);

/// It ends with this process.
static SITE: OnceLock<Option<Site>> = OnceLock::new();
/// Tests that harm the installation are alone.
static HARM: RwLock<()> = RwLock::new(());

pub(crate) struct Site {
    cluster: Cluster,
}

/// The site, and the calling thread in its network; none, and why, where nodes cannot run.
fn site() -> Option<&'static Site> {
    let site = SITE.get_or_init(Site::start).as_ref()?;
    site.cluster.enter().unwrap();
    Some(site)
}

/// For a test that leaves the installation as it is.
pub(crate) fn shared() -> Option<(&'static Site, RwLockReadGuard<'static, ()>)> {
    let guard = HARM.read();
    Some((site()?, guard))
}

/// For a test that needs it to itself, and puts it right again.
pub(crate) fn alone() -> Option<(&'static Site, RwLockWriteGuard<'static, ()>)> {
    let guard = HARM.write();
    Some((site()?, guard))
}

impl Site {
    fn start() -> Option<Self> {
        let assets = Cluster::assets_for_tests()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // The image that users have, where one was built; else one of the program that tests have.
        let image: Vec<PathBuf> = std::env::var_os("DAYU_IMAGE").map(PathBuf::from).into_iter().collect();
        let cluster = runtime.block_on(Cluster::start(&assets, &NODES, &program(), &image)).unwrap();
        let site = Self { cluster };
        site.install();
        Some(site)
    }

    /// What the documentation says to do, and nothing more.
    pub(crate) fn install(&self) {
        self.kubectl(&["apply", "--server-side", "-f", MANIFESTS]);
        self.rolled_out();
    }

    /// Takes away what [`install`](Self::install) brought, and every resource of our kinds with it.
    pub(crate) fn uninstall(&self) {
        self.kubectl(&["delete", "-f", MANIFESTS, "--timeout=90s"]);
    }

    /// Waits until every daemon is there and ready.
    pub(crate) fn rolled_out(&self) {
        for workload in WORKLOADS {
            self.kubectl(&["-n", "dayu-system", "rollout", "status", workload, "--timeout=120s"]);
        }
    }

    pub(crate) fn node(&self, name: &str) -> &Node {
        self.cluster.nodes().iter().find(|node| node.name() == name).unwrap()
    }

    /// A socket address on a device.
    pub(crate) fn at(&self, device: &str, port: u16) -> SocketAddr {
        SocketAddr::new(self.node(device).address().into(), port)
    }

    /// Runs kubectl as an administrator; gives what it prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, "").unwrap_or_else(|said| {
            let pods = self.try_kubectl(&["get", "pods", "-A", "-o", "wide"], "").unwrap_or_default();
            panic!("kubectl {arguments:?}: {said}\n{pods}")
        })
    }

    pub(crate) fn apply(&self, manifests: &str) {
        self.try_kubectl(&["apply", "-f", "-"], manifests).unwrap();
    }

    /// An object, or a list of them.
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        let arguments = [&["get", "-o", "json"], arguments].concat();
        serde_json::from_str(&self.kubectl(&arguments)).unwrap()
    }

    /// Waits for a condition such as `condition=Ready` of an object in a namespace.
    pub(crate) fn wait(&self, namespace: &str, object: &str, condition: &str) {
        let condition = format!("--for={condition}");
        self.kubectl(&["-n", namespace, "wait", object, &condition, &format!("--timeout={}s", LIMIT.as_secs())]);
    }

    /// Where a Service is: its cluster address with its port, and its node port if it has one.
    pub(crate) fn service(&self, namespace: &str, name: &str) -> (SocketAddr, Option<u16>) {
        let service = self.get(&["service", name, "-n", namespace]);
        let port = &service["spec"]["ports"][0];
        let number = |field: &str| port[field].as_u64().map(|number| u16::try_from(number).unwrap());
        let address = service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        (SocketAddr::new(address, number("port").unwrap()), number("nodePort"))
    }

    /// Asks from a device, as a program on it would.
    pub(crate) fn ask(&self, from: &str, ask: &Ask) -> Result<Value, String> {
        let node = self.node(from);
        let asked = || {
            node.enter().map_err(|error| error.to_string())?;
            ask.send().map_err(|error| format!("from {from}: {error}"))
        };
        std::thread::scope(|scope| scope.spawn(asked).join().unwrap())
    }

    /// Runs a program of the device's in the network of a pod, with the pod's resolver; what it says.
    pub(crate) fn within(&self, pod: &Value, program: &str, arguments: &[&str]) -> String {
        const RESOLVER: &str = r#"mount -t tmpfs pod /etc && cp "/proc/$0/root/etc/resolv.conf" /etc && exec "$@""#;
        let process = self.process(pod);
        let network = format!("--net=/proc/{process}/ns/net");
        let mut command = self.node_of(pod).command("nsenter");
        command.args([&network, "--", "unshare", "--mount", "sh", "-c", RESOLVER, &process, program]);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What a pod's worker finds in its environment under `name`.
    pub(crate) fn variable(&self, pod: &Value, name: &str) -> String {
        let environment = format!("/proc/{}/environ", self.process(pod));
        let output = self.node_of(pod).command("cat").arg(environment).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = text.split('\0').find_map(|one| one.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
        value.unwrap_or_else(|| panic!("no {name} in {text:?}"))
    }

    fn node_of(&self, pod: &Value) -> &Node {
        self.node(pod["spec"]["nodeName"].as_str().unwrap())
    }

    /// The first process of a pod's container, as its device numbers them.
    fn process(&self, pod: &Value) -> String {
        let id = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap();
        let id = id.strip_prefix("containerd://").unwrap();
        let tasks = self.node_of(pod).command("ctr").args(["--namespace", "k8s.io", "task", "ls"]).output().unwrap();
        let tasks = String::from_utf8(tasks.stdout).unwrap();
        let task = tasks.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("no {id} in {tasks}"));
        task.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Runs `dayu` on a device; what it says, whether that is good or bad.
    pub(crate) fn dayu(&self, on: &str, arguments: &[&str]) -> String {
        let mut dayu = self.node(on).command(program());
        dayu.args(arguments).env("KUBECONFIG", self.cluster.plane().kubeconfig());
        let output = dayu.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Runs Helm as an administrator in the namespace of the installation; what it prints, or what it says against it.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut helm = Command::new("helm");
        helm.arg("--kubeconfig").arg(self.cluster.plane().kubeconfig()).args(["--namespace", "dayu-system"]);
        said(helm.args(arguments), "")
    }

    fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let plane = self.cluster.plane();
        let mut kubectl = Command::new(plane.kubectl());
        said(kubectl.arg("--kubeconfig").arg(plane.kubeconfig()).args(arguments), input)
    }
}

/// What a command prints when it is told `input`, or what it says against that.
fn said(command: &mut Command, input: &str) -> Result<String, String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The program that lies beside this test: tests of the whole workspace build it anew, which the test of this crate alone does
/// only where there is none.
fn program() -> PathBuf {
    let program = built();
    if !program.is_file() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "dayu"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(cargo.status().unwrap().success(), "dayu cannot be built");
    }
    program
}

/// Asks `probe` until it has an answer; what it said last is told if it never has. A test of real nodes has its thread to itself.
#[expect(clippy::disallowed_methods)]
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match probe() {
            Ok(answer) => return answer,
            Err(last) => assert!(began.elapsed() < LIMIT, "{what}: not within {LIMIT:?}; last: {last}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
