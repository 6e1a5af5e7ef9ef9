//! Deleting children: those that are not planned any more, or all of them.
use futures::future::try_join;
use kube::{
    Api, Client, Error, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject},
};

use super::{
    answer::{self, Refusal},
    applied::Applied,
    children::Children,
    inventory::{Child, ChildKind, OWNER},
    view,
};
use crate::{
    connect::{named, refusal},
    name::Uid,
};

/// Deletes children that the plan does not have any more, each exactly as it was seen. Gives their names.
pub(super) async fn prune(
    client: &Client,
    namespace: &str,
    planned: &[Child],
    children: &Children,
) -> Result<Vec<(ChildKind, String)>, Refusal> {
    let wanted = |kind: ChildKind, name: &str| planned.iter().any(|child| child.kind == kind && child.name == name);
    let mut pruned = Vec::new();
    for (kind, records) in [(ChildKind::Deployment, &children.deployments), (ChildKind::Service, &children.services)] {
        for record in records.iter().filter(|record| !record.terminating && !wanted(kind, &record.name)) {
            let policy = PropagationPolicy::Background;
            delete(client, namespace, kind, &record.name, record.uid.as_str(), policy).await?;
            pruned.push((kind, record.name.to_string()));
        }
    }
    Ok(pruned)
}

/// Deletes all `children` of `owner`. Says whether nothing is left, pods included: where something is, the watch tells when it
/// has gone. What was `applied` the watch may not have told of yet, and something that no answer told of may be there where
/// there is `doubt`: then the API itself is asked.
pub(super) async fn clear(
    client: &Client,
    namespace: &str,
    (children, owner): (&Children, &Uid),
    applied: &mut Applied,
    doubt: bool,
) -> Result<bool, Refusal> {
    for (kind, records) in [(ChildKind::Deployment, &children.deployments), (ChildKind::Service, &children.services)] {
        for record in records.iter().filter(|record| !record.terminating) {
            thoroughly(client, namespace, kind, &record.name, record.uid.as_str()).await?;
        }
    }
    let mut is_clear = !children.hold_anything();
    if doubt || applied.is_ahead_of(children) {
        let [deployments, services] =
            [ChildKind::Deployment, ChildKind::Service].map(|kind| there(client, namespace, kind, owner));
        let (deployments, services) = try_join(deployments, services).await?;
        let known = |uid: &str| children.has(&Uid::from(uid));
        for (kind, name, uid) in deployments.iter().chain(&services).filter(|(.., uid)| !known(uid)) {
            thoroughly(client, namespace, *kind, name, uid).await?;
            is_clear = false;
        }
    }
    if is_clear {
        *applied = Applied::default();
    }
    Ok(is_clear)
}

/// What a kind has of `owner`, by name and UID, as the API itself knows it.
async fn there(
    client: &Client,
    namespace: &str,
    kind: ChildKind,
    owner: &Uid,
) -> Result<Vec<(ChildKind, String, String)>, Refusal> {
    let (api, right) = objects(client, namespace, kind);
    let ours = ListParams::default().labels(&format!("{OWNER}={owner}"));
    let list = api.list_metadata(&ours).await.map_err(|error| Refusal {
        child: kind.as_str().to_owned(),
        reason: answer::reason(&error),
        message: refusal("list", &right, &error),
    })?;
    Ok(list.items.iter().map(|object| (kind, object.name_any(), object.uid().unwrap_or_default())).collect())
}

/// Deletes one so that it is there until all that it has made is gone: pods that come last are waited for, too.
async fn thoroughly(client: &Client, namespace: &str, kind: ChildKind, name: &str, uid: &str) -> Result<(), Refusal> {
    delete(client, namespace, kind, name, uid, PropagationPolicy::Foreground).await
}

async fn delete(
    client: &Client,
    namespace: &str,
    kind: ChildKind,
    name: &str,
    uid: &str,
    policy: PropagationPolicy,
) -> Result<(), Refusal> {
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        propagation_policy: Some(policy),
        ..DeleteParams::default()
    };
    let (api, right) = objects(client, namespace, kind);
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        // Gone, by the API's own word: a page of what stands before it says nothing of the child.
        Err(Error::Api(status)) if status.reason == "NotFound" => Ok(()),
        Err(error) => {
            let child = format!("{}/{name}", kind.as_str());
            Err(Refusal { child, reason: answer::reason(&error), message: refusal("delete", &right, &error) })
        }
    }
}

/// The objects of a kind, and the name that rights on them have.
fn objects(client: &Client, namespace: &str, kind: ChildKind) -> (Api<DynamicObject>, String) {
    let resource = match kind {
        ChildKind::Deployment => ApiResource::erase::<view::Deployment>(&()),
        ChildKind::Service => ApiResource::erase::<view::Service>(&()),
    };
    let right = named(&resource.plural, &resource.group);
    (Api::namespaced_with(client.clone(), namespace, &resource), right)
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::*;

    #[tokio::test]
    async fn that_a_child_is_gone_is_taken_from_the_api_alone() {
        let its_own = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}).to_string();
        for (answer, is_gone) in [(its_own, true), ("404 page not found".to_owned(), false)] {
            let text = answer.clone();
            let api = service_fn(move |_: Request<Body>| {
                let answer = Response::builder().status(404).body(Body::from(text.clone().into_bytes()));
                async { Ok::<_, BoxError>(answer?) }
            });
            let (client, policy) = (Client::new(api, "default"), PropagationPolicy::Background);
            let deleted = delete(&client, "default", ChildKind::Service, "s", "u", policy).await;
            assert_eq!(deleted.is_ok(), is_gone, "{answer}: {deleted:?}");
        }
    }
}
