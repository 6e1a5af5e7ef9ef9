//! The mesh over real sockets: an embedded cluster's API, real listeners and workers on addresses of 127.0.0.0/8.
mod connections;
mod names;
mod status;
mod strict;
mod support;
