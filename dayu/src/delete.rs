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
        let name = document.object.metadata.name.as_deref().unwrap_or_default();
        match apply::api(&client, document).delete(name, &DeleteParams::background()).await {
            Ok(_) => output::line(&format!("{} deleted", apply::name(document))),
            Err(error) if apply::is_not_found(&error) => {
                output::line(&format!("{} was not there", apply::name(document)));
            }
            Err(source) => {
                let (origin, name) = (document.origin.clone(), apply::name(document));
                return Err(Error::Interrupted {
                    origin,
                    name,
                    source,
                    left: "what stands above was deleted".to_owned(),
                });
            }
        }
    }
    Ok(())
}
