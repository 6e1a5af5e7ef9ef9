//! The daemons as processes of their own: each may be killed at any moment.
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dayu_core::api::RuntimeService;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::harness::{Dayu, Leftovers, Plane, ask, eventually, is_alive, manifests, run, workers_of};

const DEVICE: &str = "edge.1";
const ROUNDS: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Daemon {
    Gm,
    Lm,
    Mesh,
}

/// A plane and the three daemons of its one device.
struct Site {
    plane: Plane,
    running: [Dayu; 3],
    _leftovers: Leftovers,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_daemon_may_be_killed_at_any_moment_and_workers_do_not_notice() {
    let mut site = Site::start().await;
    site.apply("steady").await;
    let worker = site.lands_on("steady").await;
    let mut moments = StdRng::seed_from_u64(3);
    for round in 0..ROUNDS {
        let mut order = [Daemon::Gm, Daemon::Lm, Daemon::Mesh];
        order.shuffle(&mut moments);
        for daemon in order {
            // There is work under way when it dies.
            let name = format!("{daemon:?}-{round}").to_lowercase();
            site.apply(&name).await;
            tokio::time::sleep(Duration::from_millis(moments.random_range(0..200))).await;
            site.kill(daemon).await;
            assert!(is_alive(&worker), "{daemon:?} took the worker with it in round {round}");
            site.lands_on(&name).await;
            assert_eq!(site.lands_on("steady").await, worker, "{daemon:?} started the worker anew in round {round}");
        }
    }
    assert_eq!(workers_of(&site.data()).len(), 1 + 3 * ROUNDS, "one process for each resource");
    site.services().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    let gone = eventually("workers go with their resources", async || match workers_of(&site.data()).len() {
        0 => Ok(()),
        left => Err(format!("{left} still run")),
    });
    gone.await;
}

/// As after a power cut in a place without a network: the worker is there again, the cloud is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mesh_that_was_killed_leads_to_what_it_knew_while_nobody_answers_it() {
    let mut site = Site::start().await;
    site.apply("steady").await;
    let worker = site.lands_on("steady").await;
    let address = site.address().await.unwrap();
    // The first thing that it writes is the route; the one before wrote none at its first.
    site.kill(Daemon::Mesh).await;
    eventually("the route is written down", async || {
        let kept = std::fs::read_to_string(site.plane.path("mesh/routes")).map_err(|error| error.to_string())?;
        if kept.contains("steady") { Ok(()) } else { Err(kept) }
    })
    .await;
    site.running[Daemon::Mesh as usize].dies().await;
    site.running[Daemon::Mesh as usize] = mesh(&site.plane, &site.plane.kubeconfig_of_nobody());
    let reply = eventually("the route is known", async || {
        let url = format!("http://{DEVICE}.steady.default.svc:9000/health");
        let reply = ask(SocketAddr::new(address, 10552), &url, &[]).await?;
        if reply.status == 200 { Ok(reply) } else { Err(reply.head) }
    })
    .await;
    assert_eq!(reply.field("pid"), worker);
    let ready = ask(SocketAddr::new(address, 10551), "/readyz", &[]).await.unwrap();
    assert_eq!((ready.status, ready.field("sourceState")), (503, "STALE".to_owned()));
    site.kill(Daemon::Mesh).await;
    eventually("the API confirms it", async || {
        let ready = ask(SocketAddr::new(address, 10551), "/readyz", &[]).await?;
        if ready.status == 200 { Ok(()) } else { Err(ready.body) }
    })
    .await;
    assert_eq!(site.lands_on("steady").await, worker);
}

impl Daemon {
    fn start(self, plane: &Plane) -> Dayu {
        let (kubeconfig, data) = (plane.kubeconfig(), plane.path("lm"));
        let data = data.to_str().unwrap();
        match self {
            Self::Gm => {
                Dayu::start(&["gm", "--kubeconfig", &kubeconfig, "--link-listen", "127.0.0.1:0", "--identity", "gm"])
            }
            Self::Lm => {
                Dayu::start(&["lm", "--kubeconfig", &kubeconfig, "--node", DEVICE, "--data", data, "--stop-workers"])
            }
            Self::Mesh => mesh(plane, &kubeconfig),
        }
    }
}

/// A mesh that remembers, and asks whom `kubeconfig` says.
fn mesh(plane: &Plane, kubeconfig: &str) -> Dayu {
    let data = plane.path("mesh");
    Dayu::start(&["mesh", "--kubeconfig", kubeconfig, "--node", DEVICE, "--data", data.to_str().unwrap()])
}

impl Site {
    async fn start() -> Self {
        let plane = Plane::start().await;
        let running = [Daemon::Gm, Daemon::Lm, Daemon::Mesh].map(|daemon| daemon.start(&plane));
        let leftovers = Leftovers(plane.path("lm"));
        Self { plane, running, _leftovers: leftovers }
    }

    /// Ends a daemon as a crash would, and starts it again.
    async fn kill(&mut self, daemon: Daemon) {
        self.running[daemon as usize].dies().await;
        self.running[daemon as usize] = daemon.start(&self.plane);
    }

    fn data(&self) -> std::path::PathBuf {
        self.plane.path("lm")
    }

    fn services(&self) -> Api<RuntimeService> {
        Api::namespaced(self.plane.client.clone(), "default")
    }

    /// Applies a RuntimeService as a user does, once the global manager has brought its definition.
    async fn apply(&self, name: &str) {
        let file = self.plane.write(&format!("{name}.yaml"), &manifests::runtime_service(name, DEVICE));
        let kubeconfig = self.plane.kubeconfig();
        let applied = eventually("apply", async || {
            let ended = run(&["apply", "--kubeconfig", &kubeconfig, "-f", &file]).await;
            if ended.code == Some(0) { Ok(()) } else { Err(ended.err) }
        });
        applied.await;
    }

    /// Waits until `name` is Ready and a request by its name lands. Gives the process that answered.
    async fn lands_on(&self, name: &str) -> String {
        let found = eventually(name, async || {
            let service = self.services().get(name).await.map_err(|error| error.to_string())?;
            let conditions = service.status.unwrap_or_default().conditions;
            let ready = conditions.iter().find(|condition| condition.type_ == "Ready").ok_or("no condition Ready")?;
            if ready.status != "True" {
                return Err(format!("{}: {}", ready.reason, ready.message));
            }
            let front = SocketAddr::new(self.address().await?, 10552);
            let reply = ask(front, &format!("http://{DEVICE}.{name}.default.svc:9000/health"), &[]).await?;
            if reply.status == 200 { Ok(reply) } else { Err(reply.head) }
        });
        let reply = found.await;
        assert_eq!(reply.field("device"), DEVICE);
        assert!(reply.field("replica").starts_with(name), "{name} was asked, another answered: {reply:?}");
        reply.field("pid")
    }

    async fn address(&self) -> Result<IpAddr, String> {
        let node = Api::<Node>::all(self.plane.client.clone()).get(DEVICE).await.map_err(|error| error.to_string())?;
        let addresses = node.status.and_then(|status| status.addresses).unwrap_or_default();
        let address = addresses.iter().find(|address| address.type_ == "InternalIP").ok_or("no address yet")?;
        address.address.parse().map_err(|error| format!("{}: {error}", node.metadata.name.unwrap_or_default()))
    }
}
