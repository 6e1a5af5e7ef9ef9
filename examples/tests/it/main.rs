//! Every example runs to its end, does what it says, and is as short as it promises.
#[path = "../../examples/embed.rs"]
mod embed;
#[path = "../../examples/own_kind.rs"]
mod own_kind;
#[path = "../../examples/own_policy.rs"]
mod own_policy;
#[path = "../../examples/own_runtime.rs"]
mod own_runtime;

mod dependencies;
mod embedding;
mod lengths;
mod running;
