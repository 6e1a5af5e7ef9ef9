//! What can be typed, and the help that teaches it.
use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::up;

/// Runs AI workers on chosen devices and lets every worker say "service S on device D".
///
/// Try it on this machine, without root, containers or a cluster:  dayu up
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How much to log: error, warn, info, debug or trace.
    #[arg(long, global = true, default_value = "warn", env = "DAYU_LOG", help_heading = "Logging")]
    pub(crate) log: tracing::Level,
    /// How a log line looks: text for people, json for programs.
    #[arg(long, global = true, value_enum, default_value = "text", env = "DAYU_LOG_FORMAT", help_heading = "Logging")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine: control plane, global manager, devices, and a pipeline.
    ///
    /// Prints where each worker runs and a live table of requests. Ctrl-C stops everything and leaves nothing behind; a second
    /// one does so at once.
    #[command(after_help = "Examples:
  dayu up                              the example pipeline on devices cloud, edge1 and edge2
  dayu up my.yaml --devices a,b        your resources on your devices
  dayu up --empty --data ./state       plane and devices only; state and kubeconfig kept in ./state
  dayu up --check                      self-test: load, faults, figures; fails if a request lands wrong")]
    Up(up::Options),
    /// Create or change the resources of files, folders or standard input, all or nothing.
    #[command(after_help = "Every document is checked by the server before the first one is written.
  dayu apply -f pipeline.yaml
  cat service.yaml | dayu apply -f -")]
    Apply(Manifests),
    /// Delete the resources of files, folders or standard input.
    #[command(after_help = "In reverse order; what is gone already is fine.
  dayu delete -f pipeline.yaml")]
    Delete(Manifests),
    /// List resources as a table.
    #[command(after_help = "  dayu get                     services and workers of all namespaces
  dayu get rts -n pipeline     RuntimeServices of one namespace (any kind, plural or short name)")]
    Get(Get),
    /// Show where a request would go and why: candidates, what each layer filtered, scores, winner.
    #[command(after_help = "  dayu explain detector-both -n pipeline --device edge1
  dayu explain detector-both -n pipeline --device edge1 --from cloud")]
    Explain(Explain),
    /// Check an installation: what keeps it from working, and what to do about it.
    ///
    /// Prints a line for each thing that was looked at, and the remedy below each that is not well. Changes nothing. The exit
    /// code is 1 if something does not work.
    #[command(after_help = "  dayu doctor --kubeconfig state/kubeconfig     a `dayu up --data state`
  dayu doctor                                   the cluster that kubectl talks to

Run it on a device to have that device's mesh looked at as well.")]
    Doctor(Doctor),
    /// Print a worker's output.
    #[command(after_help = "  dayu get pods -n pipeline                           which workers there are
  dayu logs aggregator-4hqhgx67lx-4h9vr -n pipeline -f")]
    Logs(Logs),
    /// Print the CustomResourceDefinitions as YAML, for kubectl apply.
    #[command(after_help = "The global manager applies them itself, unless it is told to --keep-crds.
  dayu crds | kubectl apply -f -")]
    Crds,
    /// Run the global manager: turns custom resources into workers on chosen devices.
    #[command(after_help = "Two may run: one leads, the other takes over when its Lease ends.
  dayu gm --kubeconfig state/kubeconfig
  dayu gm --link-listen 0.0.0.0:9000 --link-advertise cloud.example:9000     devices are on other machines")]
    Gm(dayu_gm::Options),
    /// Run the local manager of one device: keeps its workers alive and reports.
    #[command(
        after_help = "It finds the global manager through the API, and registers the device where no kubelet has.
  dayu lm --node edge1 --kubeconfig state/kubeconfig"
    )]
    Lm(dayu_lm::Options),
    /// Run the mesh of one device: carries its workers' traffic.
    #[command(after_help = "It needs the device's address, which its local manager or kubelet tells the API.
  dayu mesh --node edge1 --kubeconfig state/kubeconfig
  dayu mesh --node edge1 --data /var/lib/dayu/mesh     routes after a power cut before the cloud is back")]
    Mesh(dayu_mesh::Options),
    /// Clears away what an `up` without --data leaves, once standard input ends.
    #[command(hide = true)]
    Guard { folder: PathBuf },
    /// One program of the example pipeline.
    #[command(hide = true)]
    ExampleWorker {
        #[arg(value_enum)]
        stage: Stage,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How to reach the API.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// The kubeconfig to use; `dayu up` writes one and says where.
    #[arg(long, env = "KUBECONFIG")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Manifests {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// A YAML or JSON file, a folder of them, or - for standard input; may be repeated.
    #[arg(short, long = "filename", required = true, value_name = "FILE|DIR|-")]
    pub(crate) filenames: Vec<PathBuf>,
    /// Namespace of resources that name none.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
}

#[derive(Args, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Kind, plural or short name; without it, the layer's own kinds, pods and services.
    pub(crate) kind: Option<String>,
    /// Only this resource.
    pub(crate) name: Option<String>,
    /// Only this namespace.
    #[arg(short, long)]
    pub(crate) namespace: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The Service that a request would ask for.
    pub(crate) service: String,
    /// Namespace of the Service.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// The device that the request names.
    #[arg(short, long)]
    pub(crate) device: Option<String>,
    /// The Service's port, by number; without it, its first.
    #[arg(short, long)]
    pub(crate) port: Option<u16>,
    /// What the request brings as x-dayu-key: it keeps to one endpoint.
    #[arg(short, long)]
    pub(crate) key: Option<String>,
    /// From which address it comes: what a Service with `sessionAffinity: ClientIP` goes by.
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,
    /// The device whose mesh is asked; without it, the target device or the first.
    #[arg(long)]
    pub(crate) from: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The worker's pod.
    pub(crate) worker: String,
    /// Namespace of the pod.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// The container; without it, the pod's first.
    #[arg(short, long)]
    pub(crate) container: Option<String>,
    /// Keep printing as the worker writes.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Stage {
    Source,
    Detector,
    Aggregator,
}
