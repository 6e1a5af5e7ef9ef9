//! The columns of built-in kinds, as `kubectl get` shows them.

mod cluster;
mod definition;
mod network;
mod pod;
mod workload;

use super::column::Column;

pub(super) fn columns(group: &str, kind: &str) -> Vec<Column> {
    match (group, kind) {
        ("", "Pod") => pod::columns(),
        ("", "Service") => network::service(),
        ("", "Endpoints") => network::endpoints(),
        ("discovery.k8s.io", "EndpointSlice") => network::slice(),
        ("", "Node") => cluster::node(),
        ("", "Namespace") => vec![Column::name(), Column::text("Status", "/status/phase", ""), Column::age()],
        ("", "ConfigMap") => vec![Column::name(), cluster::data(), Column::age()],
        ("", "Secret") => vec![Column::name(), Column::text("Type", "/type", ""), cluster::data(), Column::age()],
        ("", "ServiceAccount") => cluster::service_account(),
        ("" | "events.k8s.io", "Event") => cluster::event(),
        ("coordination.k8s.io", "Lease") => {
            vec![Column::name(), Column::text("Holder", "/spec/holderIdentity", ""), Column::age()]
        }
        ("apps", "Deployment") => workload::deployment(),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => workload::replica_set(),
        ("apps", "DaemonSet") => workload::daemon_set(),
        ("apps", "StatefulSet") => workload::stateful_set(),
        ("batch", "Job") => workload::job(),
        ("batch", "CronJob") => workload::cron_job(),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::definition(),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => vec![Column::name(), Column::created_at()],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => cluster::binding(),
        _ => vec![Column::name(), Column::age()],
    }
}
