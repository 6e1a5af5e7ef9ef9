//! The kinds that the server knows, by every name that users give them.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
};

/// One kind that the server serves.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    names: Vec<String>,
}

/// All of them, core first.
pub(crate) struct Kinds(Vec<Kind>);

/// A name or type that the server does not know.
#[derive(Debug, thiserror::Error)]
#[error("the server has no kind {0:?}; `dayu get crds` lists the custom ones, and the global manager installs ours")]
pub(crate) struct Unknown(String);

impl Kinds {
    /// Asks the server. A group that does not answer is left out: it may be an aggregated API that is down.
    pub(crate) async fn discover(client: &Client) -> Result<Self, kube::Error> {
        let mut kinds = Vec::new();
        for resource in client.list_core_api_resources("v1").await?.resources {
            kinds.extend(kind("", "v1", resource));
        }
        for group in client.list_api_groups().await?.groups {
            let Some(version) = group.preferred_version.or_else(|| group.versions.first().cloned()) else { continue };
            if let Ok(list) = client.list_api_group_resources(&version.group_version).await {
                for resource in list.resources {
                    kinds.extend(kind(&group.name, &version.version, resource));
                }
            }
        }
        Ok(Self(kinds))
    }

    /// By kind, plural, singular or short name, in any case, with or without `.group`.
    pub(crate) fn named(&self, name: &str) -> Result<&Kind, Unknown> {
        let wanted = name.to_lowercase();
        self.0.iter().find(|kind| kind.answers_to(&wanted)).ok_or_else(|| Unknown(name.to_owned()))
    }

    /// By the type that a document carries.
    pub(crate) fn of(&self, api_version: &str, kind: &str) -> Result<&Kind, Unknown> {
        let matches = |k: &&Kind| k.resource.api_version == api_version && k.resource.kind == kind;
        self.0.iter().find(matches).ok_or_else(|| Unknown(format!("{api_version} {kind}")))
    }
}

impl Kind {
    fn answers_to(&self, name: &str) -> bool {
        let bare = match name.split_once('.') {
            Some((bare, group)) if group == self.resource.group => bare,
            Some(_) => return false,
            None => name,
        };
        self.names.iter().any(|own| own == bare)
    }
}

/// The kind that an entry of a discovery document describes; subresources are none.
fn kind(group: &str, version: &str, entry: APIResource) -> Option<Kind> {
    if entry.name.contains('/') {
        return None;
    }
    let gvk = GroupVersionKind::gvk(group, version, &entry.kind);
    let mut names = vec![entry.name.clone(), entry.kind.to_lowercase(), entry.singular_name];
    names.extend(entry.short_names.unwrap_or_default());
    Some(Kind { resource: ApiResource::from_gvk_with_plural(&gvk, &entry.name), namespaced: entry.namespaced, names })
}
