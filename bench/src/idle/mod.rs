//! What the release binary takes when nobody asks anything: all in one, and each daemon alone.
mod process;

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::Args;

use process::{Memory, Process};

/// A device that has no local manager or mesh yet.
const NEW: &str = "alone";

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
    what: &'static str,
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

fn measure(binary: &std::path::Path, size: u64, settle: Duration) -> io::Result<Vec<Figure>> {
    let folder = std::env::temp_dir().join(format!("dayu-idle-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let data = folder.display().to_string();
    let mut all = Process::start(binary, &["up", "--empty", "--data", &data])?;
    let ready = all.says("ready after ")?;
    all.says("kubeconfig: ")?;
    let kubeconfig = folder.join("kubeconfig").display().to_string();
    rest(settle);
    let resident = |what, memory: Memory, limit| Figure { what, seen: memory.resident, own: Some(memory.own), limit };
    let mut figures = vec![
        Figure { what: "program, MB", seen: size as f64 / 1e6, own: None, limit: 15.0 },
        Figure { what: "all ready, ms", seen: number(&ready)?, own: None, limit: 100.0 },
        resident("all in one, MB", all.memory()?, 20.0),
    ];
    let state = folder.join("lm").display().to_string();
    let free = (Ipv4Addr::LOCALHOST, 0).into();
    let link = std::net::SocketAddr::to_string(&free);
    let alone: [(&str, Vec<&str>, f64); 3] = [
        ("local manager alone, MB", vec!["lm", "--node", NEW, "--data", &state], 6.0),
        ("mesh alone, MB", vec!["mesh", "--node", NEW], 8.0),
        ("global manager alone, MB", vec!["gm", "--identity", NEW, "--link-listen", &link], 8.0),
    ];
    let mut running = Vec::new();
    for (what, mut arguments, limit) in alone {
        arguments.extend(["--kubeconfig", &kubeconfig]);
        running.push((what, Process::start(binary, &arguments)?, limit));
    }
    rest(settle);
    for (what, process, limit) in &mut running {
        figures.push(resident(what, process.memory()?, *limit));
    }
    drop(running);
    drop(all);
    std::fs::remove_dir_all(&folder)?;
    Ok(figures)
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
