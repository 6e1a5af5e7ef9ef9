//! Volumes: what lies on the device is checked, what the API holds is written into the pod's folder.
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

use dayu_core::worker::{Mount, Problem};
use k8s_openapi::api::core::v1::{Container, HostPathVolumeSource, KeyToPath, Pod, Volume};
use kube::ResourceExt;

use super::{Lookup, Place, expand::expand, field};

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
    let mut mounts = Vec::new();
    for wanted in container.volume_mounts.iter().flatten() {
        let Some(volume) = volumes.get(wanted.name.as_str()) else {
            return Err(missing(&wanted.name, "the pod has no volume of this name"));
        };
        let (root, always_read_only) = source(pod, container, volume, place, lookup).await?;
        let inner = match (&wanted.sub_path, &wanted.sub_path_expr) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(path)) => Some(expand(path, env)),
            (None, None) => None,
        };
        let source = match inner.filter(|inner| !inner.is_empty()) {
            Some(inner) => within(&root, &inner).map_err(|message| missing(&wanted.name, &message))?,
            None => root,
        };
        mounts.push(Mount {
            source,
            target: PathBuf::from(&wanted.mount_path),
            read_only: always_read_only || wanted.read_only == Some(true),
        });
    }
    Ok(mounts)
}

fn missing(volume: &str, message: &str) -> Problem {
    Problem::new("MountMissing", format!("volume {volume}: {message}"))
}

/// Where the volume lies, and whether it is for reading only.
async fn source(
    pod: &Pod,
    container: &Container,
    volume: &Volume,
    place: &Place,
    lookup: &Lookup,
) -> Result<(PathBuf, bool), Problem> {
    let folder = place.dir.join("volumes").join(&volume.name);
    let namespace = pod.namespace().unwrap_or_default();
    let failed = |error: io::Error| missing(&volume.name, &format!("{}: {error}", folder.display()));
    if let Some(host) = &volume.host_path {
        return host_path(host).map(|path| (path, false)).map_err(|message| missing(&volume.name, &message));
    }
    if volume.empty_dir.is_some() {
        fs::create_dir_all(&folder).map_err(failed)?;
        return Ok((folder, false));
    }
    let files = if let Some(source) = &volume.config_map {
        let entries = lookup.config_map(&namespace, &source.name, source.optional).await?;
        select(entries, source.items.as_deref(), source.optional)
    } else if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or_default();
        let entries = lookup.secret(&namespace, name, source.optional).await?;
        select(entries, source.items.as_deref(), source.optional)
    } else if let Some(source) = &volume.downward_api {
        let item = |item: &k8s_openapi::api::core::v1::DownwardAPIVolumeFile| {
            let value = match (&item.field_ref, &item.resource_field_ref) {
                (Some(reference), _) => field::value(pod, &reference.field_path, place),
                (None, Some(reference)) => field::resource(container, &reference.resource),
                (None, None) => Err(format!("{} names no field", item.path)),
            };
            Ok((item.path.clone(), value?.into_bytes()))
        };
        source.items.iter().flatten().map(item).collect()
    } else {
        Err("a kind of volume that a process worker cannot have; use hostPath, configMap, secret, emptyDir or downwardAPI"
            .to_owned())
    };
    let files = files.map_err(|message| missing(&volume.name, &message))?;
    write(&folder, &files).map_err(failed)?;
    Ok((folder, true))
}

/// The files of a volume: all of `entries`, or those that `items` select, under the paths they say.
fn select(
    mut entries: BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let Some(items) = items else { return Ok(entries) };
    let mut files = BTreeMap::new();
    for item in items {
        match entries.remove(&item.key) {
            Some(value) => drop(files.insert(item.path.clone(), value)),
            None if optional == Some(true) => {}
            None => return Err(format!("it has no key {}", item.key)),
        }
    }
    Ok(files)
}

/// Writes each file whole: whoever reads sees the old or the new one.
fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, value) in files {
        let file = within(folder, name).map_err(io::Error::other)?;
        if fs::read(&file).is_ok_and(|present| present == *value) {
            continue;
        }
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = file.with_extension("draft~");
        let mut options = fs::File::options();
        io::Write::write_all(&mut options.create(true).write(true).truncate(true).mode(0o644).open(&draft)?, value)?;
        fs::rename(draft, file)?;
    }
    // Secrets lie beneath; the pod's folder itself lets only its owner in.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// `inner` beneath `root`, and nowhere else.
fn within(root: &Path, inner: &str) -> Result<PathBuf, String> {
    let inner_path = Path::new(inner);
    if inner_path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        Ok(root.join(inner_path))
    } else {
        Err(format!("{inner} must be a path below the volume, without .."))
    }
}

/// Checks a path of the device against the type that the pod asks for, and makes what may be made.
fn host_path(source: &HostPathVolumeSource) -> Result<PathBuf, String> {
    let path = PathBuf::from(&source.path);
    let kind = source.type_.as_deref().unwrap_or_default();
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    match kind {
        "DirectoryOrCreate" if !path.exists() => fs::create_dir_all(&path).map_err(failed)?,
        "FileOrCreate" if !path.exists() => drop(fs::File::create(&path).map_err(failed)?),
        _ => {}
    }
    let found = fs::metadata(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{} does not exist on this device; create it, or plug the device in", path.display())
        }
        _ => failed(error),
    })?;
    let file_type = found.file_type();
    let fits = match kind {
        "" => true,
        "Directory" | "DirectoryOrCreate" => file_type.is_dir(),
        "File" | "FileOrCreate" => file_type.is_file(),
        "Socket" => file_type.is_socket(),
        "CharDevice" => file_type.is_char_device(),
        "BlockDevice" => file_type.is_block_device(),
        other => return Err(format!("hostPath type {other} is not known")),
    };
    if fits { Ok(path) } else { Err(format!("{} is no {kind}", path.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(path: &Path, kind: &str) -> Result<PathBuf, String> {
        host_path(&HostPathVolumeSource { path: path.to_string_lossy().into_owned(), type_: Some(kind.to_owned()) })
    }

    #[test]
    fn paths_of_the_device_are_checked_by_type_and_named_when_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let error = host(&file, "File").unwrap_err();
        assert!(error.contains(&*file.to_string_lossy()) && error.contains("does not exist"), "{error}");
        assert_eq!(host(&file, "FileOrCreate").unwrap(), file);
        assert!(host(&file, "Directory").unwrap_err().contains("is no Directory"));
        assert!(host(folder.path(), "DirectoryOrCreate").is_ok());
        assert!(host(Path::new("/dev/null"), "CharDevice").is_ok());
        assert!(host(Path::new("/dev/null"), "Socket").is_err());
        assert!(host(Path::new("/dev/null"), "").is_ok());
    }

    #[test]
    fn nothing_leaves_its_volume() {
        let root = Path::new("/v");
        assert_eq!(within(root, "a/b").unwrap(), Path::new("/v/a/b"));
        for bad in ["../x", "a/../../x", "/etc"] {
            assert!(within(root, bad).is_err(), "{bad}");
        }
    }
}
