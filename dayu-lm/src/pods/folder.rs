//! A pod's folder: what must be known after a crash or a power cut to look after the pod without asking anybody.
//!
//! `pod.json` is forced to the disk: a device that boots without a network runs what it ran. `state.json` is replaced whole
//! before each effect, which a crash of the local manager cannot undo; a power cut may, but it ends the processes that the
//! file speaks of as well.
use std::{
    fs::{self, File},
    io,
    net::IpAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use dayu_core::{
    api::lean,
    daemon::Plight,
    worker::{Launch, Run, State},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::keep;

/// The file of the pod itself.
const MANIFEST: &str = "pod.json";
/// The file of the pod's state.
const STATE: &str = "state.json";

/// What does not change in a pod's life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The pod as the API told it last.
    #[serde(deserialize_with = "lean::deserialize")]
    pub(crate) pod: Pod,
    /// Its address.
    pub(crate) address: IpAddr,
    /// The device's address.
    pub(crate) host: IpAddr,
    /// When it was first seen.
    pub(crate) accepted: Timestamp,
}

/// The folder of one pod.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// What a folder holds.
pub(crate) struct Saved {
    pub(crate) folder: Folder,
    pub(crate) manifest: Manifest,
    /// None if it cannot be read: then nothing is known of what runs.
    pub(crate) state: Option<State>,
}

impl Folder {
    /// That of `pod` beneath `root`, made if it is not there.
    fn create(root: &Path, pod: &Pod) -> io::Result<Self> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let dir = root.join(format!("{namespace}_{name}_{}", pod.uid().unwrap_or_default()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self(dir))
    }

    /// The folder of a pod that is new, with its manifest; if that cannot be stored, nothing is left of it.
    pub(crate) fn begin(root: &Path, manifest: &Manifest) -> io::Result<Self> {
        let folder = Self::create(root, &manifest.pod)?;
        folder.save_manifest(manifest).inspect_err(|_| drop(fs::remove_dir(&folder.0)))?;
        Ok(folder)
    }

    /// Everything that `root` holds. What of a pod is damaged is told, with what comes of that.
    pub(crate) fn load(root: &Path, plight: &Plight) -> Vec<Saved> {
        let folders = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| Self(entry.path()));
        let known = |folder: Self| {
            let then = "its worker is ended, and begins anew once the API tells of the pod";
            let manifest = folder.recall(MANIFEST, then, plight)?;
            let state = folder.recall(STATE, "its worker is ended and begins anew", plight);
            Some(Saved { folder, manifest, state })
        };
        folders.filter_map(known).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Stores the manifest; a crash finds it at once, a power cut after the disk was told, which nobody waits for.
    pub(crate) fn save_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let file = self.replace(MANIFEST, &serde_json::to_vec(manifest)?)?;
        let dir = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let done = file.sync_all().and_then(|()| File::open(&dir)?.sync_all());
            if let Err(error) = done {
                tracing::warn!(dir = %dir.display(), %error, "a power cut may lose this pod's manifest");
            }
        });
        Ok(())
    }

    /// Stores what `state` serialises to.
    pub(crate) fn save_state(&self, state: &[u8]) -> io::Result<()> {
        let path = self.0.join(STATE);
        keep::replace(&path, state).or_else(|error| match path.parent() {
            // The folder may have been taken away.
            Some(parent) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(parent).and_then(|()| keep::replace(&path, state))
            }
            _ => Err(error),
        })
    }

    /// Keeps what was last started, for times when the API does not answer.
    pub(crate) fn save_launch(&self, launch: &Launch, plight: &Plight) {
        if self.last_launch(&launch.run, launch.log.clone(), plight).as_ref() == Some(launch) {
            return;
        }
        let name = launch_of(&launch.run);
        let saved = serde_json::to_vec(launch).map_err(io::Error::from).and_then(|text| self.replace(&name, &text));
        if let Err(error) = saved {
            tracing::warn!(dir = %self.0.display(), %error, "the container cannot be started while the API is away");
        }
    }

    /// What was last started of the run's container, for this run.
    pub(crate) fn last_launch(&self, run: &Run, log: PathBuf, plight: &Plight) -> Option<Launch> {
        let then = "its container is started only while the API answers, until that has written it anew";
        let launch = self.recall::<Launch>(&launch_of(run), then, plight)?;
        Some(Launch { run: run.clone(), log, ..launch })
    }

    /// Removes everything.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.0).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }) {
            tracing::warn!(dir = %self.0.display(), %error, "the folder of a pod that is gone cannot be removed");
        }
    }

    fn replace(&self, name: &str, text: &[u8]) -> io::Result<File> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let (file, draft) = keep::write_draft(&path, text)?;
        fs::rename(draft, path)?;
        Ok(file)
    }

    /// What was kept last under `name`. That it is damaged is told, with what comes of that: `then`.
    fn recall<T: DeserializeOwned>(&self, name: &str, then: &str, plight: &Plight) -> Option<T> {
        keep::recall(&self.0.join(name)).unwrap_or_else(|damaged| {
            let pod = self.0.file_name().unwrap_or_default().to_string_lossy();
            plight.happened(&format!("{name} of pod {pod}"), &format!("{damaged}; {then}"));
            None
        })
    }
}

/// The file of what was last started of the run's container.
fn launch_of(run: &Run) -> String {
    format!("{}/launch.json", run.container)
}
