//! Paths of the device.
use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileTypeExt,
    path::PathBuf,
};

use k8s_openapi::api::core::v1::HostPathVolumeSource;

/// Checks a path against the type that the pod asks for, and makes what may be made.
pub(super) fn check(source: &HostPathVolumeSource) -> Result<PathBuf, String> {
    let path = PathBuf::from(&source.path);
    let kind = source.type_.as_deref().unwrap_or_default();
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    match kind {
        "DirectoryOrCreate" if !path.exists() => fs::create_dir_all(&path).map_err(failed)?,
        "FileOrCreate" if !path.exists() => drop(File::create(&path).map_err(failed)?),
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
    use std::path::Path;

    use super::*;

    fn host(path: &Path, kind: &str) -> Result<PathBuf, String> {
        check(&HostPathVolumeSource { path: path.to_string_lossy().into_owned(), type_: Some(kind.to_owned()) })
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
}
