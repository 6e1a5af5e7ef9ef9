//! `dayu delete`: what the documents name, in reverse order; what is gone already is fine.
use kube::api::DeleteParams;

use crate::{
    apply::{self, Error},
    cli::Manifests,
    kinds::Kinds,
    manifest, output,
};
use dayu_core::connect;

/// Deletes what the user named, and what belongs to it in the background.
pub(crate) async fn run(options: &Manifests) -> Result<(), Error> {
    let drafts = manifest::read(&options.filenames)?;
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    let kinds = Kinds::discover(&client).await.map_err(Error::Discovery)?;
    for document in manifest::resolve(drafts, &kinds, &options.namespace)?.iter().rev() {
        match document.api(&client).delete(document.name(), &DeleteParams::background()).await {
            Ok(_) => output::line(&format!("{} deleted", document.title())),
            Err(error) if apply::is_not_found(&error) => {
                output::line(&format!("{} was not there", document.title()));
            }
            Err(source) => {
                let (origin, name) = (document.origin.clone(), document.title());
                let left = "what stands above was deleted".to_owned();
                return Err(Error::Interrupted { origin, name, source, left });
            }
        }
    }
    Ok(())
}
