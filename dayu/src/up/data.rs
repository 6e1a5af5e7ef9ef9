//! Where the state of a run lies.
use std::path::{Path, PathBuf};

use super::guard::Guarded;

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

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
