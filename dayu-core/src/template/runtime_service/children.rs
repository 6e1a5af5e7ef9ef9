//! The Deployment and the Service of a RuntimeService.
use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy},
        core::v1::{PodTemplateSpec, Service, ServicePort, ServiceSpec},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::Identity;
use crate::{
    api::{RuntimeService, runtime_service::Endpoint},
    name::Device,
    template::{device, inherited},
};

/// The name of the Service's one port.
const PORT_NAME: &str = "runtime";

pub(super) fn deployment(service: &RuntimeService, identity: &Identity<'_>, device: &Device) -> Deployment {
    let template = &service.spec.pod_template;
    let mut pod = template.spec.clone();
    device::pin(&mut pod, device);
    pod.restart_policy = Some("Always".to_owned());
    // Workers hold no token of the cluster.
    pod.automount_service_account_token = Some(false);
    Deployment {
        metadata: metadata(identity),
        spec: DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector { match_labels: Some(identity.selector()), ..Default::default() },
            // Two revisions of one pod never run beside each other: their ports and device files are the same.
            strategy: Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), ..Default::default() }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(overlaid(template.metadata.labels.as_ref(), &identity.labels)),
                    annotations: Some(overlaid(template.metadata.annotations.as_ref(), &identity.annotations)),
                    ..Default::default()
                }),
                spec: Some(pod),
            },
            ..Default::default()
        },
        ..Default::default()
    }
}

pub(super) fn service(service: &RuntimeService, identity: &Identity<'_>, endpoint: Endpoint) -> Service {
    let mut metadata = metadata(identity);
    metadata.annotations.get_or_insert_default().extend(inherited(&service.metadata));
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            session_affinity: Some("None".to_owned()),
            selector: Some(identity.selector()),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                protocol: Some("TCP".to_owned()),
                port: endpoint.port,
                target_port: Some(IntOrString::Int(endpoint.port)),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn metadata(identity: &Identity<'_>) -> ObjectMeta {
    ObjectMeta {
        name: Some(identity.name.to_owned()),
        labels: Some(identity.labels.clone()),
        annotations: Some(identity.annotations.clone()),
        ..Default::default()
    }
}

/// The user's pairs with ours over them.
fn overlaid(theirs: Option<&BTreeMap<String, String>>, ours: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = theirs.cloned().unwrap_or_default();
    all.extend(ours.iter().map(|(key, value)| (key.clone(), value.clone())));
    all
}
