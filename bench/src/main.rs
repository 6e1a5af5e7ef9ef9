//! Benchmarks, one subcommand each: `cargo run --release -p dayu-bench -- pick`.
#![allow(clippy::print_stdout)] // Printing its figures is what a benchmark is for.
mod allocation;
mod apply;
mod controllers;
mod directory;
mod engine;
mod failure;
mod figures;
mod follow;
mod idle;
mod kubernetes;
mod manager;
mod pick;
mod relay;
mod usage;
mod worker;
mod writes;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;

/// Figures of the layer's parts, each beside a peer measured in the same run.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Server-side apply of a Deployment of 4 KB, first, again and changed.
    Apply,
    /// Seconds, processor time and memory of the embedded plane for thousands of Deployments and Services.
    Controllers(controllers::Arguments),
    /// Milliseconds until a mesh answers who runs where, and tells who watches of a change.
    Directory(directory::Arguments),
    /// Seconds until thousands of RuntimeServices are Ready, and what the global manager asks and holds for each.
    Engine(engine::Arguments),
    /// The size of the release binary, and what it takes when nobody asks anything.
    Idle(idle::Arguments),
    /// The global manager on a real API server: milliseconds to Ready, children, requests, takeover, and at rest.
    Kube(kubernetes::Arguments),
    /// The global manager that `engine` and `kube` start.
    #[command(hide = true)]
    Manager(manager::Arguments),
    /// Nanoseconds and allocations to pick one of 10, 1,000 and 10,000 endpoints, for each policy and two peers.
    Pick(pick::Arguments),
    /// Frames of 100 KB on new connections and bulk, through the mesh's copy loop, beside direct and two peers.
    Relay(relay::Arguments),
    /// Milliseconds until the process driver has a worker running, and running again after its first crash.
    Worker(worker::Arguments),
    /// Microseconds of requests to the embedded plane, durable as they are with `up --data`, and of its lists.
    Writes,
}

/// A folder for what a benchmark keeps on disk; gone with the handle.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("dayu-bench-").tempdir()
}

fn main() -> std::io::Result<()> {
    match Arguments::parse().bench {
        Bench::Apply => apply::run(),
        Bench::Controllers(arguments) => controllers::run(&arguments)?,
        Bench::Directory(arguments) => directory::run(&arguments)?,
        Bench::Engine(arguments) => engine::run(&arguments)?,
        Bench::Idle(arguments) => idle::run(&arguments)?,
        Bench::Kube(arguments) => kubernetes::run(&arguments)?,
        Bench::Manager(arguments) => manager::run(&arguments)?,
        Bench::Pick(arguments) => pick::run(&arguments)?,
        Bench::Relay(arguments) => relay::run(&arguments)?,
        Bench::Worker(arguments) => worker::run(&arguments)?,
        Bench::Writes => writes::run()?,
    }
    Ok(())
}
