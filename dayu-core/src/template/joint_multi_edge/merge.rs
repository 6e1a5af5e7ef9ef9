//! Adding to a pod without contradicting it: what is there already and equal is fine, what differs is a conflict.
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, Volume, VolumeMount};

use super::Rejection;

/// A pod's spec that is being added to.
pub(super) struct Pod {
    pub(super) spec: PodSpec,
}

/// What cannot be added, and why.
#[derive(Debug)]
pub(super) struct Conflict {
    message: String,
    remedy: &'static str,
}

impl Conflict {
    /// The conflict as the fault of `field`.
    pub(super) fn at(self, field: &str) -> Rejection {
        Rejection::invalid(field, self.message, self.remedy)
    }
}

impl Pod {
    pub(super) fn new(spec: PodSpec) -> Self {
        Self { spec }
    }

    pub(super) fn add_volume(&mut self, volume: Volume) -> Result<(), Conflict> {
        let volumes = self.spec.volumes.get_or_insert_default();
        match volumes.iter().find(|existing| existing.name == volume.name) {
            Some(existing) if *existing == volume => Ok(()),
            Some(_) => Err(Conflict {
                message: format!("volume {:?} already exists with a different definition", volume.name),
                remedy: "give the mount another name",
            }),
            None => {
                volumes.push(volume);
                Ok(())
            }
        }
    }

    /// Adds `mount` to the containers `names`, to all when there are none.
    pub(super) fn add_mount(&mut self, names: &[String], mount: &VolumeMount) -> Result<(), Conflict> {
        for container in self.containers(names)? {
            let mounts = container.volume_mounts.get_or_insert_default();
            match mounts.iter().find(|existing| existing.mount_path == mount.mount_path) {
                Some(existing) if same(existing, mount) => {}
                Some(existing) => {
                    return Err(Conflict {
                        message: format!(
                            "container {:?} already mounts {:?} (volume {:?})",
                            container.name, mount.mount_path, existing.name
                        ),
                        remedy: "set another target.path",
                    });
                }
                None => mounts.push(mount.clone()),
            }
        }
        Ok(())
    }

    /// Adds `variable` to the containers `names`, to all when there are none.
    pub(super) fn add_variable(&mut self, names: &[String], variable: &EnvVar) -> Result<(), Conflict> {
        for container in self.containers(names)? {
            let variables = container.env.get_or_insert_default();
            match variables.iter().find(|existing| existing.name == variable.name) {
                Some(existing) if existing == variable => {}
                Some(_) => {
                    return Err(Conflict {
                        message: format!("container {:?} already defines env {:?}", container.name, variable.name),
                        remedy: "choose another envName, or remove the variable",
                    });
                }
                None => variables.push(variable.clone()),
            }
        }
        Ok(())
    }

    fn containers(&mut self, names: &[String]) -> Result<Vec<&mut Container>, Conflict> {
        let known = |name: &String| self.spec.containers.iter().any(|container| container.name == *name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let known: Vec<_> = self.spec.containers.iter().map(|container| container.name.as_str()).collect();
            return Err(Conflict {
                message: format!("container {unknown:?} not found among {}", known.join(", ")),
                remedy: "name containers of the worker's template",
            });
        }
        let chosen = |container: &&mut Container| names.is_empty() || names.contains(&container.name);
        Ok(self.spec.containers.iter_mut().filter(chosen).collect())
    }
}

/// Equal, where `readOnly: false` and its absence are the same.
fn same(one: &VolumeMount, other: &VolumeMount) -> bool {
    let plain = |mount: &VolumeMount| VolumeMount { read_only: mount.read_only.filter(|only| *only), ..mount.clone() };
    plain(one) == plain(other)
}
