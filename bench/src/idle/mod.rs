//! What the release binary takes when nobody asks anything: all in one, and each daemon alone.
mod process;
mod ready;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use process::{Memory, Process};

/// Any free port.
const ANYWHERE: &str = "127.0.0.1:0";
/// So often each daemon is started; the middle one counts for how soon it is ready. Odd.
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
    /// Fail where one of these figures is beyond its limit; each is named by how its line begins.
    #[arg(long, num_args = 1.., value_name = "FIGURE")]
    check: Vec<String>,
}

/// One figure, in MB of 10⁶ bytes or milliseconds.
struct Figure {
    what: String,
    seen: f64,
    /// Of memory, that which no file backs: the rest is the program itself, shared by all who run it.
    own: Option<f64>,
    limit: f64,
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
    let figures = measure(&binary, size, Duration::from_secs(arguments.settle))?;
    println!("{:<28} {:>10} {:>10} {:>10}", "", "SEEN", "ITS OWN", "LIMIT");
    for figure in &figures {
        let own = figure.own.map(|own| format!("{own:.1}")).unwrap_or_default();
        println!("{:<28} {:>10.1} {own:>10} {:>10.1}", figure.what, figure.seen, figure.limit);
    }
    check(&figures, &arguments.check)
}

fn check(figures: &[Figure], names: &[String]) -> io::Result<()> {
    for name in names {
        let named = figures.iter().find(|figure| figure.what.starts_with(name.as_str()));
        let Figure { what, seen, limit, .. } =
            named.ok_or_else(|| io::Error::other(format!("--check {name}: no figure begins so")))?;
        if seen > limit {
            return Err(io::Error::other(format!("{what}: {seen:.1} is beyond its limit of {limit:.1}")));
        }
    }
    Ok(())
}

fn measure(binary: &Path, size: u64, settle: Duration) -> io::Result<Vec<Figure>> {
    let folder = std::env::temp_dir().join(format!("dayu-idle-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let data = folder.display().to_string();
    let mut all = Process::start(binary, &["up", "--empty", "--data", &data])?;
    let ready = all.says("ready after ")?;
    all.says("kubeconfig: ")?;
    let kubeconfig = folder.join("kubeconfig").display().to_string();
    rest(settle);
    let resident =
        |what: String, memory: Memory, limit| Figure { what, seen: memory.resident, own: Some(memory.own), limit };
    let plain = |what: String, seen, limit| Figure { what, seen, own: None, limit };
    let mut figures = vec![
        plain("program, MB".to_owned(), size as f64 / 1e6, 15.0),
        plain("all ready, ms".to_owned(), number(&ready)?, SOON),
        resident("all in one, MB".to_owned(), all.memory()?, 20.0),
    ];
    let mut took: [Vec<f64>; 3] = Default::default();
    for start in 0..STARTS {
        // The device is new to each, and its mesh comes to a device that has a local manager.
        let device = format!("new-{start}");
        let state = folder.join(&device).display().to_string();
        let mut running = Vec::new();
        for (daemon, took) in daemons(&device, &state, &kubeconfig).iter().zip(&mut took) {
            let (process, milliseconds) = ready::start(binary, &daemon.arguments())?;
            took.push(milliseconds);
            running.push(process);
        }
    }
    let state = folder.join("alone").display().to_string();
    let daemons = daemons("alone", &state, &kubeconfig);
    for (daemon, mut took) in daemons.iter().zip(took) {
        took.sort_by(f64::total_cmp);
        figures.push(plain(format!("{} ready, ms", daemon.name), took[STARTS / 2], SOON));
    }
    let started = daemons.iter().map(|daemon| Process::start(binary, &daemon.arguments()));
    let mut running = started.collect::<io::Result<Vec<_>>>()?;
    rest(settle);
    for (daemon, process) in daemons.iter().zip(&mut running) {
        figures.push(resident(format!("{} alone, MB", daemon.name), process.memory()?, daemon.limit));
    }
    drop(running);
    drop(all);
    std::fs::remove_dir_all(&folder)?;
    Ok(figures)
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

/// A program is measured at rest: there is no executor here that a sleep could hold up.
#[allow(clippy::disallowed_methods)]
fn rest(settle: Duration) {
    std::thread::sleep(settle);
}

/// The first number of `ready after 70 ms: …`.
fn number(line: &str) -> io::Result<f64> {
    let found = line.split_whitespace().find_map(|word| word.parse().ok());
    found.ok_or_else(|| io::Error::other(format!("no number in `{line}`")))
}
