//! The link's client: one WebSocket to the global manager, and the acknowledgement of routes that this device's mesh applied.
//!
//! No timer stands between a route that the mesh applied and its acknowledgement: the mesh pushes the route, the tracker
//! compares it with what was asked, the session sends.
mod activations;
mod caller;
mod client;
mod manager;
mod mesh;
mod metrics;
mod outbox;
mod publish;
mod remarks;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use dayu_core::{
    daemon::Plight,
    link::{ActivationRequest, Message, Operation},
    name::Device,
};
use kube::Client;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub use self::metrics::LinkMetrics;
use self::{activations::Activations, client::Incoming};

/// Messages that wait between the parts of the link.
const WAITING: usize = 256;

/// How this device speaks to its global manager.
pub struct LinkOptions {
    /// The device.
    pub device: Device,
    /// Where the global manager listens (`host:port`); found through the API when absent.
    pub manager: Option<String>,
    /// Connect without TLS, and without knowing to whom: to a global manager of Sedna.
    pub plain: bool,
    /// The status API of this device's mesh.
    pub mesh: SocketAddr,
    /// Where messages that nobody has acknowledged survive a restart.
    pub outbox: PathBuf,
    /// What counts what the link does.
    pub metrics: LinkMetrics,
    /// Where it is told what hinders the link, and the mesh.
    pub plight: Arc<Plight>,
}

/// Keeps the link until `shutdown`. What the device's workers report goes up through `reports`.
pub async fn run(
    client: Client,
    options: LinkOptions,
    mut reports: mpsc::Receiver<Message>,
    shutdown: CancellationToken,
) {
    let (to_manager, outgoing) = mpsc::channel(WAITING);
    let (delivered, mut incoming) = mpsc::channel(WAITING);
    let (seen, mut routes) = mpsc::channel(WAITING);
    let (remarked, remarks) = mpsc::channel(WAITING);
    let remarking = remarks::tell(client.clone(), options.device.clone(), remarks);
    let managers = manager::managers(client.clone(), options.manager, options.plain, options.plight.clone());
    let ends = client::Ends { managers, outgoing, delivered };
    let (device, metrics) = (options.device.clone(), options.metrics.clone());
    let link = client::run(client, device, options.outbox, ends, metrics, options.plight.clone(), shutdown.clone());
    let wanted = Arc::new(Notify::new());
    let plight = options.plight.clone();
    let heard = mesh::Heard { device: options.device.clone(), routes: seen, remarks: remarked, plight };
    let mesh = mesh::follow(options.mesh, heard, wanted.clone(), shutdown.clone());
    let work = async {
        let mut activations = Activations::default();
        let counted = |acknowledgements: Vec<Message>| {
            options.metrics.acknowledges(acknowledgements.len());
            acknowledgements
        };
        loop {
            let answers = tokio::select! {
                Some(incoming) = incoming.recv() => {
                    // What the global manager asks, the mesh answers.
                    wanted.notify_one();
                    counted(take(&options.device, &options.plight, &mut activations, incoming))
                }
                Some(news) = routes.recv() => counted(activations.hear(news)),
                Some(report) = reports.recv() => vec![report],
                else => return,
            };
            for answer in answers {
                if to_manager.send(answer).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        ((), (), (), ()) = async { tokio::join!(link, mesh, remarking, work) } => {}
    }
}

/// What the global manager asks of the tracker, and what can be answered at once.
fn take(device: &Device, plight: &Plight, activations: &mut Activations, incoming: Incoming) -> Vec<Message> {
    let message = match incoming {
        Incoming::Anew => {
            activations.begin_anew();
            return Vec::new();
        }
        Incoming::Message(message) if message.kind != "runtimeservice" => return Vec::new(),
        Incoming::Message(message) => message,
    };
    match serde_json::from_slice::<ActivationRequest>(&message.content) {
        Ok(request) if request.target_node != *device => {
            tracing::warn!(%device, asked = %request.target_node, name = message.name, "asked for another device; ignored");
            Vec::new()
        }
        Ok(request) if message.operation == Operation::Delete => {
            activations.cancel(&request);
            Vec::new()
        }
        Ok(request) => activations.request(request).unwrap_or_else(|full| {
            plight.grows("routes to confirm", &full.to_string());
            Vec::new()
        }),
        Err(error) => {
            tracing::warn!(%error, name = message.name, "the global manager sent no activation request; ignored");
            Vec::new()
        }
    }
}
