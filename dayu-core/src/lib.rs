//! The intermediate interface layer of a cloud-edge platform, as a library.
//!
//! A cloud places an AI worker on a chosen device, the device keeps it alive, and every other worker reaches it by
//! saying "service S on device D". This crate holds the parts of that sentence, one module per idea, each usable alone:
//!
//! | module        | owns                                                                        | trait others implement |
//! |---------------|-----------------------------------------------------------------------------|------------------------|
//! | [`name`]      | newtypes for what must not be mixed                                         | –                      |
//! | [`api`]       | custom-resource types, label and annotation names, conditions               | –                      |
//! | [`template`]  | custom resource → [`template::Plan`], pure                                  | [`template::Template`] |
//! | [`worker`]    | the lifecycle of one worker as a pure step                                  | `worker::Runtime`      |
//! | [`directory`] | who runs what where: versioned immutable snapshots                          | `directory::Source`    |
//! | [`route`]     | incarnation-exact routes and their state machine                            | –                      |
//! | [`balance`]   | target-device, outlier, affinity and balancing tower layers                 | `balance::Policy`      |
//! | [`link`]      | messages between global and local manager, codec, ordered durable outbox    | `link::Transport`      |
//! | `connect`     | (feature `connect`) from a kubeconfig to a client                           | –                      |
//! | `daemon`      | (feature `daemon`) what daemons have in common                              | –                      |
//! | `engine`      | (feature `engine`) the one generic controller over a [`template::Template`] | –                      |
//!
//! Nothing here opens a socket, starts a process, reads a clock or keeps global state: time and randomness are
//! arguments, and the daemons (`dayu-gm`, `dayu-lm`, `dayu-mesh`) are the thin shells that perform effects.
#![deny(missing_docs, missing_debug_implementations)]
// The mocks that `mockall` generates lock with the standard library.
#![cfg_attr(any(test, feature = "test-util"), allow(clippy::disallowed_types))]

pub mod api;
pub mod balance;
#[cfg(feature = "connect")]
pub mod connect;
mod copy;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod directory;
#[cfg(feature = "engine")]
pub mod engine;
pub mod link;
pub mod name;
pub mod route;
pub mod template;
pub mod worker;
