//! `dayu`: the layer's one binary. Parses, starts a runtime, dispatches; everything else lives in the library crates.
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

mod apply;
mod cause;
mod cli;
mod delete;
mod doctor;
mod early;
mod explain;
mod get;
mod kinds;
mod logs;
mod manifest;
mod mesh_api;
mod output;
mod run;
mod spare;
mod up;

/// Gives memory back to the system within a second of its last use, where the C library's keeps it: a daemon's start, and
/// each burst after it, takes twice what is needed at rest. How it is set up stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let cli::Command::Guard { folder } = &cli.command {
        return up::guard::run(folder);
    }
    // One provider for every TLS connection of the process; a second call would only mean it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    output::log_to_stderr(cli.log, cli.log_format);
    let runtime = match runtime(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failure(&format!("cannot start the asynchronous runtime: {error}; raise `ulimit -n`"));
        }
    };
    match runtime.block_on(Box::pin(run::dispatch(cli.command))) {
        Ok(code) => code,
        Err(error) => output::failure(&error.to_string()),
    }
}

/// A mesh moves bytes on every core, a local manager has little to do at any time; what else there is has enough with two.
/// All in one shares the processors with its workers: while the system lets one of these run, nobody runs what the thread that
/// gave way for it has begun or is about to, so there are threads that need not wait.
fn runtime(command: &cli::Command) -> std::io::Result<Runtime> {
    let mut builder = match command {
        cli::Command::Lm(_) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    match command {
        cli::Command::Mesh(_) => {}
        cli::Command::Up(_) => drop(builder.worker_threads(4)),
        _ => drop(builder.worker_threads(2)),
    }
    builder.enable_all().build()
}
