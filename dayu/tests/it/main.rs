//! The binary as its users run it: processes, files, sockets and signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
mod bad_input;
mod causes;
mod daemons;
mod detached;
mod docs;
mod doctor;
mod foreign;
mod harness;
mod installation;
mod killed;
mod large;
mod leaders;
mod logs;
mod up;
