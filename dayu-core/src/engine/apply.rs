//! Writing children: server-side apply, or replacement where the API server refuses to apply; and pruning.
use kube::{
    Api, Client, Error, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    MANAGER,
    applied::{Applied, Standing, Written, present},
    children::{Children, Revision},
    inventory::{Child, ChildKind, has_repeated_keys},
    view,
    world::Epoch,
};
use crate::name::Uid;

/// A child that could not be written.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) child: String,
    /// CamelCase, machine-readable.
    pub(super) reason: String,
    pub(super) message: String,
}

/// Brings `child` to what is planned, unless it is there already. Says whether that changed it: then the watch tells.
pub(super) async fn ensure(
    applied: &mut Applied,
    client: &Client,
    namespace: &str,
    child: &Child,
    (children, epoch): (&Children, Epoch),
    owner: &str,
) -> Result<bool, Refusal> {
    let present = present(children, child.kind, &child.name);
    if applied.standing(child, present, epoch) != Standing::Otherwise {
        return Ok(false);
    }
    let written = match child.kind {
        ChildKind::Deployment => write::<view::Deployment>(client, namespace, child, owner).await,
        ChildKind::Service => write::<view::Service>(client, namespace, child, owner).await,
    };
    let (uid, revision) = written.map_err(|problem| problem.refusal(child))?;
    let written = Written::now(child, uid, revision, present, epoch);
    let has_changed = written.is_awaited();
    applied.note(written);
    Ok(has_changed)
}

enum Problem {
    Api(Error),
    /// An object of that name belongs to somebody else.
    Foreign,
    /// The one of that name is still going.
    Going,
}

impl Problem {
    fn refusal(self, child: &Child) -> Refusal {
        let reason = match &self {
            Self::Api(error) => reason(error),
            Self::Foreign => "Foreign".to_owned(),
            Self::Going => "Going".to_owned(),
        };
        let message = match self {
            Self::Api(Error::Api(status)) => status.message.clone(),
            Self::Api(error) => error.to_string(),
            Self::Foreign => {
                "exists and belongs to somebody else; delete or rename it, or choose another name for the resource"
                    .to_owned()
            }
            Self::Going => "an earlier one of that name is still being deleted".to_owned(),
        };
        Refusal { child: format!("{}/{}", child.kind.as_str(), child.name), reason, message }
    }
}

/// The server's own word for what went wrong, or ours where there was no answer.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Api(status) if !status.reason.is_empty() => status.reason.clone(),
        Error::Api(status) => format!("Http{}", status.code),
        _ => "Unreachable".to_owned(),
    }
}

/// Writes and gives the incarnation and revision that the server answered with.
async fn write<K>(client: &Client, namespace: &str, child: &Child, owner: &str) -> Result<(Uid, Revision), Problem>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    let live = api.get_opt(&child.name).await.map_err(Problem::Api)?;
    if let Some(live) = &live {
        check_ours(live, owner)?;
    }
    let written = if has_repeated_keys(&child.object) {
        replace::<K>(client, namespace, child, live.is_some()).await
    } else {
        api.patch(&child.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&child.object)).await
    };
    let written = written.map_err(Problem::Api)?;
    Ok((Uid::from(written.uid().unwrap_or_default()), Revision::of(&written)))
}

/// Never adopt: an object of that name that another owner controls, or nobody, is not ours to change.
fn check_ours(live: &impl ResourceExt, owner: &str) -> Result<(), Problem> {
    let ours = live.owner_references().iter().any(|reference| reference.uid == owner);
    match (ours, live.meta().deletion_timestamp.is_some()) {
        (true, false) => Ok(()),
        (_, true) => Err(Problem::Going),
        (false, false) => Err(Problem::Foreign),
    }
}

/// Creates or replaces the whole object: what others added to its metadata and what the server allocated is kept.
async fn replace<K>(client: &Client, namespace: &str, child: &Child, exists: bool) -> Result<K, Error>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()));
    let mut object: DynamicObject = serde_json::from_value(child.object.clone()).map_err(Error::SerdeError)?;
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let written = if exists {
        let live = api.get(&child.name).await?;
        object.metadata.resource_version.clone_from(&live.metadata.resource_version);
        keep_foreign(&mut object, &live);
        api.replace(&child.name, &params, &object).await?
    } else {
        api.create(&params, &object).await?
    };
    serde_json::to_value(written).and_then(serde_json::from_value).map_err(Error::SerdeError)
}

fn keep_foreign(object: &mut DynamicObject, live: &DynamicObject) {
    for (key, value) in live.labels() {
        object.labels_mut().entry(key.clone()).or_insert_with(|| value.clone());
    }
    for (key, value) in live.annotations() {
        object.annotations_mut().entry(key.clone()).or_insert_with(|| value.clone());
    }
}

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
            delete(client, namespace, kind, &record.name, record.uid.as_str()).await?;
            pruned.push((kind, record.name.to_string()));
        }
    }
    Ok(pruned)
}

async fn delete(client: &Client, namespace: &str, kind: ChildKind, name: &str, uid: &str) -> Result<(), Refusal> {
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    let resource = match kind {
        ChildKind::Deployment => ApiResource::erase::<view::Deployment>(&()),
        ChildKind::Service => ApiResource::erase::<view::Service>(&()),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        // Gone, or replaced by another that is not ours to delete.
        Err(Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(error) => {
            let child = format!("{}/{name}", kind.as_str());
            Err(Refusal { child, reason: reason(&error), message: error.to_string() })
        }
    }
}

/// A planned object as JSON, its type written out.
pub(super) fn json(object: &impl serde::Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(object)
}
