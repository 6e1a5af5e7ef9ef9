//! What kubectl prints, as the server lays it out.

use serde_json::json;

use crate::harness::{Session, scenarios};
use crate::kinds::{GADGET, GADGETS, MAPS, definition, gadget, map};

scenarios! { custom_tables, built_in_tables, representations }

const TABLE: &str =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

async fn custom_tables(session: &mut Session) {
    session.define(&definition()).await;
    session.post("one", GADGETS, &gadget("one", json!({"size": 3, "ports": [{"port": 1}, {"port": 2}]}))).await;
    session.post("two", GADGETS, &gadget("two", json!({"size": 4}))).await;
    session.table("list", GADGETS, TABLE).await;
    session.table("object", GADGET, TABLE).await;
    session.table("without objects", &format!("{GADGETS}?includeObject=None"), TABLE).await;
    session.table("with objects", &format!("{GADGETS}?includeObject=Object"), TABLE).await;
    session.table("bad", &format!("{GADGETS}?includeObject=Some"), TABLE).await;
    session.table("page", &format!("{GADGETS}?limit=1"), TABLE).await;
}

async fn built_in_tables(session: &mut Session) {
    session.post("map", MAPS, &map("one", json!({"t": "t"}))).await;
    session
        .post(
            "secret",
            "/api/v1/namespaces/{ns}/secrets",
            &json!({"metadata": {"name": "one"}, "stringData": {"a": "b"}}),
        )
        .await;
    let service = json!({"metadata": {"name": "one"}, "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"name": "x", "port": 80}, {"name": "y", "port": 81, "protocol": "UDP"}]}});
    session.post("service", "/api/v1/namespaces/{ns}/services", &service).await;
    session.post("headless", "/api/v1/namespaces/{ns}/services", &json!({"metadata": {"name": "two"}, "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 80}]}})).await;
    session.post("account", "/api/v1/namespaces/{ns}/serviceaccounts", &json!({"metadata": {"name": "one"}})).await;
    session
        .post(
            "lease",
            "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
            &json!({"metadata": {"name": "one"}, "spec": {"holderIdentity": "me"}}),
        )
        .await;
    for (step, path) in [
        ("configmaps", "/api/v1/namespaces/{ns}/configmaps?labelSelector=t"),
        ("secrets", "/api/v1/namespaces/{ns}/secrets"),
        ("services", "/api/v1/namespaces/{ns}/services"),
        ("accounts", "/api/v1/namespaces/{ns}/serviceaccounts/one"),
        ("leases", "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"),
        ("pods", "/api/v1/namespaces/{ns}/pods"),
        ("deployments", "/apis/apps/v1/namespaces/{ns}/deployments"),
        ("replicasets", "/apis/apps/v1/namespaces/{ns}/replicasets"),
        ("endpointslices", "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices?labelSelector=none"),
        ("nodes", "/api/v1/nodes?labelSelector=none"),
        ("namespaces", "/api/v1/namespaces/{ns}"),
        ("events", "/api/v1/namespaces/{ns}/events?fieldSelector=reason=none"),
        ("definitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?labelSelector=none"),
        ("roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles"),
    ] {
        session.table(step, path, TABLE).await;
    }
}

async fn representations(session: &mut Session) {
    session.post("map", MAPS, &map("one", json!({"t": "t"}))).await;
    let one = "/api/v1/namespaces/{ns}/configmaps/one";
    for (step, accept) in [
        ("metadata", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"),
        ("anything", "*/*"),
        ("nothing known", "text/html"),
        ("second choice", "text/html,application/json"),
        ("unknown as", "application/json;as=Picture;v=v1;g=meta.k8s.io"),
    ] {
        session.get_as(step, one, accept).await;
    }
    let list = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    session.get_as("metadata of a list", "/api/v1/namespaces/{ns}/configmaps?labelSelector=t", list).await;
    session.get_as("missing, as a table", "/api/v1/namespaces/{ns}/configmaps/none", TABLE).await;
}
