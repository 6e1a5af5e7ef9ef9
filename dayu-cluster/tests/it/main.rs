//! The embedded API as its users see it: through a `kube::Client`, and through kubectl.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod apply;
mod controllers;
mod convergence;
mod custom;
mod folder;
mod full_disk;
mod killed;
mod kubectl;
mod serving;
mod verbs;
mod watch;
