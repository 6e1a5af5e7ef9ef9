//! Volumes that the API holds: which files they have, and how these are written.
use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, DownwardAPIVolumeFile, KeyToPath, SecretProjection, Volume, VolumeProjection,
};
use kube::ResourceExt;

use super::{super::field, Lacking, Source, within};

/// Content by path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

impl Source<'_> {
    /// The files of a volume.
    pub(super) async fn files(&self, volume: &Volume) -> Result<Files, Lacking> {
        if let Some(source) = &volume.config_map {
            return self.config_map(&source.name, source.items.as_deref(), source.optional).await;
        }
        if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            return self.secret(name, source.items.as_deref(), source.optional).await;
        }
        if let Some(source) = &volume.downward_api {
            return self.downward(source.items.as_deref());
        }
        if let Some(source) = &volume.projected {
            let mut files = Files::new();
            for source in source.sources.iter().flatten() {
                files.extend(self.projected(source).await?);
            }
            return Ok(files);
        }
        let kinds = "hostPath, configMap, secret, emptyDir, downwardAPI or projected";
        Err(Lacking::Here(format!("a process worker cannot have a volume of this kind; use {kinds}")))
    }

    async fn projected(&self, source: &VolumeProjection) -> Result<Files, Lacking> {
        if let Some(ConfigMapProjection { name, items, optional }) = &source.config_map {
            return self.config_map(name, items.as_deref(), *optional).await;
        }
        if let Some(SecretProjection { name, items, optional }) = &source.secret {
            return self.secret(name, items.as_deref(), *optional).await;
        }
        // Workers hold no token: what would be one is left out.
        self.downward(source.downward_api.as_ref().and_then(|source| source.items.as_deref()))
    }

    async fn config_map(
        &self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<Files, Lacking> {
        let namespace = self.pod.namespace().unwrap_or_default();
        Ok(select(self.lookup.config_map(&namespace, name, optional).await?, items, optional)?)
    }

    async fn secret(&self, name: &str, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Result<Files, Lacking> {
        let namespace = self.pod.namespace().unwrap_or_default();
        Ok(select(self.lookup.secret(&namespace, name, optional).await?, items, optional)?)
    }

    fn downward(&self, items: Option<&[DownwardAPIVolumeFile]>) -> Result<Files, Lacking> {
        let file = |item: &DownwardAPIVolumeFile| {
            let value = match (&item.field_ref, &item.resource_field_ref) {
                (Some(reference), _) => field::value(self.pod, &reference.field_path, self.place)?,
                (None, Some(reference)) => field::resource(self.container, &reference.resource)?,
                (None, None) => return Err(format!("{} names no field", item.path)),
            };
            Ok((item.path.clone(), value.into_bytes()))
        };
        let files: Result<Files, String> = items.into_iter().flatten().map(file).collect();
        Ok(files?)
    }
}

/// All of `entries`, or those that `items` select, under the paths they say.
fn select(mut entries: Files, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Result<Files, String> {
    let Some(items) = items else { return Ok(entries) };
    let mut files = Files::new();
    for item in items {
        match entries.remove(&item.key) {
            Some(value) => drop(files.insert(item.path.clone(), value)),
            None if optional == Some(true) => {}
            None => return Err(format!("it has no key {}", item.key)),
        }
    }
    Ok(files)
}

/// Writes each file whole: whoever reads sees the old or the new one.
pub(super) fn write(folder: &Path, files: &Files) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // The pod's own folder lets only its owner in; within it a worker of another user may read.
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for (name, value) in files {
        let file = within(folder, name).map_err(io::Error::other)?;
        if fs::read(&file).is_ok_and(|present| present == *value) {
            continue;
        }
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = file.with_extension("draft~");
        File::options().create(true).write(true).truncate(true).mode(0o644).open(&draft)?.write_all(value)?;
        fs::rename(draft, file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_selected_renamed_and_written() {
        let entries = Files::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]);
        let item = |key: &str, path: &str| KeyToPath { key: key.into(), path: path.into(), ..KeyToPath::default() };
        let files = select(entries.clone(), Some(&[item("a", "sub/x")]), None).unwrap();
        assert_eq!(files, Files::from([("sub/x".to_owned(), b"1".to_vec())]));
        assert!(select(entries.clone(), Some(&[item("c", "x")]), None).unwrap_err().contains("no key c"));
        assert!(select(entries, Some(&[item("c", "x")]), Some(true)).unwrap().is_empty());
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files).unwrap();
        assert_eq!(fs::read(folder.path().join("sub/x")).unwrap(), b"1");
        assert!(write(folder.path(), &Files::from([("../x".to_owned(), Vec::new())])).is_err());
    }
}
