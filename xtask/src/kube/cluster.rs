//! A control plane with real nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::assets::skip;
use super::component::{Held, folder, last_lines};
use super::layout::{ADMIN, Layout, Reach};
use super::network::{self, Place};
use super::node::{self, Node};
use super::plane::{Sign, answers, occupy};
use super::{Assets, ControlPlane, Error, Settings, image};

const PATIENCE: Duration = Duration::from_secs(20);

/// Real nodes and their control plane in a network of their own, all of which ends when this is dropped or when this
/// process ends.
#[derive(Debug)]
pub struct Cluster {
    // Fields are dropped in this order.
    nodes: Vec<Node>,
    plane: ControlPlane,
    network: u32,
    _network: Held,
}

impl Cluster {
    /// The programs, for a test of nodes. Where they cannot run it says why and is to do nothing, which is a failure where
    /// `DAYU_TESTS_MUST_NOT_SKIP` is set.
    pub fn assets_for_tests() -> Option<Assets> {
        let assets = Assets::for_tests()?;
        possible(&assets).inspect_err(|why| skip(&why.to_string())).ok()?;
        Some(assets)
    }

    /// Starts nodes of these names, with the images of this product and of its example, made from `program`, in their stores, and waits until they
    /// are Ready. Images in `archives` take the place of those of the same names. From then on the calling thread is in their network; others
    /// [`enter`](Self::enter) it.
    ///
    /// # Errors
    /// When something is missing or not ready in time.
    pub async fn start(assets: &Assets, names: &[&str], program: &Path, archives: &[PathBuf]) -> Result<Self, Error> {
        possible(assets)?;
        let temporary = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("kube-net-").tempdir_in(&temporary);
        let dir = dir.map_err(Error::file(temporary))?.keep();
        let network = network::component(&dir, names.len()).hold(&dir, Some(folder(&dir)))?;
        let pid = entered(&dir).await?;
        let plane = ControlPlane::reached(assets, Reach::Nodes, Settings::default()).await?;
        let layout = plane.layout();
        stock(layout, program, archives)?;
        let places = places(names);
        let nodes = names.iter().map(|name| Node::start(layout, name, &places)).collect::<Result<_, _>>()?;
        ready(layout, names).await?;
        Ok(Self { nodes, plane, network: pid, _network: network })
    }

    /// The same in a folder, until [`stop`](super::stop) is told it. Gives a command line that runs kubectl in that network.
    ///
    /// # Errors
    /// As above, and when something was started in the folder already.
    pub async fn start_detached(
        assets: &Assets,
        dir: &Path,
        names: &[&str],
        program: &Path,
        archives: &[PathBuf],
    ) -> Result<String, Error> {
        possible(assets)?;
        let dir = occupy(dir)?;
        network::component(&dir, names.len()).detach(&dir, &dir)?;
        let pid = entered(&dir).await?;
        let layout = ControlPlane::detached(assets, &dir, Reach::Nodes).await?;
        stock(&layout, program, archives)?;
        let places = places(names);
        names.iter().try_for_each(|name| Node::detach(&layout, name, &places))?;
        ready(&layout, names).await?;
        let (kubectl, kubeconfig) = (assets.program("kubectl"), layout.kubeconfig(ADMIN));
        Ok(format!("nsenter --net=/proc/{pid}/ns/net {} --kubeconfig {}", kubectl.display(), kubeconfig.display()))
    }

    /// Moves the calling thread to the network that control plane and nodes are in.
    ///
    /// # Errors
    /// Without the rights.
    pub fn enter(&self) -> Result<(), Error> {
        network::enter(self.network)
    }

    /// The control plane.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The nodes, as they were named.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

fn possible(assets: &Assets) -> Result<(), Error> {
    node::lacking(&assets.program("kubelet")).map_or(Ok(()), |why| Err(Error::NoNodes(why)))
}

/// Waits for the network and moves there.
async fn entered(dir: &Path) -> Result<u32, Error> {
    let made = async {
        loop {
            if let Some(pid) = network::pid(dir) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let late = |_| Error::NotReady {
        what: "the network of the nodes".into(),
        seconds: PATIENCE.as_secs(),
        reason: "it was not made".into(),
        log: last_lines(&dir.join("network.log")),
    };
    let pid = tokio::time::timeout(PATIENCE, made).await.map_err(late)?;
    network::enter(pid)?;
    Ok(pid)
}

/// Puts the images where each node takes them from, in the order of their names.
fn stock(layout: &Layout, program: &Path, archives: &[PathBuf]) -> Result<(), Error> {
    let folder = layout.dir.join("nodes");
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let program = image::stripped(program, &folder)?;
    image::archive(&program, &image::PRODUCT, &folder.join("product.images"))?;
    for (number, archive) in archives.iter().enumerate() {
        fs::copy(archive, folder.join(format!("replacing.{number}.images"))).map_err(Error::file(archive))?;
    }
    image::pause(&folder, &folder.join("pause.images"))
}

fn places(names: &[&str]) -> Vec<(String, Place)> {
    names.iter().map(|name| (*name).to_owned()).zip(Place::all(names.len())).collect()
}

async fn ready(layout: &Layout, names: &[&str]) -> Result<(), Error> {
    for name in names {
        let ready = format!("node/{name}");
        let question = ["wait", "--for=condition=Ready", "--timeout=1s", &ready];
        let sign = Sign { what: &format!("node {name}"), log: &format!("node-{name}"), question: &question };
        answers(layout, sign, None).await?;
    }
    Ok(())
}

/// The program `dayu` that was built beside this one.
pub fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    // Tests lie one folder below programs.
    let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).unwrap_or(&own);
    folder.join("dayu")
}
