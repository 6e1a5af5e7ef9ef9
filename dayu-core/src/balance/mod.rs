//! From "service S on device D" to an endpoint: tower layers that narrow, a policy that picks, a dial with a next candidate.
//!
//! ```text
//! Resolve → TargetDevice (Strict | Prefer | Any) → Outlier → Affinity → Balance<Policy> → Dial → your connector
//! ```
//!
//! A [`Request`] says what is wanted. Each layer narrows the [`Candidates`]: a range of the endpoints that lie sorted by
//! device in the snapshot, and a predicate asked at the pick, never a new list. Picking takes no lock and allocates nothing.
//! What cannot be served is [`Refused`] at once with a reason: never another device, never a hang.
//!
//! `tower::balance` is not used: it picks before it has seen the request, and this request says where it wants to go.
//!
//! ```
//! use dayu_core::{balance::{self, policy, Request}, directory::Directory, name::ServiceKey};
//! use std::sync::Arc;
//! use tower::{Service, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let directory = Arc::new(Directory::new());
//! let connect = tower::service_fn(|endpoint: dayu_core::directory::Endpoint| async move {
//!     Ok::<_, std::io::Error>(endpoint.address) // a real one opens a socket here
//! });
//! let mut stack = balance::stack(directory, policy::PowerOfTwo, connect, balance::Options::default());
//! let request = Request::to(ServiceKey::new("default", "det"), 9000).on("edge1".into());
//! let error = stack.ready().await.unwrap().call(request).await.unwrap_err();
//! assert_eq!(error.reason(), "NoSuchService");
//! # }
//! ```
mod affinity;
mod balancing;
mod candidates;
mod deliver;
mod dial;
mod draw;
mod ejection;
mod error;
mod explain;
pub mod hash;
mod homes;
mod latency;
mod load;
mod outlier;
pub mod policy;
mod request;
mod resolve;
mod spill;
mod spill_at;
mod stack;
mod target;
mod turns;

pub use affinity::{Affinity, AffinityLayer};
pub use balancing::{Balancing, Ignored};
pub use candidates::Candidates;
pub use deliver::{Balance, BalanceLayer};
pub use dial::{Attempt, Dial, DialError, DialLayer, Success, Tracked};
pub use draw::{Draw, Seed};
pub use error::{Error, Reason, Refused};
pub use explain::{Explained, Explanation, Refusal, SaidBy, Spilling, explain};
pub(crate) use homes::Homes;
pub use load::{InFlight, Load};
pub use outlier::{Outlier, OutlierLayer};
pub use policy::Policy;
pub use request::{Request, Target};
pub use resolve::{Resolve, ResolveLayer};
pub(crate) use spill::Spill;
pub use spill_at::{SpillAt, UnknownSpill};
pub use stack::{Options, Stack, stack};
pub use target::{TargetDevice, TargetDeviceLayer};
pub(crate) use turns::Turns;

/// As much of what somebody wrote as an error needs to show.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
