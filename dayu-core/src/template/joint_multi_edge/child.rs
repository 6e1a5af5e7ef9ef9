//! The Deployment of one worker.
use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use super::{device, environment, files, merge::Pod, mount, slots::Place};
use crate::{
    api::{JointMultiEdgeService, label},
    template::Rejection,
};

pub(super) fn deployment(
    service: &JointMultiEdgeService,
    place: &Place<'_>,
    name: String,
    local_manager: &str,
) -> Result<Deployment, Rejection> {
    let template = &place.worker.template;
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    labels.extend(selector(service, place));
    Ok(Deployment {
        metadata: ObjectMeta { name: Some(name), labels: Some(own(service, place)), ..Default::default() },
        spec: DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector { match_labels: Some(selector(service, place)), ..Default::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: template.metadata.annotations.clone(),
                    ..Default::default()
                }),
                spec: Some(pod(service, place, local_manager)?),
            },
            ..Default::default()
        },
        ..Default::default()
    })
}

fn pod(
    service: &JointMultiEdgeService,
    place: &Place<'_>,
    local_manager: &str,
) -> Result<k8s_openapi::api::core::v1::PodSpec, Rejection> {
    let field = &place.field;
    let mut pod = Pod::new(place.worker.template.spec.clone());
    if pod.spec.containers.is_empty() {
        let field = format!("{field}.template.spec.containers");
        return Err(Rejection::invalid(field, "must not be empty", "add a container, or remove the worker"));
    }
    let directories = files::directories(&place.worker.file);
    environment::inject(&mut pod, service, place, &directories, local_manager);
    files::mount(&mut pod, &directories).map_err(|conflict| conflict.at(&format!("{field}.file")))?;
    for (index, mount) in place.worker.mounts.iter().enumerate() {
        mount::add(&mut pod, mount, index, &format!("{field}.mounts[{index}]"))?;
    }
    if let Some(device) = &place.slot.device {
        device::pin(&mut pod.spec, device);
    }
    Ok(pod.spec)
}

/// What users select pods by, and beside it what keeps two workers on one device apart.
fn selector(service: &JointMultiEdgeService, place: &Place<'_>) -> BTreeMap<String, String> {
    let worker = format!("{}-{}", place.slot.role, place.slot.ordinal);
    [
        (label::HOSTNAME, place.node()),
        (label::JOINT_NAME, service.metadata.name.as_deref().unwrap_or_default()),
        (label::JOINT_WORKER, &worker),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Labels of the Deployment itself.
fn own(service: &JointMultiEdgeService, place: &Place<'_>) -> BTreeMap<String, String> {
    [
        (label::JOINT_NAME, service.metadata.name.as_deref().unwrap_or_default()),
        (label::JOINT_UID, service.metadata.uid.as_deref().unwrap_or_default()),
        (label::JOINT_WORKER_TYPE, &place.slot.role),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}
