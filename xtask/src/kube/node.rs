//! A real node: Debian's containerd and runc, and a kubelet, in namespaces of their own.
//!
//! It has its own network, processes, mounts and host name, so that several fit on one machine, and its containers, their
//! mounts and their addresses end with its first process. Only its control groups are the machine's: they are removed after.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::component::{Component, Held, Remains};
use super::layout::Layout;
use super::network::{self, Place};
use super::{Error, image};

const OUTSIDE: &str = include_str!("node.sh");
const INSIDE: &str = include_str!("inside.sh");
/// Debian's containernetworking-plugins.
const PLUGINS: &str = "/usr/lib/cni";
/// Groups can be removed when the last process is gone, which takes the kernel a moment.
const REMOVE_GROUPS: &str = r#"
for _ in $(seq 100); do
    find /sys/fs/cgroup -depth -type d -path "*/$OF*" -exec rmdir {} + 2>/dev/null
    [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name "$OF")" ] || break
    sleep 0.05
done
"#;

/// A node that ends, with every container on it, when this is dropped or when this process ends.
#[derive(Debug)]
pub struct Node {
    name: String,
    address: Ipv4Addr,
    folder: PathBuf,
    _held: Held,
}

impl Node {
    pub(super) fn start(layout: &Layout, name: &str, places: &[(String, Place)]) -> Result<Self, Error> {
        let made = Made::new(layout, name, places)?;
        let remains = Remains { removal: REMOVE_GROUPS, of: OsStr::new(&made.group) };
        let held = made.component.hold(&layout.logs, Some(remains))?;
        Ok(Self { name: name.into(), address: made.address, folder: made.folder, _held: held })
    }

    pub(super) fn detach(layout: &Layout, name: &str, places: &[(String, Place)]) -> Result<(), Error> {
        Made::new(layout, name, places)?.component.detach(&layout.logs, &layout.dir)
    }

    /// What Kubernetes calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its `InternalIP`.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A command that is run on the node, as somebody who logged in there would.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let of = |kind: &str| format!("/proc/{}/ns/{kind}", self.pid());
        let mut command = Command::new("nsenter");
        for (option, kind) in [("net", "net"), ("mount", "mnt"), ("uts", "uts"), ("pid", "pid_for_children")] {
            command.arg(format!("--{option}={}", of(kind)));
        }
        command.arg("--").arg(program);
        command
    }

    /// Moves the calling thread to the node's network.
    ///
    /// # Errors
    /// Without the rights, or when the node is gone.
    pub fn enter(&self) -> Result<(), Error> {
        network::enter(self.pid())
    }

    fn pid(&self) -> u32 {
        let told = fs::read_to_string(self.folder.join("pid")).ok();
        told.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }
}

/// A node's folder with what it is configured by.
struct Made {
    component: Component,
    address: Ipv4Addr,
    folder: PathBuf,
    group: String,
}

impl Made {
    fn new(layout: &Layout, name: &str, places: &[(String, Place)]) -> Result<Self, Error> {
        let others = || places.iter().filter(|(other, _)| other != name);
        let place = places.iter().find(|(other, _)| other == name).map(|(_, place)| *place);
        let place = place.ok_or_else(|| Error::NoNodes(format!("{name} has no place")))?;
        let folder = layout.dir.join("nodes").join(name);
        let group = format!("kube-node-{}-{name}", std::process::id());
        fs::create_dir_all(folder.join("cni")).map_err(Error::file(&folder))?;
        let kubeconfig = layout.admit(name)?;
        let write = |file: &str, content: String| {
            let path = folder.join(file);
            fs::write(&path, content).map_err(Error::file(path))
        };
        write("containerd.toml", containerd(&folder))?;
        write("cni/10-bridge.conflist", bridge(&place.pods()))?;
        write("kubelet.json", kubelet(&layout.authority(), &group))?;
        write("group", group.clone())?;
        fs::copy(&kubeconfig, folder.join("kubeconfig")).map_err(Error::file(kubeconfig))?;

        let mut arguments: Vec<String> = vec![
            format!("KUBELET={}", layout.assets.program("kubelet").display()),
            format!("INSIDE={INSIDE}"),
            "sh".into(),
            "-c".into(),
            OUTSIDE.into(),
            "node".into(),
            folder.display().to_string(),
            name.into(),
            place.number().to_string(),
            place.address().to_string(),
        ];
        arguments.extend([network::GATEWAY, network::API, network::SERVICES].map(str::to_owned));
        arguments.push(group.clone());
        arguments.extend(others().flat_map(|(_, other)| [other.address().to_string(), other.pods()]));
        let component = Component { name: format!("node-{name}"), program: "env".into(), arguments };
        Ok(Self { component, address: place.address(), folder, group })
    }
}

/// Removes the control groups of the nodes that were started in a folder and have ended.
pub(super) fn remove_groups(dir: &Path) {
    for node in fs::read_dir(dir.join("nodes")).into_iter().flatten().flatten() {
        let Ok(group) = fs::read_to_string(node.path().join("group")) else { continue };
        // What stays is empty, and disturbs nobody.
        let _ = Command::new("sh").args(["-c", REMOVE_GROUPS]).env("OF", group).status();
    }
}

/// Without the right to make a process unlikelier to be killed for its memory, containers must not ask for it.
fn containerd(folder: &Path) -> String {
    format!(
        r#"version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{}"
"#,
        image::PAUSE,
        folder.join("cni").display(),
    )
}

fn bridge(pods: &str) -> String {
    let addresses = json!({
        "type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}],
    });
    let bridge = json!({"type": "bridge", "bridge": "pods", "isGateway": true, "ipam": addresses});
    json!({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}).to_string()
}

fn kubelet(authority: &Path, group: &str) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": false}, "x509": {"clientCAFile": authority},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [network::NAMES],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        // One kernel for all: its control groups as they are, its memory and swap not this node's to guard.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{group}"),
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "localStorageCapacityIsolation": false,
        "makeIPTablesUtilChains": false,
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
    })
    .to_string()
}

/// What the machine lacks for nodes, if anything.
pub(super) fn lacking(kubelet: &Path) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".into());
    }
    if !kubelet.is_file() {
        return Some(format!("there is no {}; `cargo xtask kube build` builds it", kubelet.display()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let packages = [
        ("containerd", "containerd"),
        ("ctr", "containerd"),
        ("runc", "runc"),
        ("ip", "iproute2"),
        ("iptables-nft", "iptables"),
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
    ];
    if let Some((program, package)) = packages.into_iter().find(|(program, _)| !found(program)) {
        return Some(format!("{program} is not installed; Debian's package {package} has it"));
    }
    if !Path::new(PLUGINS).join("bridge").is_file() {
        return Some(format!("no bridge in {PLUGINS}; Debian's package containernetworking-plugins has it"));
    }
    let allowed = Command::new("unshare").args(["--net", "--mount", "--pid", "--fork", "true"]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    (!allowed).then(|| "namespaces cannot be made here".into())
}
