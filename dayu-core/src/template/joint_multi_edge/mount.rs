//! `mounts`: files, directories, devices and volumes in a worker's containers.
use k8s_openapi::{
    api::core::v1::{
        ConfigMapVolumeSource, EmptyDirVolumeSource, HostPathVolumeSource, PersistentVolumeClaimVolumeSource,
        SecretVolumeSource, Volume, VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Rejection, environment::variable, merge::Pod, path};
use crate::api::{
    env,
    joint_multi_edge::{HostPathSource, Mount, MountSource},
};

/// A source, resolved.
struct Resolved {
    volume: Volume,
    /// Where it goes when the target does not say.
    default_target: Option<String>,
    read_only: bool,
}

/// Adds the `index`th mount, which stands at `field`, to `pod`.
pub(super) fn add(pod: &mut Pod, mount: &Mount, index: usize, field: &str) -> Result<(), Rejection> {
    let name = volume_name(mount, index);
    let source = resolve(mount, &name, &format!("{field}.source"))?;
    let target = &mount.target;
    let mount_path = Some(target.path.clone()).filter(|path| !path.is_empty()).or(source.default_target);
    let mount_path = mount_path.ok_or_else(|| {
        let message = "the source has no name that a path in the container could be made of";
        Rejection::invalid(format!("{field}.target.path"), message, "set it")
    })?;
    pod.add_volume(source.volume).map_err(|conflict| conflict.at(&format!("{field}.name")))?;
    let volume_mount = VolumeMount {
        name,
        mount_path: mount_path.clone(),
        read_only: (source.read_only || target.read_only).then_some(true),
        sub_path: Some(target.sub_path.clone()).filter(|path| !path.is_empty()),
        mount_propagation: target.mount_propagation.clone(),
        ..Default::default()
    };
    pod.add_mount(&mount.containers, &volume_mount).map_err(|conflict| conflict.at(field))?;
    if mount.env_name.is_empty() {
        return Ok(());
    }
    let variable = variable(&mount.env_name, &mount_path);
    pod.add_variable(&mount.containers, &variable).map_err(|conflict| conflict.at(&format!("{field}.envName")))
}

/// A name that Kubernetes takes, made of the mount's own or its index.
fn volume_name(mount: &Mount, index: usize) -> String {
    let mut name = String::new();
    for c in mount.name.to_lowercase().chars() {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        if c != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(c);
        }
    }
    name.truncate(63);
    if name.ends_with('-') {
        name.pop();
        name.push('z');
    }
    if name.is_empty() { format!("mount-{index}") } else { name }
}

fn resolve(mount: &Mount, name: &str, field: &str) -> Result<Resolved, Rejection> {
    let source = &mount.source;
    let empty = |what: &str| {
        Rejection::invalid(format!("{field}.{what}"), "must not be empty", "set it, or choose another source")
    };
    let given =
        |text: Option<&String>, what: &str| text.filter(|text| !text.trim().is_empty()).cloned().ok_or(empty(what));
    let mut volume = Volume { name: name.to_owned(), ..Default::default() };
    let (leaf, read_only) = match kind(source, field)? {
        "hostPath" => {
            let host = source.host_path.as_ref().filter(|host| !host.path.trim().is_empty());
            return host_path(volume, host.ok_or(empty("hostPath.path"))?, field);
        }
        "persistentVolumeClaim" => {
            let claim = source.persistent_volume_claim.as_ref();
            let claim_name = given(claim.map(|claim| &claim.claim_name), "persistentVolumeClaim.claimName")?;
            let read_only = claim.is_some_and(|claim| claim.read_only);
            volume.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name.clone(),
                read_only: read_only.then_some(true),
            });
            (claim_name, read_only)
        }
        "configMap" => {
            let map = source.config_map.as_ref();
            let map_name = given(map.map(|map| &map.name), "configMap.name")?;
            let optional = map.and_then(|map| map.optional);
            volume.config_map = Some(ConfigMapVolumeSource { name: map_name.clone(), optional, ..Default::default() });
            (map_name, true)
        }
        "secret" => {
            let secret = source.secret.as_ref();
            let secret_name = given(secret.map(|secret| &secret.secret_name), "secret.secretName")?;
            let optional = secret.and_then(|secret| secret.optional);
            volume.secret =
                Some(SecretVolumeSource { secret_name: Some(secret_name.clone()), optional, ..Default::default() });
            (secret_name, true)
        }
        "emptyDir" => {
            let directory = source.empty_dir.clone().unwrap_or_default();
            volume.empty_dir = Some(EmptyDirVolumeSource {
                medium: Some(directory.medium).filter(|medium| !medium.is_empty()),
                size_limit: Some(directory.size_limit).filter(|limit| !limit.is_empty()).map(Quantity),
                ..Default::default()
            });
            (if mount.name.is_empty() { name.to_owned() } else { mount.name.clone() }, false)
        }
        other => {
            return Err(Rejection::invalid(
                format!("{field}.type"),
                format!("{other:?} is not a kind of source"),
                "use hostPath, persistentVolumeClaim, configMap, secret or emptyDir",
            ));
        }
    };
    let cleaned = path::clean(&leaf);
    let base = cleaned.rsplit('/').next().filter(|base| !matches!(*base, "" | "." | ".."));
    Ok(Resolved { volume, default_target: base.map(|base| format!("{}/{base}", env::DATA_PATH)), read_only })
}

/// What the source is: what `type` says, or the only one that is given.
fn kind<'a>(source: &'a MountSource, field: &str) -> Result<&'a str, Rejection> {
    if !source.kind.is_empty() {
        return Ok(&source.kind);
    }
    let given = [
        ("hostPath", source.host_path.is_some()),
        ("persistentVolumeClaim", source.persistent_volume_claim.is_some()),
        ("configMap", source.config_map.is_some()),
        ("secret", source.secret.is_some()),
        ("emptyDir", source.empty_dir.is_some()),
    ];
    let given: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind).collect();
    match given[..] {
        [kind] => Ok(kind),
        [] => Err(Rejection::invalid(field, "names no source", "give one, such as hostPath")),
        _ => Err(Rejection::invalid(
            field,
            format!("is ambiguous: it gives {}", given.join(" and ")),
            "keep one, or say which in type",
        )),
    }
}

fn host_path(mut volume: Volume, host: &HostPathSource, field: &str) -> Result<Resolved, Rejection> {
    let own = path::clean(&host.path);
    let absolute = own.starts_with('/');
    if !absolute && path::escapes(&own) {
        return Err(Rejection::invalid(
            format!("{field}.hostPath.path"),
            format!("{:?} leaves the prefix {:?}", host.path, host.prefix),
            "remove the leading '..', or give an absolute path",
        ));
    }
    let on_device = if absolute || host.prefix.trim().is_empty() {
        own.clone()
    } else {
        path::clean(&format!("{}/{own}", host.prefix))
    };
    volume.host_path = Some(HostPathVolumeSource { path: on_device, type_: host.path_type.clone() });
    let default_target = match own.as_str() {
        "/" => None,
        _ if absolute => Some(own),
        _ => Some(path::clean(&format!("{}/{own}", env::DATA_PATH))),
    };
    Ok(Resolved { volume, default_target, read_only: false })
}
