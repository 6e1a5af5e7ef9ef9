//! Which kinds there are, in every form in which clients ask.

use serde_json::{Value, json};

use crate::harness::{Session, scenarios};
use crate::kinds::definition;

scenarios! { legacy, custom_group, aggregated, versions, openapi }

/// Every resource that the embedded API has is as Kubernetes says; that Kubernetes has more is in the document.
async fn legacy(session: &mut Session) {
    session.get("api", "/api").await;
    for group in [
        "/api/v1",
        "/apis/apps/v1",
        "/apis/coordination.k8s.io/v1",
        "/apis/discovery.k8s.io/v1",
        "/apis/events.k8s.io/v1",
        "/apis/batch/v1",
        "/apis/rbac.authorization.k8s.io/v1",
        "/apis/apiextensions.k8s.io/v1",
        "/apis/authorization.k8s.io/v1",
    ] {
        let answer = session.get_quietly(group, "application/json").await;
        let resources = answer.body["resources"].as_array().cloned().unwrap_or_default();
        let by_name = resources
            .into_iter()
            .map(|one| (one["name"].as_str().unwrap_or_default().replace('/', "-"), one))
            .collect::<serde_json::Map<_, _>>();
        let mut said = answer.body.clone();
        said["resources"] = Value::Object(by_name);
        session.note(group, answer.code, &said);
    }
}

async fn custom_group(session: &mut Session) {
    session.define(&definition()).await;
    session.settled("group", "/apis/{ns}.example.com", |answer| answer.code == 200).await;
    session.settled("resources", "/apis/{ns}.example.com/v1", |answer| answer.code == 200).await;
    session.get("no such version", "/apis/{ns}.example.com/v9").await;
    let groups = session.get_quietly("/apis", "application/json").await;
    let mine = groups.body["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["name"] == "custom-group.example.com")
        .cloned();
    session.note("among the groups", groups.code, &mine.unwrap_or_default());
}

async fn aggregated(session: &mut Session) {
    session.define(&definition()).await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let group = |answer: &Value| {
        answer["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["metadata"]["name"] == "aggregated.example.com")
            .cloned()
    };
    let mut found = None;
    for _ in 0..10_000 {
        found = found.or(group(&session.get_quietly("/apis", accept).await.body));
        if found.is_some() {
            break;
        }
    }
    session.note("group", 200, &found.expect("the group is never served"));
    let older = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    let answer = session.get_quietly("/apis", older).await;
    session.note(
        "older form",
        answer.code,
        &json!({"kind": answer.body["kind"], "apiVersion": answer.body["apiVersion"]}),
    );
    let core = session.get_quietly("/api", accept).await.body;
    let resources = core["items"][0]["versions"][0]["resources"].as_array().cloned().unwrap_or_default();
    let maps = resources.into_iter().find(|one| one["resource"] == "configmaps");
    session.note("core", 200, &maps.unwrap_or_default());
}

async fn versions(session: &mut Session) {
    for path in ["/healthz", "/readyz", "/livez"] {
        session.get(path, path).await;
    }
    let version = session.get_quietly("/version", "application/json").await;
    let keys: Vec<_> = version.body.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    session.note(
        "version",
        version.code,
        &json!({"major": version.body["major"], "minor": version.body["minor"], "keys": keys}),
    );
}

async fn openapi(session: &mut Session) {
    session.define(&definition()).await;
    let mut path = Value::Null;
    while path.is_null() {
        let index = session.get_quietly("/openapi/v3", "application/json").await;
        path = index.body["paths"]["apis/openapi.example.com/v1"]["serverRelativeURL"].clone();
    }
    let document = session.get_quietly(path.as_str().unwrap_or_default(), "application/json").await;
    let schemas = document.body["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let gadget = schemas.iter().find(|(_, schema)| schema["x-kubernetes-group-version-kind"][0]["kind"] == "Gadget");
    let (name, schema) = gadget.map(|(name, schema)| (name.clone(), schema.clone())).unwrap_or_default();
    session.note("schema", document.code, &json!({"name": name, "spec": schema["properties"]["spec"], "status": schema["properties"]["status"], "kinds": schema["x-kubernetes-group-version-kind"]}));
}
