//! `dayu apply`: all documents are checked by the server before the first one is written, and where one is refused all the
//! same, what was written before it is taken back.
mod remedy;
mod written;

use std::collections::BTreeSet;

use kube::{
    Client,
    api::{Patch, PatchParams, ValidationDirective},
    core::DynamicObject,
};

use self::{
    remedy::remedy,
    written::{Written, take_back},
};
use crate::{
    cli::Manifests,
    kinds::Kinds,
    manifest::{self, Document, Draft, Origin},
    output,
};
use dayu_core::connect::{self, told};

/// The name under which the command line owns fields.
const MANAGER: &str = "dayu";

/// Why nothing, or not everything, was applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error("cannot ask the server for its kinds: {}; is it running?", told(.0))]
    Discovery(kube::Error),
    #[error("{origin}: {name}: {}{}; nothing was applied", told(.source), remedy(source))]
    Refused { origin: Origin, name: String, source: kube::Error },
    #[error("{origin}: {name}: {}{}; {left}", told(.source), remedy(source))]
    Interrupted { origin: Origin, name: String, source: kube::Error, left: String },
}

/// Reads, checks and applies what the user named.
pub(crate) async fn run(options: &Manifests) -> Result<(), Error> {
    let drafts = manifest::read(&options.filenames)?;
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    for name in apply(&client, drafts, &options.namespace).await? {
        output::line(&format!("{name} applied"));
    }
    Ok(())
}

/// Applies documents and gives their names.
pub(crate) async fn apply(client: &Client, drafts: Vec<Draft>, namespace: &str) -> Result<Vec<String>, Error> {
    let kinds = Kinds::discover(client).await.map_err(Error::Discovery)?;
    let mut documents = manifest::resolve(drafts, &kinds, namespace)?;
    // Namespaces first: the rest may live in them. The sort is stable, so the user's order holds otherwise.
    documents.sort_by_key(|document| document.resource.kind != "Namespace");
    rehearse(client, &documents).await?;
    let mut written = Vec::new();
    for document in &documents {
        match Written::write(client, document).await {
            Ok(one) => written.push(one),
            Err(source) => {
                let (origin, name) = (document.origin.clone(), document.title());
                return Err(Error::Interrupted { origin, name, source, left: take_back(client, &written).await });
            }
        }
    }
    Ok(written.iter().map(|written| written.document.title()).collect())
}

/// Lets the server check every document without keeping it.
async fn rehearse(client: &Client, documents: &[Document]) -> Result<(), Error> {
    let coming: BTreeSet<_> = documents
        .iter()
        .filter(|document| document.resource.kind == "Namespace")
        .filter_map(|document| document.object.metadata.name.as_deref())
        .collect();
    for document in documents {
        let Err(source) = write(client, document, true).await else { continue };
        // A namespace that this very manifest brings cannot be there yet.
        let expected = document.namespace.as_deref().is_some_and(|namespace| coming.contains(namespace));
        if !(expected && is_not_found(&source)) {
            return Err(Error::Refused { origin: document.origin.clone(), name: document.title(), source });
        }
    }
    Ok(())
}

async fn write(client: &Client, document: &Document, rehearsal: bool) -> Result<DynamicObject, kube::Error> {
    let params = PatchParams {
        dry_run: rehearsal,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply(MANAGER).force()
    };
    document.api(client).patch(document.name(), &params, &Patch::Apply(&document.object)).await
}

pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
