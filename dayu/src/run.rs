//! From the parsed command to the code that does it.
use std::process::ExitCode;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    apply,
    cli::{Command, Stage},
    delete, doctor, explain, get, logs, output, spare, up,
};

/// Whatever a command can fail with; the message is the command's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error(transparent)]
    Get(#[from] get::Error),
    #[error(transparent)]
    Explain(#[from] explain::Error),
    #[error(transparent)]
    Doctor(#[from] dayu_core::connect::ConnectError),
    #[error(transparent)]
    Logs(#[from] logs::Error),
    #[error(transparent)]
    Up(#[from] up::Error),
    #[error(transparent)]
    Gm(#[from] dayu_gm::Error),
    #[error(transparent)]
    Lm(#[from] dayu_lm::Error),
    #[error(transparent)]
    Mesh(#[from] dayu_mesh::Error),
    #[error(transparent)]
    Pipeline(#[from] dayu_pipeline::Error),
    #[error("cannot write the definitions as YAML: {0}")]
    Yaml(String),
}

/// Does what was typed.
pub(crate) async fn dispatch(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Gm(_) | Command::Lm(_) => spare::once_begun(true),
        // What these carry for others may need all of the program at any time.
        Command::Up(_) | Command::Mesh(_) => spare::once_begun(false),
        _ => {}
    }
    match command {
        Command::Up(options) => return Ok(up::run(options).await?),
        Command::Apply(options) => apply::run(&options).await?,
        Command::Delete(options) => delete::run(&options).await?,
        Command::Get(options) => get::run(&options).await?,
        Command::Explain(options) => explain::run(&options).await?,
        Command::Doctor(options) => return Ok(doctor::run(&options).await?),
        Command::Logs(options) => logs::run(&options).await?,
        Command::Crds => crds()?,
        Command::Gm(options) => dayu_gm::run(options, until_signal()).await?,
        Command::Lm(options) => dayu_lm::run(options, until_signal()).await?,
        Command::Mesh(options) => dayu_mesh::run(options, until_signal()).await?,
        // Needs no runtime, and so never comes this far.
        Command::Guard { folder } => return Ok(up::guard::run(&folder)),
        Command::ExampleWorker { stage } => {
            dayu_pipeline::run(match stage {
                Stage::Source => dayu_pipeline::Stage::Source,
                Stage::Detector => dayu_pipeline::Stage::Detector,
                Stage::Aggregator => dayu_pipeline::Stage::Aggregator,
            })
            .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn crds() -> Result<(), Error> {
    for definition in dayu_core::api::definitions() {
        let value: Value = serde_json::from_str(definition.json()).map_err(|error| Error::Yaml(error.to_string()))?;
        let text = serde_saphyr::to_string(&value).map_err(|error| Error::Yaml(error.to_string()))?;
        output::raw(&format!("---\n{text}"));
    }
    Ok(())
}

/// Cancelled by Ctrl-C or SIGTERM.
pub(crate) fn until_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        next_signal().await;
        cancelled.cancel();
    });
    token
}

/// The next Ctrl-C or SIGTERM, from now on.
pub(crate) async fn next_signal() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
