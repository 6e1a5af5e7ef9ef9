//! `dayu up`: the whole layer on this machine.
use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use tokio::time::Instant;

use crate::{apply, manifest, output, run::until_signal};

mod absent;
mod check;
mod children;
mod counts;
mod data;
mod devices;
pub(crate) mod guard;
mod hurry;
mod orphans;
mod pipeline;
mod placement;
mod resources;
mod site;
mod starting;
mod table;
mod taken;

/// What to start.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Resources to apply instead of the example pipeline, which is for a --data without any: files or folders.
    #[arg(value_name = "FILE|DIR", conflicts_with_all = ["empty", "check"])]
    pub(crate) files: Vec<PathBuf>,
    /// The devices to play, the first as the cloud of the example pipeline; without it those of the last run on --data, else
    /// cloud,edge1,edge2.
    #[arg(long, value_delimiter = ',')]
    pub(crate) devices: Option<Vec<String>>,
    /// Keep state here, with the kubeconfig as DIR/kubeconfig; the next `up` continues with it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Start the plane and the devices without any pipeline.
    #[arg(long, conflicts_with = "check")]
    pub(crate) empty: bool,
    /// Run the self-test: load, faults, figures; fails if one request lands on a device that it did not name, or does not land although
    /// nothing is broken.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Why `up` could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Devices(#[from] devices::Error),
    #[error(transparent)]
    Data(#[from] data::Error),
    #[error(transparent)]
    Site(#[from] site::Error),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error(transparent)]
    Placement(#[from] placement::Error),
    #[error(transparent)]
    NotReady(#[from] starting::NotReady),
    #[error(transparent)]
    Check(#[from] check::Error),
}

impl Options {
    fn devices(&self) -> Vec<String> {
        let before = || self.data.as_deref().and_then(data::played);
        let usual = || ["cloud", "edge1", "edge2"].map(str::to_owned).to_vec();
        self.devices.clone().or_else(before).unwrap_or_else(usual)
    }

    /// Whether what an earlier run left is what is wanted: the example is for whoever has nothing yet.
    fn goes_on(&self) -> bool {
        self.data.is_some() && self.files.is_empty() && !self.empty && !self.check
    }
}

/// Starts everything, runs until told to stop, and leaves nothing behind.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Error> {
    let began = Instant::now();
    let devices = devices::parse(&options.devices())?;
    let mut drafts = match (options.empty, options.files.as_slice()) {
        (true, _) => Vec::new(),
        (false, []) => pipeline::drafts(&devices)?,
        (false, files) => manifest::read(files)?,
    };
    let stop = until_signal();
    let hurry = hurry::Hurry::default();
    let data = data::Data::open(options.data.as_deref())?;
    if options.files.is_empty() {
        pipeline::keep_files_within(data.path(), &mut drafts);
    }
    let mut site = match site::Site::start(&devices, data, &hurry, &stop).await {
        Ok(site) => site,
        Err(_) if stop.is_cancelled() => return Ok(hurry.exit_code()),
        Err(error) => return Err(error.into()),
    };
    site.remember_devices();
    output::progress(&format!(
        "ready after {} ms: control plane, global manager, {}",
        began.elapsed().as_millis(),
        list(&devices)
    ));
    output::progress(&format!("kubeconfig: {}", site.kubeconfig().display()));
    // Whether anybody reads this, what runs has to be stopped: the table, which comes last, looks.
    let _ = output::show(&format!("{}\n", placement::devices(&site.devices())));
    let ended = tokio::select! {
        ended = serve(&mut site, &options, drafts, began) => Some(ended),
        () = stop.cancelled() => None,
    };
    output::progress("stopping; another Ctrl-C ends at once");
    // Somebody may be in a hurry, whyever it ends.
    stop.cancel();
    site.stop().await;
    ended.unwrap_or_else(|| Ok(hurry.exit_code()))
}

async fn serve(
    site: &mut site::Site,
    options: &Options,
    drafts: Vec<manifest::Draft>,
    began: Instant,
) -> Result<ExitCode, Error> {
    if options.goes_on() && resources::are_there(&site.client()).await {
        output::progress("going on with the resources that are there; a FILE adds to them");
    } else if !drafts.is_empty() {
        let names = apply::apply(&site.client(), drafts, "default").await?;
        output::progress(&format!("applied: {}", names.join(", ")));
    }
    let mut starting = starting::Starting::of(&site.client(), site.named());
    let tell = |starting: &starting::Starting| {
        if starting.all_here() {
            output::progress(&format!("every worker is ready after {} ms", began.elapsed().as_millis()));
        }
    };
    if options.check {
        starting.complete().await?;
        tell(&starting);
        let _ = output::show(&placement::workers(&site.client()).await?);
        return Ok(check::run(site, began).await?);
    }
    let at_once = starting.settle().await;
    // A plane without resources has nothing to show but its table.
    if at_once && starting.is_empty() {
        table::live(site).await;
        return Ok(ExitCode::SUCCESS);
    }
    if at_once {
        tell(&starting);
    }
    let _ = output::show(&placement::workers(&site.client()).await?);
    let later = async {
        if !at_once {
            starting.finish().await;
            tell(&starting);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = table::live(site) => {}
        () = later => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn list(devices: &[dayu_core::name::Device]) -> String {
    devices.iter().map(dayu_core::name::Device::as_str).collect::<Vec<_>>().join(", ")
}
