//! An embedded Kubernetes API: a store, the REST verbs, and a `tower::Service` that a [`kube::Client`] can use directly.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_openapi::api::core::v1::Namespace;
//!
//! let cluster = dayu_cluster::Cluster::builder().build().await?;
//! let namespaces: kube::Api<Namespace> = kube::Api::all(cluster.client());
//! assert!(namespaces.get_opt("default").await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! Everything a client sees goes through [`Cluster::service`]; nothing asks whether a socket lies in between. What runs
//! inside the cluster (its controllers) uses the [`store::Store`] handle instead and saves the HTTP round trip.

mod alloc;
mod cluster;
mod controllers;
mod discovery;
mod environment;
mod files;
pub mod patch;
mod registry;
mod rest;
pub mod schema;
pub mod server;
pub mod store;
mod table;

pub use cluster::{BuildError, Builder, Cluster, Controllers};
pub use environment::{Environment, System};
pub use files::write_private;
