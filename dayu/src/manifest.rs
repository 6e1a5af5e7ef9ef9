//! Reading manifests: files, folders and standard input, each of one or several documents.
use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};
use serde_json::Value;

use crate::kinds::{Kinds, Unknown};

/// One document and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) origin: Origin,
    pub(crate) object: DynamicObject,
    pub(crate) resource: ApiResource,
    /// None for cluster-scoped kinds.
    pub(crate) namespace: Option<String>,
}

impl Document {
    pub(crate) fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// `kind/name`, as kubectl says it.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.resource.kind.to_lowercase(), self.name())
    }

    /// The API of its kind, in its namespace.
    pub(crate) fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

/// File and number of a document, from 1; empty documents do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    file: PathBuf,
    number: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, document {}", self.file.display(), self.number)
    }
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{path}: {source}; name a readable file or folder, or - for standard input")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: no .yaml, .yml or .json file in this folder")]
    Empty { path: PathBuf },
    #[error("{path}: no document in it; a document has apiVersion, kind and metadata")]
    Blank { path: PathBuf },
    #[error("{path}: {problem}")]
    Syntax { path: PathBuf, problem: String },
    #[error("{origin}: field {field}: {problem}")]
    Field { origin: Origin, field: &'static str, problem: String },
    #[error("{origin}: {source}")]
    Kind { origin: Origin, source: Unknown },
}

/// A document before its kind is known to the server.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

/// Every document of `paths`, in order; folders in order of file names.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for path in paths {
        let before = drafts.len();
        for file in files(path)? {
            let text = text(&file).map_err(|source| Error::Read { path: file.clone(), source })?;
            drafts.extend(parse(&file, &text)?);
        }
        if drafts.len() == before {
            return Err(Error::Blank { path: path.clone() });
        }
    }
    Ok(drafts)
}

/// The documents of one text. Empty documents are skipped, and a `List`, as `kubectl get -o yaml` writes it, is its items.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Vec<Draft>, Error> {
    let values: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| Error::Syntax { path: file.to_owned(), problem: error.to_string() })?;
    let numbered = values.into_iter().enumerate().filter(|(_, value)| !value.is_null());
    let drafts = numbered.flat_map(|(at, value)| {
        let origin = Origin { file: file.to_owned(), number: at + 1 };
        items(value).into_iter().map(move |value| Draft { origin: origin.clone(), value })
    });
    Ok(drafts.collect())
}

/// What stands for a document: itself, or what is in it.
fn items(value: Value) -> Vec<Value> {
    let is = |field: &str, text: &str| value.get(field).and_then(Value::as_str) == Some(text);
    match value.get("items").and_then(Value::as_array) {
        Some(items) if is("apiVersion", "v1") && is("kind", "List") => items.clone(),
        _ => vec![value],
    }
}

/// Finds each document's kind and namespace; the first one that has none of a kind the server knows is named.
pub(crate) fn resolve(drafts: Vec<Draft>, kinds: &Kinds, namespace: &str) -> Result<Vec<Document>, Error> {
    drafts.into_iter().map(|draft| document(draft, kinds, namespace)).collect()
}

fn document(draft: Draft, kinds: &Kinds, namespace: &str) -> Result<Document, Error> {
    let Draft { origin, value } = draft;
    let field = |field, problem: &str| Error::Field { origin: origin.clone(), field, problem: problem.to_owned() };
    let text = |name: &'static str| {
        value.get(name).and_then(Value::as_str).ok_or_else(|| field(name, "missing; every document names its type"))
    };
    let kind = kinds
        .of(text("apiVersion")?, text("kind")?)
        .map_err(|source| Error::Kind { origin: origin.clone(), source })?;
    let mut object: DynamicObject = serde_json::from_value(value.clone())
        .map_err(|error| field("metadata", &format!("{error}; see the kind's schema")))?;
    if object.metadata.name.as_deref().unwrap_or_default().is_empty() {
        return Err(field("metadata.name", "missing; give the resource a name"));
    }
    let namespace = kind.namespaced.then(|| object.metadata.namespace.clone().unwrap_or_else(|| namespace.to_owned()));
    object.metadata.namespace.clone_from(&namespace);
    Ok(Document { origin, object, resource: kind.resource.clone(), namespace })
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known)) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(files) }
}

fn text(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_numbered_in_order_and_empty_ones_do_not_count() {
        let drafts = parse(Path::new("a.yaml"), "kind: A\n---\n---\nkind: C\n").unwrap();
        let origins: Vec<_> = drafts.iter().map(|draft| draft.origin.to_string()).collect();
        assert_eq!(origins, ["a.yaml, document 1", "a.yaml, document 2"]);
    }

    #[test]
    fn a_list_is_its_items() {
        let text = "{apiVersion: v1, kind: List, items: [{kind: A}, {kind: B}]}\n---\nkind: C\n";
        let drafts = parse(Path::new("a.yaml"), text).unwrap();
        let kinds: Vec<_> =
            drafts.iter().map(|draft| (draft.origin.number, draft.value["kind"].as_str().unwrap())).collect();
        assert_eq!(kinds, [(1, "A"), (1, "B"), (2, "C")]);
    }

    #[test]
    fn a_syntax_error_names_file_and_line() {
        let error = parse(Path::new("bad.yaml"), "kind: A\n  x: [1,\n").unwrap_err().to_string();
        assert!(error.starts_with("bad.yaml: ") && error.contains("line"), "{error}");
    }

    #[test]
    fn a_text_without_documents_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.yaml");
        std::fs::write(&file, "# nothing yet\n---\n").unwrap();
        let error = read(std::slice::from_ref(&file)).unwrap_err().to_string();
        assert!(error.starts_with(&*file.to_string_lossy()) && error.contains("no document"), "{error}");
        std::fs::write(folder.path().join("one.yaml"), "kind: A\n").unwrap();
        assert_eq!(read(&[folder.path().to_owned()]).unwrap().len(), 1, "beside others it may be blank");
    }

    #[test]
    fn a_folder_without_manifests_is_an_error_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let error = read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no .yaml, .yml or .json file"), "{error}");
    }
}
