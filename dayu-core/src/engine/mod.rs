//! The one generic controller: observe → plan → apply → prune → status, for any [`Template`](crate::template::Template).
//!
//! A [`World`] is what all engines of a process see: devices, children, acknowledgements. It watches each kind of child once,
//! however many engines there are, and only children that carry our inventory label. An [`Engine`] watches its own kind,
//! keeps a queue of resources to look at, and reconciles them a bounded number at a time, never one resource twice at
//! once. No timer stands between a cause and its effect on children, readiness or trouble. Failures wait, each resource by itself
//! and longer each time, and so does, for at most half a second, word of what is merely on its way.
//!
//! What is written: children, created and from then on changed by server-side apply under one field manager, only when they
//! differ from what was planned or somebody changed them; status only when it differs. When nothing changes, nothing is written.
//!
//! ```no_run
//! # use dayu_core::{engine::{Engine, Options, World}, template::Template};
//! # use tokio_util::sync::CancellationToken;
//! # async fn example<T: Template>(client: kube::Client, my_template: T) {
//! let shutdown = CancellationToken::new();
//! let (world, _requests) = World::new();
//! tokio::spawn(world.clone().watch(client.clone(), shutdown.clone()));
//! Engine::new(my_template, client, world, Options::default()).run(shutdown).await;
//! # }
//! ```
mod activation;
mod answer;
mod applied;
mod apply;
mod backoff;
mod children;
mod concerned;
mod confirm;
mod events;
mod families;
mod finalize;
mod finalizer;
mod flood;
mod guard;
mod inventory;
mod kept;
mod key;
mod memory;
mod observe;
mod options;
mod order;
mod packed;
mod parked;
mod pruned;
mod queue;
mod reconcile;
mod removal;
mod run;
mod tell;
mod trouble;
mod verdict;
mod view;
mod wakes;
mod world;

pub use activation::{ActivationDemand, Demand};
pub use backoff::Backoff;
#[cfg(any(test, feature = "test-util"))]
pub use finalizer::MockFinalizer;
pub use finalizer::{Finalizer, FinalizerError};
pub use observe::{Observer, Outcome, Unobserved};
pub use options::Options;
pub use run::Engine;
pub use world::World;

/// The field manager of children.
pub const MANAGER: &str = "dayu-gm";
/// The field manager of statuses: owned apart, so that a forced apply of one never takes fields of the other.
pub const STATUS_MANAGER: &str = "dayu-gm-status";
/// The field manager of finalizers.
pub const FINALIZER_MANAGER: &str = "dayu-gm-finalizer";
