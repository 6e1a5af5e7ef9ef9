//! What can go wrong between no Kubernetes and a running one.

use std::path::PathBuf;

/// A Kubernetes is not there, cannot be built, or does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "there is no {missing} in {dir}; `cargo xtask kube build` builds it, or KUBEBUILDER_ASSETS names another folder"
    )]
    NotBuilt { dir: PathBuf, missing: &'static str },
    #[error("neither DAYU_KUBE_HOME nor HOME says where the cache is")]
    NoHome,
    #[error("{0:?} is no version of Kubernetes; write it as 1.37.2")]
    Version(String),
    #[error("cannot use {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot run {program}: {source}; is it installed and in the PATH?")]
    Spawn { program: String, source: std::io::Error },
    #[error("`{command}` failed ({status}); what it said is above or in {log}")]
    Failed { command: String, status: std::process::ExitStatus, log: PathBuf },
    #[error("`{command}` said something unexpected: {reason}")]
    Said { command: String, reason: String },
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    // The log is told rather than named: its folder may go with what failed.
    #[error("{what} was not ready after {seconds} s: {reason}; its log ends with:\n{log}")]
    NotReady { what: String, seconds: u64, reason: String, log: String },
    #[error("{what} ended before it was ready; its log ends with:\n{log}")]
    Ended { what: String, log: String },
    #[error("none of the ports {} to {} of 127.0.0.1 is free any more: end what listens there", .0.start, .0.end - 1)]
    NoPort(std::ops::Range<u16>),
    #[error("real nodes cannot run here: {0}")]
    NoNodes(String),
    #[error("cannot enter the network of the nodes: {0}; it needs root")]
    Enter(std::io::Error),
    #[error("kubectl {arguments}: {said}")]
    Kubectl { arguments: String, said: String },
    #[error("{manifests} has {found} service accounts labelled app.kubernetes.io/component={component}; one is needed")]
    Accounts { component: String, manifests: PathBuf, found: usize },
    #[error("{0} holds a control plane already; end it with `cargo xtask kube down`, or name another folder")]
    Occupied(PathBuf),
}

impl Error {
    /// For `map_err`, where a file is what fails.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
