//! A real Kubernetes control plane for tests: its programs, built once, and a running one on loopback.
//!
//! ```no_run
//! # async fn example() -> Result<(), xtask::kube::Error> {
//! use xtask::kube::{Assets, ControlPlane, Home, VERSION};
//!
//! let assets = Assets::find(&Home::new(VERSION)?)?;
//! let plane = ControlPlane::start(&assets).await?;
//! println!("kubectl --kubeconfig {}", plane.kubeconfig().display());
//! # Ok(())
//! # }
//! ```

mod account;
mod assets;
mod audit;
mod build;
mod cluster;
mod component;
mod error;
mod image;
mod layout;
mod network;
mod node;
mod pki;
mod plane;
mod settings;

pub use account::Seat;
pub use assets::{Assets, Home, skip};
pub use audit::Request;
pub use build::build;
pub use cluster::{Cluster, built};
pub use component::stop;
pub use error::Error;
pub use node::Node;
pub use plane::ControlPlane;
pub use settings::{Flags, Settings};

/// The Kubernetes that tests run against: the newest that the `k8s-openapi` in use knows.
pub const VERSION: &str = "1.37.2";

/// The etcd that goes with it.
const ETCD: &str = "3.6.16";

/// What is built of Kubernetes itself.
const COMMANDS: [&str; 5] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"];
