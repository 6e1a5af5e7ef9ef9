//! What a local manager is told at its start.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use dayu_core::name::Device;

/// The local manager of one device.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How to reach the API; without it, KUBECONFIG, the pod's service account or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The device that this local manager looks after: the name of its Kubernetes node.
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node: Device,
    /// Where the global manager takes links; found through the API when absent.
    #[arg(long, value_name = "HOST:PORT")]
    pub gm: Option<String>,
    /// Connect to the global manager without TLS, and without knowing to whom: where it is Sedna's.
    #[arg(long)]
    pub link_plain: bool,
    /// Where workers' state, files and logs are kept [default: /var/lib/dayu/lm/NODE for root, else dayu-lm/NODE
    /// in the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The status API of this device's mesh [default: port 10551 of the device's address if that is a loopback
    /// address, else 127.0.0.1:10551]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub mesh: Option<SocketAddr>,
    /// Where health, readiness and metrics are served, such as 127.0.0.1:10553; nowhere unless said.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub status: Option<SocketAddr>,
    /// Stop the workers when told to end; without it they live on and the next local manager takes them over.
    #[arg(long)]
    pub stop_workers: bool,
    /// What the device is for, such as `edge`: a role on the Node that is registered for it; a Node that is there keeps its own.
    #[arg(skip)]
    pub role: Option<&'static str>,
}

impl Options {
    /// Everything at its default for the device `node`.
    pub fn of(node: impl Into<Device>) -> Self {
        Self {
            kubeconfig: None,
            node: node.into(),
            gm: None,
            link_plain: false,
            data: None,
            mesh: None,
            status: None,
            stop_workers: false,
            role: None,
        }
    }

    /// Where state is kept: an absolute path, and the same one however the folder was named. Workers are known again by it.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        settled(&self.data.clone().unwrap_or_else(|| {
            let root = rustix::process::geteuid().is_root();
            let base = if root { PathBuf::from("/var/lib/dayu/lm") } else { std::env::temp_dir().join("dayu-lm") };
            base.join(self.node.as_str())
        }))
    }
}

/// The absolute path that `path` means, without symbolic links as far as it exists.
fn settled(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let exists = path.ancestors().find_map(|above| Some((above.canonicalize().ok()?, path.strip_prefix(above).ok()?)));
    exists.map_or_else(|| path.clone(), |(real, below)| real.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_by_each_of_its_names() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, root.path().join("link")).unwrap();
        for (named, meant) in [("link", real.clone()), ("real/.", real.clone()), ("link/not/yet", real.join("not/yet"))]
        {
            assert_eq!(settled(&root.path().join(named)), meant, "{named}");
        }
        assert!(settled(Path::new("state")).is_absolute());
    }
}
