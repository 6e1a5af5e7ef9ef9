//! The text is what the types of `k8s-openapi` say.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1 as apps, authentication::v1 as authentication, authorization::v1 as authorization, batch::v1 as batch,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
    networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
    storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use super::*;

macro_rules! definitions_of {
    ($($kind:ty),* $(,)?) => {{
        let mut generator = SchemaGenerator::new(SchemaSettings::openapi3());
        $(generator.subschema_for::<$kind>();)*
        generator.take_definitions(true)
    }};
}

fn published() -> BTreeMap<String, Value> {
    let all = definitions_of![
        meta::ObjectMeta,
        meta::ListMeta,
        core::Namespace,
        core::Node,
        core::Pod,
        core::Service,
        core::Endpoints,
        core::ConfigMap,
        core::Secret,
        core::ServiceAccount,
        core::Event,
        core::PersistentVolumeClaim,
        core::PersistentVolume,
        core::ResourceQuota,
        core::LimitRange,
        core::ReplicationController,
        core::PodTemplate,
        apps::Deployment,
        apps::ReplicaSet,
        apps::DaemonSet,
        apps::StatefulSet,
        apps::ControllerRevision,
        batch::Job,
        batch::CronJob,
        discovery::EndpointSlice,
        coordination::Lease,
        events::Event,
        rbac::Role,
        rbac::RoleBinding,
        rbac::ClusterRole,
        rbac::ClusterRoleBinding,
        policy::PodDisruptionBudget,
        networking::Ingress,
        networking::NetworkPolicy,
        scheduling::PriorityClass,
        storage::StorageClass,
        apiextensions::CustomResourceDefinition,
        authorization::SelfSubjectAccessReview,
        authorization::SelfSubjectRulesReview,
        authentication::SelfSubjectReview,
    ];
    all.into_iter().collect()
}

/// `DAYU_WRITE=1` writes the text anew.
#[test]
fn the_text_is_current() {
    let mut lines = String::new();
    for (name, schema) in published() {
        lines += &format!("{name} {schema}\n");
    }
    if std::env::var_os("DAYU_WRITE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema/builtin/openapi/definitions.txt"), &lines)
            .unwrap();
    }
    let text = include_str!("definitions.txt");
    assert!(lines == text, "write it anew: DAYU_WRITE=1 cargo test -p dayu-cluster the_text_is_current");
}

#[test]
fn each_definition_is_found_and_nothing_else_is() {
    for (name, schema) in published() {
        assert_eq!(definition(&name), Some(schema), "{name}");
    }
    for missing in ["", "a", "io.k8s.api.core.v1.Pods", "io.k8s.api.core.v1.Po", "zz"] {
        assert_eq!(definition(missing), None, "{missing}");
    }
}

#[test]
fn a_definition_comes_with_all_that_it_is_made_of() {
    for name in published().into_keys() {
        let all = definitions(&name);
        assert!(all.contains_key(&name));
        for within in all.values() {
            each_reference(within, &mut |part| assert!(all.contains_key(part), "{name} lacks {part}"));
        }
    }
    let parts = definitions("io.k8s.api.core.v1.ConfigMap");
    assert!(
        parts.contains_key("io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference"),
        "reached by way of its metadata"
    );
    assert!(!parts.contains_key("io.k8s.api.core.v1.PodSpec"), "and no more");
}
