//! Volumes: what lies on the device is checked, what the API holds is written into the pod's folder.
mod files;
mod host;

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use dayu_core::worker::{Mount, Problem};
use k8s_openapi::api::core::v1::{Container, Pod, Volume};

use super::{Lookup, Place, expand::expand};

/// Where a volume's content comes from.
struct Source<'a> {
    pod: &'a Pod,
    container: &'a Container,
    place: &'a Place,
    lookup: &'a Lookup,
}

/// What `container` mounts.
pub(super) async fn mounts(
    pod: &Pod,
    container: &Container,
    place: &Place,
    lookup: &Lookup,
    env: &[(String, String)],
) -> Result<Vec<Mount>, Problem> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let volumes: BTreeMap<&str, &Volume> = volumes.map(|volume| (volume.name.as_str(), volume)).collect();
    let source = Source { pod, container, place, lookup };
    let mut mounts = Vec::new();
    for wanted in container.volume_mounts.iter().flatten() {
        let failed = |message: String| Problem::new("MountMissing", format!("volume {}: {message}", wanted.name));
        let volume =
            volumes.get(wanted.name.as_str()).ok_or_else(|| failed("the pod has no such volume".to_owned()))?;
        let (root, always_read_only) = source.locate(volume).await.map_err(|problem| match problem {
            Lacking::Here(message) => failed(message),
            Lacking::There(problem) => problem,
        })?;
        let inner = match (&wanted.sub_path, &wanted.sub_path_expr) {
            (Some(path), _) => path.clone(),
            (None, Some(path)) => expand(path, env),
            (None, None) => String::new(),
        };
        mounts.push(Mount {
            source: if inner.is_empty() { root } else { within(&root, &inner).map_err(failed)? },
            target: PathBuf::from(&wanted.mount_path),
            read_only: always_read_only || wanted.read_only == Some(true),
        });
    }
    Ok(mounts)
}

/// Why a volume cannot be had.
enum Lacking {
    /// On this device.
    Here(String),
    /// From the API.
    There(Problem),
}

impl From<Problem> for Lacking {
    fn from(problem: Problem) -> Self {
        Self::There(problem)
    }
}

impl From<String> for Lacking {
    fn from(message: String) -> Self {
        Self::Here(message)
    }
}

impl Source<'_> {
    /// Where the volume lies, and whether it is for reading only.
    async fn locate(&self, volume: &Volume) -> Result<(PathBuf, bool), Lacking> {
        if let Some(path) = &volume.host_path {
            return Ok((host::check(path)?, false));
        }
        let folder = self.place.dir.join("volumes").join(&volume.name);
        let failed = |error| Lacking::Here(format!("{}: {error}", folder.display()));
        if volume.empty_dir.is_some() {
            fs::create_dir_all(&folder).map_err(failed)?;
            return Ok((folder, false));
        }
        let files = self.files(volume).await?;
        files::write(&folder, &files).map_err(failed)?;
        Ok((folder, true))
    }
}

/// `inner` beneath `root`, and nowhere else.
fn within(root: &Path, inner: &str) -> Result<PathBuf, String> {
    let path = Path::new(inner);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        Ok(root.join(path))
    } else {
        Err(format!("{inner} must be a path below the volume, without .."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_volume() {
        let root = Path::new("/v");
        assert_eq!(within(root, "a/b").unwrap(), Path::new("/v/a/b"));
        for bad in ["../x", "a/../../x", "/etc"] {
            assert!(within(root, bad).is_err(), "{bad}");
        }
    }
}
