//! What the mesh's copy loop costs: against no proxy, against tokio's own copy and, where it is installed, HAProxy.
mod load;
mod ways;

use std::{io, time::Duration};

use clap::Args;

use load::{Load, Servers};
use ways::Way;

/// How long and how much.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Rounds over all ways in turn; ratios are medians over the rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds that frames are sent in a round.
    #[arg(long, default_value_t = 1000)]
    millis: u64,
    /// Clients that send frames at once.
    #[arg(long, default_value_t = 4)]
    clients: usize,
}

/// What one way did in one round.
#[derive(Clone, Copy)]
struct Figures {
    /// Frames of 100 KB per second, each on a connection of its own.
    frames: f64,
    /// Gigabytes per second over one connection.
    bulk: f64,
}

/// Measures all ways in turn and prints their medians.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let servers = Servers::start()?;
    let mut ways = vec![Way::direct(&servers), Way::relay(&servers)?, Way::tokio_copy(&servers)?];
    match Way::haproxy(&servers) {
        Ok(way) => ways.push(way),
        Err(why) => println!("haproxy: skipped: {why}"),
    }
    let load = Load { time: Duration::from_millis(arguments.millis), clients: arguments.clients };
    let mut rounds = vec![Vec::new(); ways.len()];
    for _ in 0..arguments.rounds.max(1) {
        for (way, figures) in ways.iter().zip(&mut rounds) {
            figures.push(Figures { frames: load.frames(way.frames)?, bulk: load.bulk(way.bulk)? });
        }
    }
    println!("{:<12}{:>14}{:>9}{:>12}{:>9}", "way", "100 KB POST/s", "ratio", "bulk GB/s", "ratio");
    for (way, figures) in ways.iter().zip(&rounds) {
        let column = |of: fn(&Figures) -> f64| {
            let ratios = figures.iter().zip(&rounds[0]).map(|(this, direct)| of(this) / of(direct));
            (median(figures.iter().map(of)), median(ratios))
        };
        let (frames, bulk) = (column(|figures| figures.frames), column(|figures| figures.bulk));
        println!("{:<12}{:>14.0}{:>9.2}{:>12.2}{:>9.2}", way.name, frames.0, frames.1, bulk.0, bulk.1);
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
