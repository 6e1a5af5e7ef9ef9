//! The parts of a global manager, put together.
use dayu_core::{
    engine::{self, Engine, World},
    template::{Template, joint_multi_edge::JointMultiEdgeTemplate, runtime_service::RuntimeServiceTemplate},
};
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    Addresses, Error, Options, crds,
    lease::Claim,
    link::{self, Hub},
    relay,
};

/// Messages from devices that wait to be looked at.
const WAITING: usize = 1024;

/// Runs everything until `shutdown`, or until somebody else is in charge.
pub(crate) async fn run(
    client: Client,
    options: Options,
    announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let listening = link::listen(options.link_listen, options.link_insecure).await?;
    let address = listening.address;
    crds::ensure_namespace(&client).await.map_err(Error::Lease)?;
    let advertised = options.link_advertise.clone().unwrap_or_else(|| address.to_string());
    let claim = Claim::new(client.clone(), identity(&options), advertised);
    let Some(lease) = shutdown.run_until_cancelled(claim.acquire()).await.transpose()? else { return Ok(()) };

    let (said, upstream) = mpsc::channel(WAITING);
    let hub = Hub::new(said, rand::random());
    let (world, demands) = World::new();
    let running = shutdown.child_token();
    let work = async {
        if !options.keep_crds {
            crds::install(&client).await?;
        }
        tracing::info!(link = %address, "the global manager is in charge");
        announce.send_replace(Some(Addresses { link: address }));
        tokio::join!(
            world.clone().watch(client.clone(), running.clone()),
            engine(RuntimeServiceTemplate, &client, &world, &options).run(running.clone()),
            engine(JointMultiEdgeTemplate, &client, &world, &options).run(running.clone()),
            listening.serve(hub.clone(), running.clone()),
            running.run_until_cancelled(relay::run(world.clone(), hub.clone(), demands, upstream)),
        );
        Ok(())
    };
    let ended = tokio::select! {
        ended = Box::pin(work) => ended,
        lost = claim.keep(lease) => Err(lost),
    };
    claim.release().await;
    ended
}

fn engine<T: Template>(template: T, client: &Client, world: &World, options: &Options) -> Engine<T> {
    let told = engine::Options {
        namespace: options.namespace.clone(),
        local_manager: options.local_manager_url.clone(),
        ..engine::Options::default()
    };
    Engine::new(template, client.clone(), world.clone(), told)
}

fn identity(options: &Options) -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    options
        .identity
        .clone()
        .unwrap_or_else(|| format!("{}-{}-{:08x}", host(), std::process::id(), rand::random::<u32>()))
}
