//! What a control plane is made of: its folder, keys, ports, and each program's flags.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use super::component::Component;
use super::pki::Pki;
use super::settings::{Flags, Settings};
use super::{Assets, Error, audit, network};

pub(super) const ADMIN: &str = "admin";
const MANAGER: &str = "manager";
const SCHEDULER: &str = "scheduler";

/// Who is to reach a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Programs of this machine.
    Loopback,
    /// Nodes as well, by the address and port that pods of every Kubernetes find in their environment.
    Nodes,
}

/// The folder of a control plane, and the ports it will have.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) assets: Assets,
    pub(super) dir: PathBuf,
    pub(super) logs: PathBuf,
    pki: Pki,
    ports: Ports,
    reach: Reach,
    settings: Settings,
}

#[derive(Debug)]
struct Ports {
    client: u16,
    peer: u16,
    api: u16,
    manager: u16,
    scheduler: u16,
}

impl Layout {
    pub(super) fn make(assets: &Assets, dir: &Path, reach: Reach, settings: Settings) -> Result<Self, Error> {
        let logs = dir.join("log");
        std::fs::create_dir_all(&logs).map_err(Error::file(&logs))?;
        let pki = Pki::make(&dir.join("pki"))?;
        let names = ["localhost", "kubernetes.default.svc", "127.0.0.1", network::API, network::GATEWAY];
        pki.sign("api-server", "kube-apiserver", None, &names)?;
        pki.sign(ADMIN, "admin", Some("system:masters"), &[])?;
        pki.sign(MANAGER, "system:kube-controller-manager", None, &[])?;
        pki.sign(SCHEDULER, "system:kube-scheduler", None, &[])?;
        let mut ports = Ports::free()?;
        if reach == Reach::Nodes {
            ports.api = network::API_PORT;
        }
        let layout = Self { assets: assets.clone(), dir: dir.into(), logs, pki, ports, reach, settings };
        audit::write_policy(&layout.audit_policy())?;
        for user in [ADMIN, MANAGER, SCHEDULER] {
            layout.introduce(user)?;
        }
        Ok(layout)
    }

    /// Makes a node known by its name; gives its kubeconfig.
    pub(super) fn admit(&self, node: &str) -> Result<PathBuf, Error> {
        let user = format!("node-{node}");
        self.pki.sign(&user, &format!("system:node:{node}"), Some("system:nodes"), &[])?;
        self.introduce(&user)
    }

    /// The certificate of who signs for everybody here.
    pub(super) fn authority(&self) -> PathBuf {
        self.pki.path("ca.crt")
    }

    fn introduce(&self, user: &str) -> Result<PathBuf, Error> {
        let path = self.kubeconfig(user);
        std::fs::write(&path, self.reaching(user)).map_err(Error::file(&path))?;
        Ok(path)
    }

    pub(super) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.dir.join(format!("{user}.conf"))
    }

    fn reaching(&self, user: &str) -> String {
        let server = match self.reach {
            Reach::Loopback => "127.0.0.1",
            Reach::Nodes => network::GATEWAY,
        };
        let pki = |file: String| self.pki.path(&file).display().to_string();
        let cluster = serde_json::json!({
            "server": format!("https://{server}:{}", self.ports.api), "certificate-authority": pki("ca.crt".into()),
        });
        let user = serde_json::json!({
            "client-certificate": pki(format!("{user}.crt")), "client-key": pki(format!("{user}.key")),
        });
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        })
        .to_string()
    }

    /// What the API server was asked by whom, where that is recorded.
    pub(super) fn audit_log(&self) -> PathBuf {
        self.logs.join("audit.log")
    }

    fn audit_policy(&self) -> PathBuf {
        self.dir.join("audit-policy.json")
    }

    /// Of a flag that is given twice the later counts.
    fn component(&self, program: &str, arguments: &[(&str, &str)], further: Flags) -> Component {
        let arguments = arguments.iter().chain(further).map(|(flag, value)| format!("--{flag}={value}")).collect();
        Component { name: program.into(), program: self.assets.program(program), arguments }
    }

    /// Without fsync: what a test stores need not survive the machine.
    pub(super) fn etcd(&self) -> Component {
        let client = format!("http://127.0.0.1:{}", self.ports.client);
        let peer = format!("http://127.0.0.1:{}", self.ports.peer);
        self.component(
            "etcd",
            &[
                ("data-dir", &self.dir.join("etcd").display().to_string()),
                ("listen-client-urls", &client),
                ("advertise-client-urls", &client),
                ("listen-peer-urls", &peer),
                ("initial-advertise-peer-urls", &peer),
                ("initial-cluster", &format!("default={peer}")),
                ("unsafe-no-fsync", "true"),
            ],
            &[],
        )
    }

    /// On loopback alone the advertised address is nobody's: a loopback one is refused.
    pub(super) fn api_server(&self) -> Component {
        let pki = |file: &str| self.pki.path(file).display().to_string();
        let (bind, advertise, reconciler) = match self.reach {
            Reach::Loopback => ("127.0.0.1", "10.0.0.1", "none"),
            Reach::Nodes => ("0.0.0.0", network::GATEWAY, "lease"),
        };
        self.component(
            "kube-apiserver",
            &[
                ("etcd-servers", &format!("http://127.0.0.1:{}", self.ports.client)),
                ("secure-port", &self.ports.api.to_string()),
                ("bind-address", bind),
                ("advertise-address", advertise),
                ("endpoint-reconciler-type", reconciler),
                ("kubelet-client-certificate", &pki(&format!("{ADMIN}.crt"))),
                ("kubelet-client-key", &pki(&format!("{ADMIN}.key"))),
                ("kubelet-preferred-address-types", "InternalIP"),
                ("client-ca-file", &pki("ca.crt")),
                ("tls-cert-file", &pki("api-server.crt")),
                ("tls-private-key-file", &pki("api-server.key")),
                ("service-cluster-ip-range", network::SERVICES),
                ("service-account-issuer", "https://kubernetes.default.svc"),
                ("service-account-key-file", &pki("sa.pub")),
                ("service-account-signing-key-file", &pki("sa.key")),
                ("authorization-mode", "Node,RBAC"),
                ("allow-privileged", "true"),
                ("audit-policy-file", &self.audit_policy().display().to_string()),
                ("audit-log-path", &self.audit_log().display().to_string()),
            ],
            self.settings.api_server,
        )
    }

    pub(super) fn controllers(&self) -> (Component, Component) {
        let pki = |file: &str| self.pki.path(file).display().to_string();
        let known = |user: &str| self.kubeconfig(user).display().to_string();
        let (manager, scheduler) = (known(MANAGER), known(SCHEDULER));
        let manager = self.component(
            "kube-controller-manager",
            &[
                ("kubeconfig", &manager),
                ("authentication-kubeconfig", &manager),
                ("authorization-kubeconfig", &manager),
                ("service-account-private-key-file", &pki("sa.key")),
                ("root-ca-file", &pki("ca.crt")),
                ("cluster-signing-cert-file", &pki("ca.crt")),
                ("cluster-signing-key-file", &pki("ca.key")),
                ("use-service-account-credentials", "true"),
                ("leader-elect", "false"),
                ("bind-address", "127.0.0.1"),
                ("secure-port", &self.ports.manager.to_string()),
            ],
            self.settings.controller_manager,
        );
        let scheduler = self.component(
            "kube-scheduler",
            &[
                ("kubeconfig", &scheduler),
                ("authentication-kubeconfig", &scheduler),
                ("authorization-kubeconfig", &scheduler),
                ("leader-elect", "false"),
                ("bind-address", "127.0.0.1"),
                ("secure-port", &self.ports.scheduler.to_string()),
            ],
            self.settings.scheduler,
        );
        (manager, scheduler)
    }
}

/// Ports that control planes take: above those of kubelets and meshes, below those that the system gives to connections, which come
/// and go while a program starts.
const TAKEN_FROM: std::ops::Range<u16> = 12_000..29_280;
/// How many of them each process has to itself, as long as not so many run at once that they come round again.
const OF_A_PROCESS: u16 = 64;

impl Ports {
    /// Free now, and nobody's next of those that start beside this one, in this process or in another.
    fn free() -> Result<Self, Error> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let blocks = u32::from(TAKEN_FROM.len() as u16 / OF_A_PROCESS);
        let first = TAKEN_FROM.start + (std::process::id() % blocks) as u16 * OF_A_PROCESS;
        let next = || first + NEXT.fetch_add(1, Ordering::Relaxed) % OF_A_PROCESS;
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let mut free = std::iter::repeat_with(next).take(usize::from(OF_A_PROCESS)).filter(is_free);
        let mut one = || free.next().ok_or(Error::NoPort(first..first + OF_A_PROCESS));
        Ok(Self { client: one()?, peer: one()?, api: one()?, manager: one()?, scheduler: one()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_have_a_port_in_common_and_none_is_one_that_somebody_listens_on() {
        let all = |ports: Ports| [ports.client, ports.peer, ports.api, ports.manager, ports.scheduler];
        let mut seen = all(Ports::free().unwrap()).to_vec();
        let taken = TcpListener::bind(("127.0.0.1", seen[4] + 1));
        seen.extend(all(Ports::free().unwrap()));
        assert!(taken.is_err() || !seen.contains(&taken.unwrap().local_addr().unwrap().port()));
        assert!(seen.iter().all(|port| TAKEN_FROM.contains(port)));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 10);
    }
}
