//! One suite, two servers: what the embedded API answers is what Kubernetes answers.
//!
//! A scenario is a conversation; it runs against both, and what was said must be equal, but for what
//! `docs/compatibility.md` lists. A difference listed there that is none any more fails as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod applying;
mod definitions;
mod deleting;
mod discovery;
mod harness;
mod kinds;
mod kubectl;
mod objects;
mod patching;
mod records;
mod selecting;
mod tables;
mod watching;
mod workloads;
