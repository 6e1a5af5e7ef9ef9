//! `cargo xtask`: chores of development.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line's purpose is to print")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::kube::{self, Assets, Cluster, ControlPlane, Error, Home};
use xtask::protobuf;

/// Chores of development.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// A real Kubernetes, built from its Go modules, on loopback.
    Kube {
        /// Which Kubernetes.
        #[arg(long, default_value = kube::VERSION, global = true)]
        version: String,
        #[command(subcommand)]
        step: Step,
    },
    /// Prints what Kubernetes' types are in protocol buffers, from the sources in Go's module cache: the file
    /// `dayu-cluster/src/rest/write/protobuf/messages.txt`.
    Protobuf {
        /// Of which modules.
        #[arg(long, default_value = protobuf::MODULES)]
        version: String,
    },
}

#[derive(Subcommand)]
enum Step {
    /// Builds what the cache lacks; some ten minutes the first time, with Go 1.26.
    Build,
    /// Prints the folder with the programs: $KUBEBUILDER_ASSETS, else the cache.
    Path,
    /// Starts a control plane that keeps its state in a new folder, and prints its kubeconfig's path.
    Up {
        /// Where state, keys and logs go.
        dir: PathBuf,
        /// Real nodes as well, each with a kubelet and containerd, in a network of their own; prints how kubectl is run there.
        /// Needs root and Debian's containerd, runc and containernetworking-plugins.
        #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
        nodes: Vec<String>,
        /// The program in the images that nodes have: dayu, and the stages of the example pipeline [default: dayu beside this
        /// program]
        #[arg(long, value_name = "PROGRAM", requires = "nodes")]
        program: Option<PathBuf>,
        /// An archive of images that take the place of those of the same names; may be repeated.
        #[arg(long = "image", value_name = "ARCHIVE", requires = "nodes")]
        images: Vec<PathBuf>,
    },
    /// Ends what `up` started in the folder; state and logs stay.
    Down {
        /// The folder given to `up`.
        dir: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Kube { version, step } => run(&version, step).await.map_err(|error| error.to_string()),
        Chore::Protobuf { version } => protobuf::table(&version).map_err(|error| error.to_string()),
    };
    match done {
        Ok(said) => {
            println!("{}", said.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(version: &str, step: Step) -> Result<String, Error> {
    let home = Home::new(version)?;
    match step {
        Step::Build => kube::build(&home, tell).map(|assets| assets.dir().display().to_string()),
        Step::Path => Assets::find(&home).map(|assets| assets.dir().display().to_string()),
        Step::Up { dir, nodes, program, images } if !nodes.is_empty() => {
            let names: Vec<_> = nodes.iter().map(String::as_str).collect();
            let program = program.unwrap_or_else(kube::built);
            Cluster::start_detached(&Assets::find_or_build(&home, tell)?, &dir, &names, &program, &images).await
        }
        Step::Up { dir, .. } => {
            let kubeconfig = ControlPlane::start_detached(&Assets::find_or_build(&home, tell)?, &dir).await?;
            Ok(kubeconfig.display().to_string())
        }
        Step::Down { dir } => kube::stop(&dir).await.map(|ended| format!("{ended} ended")),
    }
}

/// Building takes minutes.
fn tell(line: &str) {
    eprintln!("{line}");
}
