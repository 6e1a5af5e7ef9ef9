//! Parameters that reach a worker as environment variables.
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};

use super::{
    merge::Pod,
    slots::{EDGE, Place},
};
use crate::api::{JointMultiEdgeService, env};

/// Appends ours behind the user's in every container but init containers.
///
/// A name that the user gave too stays twice: Kubernetes lets the last one win, and that is the worker's contract.
pub(super) fn inject(
    pod: &mut Pod,
    service: &JointMultiEdgeService,
    place: &Place<'_>,
    directories: &[String],
    local_manager: &str,
) {
    let mut all = vec![
        variable(env::NAMESPACE, service.metadata.namespace.as_deref().unwrap_or_default()),
        variable(env::SERVICE_NAME, service.metadata.name.as_deref().unwrap_or_default()),
        variable(env::LOG_LEVEL, &place.worker.log_level.level),
        variable(env::NODE_NAME, place.node()),
        variable(env::DATA_PATH_PREFIX, env::DATA_PATH),
        variable(env::VOLUME_NUM, &directories.len().to_string()),
    ];
    let numbered = directories.iter().enumerate();
    all.extend(numbered.map(|(index, path)| variable(&format!("{}{index}", env::VOLUME_PREFIX), path)));
    if place.slot.role == EDGE {
        // Only what is referred to: another manager's address is passed on with nothing beside it.
        all.extend(local_manager.contains(&format!("$({})", env::LC_HOST)).then(device_address));
        all.push(variable(env::LC_SERVER, local_manager));
    }
    for container in &mut pod.spec.containers {
        container.env.get_or_insert_default().extend(all.iter().cloned());
    }
}

/// Each kubelet fills in its own.
fn device_address() -> EnvVar {
    let field = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: "status.hostIP".to_owned() };
    let source = EnvVarSource { field_ref: Some(field), ..Default::default() };
    EnvVar { name: env::LC_HOST.to_owned(), value: None, value_from: Some(source) }
}

/// An empty value is written as none: that is how the API server keeps it.
pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: (!value.is_empty()).then(|| value.to_owned()), ..Default::default() }
}
