//! Writing children: created, then changed by server-side apply, or replaced where the API server refuses to apply.
use std::{collections::BTreeMap, fmt::Debug};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::{
    Api, Client, Error, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    core::{DynamicObject, NamespaceResourceScope, Request},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    MANAGER,
    answer::{self, Refusal},
    applied::{Applied, Standing, Written, present},
    children::{Children, Record, Revision},
    inventory::{Child, ChildKind, has_repeated_keys},
    view,
    world::Epoch,
};
use crate::{
    connect::{refusal, right_on},
    name::Uid,
};

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
        ChildKind::Deployment => write::<view::Deployment>(client, namespace, child, present, owner).await,
        ChildKind::Service => write::<view::Service>(client, namespace, child, present, owner).await,
    };
    let (uid, revision) = written.map_err(|problem| problem.refusal(child))?;
    let written = Written::now(child, uid, revision, present, epoch);
    let has_changed = written.is_awaited();
    applied.note(written);
    Ok(has_changed)
}

/// A kind of child that is written.
trait ChildOf: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug {}

impl ChildOf for view::Deployment {}
impl ChildOf for view::Service {}

enum Problem {
    /// What was done to which resources, and what came of it.
    Api(&'static str, String, Error),
    /// An object of that name belongs to somebody else.
    Foreign,
    /// The one of that name is still going.
    Going,
}

impl Problem {
    fn refusal(self, child: &Child) -> Refusal {
        let reason = match &self {
            Self::Api(_, _, error) => answer::reason(error),
            Self::Foreign => "Foreign".to_owned(),
            Self::Going => "Going".to_owned(),
        };
        let message = match self {
            Self::Api(verb, resource, error) => refusal(verb, &resource, &error),
            Self::Foreign => {
                "exists and belongs to somebody else; delete or rename it, or choose another name for the resource"
                    .to_owned()
            }
            Self::Going => "an earlier one of that name is still being deleted".to_owned(),
        };
        Refusal { child: format!("{}/{}", child.kind.as_str(), child.name), reason, message }
    }
}

/// Writes and gives the incarnation and revision that the server answered with.
async fn write<K: ChildOf>(
    client: &Client,
    namespace: &str,
    child: &Child,
    present: Option<&Record>,
    owner: &str,
) -> Result<(Uid, Revision), Problem> {
    let failed = |verb| move |error| Problem::Api(verb, right_on::<K>(), error);
    if present.is_some_and(|present| present.terminating) {
        return Err(Problem::Going);
    }
    // Creating fails where something of the name is, whoever's it is: nobody needs to look first.
    let created = match present {
        None => create::<K>(client, namespace, child).await.map_err(failed("create"))?,
        Some(_) => None,
    };
    let written = match created {
        Some(created) => created,
        None => change::<K>(client, namespace, child, owner).await?,
    };
    Ok((Uid::from(written.uid().unwrap_or_default()), Revision::of(&written)))
}

/// None if an object of the name is there.
async fn create<K: ChildOf>(client: &Client, namespace: &str, child: &Child) -> Result<Option<K>, Error> {
    let text = serde_json::to_vec(&child.object).map_err(Error::SerdeError)?;
    let request = Request::new(K::url_path(&(), Some(namespace)));
    let request = request.create(&posted(), text).map_err(Error::BuildRequest)?;
    match client.request(request).await {
        Ok(created) => Ok(Some(created)),
        Err(Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes what is there to what is planned, if it is ours.
async fn change<K: ChildOf>(client: &Client, namespace: &str, child: &Child, owner: &str) -> Result<K, Problem> {
    let failed = |verb| move |error| Problem::Api(verb, right_on::<K>(), error);
    let api = Api::<K>::namespaced(client.clone(), namespace);
    let live = api.get_metadata_opt(&child.name).await.map_err(failed("get"))?.ok_or(Problem::Going)?;
    check_ours(&live, owner)?;
    if has_repeated_keys(&child.object) {
        return replace::<K>(client, namespace, child, &live.metadata).await.map_err(failed("update"));
    }
    if let Some(owned) = applied_by_creation(&live.metadata) {
        let owned = json!({"metadata": {"resourceVersion": live.metadata.resource_version, "managedFields": owned}});
        api.patch_metadata(&child.name, &PatchParams::default(), &Patch::Merge(owned))
            .await
            .map_err(failed("patch"))?;
    }
    let params = PatchParams::apply(MANAGER).force();
    api.patch(&child.name, &params, &Patch::Apply(&child.object)).await.map_err(failed("patch"))
}

/// Who owns which fields, if what we created counts as applied: else an apply would leave there what is not planned any more.
/// None where that is so already.
fn applied_by_creation(live: &ObjectMeta) -> Option<Vec<ManagedFieldsEntry>> {
    let is_creation = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(MANAGER)
            && entry.operation.as_deref() == Some("Update")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let mut owned = live.managed_fields.clone()?;
    owned.iter_mut().find(|entry| is_creation(entry))?.operation = Some("Apply".to_owned());
    Some(owned)
}

fn posted() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
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

/// Replaces the whole object: what others added to its metadata and what the server allocated is kept.
async fn replace<K: ChildOf>(client: &Client, namespace: &str, child: &Child, live: &ObjectMeta) -> Result<K, Error> {
    let mut object: DynamicObject = serde_json::from_value(child.object.clone()).map_err(Error::SerdeError)?;
    object.metadata.resource_version.clone_from(&live.resource_version);
    keep_foreign(object.metadata.labels.get_or_insert_default(), live.labels.as_ref());
    keep_foreign(object.metadata.annotations.get_or_insert_default(), live.annotations.as_ref());
    let text = serde_json::to_vec(&object).map_err(Error::SerdeError)?;
    let request = Request::new(K::url_path(&(), Some(namespace)));
    client.request(request.replace(&child.name, &posted(), text).map_err(Error::BuildRequest)?).await
}

fn keep_foreign(ours: &mut BTreeMap<String, String>, live: Option<&BTreeMap<String, String>>) {
    for (key, value) in live.into_iter().flatten() {
        ours.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// A planned object as JSON, its type written out.
pub(super) fn json(object: &impl serde::Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(object)
}
