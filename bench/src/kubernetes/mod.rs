//! What users of a real Kubernetes wait for, and what the global manager costs there.
//!
//! Its control plane is the one that `cargo xtask kube build` builds. Pods are played by a kubelet's double, which says of
//! each that is bound that it is ready, and routes by a device's double, which confirms what it is asked for. Everything
//! runs on this machine: what is measured shares it with the control plane.
mod kubelet;
mod large;
mod rest;
mod set;
mod sightings;
mod site;
mod small;
mod takeover;

use std::{io, time::Duration};

use clap::Args;
use xtask::kube::{Assets, Home, Settings, VERSION};

use crate::{
    failure::Failure,
    figures::{Check, Figures},
};
use site::Site;

/// A cloud and five edges.
const DEVICES: usize = 6;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Also so many RuntimeServices at once, each number on a control plane of its own; as `1000,5000`.
    #[arg(long, value_delimiter = ',', value_name = "COUNT")]
    scale: Vec<usize>,
    /// Rounds of everything that is told in milliseconds: 100 one by one, 30 at once, 100 and a set for their children.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long the manager is watched while nothing changes.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    rest: u64,
    /// Only what `--scale` names.
    #[arg(long, requires = "scale")]
    only_scale: bool,
    #[command(flatten)]
    check: Check,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = Figures::default();
    runtime.block_on(measure(arguments, &mut figures)).map_err(io::Error::other)?;
    figures.check(&arguments.check)
}

async fn measure(arguments: &Arguments, figures: &mut Figures) -> Result<(), Failure> {
    let assets = Assets::find(&Home::new(VERSION)?)?;
    if !arguments.only_scale {
        let mut site = Site::open(&assets, Settings::default(), DEVICES).await?;
        small::one_by_one(&site, arguments.rounds, figures).await?;
        small::at_once(&site, arguments.rounds, figures).await?;
        small::children(&site, arguments.rounds, figures).await?;
        rest::measure(&site, "one installation", arguments.rest, figures).await?;
        takeover::measure(&mut site, figures).await?;
        site.close().await?;
    }
    for &count in &arguments.scale {
        large::measure(&assets, count, arguments.rest, figures).await?;
    }
    Ok(())
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
