//! Where the programs are.

use std::path::{Path, PathBuf};

use super::{COMMANDS, Error, VERSION, build};

/// The cache of one version.
#[derive(Debug, Clone)]
pub struct Home {
    version: String,
    dir: PathBuf,
}

impl Home {
    /// `$DAYU_KUBE_HOME/<version>`, or that under `~/.cache/dayu-kube`. Nothing is made yet.
    ///
    /// # Errors
    /// When the version is none, or no variable says where homes are.
    pub fn new(version: &str) -> Result<Self, Error> {
        let well_formed =
            version.strip_prefix("1.").and_then(|rest| rest.split_once('.')).is_some_and(|(minor, patch)| {
                [minor, patch].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            });
        if !well_formed {
            return Err(Error::Version(version.into()));
        }
        let root = match (std::env::var_os("DAYU_KUBE_HOME"), std::env::var_os("HOME")) {
            (Some(home), _) => PathBuf::from(home),
            (None, Some(home)) => Path::new(&home).join(".cache/dayu-kube"),
            (None, None) => return Err(Error::NoHome),
        };
        Ok(Self { version: version.into(), dir: root.join(version) })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }
}

/// A folder that holds every program of a control plane.
#[derive(Debug, Clone)]
pub struct Assets(PathBuf);

impl Assets {
    /// The folder that `KUBEBUILDER_ASSETS` names, else the cache.
    ///
    /// # Errors
    /// When neither is complete.
    pub fn find(home: &Home) -> Result<Self, Error> {
        Self::at(named().unwrap_or_else(|| home.bin()))
    }

    /// The same, and what the cache lacks is built; `tell` hears of each step.
    ///
    /// # Errors
    /// When the folder that `KUBEBUILDER_ASSETS` names is not complete, or Go fails.
    pub fn find_or_build(home: &Home, tell: impl FnMut(&str)) -> Result<Self, Error> {
        named().map_or_else(|| build(home, tell), Self::at)
    }

    /// The same for a test: without programs it says so and is to do nothing, which is a failure where
    /// `DAYU_TESTS_MUST_NOT_SKIP` is set.
    pub fn for_tests() -> Option<Self> {
        let found = Home::new(VERSION).and_then(|home| Self::find(&home));
        found.inspect_err(|why| skip(&why.to_string())).ok()
    }

    pub(super) fn at(dir: PathBuf) -> Result<Self, Error> {
        match missing(&dir) {
            None => Ok(Self(dir)),
            Some(missing) => Err(Error::NotBuilt { dir, missing }),
        }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// One program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// The folder of somebody else's programs.
fn named() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
}

/// The first program that a folder lacks. A kubelet is wanted only where nodes are real.
fn missing(dir: &Path) -> Option<&'static str> {
    let wanted = COMMANDS.into_iter().filter(|command| *command != "kubelet").chain(["etcd"]);
    wanted.into_iter().find(|command| !dir.join(command).is_file())
}

/// Says that a test is skipped and why; where `DAYU_TESTS_MUST_NOT_SKIP` is set, that is a failure.
///
/// # Panics
/// There.
#[expect(clippy::print_stderr, reason = "a test tells whoever runs it")]
pub fn skip(why: &str) {
    assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "skipped: {why}");
    eprintln!("skipped: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers() {
        assert!(Home::new("1.37.2").is_ok());
        for bad in ["1.37", "v1.37.2", "1.37.2/..", "1..2", "2.0.0", ""] {
            assert!(matches!(Home::new(bad), Err(Error::Version(said)) if said == bad), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_complete_or_lacks_a_program_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(missing(dir.path()), Some("kube-apiserver"));
        for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(missing(dir.path()), Some("etcd"));
        std::fs::write(dir.path().join("etcd"), "").unwrap();
        assert_eq!(missing(dir.path()), None);
    }
}
