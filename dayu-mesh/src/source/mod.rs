//! The Kubernetes API as a source of changes: three watches, one stream.
mod collection;
mod kinds;

use std::sync::Arc;

use dayu_core::directory::{Change, Records, Source};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client};
use tokio::sync::{Barrier, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use collection::Collection;

/// Changes on their way to the directory; the watches wait when it is full.
const QUEUE: usize = 256;

/// Services, EndpointSlices and Nodes, as a [`Client`] tells them.
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// Watches through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Changes from where `known` was.
    fn follow(self, known: &Records) -> BoxStream<'static, Change> {
        let (sink, changes) = mpsc::channel(QUEUE);
        let synced = Arc::new(Barrier::new(3));
        let services = Collection::<Service>::new(Api::all(self.client.clone()), known, sink.clone(), synced.clone());
        let slices =
            Collection::<EndpointSlice>::new(Api::all(self.client.clone()), known, sink.clone(), synced.clone());
        let nodes = Collection::<Node>::new(Api::all(self.client), known, sink, synced);
        let watches = [tokio::spawn(services.follow()), tokio::spawn(slices.follow()), tokio::spawn(nodes.follow())];
        let watches = watches.map(AbortOnDropHandle::new);
        // The watches live as long as somebody holds the stream.
        ReceiverStream::new(changes).map(move |change| (&watches, change).1).boxed()
    }
}

impl Source for Kubernetes {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        self.follow(&Records::default())
    }

    fn changes_from(self: Box<Self>, known: Records) -> BoxStream<'static, Change> {
        let live = self.follow(&known);
        stream::iter(known.into_iter().chain([Change::Recalled])).chain(live).boxed()
    }
}
