//! From what a user names to a client of the Kubernetes API: one way, with one set of errors, for every daemon and command.
//!
//! Whoever embeds this crate and has a [`kube::Client`] already needs none of it. Beside it, an [`Identity`] for the two ends of
//! the [link](crate::link), which know each other through the API that both are clients of.
mod considerate;
mod fence;
mod identity;
mod refusal;
mod spoken;
mod term;
mod watch_backoff;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::{BoxError, util::MapErrLayer};

use crate::link::Fingerprint;
use fence::Fenced;

pub use considerate::{Considerate, Consideration};
pub use identity::{Identity, IdentityError, shown};
#[cfg(feature = "engine")]
pub(crate) use refusal::{named, right_on};
pub use refusal::{refusal, refused, told, unwatched};
pub use spoken::{CutShort, Silent, Spoken};
pub use term::Term;
pub use watch_backoff::WatchBackoff;

/// A watch that says nothing for so long hangs on a dead connection, even if nobody has closed it: there is a bookmark every
/// minute or so. Without this limit a firewall that forgets a connection in silence would leave a daemon blind for five.
const SILENCE: Duration = Duration::from_secs(90);

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The kubeconfig file cannot be used.
    #[error(
        "kubeconfig {path}: {source}; pass --kubeconfig FILE with a file that kubectl can use (`dayu up` prints the path of the one it writes)"
    )]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// Neither a kubeconfig nor a service account was found.
    #[error("no way to the API is configured: {0}; pass --kubeconfig FILE or set KUBECONFIG")]
    Nowhere(Box<InferConfigError>),
    /// The configuration names something that no client can be made for.
    #[error("cannot make a client for {url}: {source}")]
    Client {
        /// The API server.
        url: String,
        /// What the client says.
        source: Box<kube::Error>,
    },
}

/// The transport failed, which does not know whom it was to reach.
#[derive(Debug, thiserror::Error)]
#[error("the API server at {url} does not answer")]
struct Unanswered {
    url: String,
    source: BoxError,
}

/// A client for the kubeconfig that the user named, else for what the environment offers: `KUBECONFIG`, a pod's service
/// account, `~/.kube/config`. It is [`Considerate`]. Nothing is sent yet. Must be called within a Tokio runtime. A connection that
/// is silent for 90 s is given up; watches that ask for bookmarks, as `kube::runtime::watcher` does, are never silent for so long.
///
/// # Errors
/// See [`ConnectError`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let error = dayu_core::connect::client(Some("no/such/file".as_ref())).await.err().unwrap().to_string();
/// assert!(error.starts_with("kubeconfig no/such/file: ") && error.contains("--kubeconfig"));
/// # }
/// ```
pub async fn client(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    client_within(kubeconfig, SILENCE).await
}

/// The same as [`client`], but a connection that is silent for `silence` is given up.
///
/// A watch on which nothing happens is told so once a minute or so: with less than that it is begun anew each time, from where it
/// was, which costs a request and misses nothing. Take it where a dead connection has to be noticed soon.
///
/// # Errors
/// See [`ConnectError`].
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let soon = Duration::from_secs(10);
/// assert!(dayu_core::connect::client_within(Some("no/such/file".as_ref()), soon).await.is_err());
/// # }
/// ```
pub async fn client_within(kubeconfig: Option<&Path>, silence: Duration) -> Result<Client, ConnectError> {
    connect(kubeconfig, silence, None).await
}

/// The same as [`client`], for one that may write in a `term` only, such as who leads while it does.
///
/// A connection that did anything in a term ends with it: what was asked there and is not answered fails, and what was handed over
/// but not sent never is, even if the whole process stood still meanwhile. Only what a thread was about to send at the very instant
/// at which it was stopped may be sent late, where the process goes on. Once [`Term::over`] has returned there is no such thread.
/// Connections that are made later are free: whoever asks looks at the clock first.
///
/// # Errors
/// See [`ConnectError`].
///
/// ```
/// # use dayu_core::connect::{Term, client_while};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let term = Term::default();
/// assert!(client_while(Some("no/such/file".as_ref()), term).await.is_err());
/// # }
/// ```
pub async fn client_while(kubeconfig: Option<&Path>, term: Term) -> Result<Client, ConnectError> {
    connect(kubeconfig, SILENCE, Some(term)).await
}

/// What tells the cluster of [`client`] from others, without asking it: the fingerprint of the authorities by which its server is
/// known, or where there are none, the server's address.
///
/// # Errors
/// See [`ConnectError`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// assert!(dayu_core::connect::cluster(Some("no/such/file".as_ref())).await.is_err());
/// # }
/// ```
pub async fn cluster(kubeconfig: Option<&Path>) -> Result<String, ConnectError> {
    let config = config(kubeconfig).await?;
    let authorities = config.root_cert.unwrap_or_default().concat();
    let is_known = !authorities.is_empty();
    Ok(if is_known { Fingerprint::of(&authorities).to_string() } else { config.cluster_url.to_string() })
}

async fn config(kubeconfig: Option<&Path>) -> Result<Config, ConnectError> {
    let Some(path) = kubeconfig else {
        return Config::infer().await.map_err(|source| ConnectError::Nowhere(Box::new(source)));
    };
    let failed = |source| ConnectError::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
}

async fn connect(kubeconfig: Option<&Path>, silence: Duration, term: Option<Term>) -> Result<Client, ConnectError> {
    let mut config = config(kubeconfig).await?;
    config.read_timeout = Some(silence);
    // Counted from the request, not from when a connection was last of use.
    config.reset_reader_on_write = true;
    let url = config.cluster_url.to_string();
    // Whoever asks decides when to ask again; a server that asks for quiet gets it from our own layer.
    config.default_retry = false;
    let failed = |source| ConnectError::Client { url: url.clone(), source: Box::new(source) };
    let transport = ClientBuilder::try_from((config, Fenced(term))).map_err(failed)?;
    let unanswered = MapErrLayer::new(move |source: BoxError| Unanswered { url: url.clone(), source });
    Ok(transport.with_layer(&unanswered).with_layer(&Considerate).build())
}
