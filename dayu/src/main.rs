//! `dayu`: the layer's one binary. Parses, starts a runtime, dispatches; everything else lives in the library crates.
use std::process::ExitCode;

use clap::Parser;

mod apply;
mod cause;
mod cli;
mod delete;
mod doctor;
mod explain;
mod get;
mod kinds;
mod logs;
mod manifest;
mod mesh_api;
mod output;
mod run;
mod up;

/// Gives memory back to the system within a second of its last use, where the C library's keeps it: a daemon's start, and
/// each burst after it, takes twice what is needed at rest. How it is set up stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    // One provider for every TLS connection of the process; a second call would only mean it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    output::log_to_stderr(command.log, command.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failure(&format!("cannot start the asynchronous runtime: {error}; raise `ulimit -n`"));
        }
    };
    match runtime.block_on(Box::pin(run::dispatch(command.command))) {
        Ok(code) => code,
        Err(error) => output::failure(&error.to_string()),
    }
}
