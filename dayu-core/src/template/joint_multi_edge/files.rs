//! `file`, the older way to pass files: their directories, mounted by number.
use k8s_openapi::api::core::v1::{HostPathVolumeSource, Volume, VolumeMount};

use super::{
    merge::{Conflict, Pod},
    path,
};
use crate::api::{env, joint_multi_edge::Files};

/// The directories of `files`, each once, in the order of the files.
pub(super) fn directories(files: &Files) -> Vec<String> {
    let mut directories = Vec::new();
    for directory in files.all().map(path::parent) {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories
}

/// Mounts each directory as `/home/data/volume<n>` in every container.
pub(super) fn mount(pod: &mut Pod, directories: &[String]) -> Result<(), Conflict> {
    for (index, directory) in directories.iter().enumerate() {
        let name = format!("volume{index}");
        pod.add_volume(Volume {
            name: name.clone(),
            host_path: Some(HostPathVolumeSource { path: directory.clone(), type_: None }),
            ..Default::default()
        })?;
        let mount_path = format!("{}/{name}", env::DATA_PATH);
        pod.add_mount(&[], &VolumeMount { name, mount_path, ..Default::default() })?;
    }
    Ok(())
}
