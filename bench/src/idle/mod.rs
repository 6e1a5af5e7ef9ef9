//! What the release binary takes when nobody asks anything: all in one, and each daemon alone.
mod plane;
mod process;
mod ready;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::figures::{Check, Figures};
use plane::Plane;
use process::{Memory, Process};

/// Any free port.
const ANYWHERE: &str = "127.0.0.1:0";
/// So often all in one and each daemon are started; the middle one counts for how soon it is ready. Odd.
const STARTS: usize = 5;
/// The longest that a start may take, in milliseconds.
const SOON: f64 = 100.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The program measured; the release build beside this one when absent.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How long each is left alone before it is looked at, in seconds; at 15 each has beaten its heart.
    #[arg(long, default_value_t = 15, value_name = "SECONDS")]
    settle: u64,
    #[command(flatten)]
    check: Check,
}

pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("dayu"),
    };
    let size = std::fs::metadata(&binary)
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{}: {error}; build it, or name another with --binary", binary.display()),
            )
        })?
        .len();
    let mut figures = Figures::default();
    figures.limited("program, MB", size as f64 / 1e6, 15.0);
    measure(&binary, Duration::from_secs(arguments.settle), &mut figures)?;
    figures.check(&arguments.check)
}

fn measure(binary: &Path, settle: Duration, figures: &mut Figures) -> io::Result<()> {
    let scratch = crate::scratch()?;
    let folder = scratch.path();
    let mut all_took = Vec::new();
    for start in 1..STARTS {
        let (_stopped, milliseconds) = ready::all_in_one(binary, &folder.join(format!("up-{start}")))?;
        all_took.push(milliseconds);
    }
    let (mut all, milliseconds) = ready::all_in_one(binary, folder)?;
    all_took.push(milliseconds);
    let kubeconfig = folder.join("kubeconfig").display().to_string();
    figures.limited("all ready, ms", middle(all_took), SOON);
    rest(settle);
    resident(figures, "all in one", all.memory()?, 20.0);
    let mut took: [Vec<f64>; 3] = Default::default();
    for start in 0..STARTS {
        // The device is new to each, and its mesh comes to a device that has a local manager.
        let device = format!("new-{start}");
        let state = folder.join(&device).display().to_string();
        let mut running = Vec::new();
        for (daemon, took) in daemons(&device, &state, &kubeconfig).iter().zip(&mut took) {
            let (process, milliseconds) = ready::daemon(binary, &daemon.arguments(), "")?;
            took.push(milliseconds);
            running.push(process);
        }
    }
    let led = (0..STARTS).map(|start| leading(binary, &folder.join(format!("led-{start}"))));
    let led = middle(led.collect::<io::Result<_>>()?);
    let state = folder.join("alone").display().to_string();
    let daemons = daemons("alone", &state, &kubeconfig);
    for (daemon, took) in daemons.iter().zip(took) {
        figures.limited(format!("{} ready, ms", daemon.name), middle(took), SOON);
    }
    figures.limited("global manager leads, ms", led, SOON);
    let started = daemons.iter().map(|daemon| Process::start(binary, &daemon.arguments()));
    let mut running = started.collect::<io::Result<Vec<_>>>()?;
    rest(settle);
    for (daemon, process) in daemons.iter().zip(&mut running) {
        resident(figures, &format!("{} alone", daemon.name), process.memory()?, daemon.limit);
    }
    Ok(())
}

/// In MB of 10⁶ bytes. What no file backs is its own: the rest is the program itself, shared by all who run it.
fn resident(figures: &mut Figures, what: &str, memory: Memory, limit: f64) {
    figures.limited(format!("{what}, MB"), memory.resident, limit);
    figures.told(format!("{what}, of it its own, MB"), memory.own);
}

/// One that is started alone.
struct Daemon<'a> {
    name: &'static str,
    own: Vec<&'a str>,
    kubeconfig: &'a str,
    /// Resident at rest, in MB.
    limit: f64,
}

impl<'a> Daemon<'a> {
    fn arguments(&self) -> Vec<&'a str> {
        [&self.own[..], &["--kubeconfig", self.kubeconfig]].concat()
    }
}

/// Those of `device`, and a global manager that stands by.
fn daemons<'a>(device: &'a str, state: &'a str, kubeconfig: &'a str) -> [Daemon<'a>; 3] {
    let daemon = |name, own, limit| Daemon { name, own, kubeconfig, limit };
    [
        daemon("local manager", vec!["lm", "--node", device, "--data", state], 6.0),
        daemon("mesh", vec!["mesh", "--node", device], 8.0),
        daemon("global manager", vec!["gm", "--identity", device, "--link-listen", ANYWHERE], 8.0),
    ]
}

/// The milliseconds that a global manager takes to lead where nobody ever has: it has the Lease, and its kinds are installed.
fn leading(binary: &Path, folder: &Path) -> io::Result<f64> {
    let plane = Plane::start(folder)?;
    let kubeconfig = plane.kubeconfig();
    let [.., manager] = daemons("first", "", &kubeconfig);
    ready::daemon(binary, &manager.arguments(), "leading").map(|(_ended, milliseconds)| milliseconds)
}

/// A program is measured at rest: there is no executor here that a sleep could hold up.
#[allow(clippy::disallowed_methods)]
fn rest(settle: Duration) {
    std::thread::sleep(settle);
}

fn middle(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}
