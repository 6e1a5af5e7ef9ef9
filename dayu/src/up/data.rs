//! Where the state of a run lies.
use std::path::{Path, PathBuf};

use dayu_core::name::Device;

use super::guard::Guarded;

/// Which devices were played last, a line each.
const PLAYED: &str = "played";

/// Why there is no place for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot make a folder for temporary state: {0}; name one with --data DIR")]
    Temporary(std::io::Error),
    #[error("--data {path}: {source}; name a folder that this user may write")]
    Named { path: PathBuf, source: std::io::Error },
}

/// A folder; a temporary one goes with the run.
pub(super) enum Data {
    Kept(PathBuf),
    Temporary(Guarded),
}

/// The devices that the last run on a folder played, in their order.
pub(super) fn played(folder: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(PLAYED)).ok()?;
    Some(text.lines().map(str::to_owned).collect()).filter(|names: &Vec<_>| !names.is_empty())
}

impl Data {
    /// The folder that was named, or a temporary one.
    pub(super) fn open(named: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = named {
            let made = std::fs::create_dir_all(path).and_then(|()| path.canonicalize());
            return Ok(Self::Kept(made.map_err(|source| Error::Named { path: path.to_owned(), source })?));
        }
        let path = std::env::temp_dir().join(format!("dayu-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        Guarded::create(&path).map(Self::Temporary).map_err(Error::Temporary)
    }

    /// Whether there will be another run on it.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// Keeps for the next run which devices this one plays.
    pub(super) fn remember(&self, devices: &[Device]) {
        let names: String = devices.iter().map(|device| format!("{device}\n")).collect();
        if let Err(error) = dayu_cluster::write_private(&self.path().join(PLAYED), &names) {
            tracing::warn!(%error, "the next run has to be told --devices: {} cannot be written", self.path().join(PLAYED).display());
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
