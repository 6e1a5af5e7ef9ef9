//! The manager's process, from the inside.
use std::{io, path::PathBuf};

use dayu_gm::Options;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;

/// What it is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How to reach the API.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Who it is among several.
    #[arg(long)]
    identity: String,
}

/// Runs until its standard input ends. Each line there is answered with how many requests there were.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let options = Options { identity: Some(arguments.identity.clone()), link_plain: true, ..Options::default() };
    let (requests, stop) = (Requests::default(), CancellationToken::new());
    let (ended, asked) = (stop.clone().drop_guard(), requests.clone());
    std::thread::spawn(move || -> io::Result<()> {
        let _ended = ended;
        for line in io::stdin().lines() {
            line?;
            println!("{}", serde_json::to_string(&asked.counted())?);
        }
        Ok(())
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = dayu_core::connect::client(Some(&arguments.kubeconfig)).await.map_err(io::Error::other)?;
        let managed = dayu_gm::run_with(requests.of(client), options, stop);
        managed.finished().await.map_err(io::Error::other)
    })
}
