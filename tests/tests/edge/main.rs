//! What users install, on real nodes: kubelets and containerd, each in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
mod doctor;
mod helm;
mod http;
mod lifecycle;
mod manifests;
mod reached;
mod site;
