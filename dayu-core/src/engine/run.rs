//! The engine's loop: watch, queue, a bounded number of looks at a time.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use futures::{StreamExt, future::BoxFuture, stream::BoxStream, stream::FuturesUnordered};
use jiff::Timestamp;
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use rand::RngExt;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    events::Announcer,
    observe::{Observer, Outcome, Unobserved},
    queue::{Backoff, Queue},
    reconcile::{Context, Memory, Verdict},
    world::{Wake, World},
};
use crate::{
    name::{Device, Uid},
    template::Template,
};

/// What an engine can be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only this namespace; all when absent.
    pub namespace: Option<String>,
    /// Looks at the same time.
    pub concurrency: usize,
    /// How long a resource that fails waits.
    pub backoff: Backoff,
    /// Where workers find their local manager.
    pub local_manager: String,
    /// The wall clock, for the times in statuses.
    pub clock: fn() -> Timestamp,
    /// Is told what the engine does.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    /// All namespaces, 32 looks at a time, the local manager at `http://localhost:9100`.
    fn default() -> Self {
        Self {
            namespace: None,
            concurrency: 32,
            backoff: Backoff::default(),
            local_manager: "http://localhost:9100".to_owned(),
            clock: Timestamp::now,
            observer: Arc::new(Unobserved),
        }
    }
}

/// Namespace and name.
type Key = (String, String);
type Look<T> = BoxFuture<'static, (Key, Memory<<T as Template>::Status>, Verdict)>;

/// The controller of one kind.
pub struct Engine<T: Template> {
    context: Arc<Context<T>>,
    options: Options,
    resources: HashMap<Key, Arc<T::Resource>>,
    keys: HashMap<Uid, Key>,
    memories: HashMap<Key, Memory<T::Status>>,
    /// Who is to be looked at when a device changes.
    by_device: BTreeMap<Device, BTreeSet<Key>>,
    refused: BTreeSet<Key>,
    queue: Queue<Key>,
    origin: Instant,
    listed: BTreeSet<Key>,
    /// The queue's depth as it was told last.
    depth: Option<(usize, usize)>,
}

impl<T: Template> Engine<T> {
    /// An engine for `template`'s kind; nothing happens before [`Engine::run`].
    #[must_use]
    pub fn new(template: T, client: Client, world: World, options: Options) -> Self {
        let context = Context {
            template,
            announcer: Announcer::new(client.clone()),
            client,
            world,
            local_manager: options.local_manager.clone(),
            clock: options.clock,
        };
        Self {
            context: Arc::new(context),
            queue: Queue::new(options.backoff),
            options,
            resources: HashMap::new(),
            keys: HashMap::new(),
            memories: HashMap::new(),
            by_device: BTreeMap::new(),
            refused: BTreeSet::new(),
            origin: Instant::now(),
            listed: BTreeSet::new(),
            depth: None,
        }
    }

    /// Reconciles until `shutdown`; looks that have begun are finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut wakes = self.context.world.listen();
        // Deciding before the children are known would write what is there already.
        if shutdown.run_until_cancelled(self.context.world.synced()).await.is_none() {
            return;
        }
        let mut events = self.watch();
        let mut looks: FuturesUnordered<Look<T>> = FuturesUnordered::new();
        loop {
            while looks.len() < self.options.concurrency
                && let Some(look) = self.next_look()
            {
                looks.push(look);
            }
            self.tell_depth();
            let due = self.queue.next_due().map(|due| self.origin + due);
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(event) = events.next() => self.take(event),
                Some(wake) = wakes.recv() => self.wake(wake, &mut wakes),
                Some((key, memory, verdict)) = looks.next() => self.finish(&key, memory, &verdict),
                () = until(due) => self.queue.wake(self.origin.elapsed()),
            }
        }
        while looks.next().await.is_some() {}
    }

    fn tell_depth(&mut self) {
        let (ready, paused) = (self.queue.len(), self.queue.paused());
        if self.depth.replace((ready, paused)) != Some((ready, paused)) {
            self.options.observer.queued(&T::Resource::kind(&()), ready, paused);
        }
    }

    fn watch(&self) -> BoxStream<'static, watcher::Result<watcher::Event<T::Resource>>> {
        let client = self.context.client.clone();
        let api = match &self.options.namespace {
            Some(namespace) => Api::<T::Resource>::namespaced(client, namespace),
            None => Api::<T::Resource>::all(client),
        };
        watcher(api, watcher::Config::default())
            .default_backoff()
            .modify(|resource| resource.managed_fields_mut().clear())
            .boxed()
    }

    fn take(&mut self, event: watcher::Result<watcher::Event<T::Resource>>) {
        match event {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(resource)) => {
                self.listed.insert(key(&resource));
                self.put(resource);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = std::mem::take(&mut self.listed);
                let gone: Vec<Key> = self.resources.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                gone.iter().for_each(|key| self.drop(key));
            }
            Ok(watcher::Event::Apply(resource)) => self.put(resource),
            Ok(watcher::Event::Delete(resource)) => self.drop(&key(&resource)),
            Err(error) => {
                self.options.observer.watch_broke(&T::Resource::kind(&()));
                tracing::warn!(kind = %T::Resource::kind(&()), %error, "the watch broke and is tried again");
            }
        }
    }

    fn put(&mut self, resource: T::Resource) {
        let key = key(&resource);
        let uid = Uid::from(resource.uid().unwrap_or_default());
        let before = self.resources.insert(key.clone(), Arc::new(resource));
        let resource = &self.resources[&key];
        // Our own status comes back as an event; only what the user asks for, or another incarnation, is news.
        let is_news = before.as_ref().is_none_or(|before| {
            before.meta().generation != resource.meta().generation
                || before.meta().deletion_timestamp != resource.meta().deletion_timestamp
                || before.meta().uid != resource.meta().uid
        });
        if let Some(before) = before.filter(|before| before.meta().uid != resource.meta().uid) {
            self.keys.remove(&Uid::from(before.uid().unwrap_or_default()));
        }
        self.keys.insert(uid, key.clone());
        if let Some(memory) = self.memories.get_mut(&key) {
            echo::<T>(&*self.options.observer, resource, memory);
        }
        if is_news {
            self.queue.touch(key);
        }
    }

    fn drop(&mut self, key: &Key) {
        if let Some(resource) = self.resources.remove(key) {
            self.keys.remove(&Uid::from(resource.uid().unwrap_or_default()));
            // Looked at once more, so that what was asked of a device is taken back.
            self.queue.touch(key.clone());
        }
    }

    /// Takes a wake-up and all that came with it: one look answers them all.
    fn wake(&mut self, first: Wake, more: &mut mpsc::UnboundedReceiver<Wake>) {
        let mut next = Some(first);
        while let Some(wake) = next {
            match wake {
                Wake::Resource(uid) => {
                    if let Some(key) = self.keys.get(&uid).cloned() {
                        self.queue.touch(key);
                    }
                }
                Wake::Device(device) => {
                    let concerned = self.by_device.get(&device).into_iter().flatten();
                    for key in concerned.chain(&self.refused).cloned().collect::<Vec<_>>() {
                        self.queue.touch(key);
                    }
                }
            }
            next = more.try_recv().ok();
        }
    }

    fn next_look(&mut self) -> Option<Look<T>> {
        let key = self.queue.take()?;
        let (context, resource) = (self.context.clone(), self.resources.get(&key).cloned());
        let observer = self.options.observer.clone();
        let mut memory = self.memories.remove(&key).unwrap_or_default();
        Some(Box::pin(async move {
            let began = Instant::now();
            let verdict = match resource {
                Some(resource) => context.look(&resource, &mut memory).await,
                None => {
                    context.gone(&mut memory).await;
                    Verdict::Done
                }
            };
            let outcome = match (&verdict, memory.refused) {
                (Verdict::Retry { reason, .. }, _) => Outcome::Retry(reason),
                (Verdict::Done, Some(reason)) => Outcome::Rejected(reason),
                (Verdict::Done, None) => Outcome::Done,
            };
            observer.looked(&T::Resource::kind(&()), began.elapsed(), outcome);
            (key, memory, verdict)
        }))
    }

    fn finish(&mut self, key: &Key, mut memory: Memory<T::Status>, verdict: &Verdict) {
        let is_gone = !self.resources.contains_key(key);
        if is_gone && memory.is_over() {
            self.unindex(key, &memory.indexed);
            self.queue.forget(key);
        } else {
            self.index(key, &mut memory);
            // The watch may have been faster than the answer.
            if let Some(resource) = self.resources.get(key) {
                echo::<T>(&*self.options.observer, resource, &mut memory);
            }
            self.memories.insert(key.clone(), memory);
        }
        // Gone during this look: it is queued once more, and retrying is for those that are there.
        if is_gone {
            self.queue.done(key);
            return;
        }
        match verdict {
            Verdict::Done => self.queue.done(key),
            Verdict::Retry { reason, why } => {
                tracing::debug!(resource = %key.1, reason, why, "to be looked at again");
                self.queue.failed(key, self.origin.elapsed(), rand::rng().random());
            }
        }
    }

    fn index(&mut self, key: &Key, memory: &mut Memory<T::Status>) {
        if memory.devices != memory.indexed {
            self.unindex(key, &memory.indexed);
            for device in &memory.devices {
                self.by_device.entry(device.clone()).or_default().insert(key.clone());
            }
            memory.indexed.clone_from(&memory.devices);
        }
        if memory.refused.is_some() {
            self.refused.insert(key.clone());
        } else {
            self.refused.remove(key);
        }
    }

    fn unindex(&mut self, key: &Key, devices: &[Device]) {
        self.refused.remove(key);
        for device in devices {
            if let Some(keys) = self.by_device.get_mut(device) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_device.remove(device);
                }
            }
        }
    }
}

/// Tells how long the watch took to bring `resource` as it was last written, once it has.
fn echo<T: Template>(observer: &dyn Observer, resource: &T::Resource, memory: &mut Memory<T::Status>) {
    let revision = resource.meta().resource_version.as_ref();
    if let Some((_, answered)) = memory.echo.take_if(|(written, _)| Some(&*written) == revision) {
        observer.echoed(&T::Resource::kind(&()), answered.elapsed());
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending::<()>().await,
    }
}

fn key(resource: &impl ResourceExt) -> Key {
    (resource.namespace().unwrap_or_default(), resource.name_any())
}
