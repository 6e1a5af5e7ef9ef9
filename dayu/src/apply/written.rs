//! What is written can be taken back: what was made is deleted, what was changed becomes what it was.
use kube::{
    Client,
    api::{DeleteParams, PostParams, Preconditions},
    core::DynamicObject,
};

use super::{is_not_found, write};
use crate::manifest::Document;
use dayu_core::connect::told;

/// A document that is written.
pub(super) struct Written<'a> {
    pub(super) document: &'a Document,
    /// What was there; none where the document made it.
    before: Option<DynamicObject>,
    /// What is there now.
    after: DynamicObject,
}

impl<'a> Written<'a> {
    pub(super) async fn write(client: &Client, document: &'a Document) -> Result<Self, kube::Error> {
        let before = document.api(client).get_opt(document.name()).await?;
        let after = write(client, document, false).await?;
        Ok(Self { document, before, after })
    }

    /// Undoes the write, unless somebody else has changed or replaced the object since: that is told as a conflict.
    pub(super) async fn take_back(&self, client: &Client) -> Result<(), kube::Error> {
        match &self.before {
            None => self.delete(client).await,
            Some(before) if before.metadata.resource_version == self.after.metadata.resource_version => Ok(()),
            Some(before) => self.restore(client, before.clone()).await,
        }
    }

    async fn delete(&self, client: &Client) -> Result<(), kube::Error> {
        let preconditions = Some(Preconditions { uid: self.after.metadata.uid.clone(), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        match self.document.api(client).delete(self.document.name(), &params).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn restore(&self, client: &Client, mut before: DynamicObject) -> Result<(), kube::Error> {
        before.metadata.resource_version.clone_from(&self.after.metadata.resource_version);
        let params = PostParams { field_manager: Some(super::MANAGER.to_owned()), ..PostParams::default() };
        self.document.api(client).replace(self.document.name(), &params, &before).await.map(drop)
    }
}

/// Takes back what was written, last first, and says what is left of it.
pub(super) async fn take_back(client: &Client, written: &[Written<'_>]) -> String {
    let mut left = Vec::new();
    for one in written.iter().rev() {
        if let Err(error) = one.take_back(client).await {
            left.push(format!("{} ({})", one.document.title(), told(&error)));
        }
    }
    if left.is_empty() {
        return "nothing was applied".to_owned();
    }
    format!("applied before it, and not taken back: {}", left.join(", "))
}
