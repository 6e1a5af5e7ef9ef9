//! What the schema cannot refuse. The first failure wins, in the order users know.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;

use super::Identity;
use crate::{
    api::{RuntimeService, RuntimeServiceSpec, TemplateMetadata, runtime_service::Endpoint},
    template::{Rejection, syntax},
};

type Checked = Result<(), Rejection>;

pub(super) fn check(service: &RuntimeService, identity: &Identity<'_>) -> Checked {
    name(service)?;
    fields(&service.spec)?;
    pod(&service.spec)?;
    metadata(&service.spec.pod_template.metadata, identity)?;
    service.spec.endpoint.map_or(Ok(()), |port| endpoint(port, &service.spec.pod_template.spec))?;
    immutable(service, identity)
}

fn require(holds: bool, field: &str, message: impl FnOnce() -> String, remedy: &str) -> Checked {
    if holds { Ok(()) } else { Err(Rejection::invalid(field, message(), remedy)) }
}

fn name(service: &RuntimeService) -> Checked {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    syntax::check_length(name)?;
    require(
        syntax::is_service_name(name),
        "metadata.name",
        || format!("{name:?} must be a DNS-1035 label"),
        "use lower-case letters, digits and '-', beginning with a letter",
    )?;
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    require(!uid.is_empty(), "metadata.uid", || "is empty".to_owned(), "let the API server create the object")
}

fn fields(spec: &RuntimeServiceSpec) -> Checked {
    label_value("spec.installID", &spec.install_id)?;
    require(
        spec.deployment_revision >= 1,
        "spec.deploymentRevision",
        || format!("{} must be positive", spec.deployment_revision),
        "count revisions from 1",
    )?;
    label_value("spec.component", &spec.component)?;
    require(
        syntax::is_subdomain(&spec.target_node),
        "spec.targetNode",
        || format!("{:?} is not a valid Kubernetes node name", spec.target_node),
        "name a device that `kubectl get nodes` lists",
    )?;
    require(
        spec.logical_service.len() <= 253,
        "spec.logicalService",
        || format!("{} characters exceed 253", spec.logical_service.len()),
        "shorten it",
    )
}

fn label_value(field: &str, value: &str) -> Checked {
    require(!value.is_empty(), field, || "must not be empty".to_owned(), "set it")?;
    require(
        syntax::is_label_value(value),
        field,
        || format!("{value:?} is not a valid label value"),
        "use at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    )
}

fn pod(spec: &RuntimeServiceSpec) -> Checked {
    let pod = &spec.pod_template.spec;
    let field = |name: &str| format!("spec.podTemplate.spec.{name}");
    require(!pod.containers.is_empty(), &field("containers"), || "must not be empty".to_owned(), "add a container")?;
    let node = pod.node_name.as_deref().unwrap_or_default();
    require(
        node.is_empty() || node == spec.target_node,
        &field("nodeName"),
        || format!("nodeName {node:?} conflicts with targetNode {:?}", spec.target_node),
        "leave it out: targetNode places the worker",
    )?;
    let policy = pod.restart_policy.as_deref().unwrap_or_default();
    require(
        policy.is_empty() || policy == "Always",
        &field("restartPolicy"),
        || format!("restartPolicy {policy:?} must be empty or Always"),
        "leave it out",
    )?;
    require(
        pod.automount_service_account_token != Some(true),
        &field("automountServiceAccountToken"),
        || "may not enable service account token automount".to_owned(),
        "leave it out: workers ask their device, not the API server",
    )?;
    tokens(pod)
}

fn tokens(pod: &PodSpec) -> Checked {
    for (index, volume) in pod.volumes.iter().flatten().enumerate() {
        let sources = volume.projected.as_ref().and_then(|projected| projected.sources.as_ref());
        require(
            !sources.into_iter().flatten().any(|source| source.service_account_token.is_some()),
            &format!("spec.podTemplate.spec.volumes[{index}]"),
            || format!("volume {:?} may not project a service account token", volume.name),
            "remove the source: workers ask their device, not the API server",
        )?;
    }
    Ok(())
}

fn metadata(metadata: &TemplateMetadata, identity: &Identity<'_>) -> Checked {
    let field = "spec.podTemplate.metadata.labels";
    for (key, value) in metadata.labels.iter().flatten() {
        require(syntax::is_qualified(key), field, || format!("{key:?} is not a valid label key"), "rename it")?;
        require(
            syntax::is_label_value(value),
            field,
            || format!("{value:?} is not a valid value of label {key:?}"),
            "use at most 63 letters, digits, '-', '_' and '.'",
        )?;
    }
    for key in metadata.annotations.iter().flatten().map(|(key, _)| key) {
        require(
            syntax::is_qualified(&key.to_ascii_lowercase()),
            "spec.podTemplate.metadata.annotations",
            || format!("{key:?} is not a valid annotation key"),
            "rename it",
        )?;
    }
    own(field, "label", metadata.labels.as_ref(), &identity.labels)?;
    own("spec.podTemplate.metadata.annotations", "annotation", metadata.annotations.as_ref(), &identity.annotations)
}

/// A user may repeat what we set, and nothing else under its key.
fn own(field: &str, what: &str, theirs: Option<&BTreeMap<String, String>>, ours: &BTreeMap<String, String>) -> Checked {
    for (key, value) in ours {
        let given = theirs.and_then(|theirs| theirs.get(key));
        require(
            given.is_none_or(|given| given == value),
            field,
            || format!("{what} {key:?} conflicts with controller-owned value {value:?}"),
            "leave it out",
        )?;
    }
    Ok(())
}

fn endpoint(endpoint: Endpoint, pod: &PodSpec) -> Checked {
    let port = endpoint.port;
    require(
        (1..=65535).contains(&port),
        "spec.endpoint.port",
        || format!("endpoint port {port} is outside 1..65535"),
        "choose a port of the container",
    )?;
    let mut declared = pod.containers.iter().flat_map(|container| container.ports.iter().flatten());
    require(
        declared.any(|declared| {
            declared.container_port == port && declared.protocol.as_deref().is_none_or(|p| p.is_empty() || p == "TCP")
        }),
        "spec.endpoint.port",
        || format!("endpoint port {port} is not declared as a TCP container port"),
        &format!("add `containerPort: {port}` to the ports of the container that listens on it"),
    )
}

/// The second line behind the schema's own rule: objects stored under an older schema had none.
fn immutable(service: &RuntimeService, identity: &Identity<'_>) -> Checked {
    let Some(status) = &service.status else { return Ok(()) };
    let accepted = status.observed_spec_hash.as_deref().unwrap_or_default();
    let revision = status.observed_revision.unwrap_or_default();
    require(
        accepted.is_empty() || (accepted == identity.hash && revision == service.spec.deployment_revision),
        "spec",
        || format!("revision {revision} was accepted with another content and is immutable"),
        "restore it, or create a new RuntimeService with the next deploymentRevision",
    )
}
