//! From a pod to everything that a runtime needs: nothing is left to look up once a [`Launch`] is made.
mod env;
mod expand;
mod field;
mod image;
mod limits;
mod lookup;
mod services;
mod volume;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use dayu_core::{
    name::Uid,
    worker::{Launch, Problem, Run},
};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;

pub(crate) use self::lookup::{Lookup, UNREACHABLE};

/// Where a run is to take place.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The worker's address.
    pub(crate) pod_ip: IpAddr,
    /// The device's address.
    pub(crate) host_ip: IpAddr,
    /// The pod's own folder.
    pub(crate) dir: PathBuf,
}

impl Place {
    /// The folder of a container.
    pub(crate) fn container_dir(&self, container: &str) -> PathBuf {
        self.dir.join(container)
    }

    /// The file for the output of a run.
    pub(crate) fn log(&self, run: &Run) -> PathBuf {
        self.container_dir(&run.container).join(format!("{}.log", run.attempt.saturating_sub(1)))
    }
}

/// Resolves everything that `run` needs; with `knows_images` a container need not have a command.
///
/// # Errors
/// What is missing, and where.
pub(crate) async fn prepare(
    pod: &Pod,
    run: &Run,
    place: &Place,
    lookup: &Lookup,
    knows_images: bool,
) -> Result<Launch, Problem> {
    let container = container(pod, &run.container)?;
    let env = env::resolve(pod, container, place, lookup).await?;
    let words = |words: &Option<Vec<String>>| -> Vec<String> {
        words.iter().flatten().map(|word| expand::expand(word, &env)).collect()
    };
    let (mut command, mut args) = (words(&container.command), words(&container.args));
    if command.is_empty() && !knows_images {
        command = lookup.command(container)?;
    }
    if !command.is_empty() {
        command.append(&mut args);
    }
    let mounts = volume::mounts(pod, container, place, lookup, &env).await?;
    Ok(Launch {
        pod: Uid::from(pod.uid().unwrap_or_default()),
        run: run.clone(),
        image: container.image.clone().unwrap_or_default(),
        command,
        args,
        working_dir: container.working_dir.as_ref().map(|dir| Path::new(dir).to_owned()),
        mounts,
        limits: limits::of(container)?,
        log: place.log(run),
        env,
    })
}

fn container<'a>(pod: &'a Pod, name: &str) -> Result<&'a Container, Problem> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let all = init.chain(spec.map(|spec| &spec.containers).into_iter().flatten());
    all.into_iter()
        .find(|container| container.name == name)
        .ok_or_else(|| Problem::new("CreateContainerConfigError", format!("the pod has no container {name} any more")))
}
