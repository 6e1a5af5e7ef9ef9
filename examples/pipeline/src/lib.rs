//! A small stream-analytics pipeline: **source → detector → aggregator**, three plain HTTP programs.
//!
//! They hold nothing of the layer that runs them: a source reads frames and posts them to a detector *on the device it
//! chose*, the detector looks at the pixels and posts what it found to the aggregator. All they know comes from the
//! environment, as it would in any language: `POD_IP` to bind, `NODE_NAME` to say who answered, `http_proxy` to reach names, `TEMP_PATH` to
//! share files with others on the device.
pub mod aggregator;
pub mod client;
pub mod detector;
pub mod form;
pub mod frame;
mod newest;
pub mod settings;
pub mod source;
mod web;

pub use settings::{Settings, SettingsError};
pub use web::{Identity, ServeError};

/// Which of the three programs to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Makes frames and posts them to detectors on chosen devices.
    Source,
    /// Looks at a frame and posts the finding on.
    Detector,
    /// Collects findings.
    Aggregator,
}

/// Runs one stage until the process ends.
///
/// # Errors
/// When the environment is unusable (see [`Settings::from_environment`]) or the address cannot be bound.
pub async fn run(stage: Stage) -> Result<(), Error> {
    let settings = Settings::from_environment(|name| std::env::var(name).ok())?;
    match stage {
        Stage::Source => tokio::select! {
            () = source::run(&settings) => {}
            () = web::told_to_end() => {}
        },
        Stage::Detector => web::serve(settings.listen, detector::routes(settings)).await?,
        Stage::Aggregator => web::serve(settings.listen, aggregator::routes(&settings)).await?,
    }
    Ok(())
}

/// Why a stage ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment is unusable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address could not be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
}
