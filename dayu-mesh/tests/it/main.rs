//! The mesh over real sockets: an embedded cluster's API, real listeners and workers on addresses of 127.0.0.0/8.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod balanced;
mod cluster_addresses;
mod connections;
mod dns;
mod draining;
mod equal_addresses;
mod exchanges;
mod fast_failures;
mod lookup;
mod names;
mod recalled;
mod redeploying;
mod source;
mod status;
mod strict;
mod support;
mod traffic;
