//! `dayu apply`: all documents are checked by the server before the first one is written, and where one is refused all the
//! same, what was made before it is taken back.
use std::collections::BTreeSet;

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, ValidationDirective},
    core::DynamicObject,
};

use crate::{
    cli::Manifests,
    kinds::Kinds,
    manifest::{self, Document, Draft, Origin},
    output,
};
use dayu_core::connect;

/// The name under which the command line owns fields.
const MANAGER: &str = "dayu";

/// Why nothing, or not everything, was applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error("cannot ask the server for its kinds: {0}; is it running?")]
    Discovery(kube::Error),
    #[error("{origin}: {name}: {source}; nothing was applied")]
    Refused { origin: Origin, name: String, source: kube::Error },
    #[error("{origin}: {name}: {source}; {left}")]
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
                let (origin, name) = (document.origin.clone(), name(document));
                return Err(Error::Interrupted { origin, name, source, left: take_back(client, &written).await });
            }
        }
    }
    Ok(written.iter().map(|written| name(written.document)).collect())
}

/// A document that is written.
struct Written<'a> {
    document: &'a Document,
    /// The UID of what it made; none where it changed what was there.
    made: Option<String>,
}

impl<'a> Written<'a> {
    async fn write(client: &Client, document: &'a Document) -> Result<Self, kube::Error> {
        let name = document.object.metadata.name.as_deref().unwrap_or_default();
        let was_there = api(client, document).get_metadata_opt(name).await?.is_some();
        let object = write(client, document, false).await?;
        Ok(Self { document, made: object.metadata.uid.filter(|_| !was_there) })
    }

    /// Deletes what the document made, and nothing that has taken its place.
    async fn take_back(&self, client: &Client, uid: &str) -> Result<(), kube::Error> {
        let name = self.document.object.metadata.name.as_deref().unwrap_or_default();
        let preconditions = Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        match api(client, self.document).delete(name, &params).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Takes back what was made, last first, and says what is left.
async fn take_back(client: &Client, written: &[Written<'_>]) -> String {
    let (mut changed, mut stays) = (Vec::new(), Vec::new());
    for one in written.iter().rev() {
        match &one.made {
            None => changed.push(name(one.document)),
            Some(uid) => {
                if let Err(error) = one.take_back(client, uid).await {
                    stays.push(format!("{} ({error})", name(one.document)));
                }
            }
        }
    }
    if changed.is_empty() && stays.is_empty() {
        return "nothing was applied".to_owned();
    }
    let told = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")));
    let left = [told("changed before it", &changed), told("made before it, and not taken back", &stays)];
    left.into_iter().flatten().collect::<Vec<_>>().join("; ")
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
            return Err(Error::Refused { origin: document.origin.clone(), name: name(document), source });
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
    let name = document.object.metadata.name.as_deref().unwrap_or_default();
    api(client, document).patch(name, &params, &Patch::Apply(&document.object)).await
}

/// The API of a document's kind, in its namespace.
pub(crate) fn api(client: &Client, document: &Document) -> Api<DynamicObject> {
    match &document.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &document.resource),
        None => Api::all_with(client.clone(), &document.resource),
    }
}

/// `plural/name`, as kubectl says it.
pub(crate) fn name(document: &Document) -> String {
    let name = document.object.metadata.name.as_deref().unwrap_or_default();
    format!("{}/{name}", document.resource.kind.to_lowercase())
}

pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
