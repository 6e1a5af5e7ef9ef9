//! The engine's loop: watch, queue, a bounded number of looks at a time.
use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    fmt,
    num::NonZeroU64,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    concerned::Concerned,
    events::Announcer,
    finalizer::{Finalizer, FinalizerError, Registered},
    key::Key,
    memory::{Memory, Version},
    observe::{Observer, Outcome},
    options::Options,
    packed::Packer,
    parked::{Parked, Seen},
    queue::Queue,
    reconcile::Context,
    verdict::{Looked, Verdict},
    wakes::Woken,
    world::World,
};
use crate::{
    connect::{WatchBackoff, unwatched},
    name::Uid,
    template::Template,
};

/// What is on its way is looked at after so long, unless something that matters comes first.
const SOON: Duration = Duration::from_millis(250);

/// Looks at resources, each a task of its own: planning and comparing is work, which more than one processor can share.
type Looks = JoinSet<(Key, Box<Memory>, Looked)>;

/// The controller of one kind.
pub struct Engine<T: Template> {
    context: Arc<Context<T>>,
    options: Options,
    entries: HashMap<Key, Entry>,
    keys: HashMap<Uid, Key>,
    /// How many changes of resources were seen.
    edition: NonZeroU64,
    concerned: Concerned,
    queue: Queue<Key>,
    /// What is left of these is to be undone, one after the other; they are in hand.
    parted: VecDeque<(Key, Box<Memory>)>,
    origin: Instant,
    listed: HashSet<Key>,
    /// The queue's depth as it was told last.
    depth: Option<(usize, usize)>,
}

/// What is done about a resource.
#[derive(Clone, Copy)]
enum Work {
    Look,
    Undo,
}

/// What is kept of one resource.
struct Entry {
    /// None once it is gone, until the last look has ended.
    resource: Option<Arc<Parked>>,
    /// None while it is looked at.
    memory: Option<Box<Memory>>,
    /// Its version as the watch told it last.
    version: Option<Version>,
}

impl Entry {
    /// The watch tells of this version.
    fn told_of<T: Template>(&mut self, observer: &dyn Observer, version: Option<Version>) {
        self.version = version;
        if let Some(memory) = &mut self.memory {
            tell_echo::<T>(observer, version, memory);
        }
    }
}

impl<T: Template> fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resources = self.entries.len();
        f.debug_struct("Engine").field("options", &self.options).field("resources", &resources).finish_non_exhaustive()
    }
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
            finalizer: OnceLock::new(),
            resources: Packer::default(),
            statuses: Packer::default(),
        };
        Self {
            context: Arc::new(context),
            queue: Queue::new(options.backoff),
            options,
            entries: HashMap::new(),
            keys: HashMap::new(),
            edition: NonZeroU64::MIN,
            concerned: Concerned::default(),
            parted: VecDeque::new(),
            origin: Instant::now(),
            listed: HashSet::new(),
            depth: None,
        }
    }

    /// Holds every resource by `finalizer` until what it stands for is undone. Needs the right to `patch` the resources
    /// themselves, beside the rights that every engine needs.
    ///
    /// A program that does without it from some day on has to be preceded by one whose `undo` merely succeeds, or the finalizer
    /// to be taken off by hand: Kubernetes keeps what is deleted until then.
    ///
    /// ```
    /// # use dayu_core::{api::RuntimeService, engine::{Engine, Finalizer, FinalizerError, Options, World}};
    /// # use dayu_core::template::runtime_service::RuntimeServiceTemplate;
    /// # fn example(client: kube::Client, camera: impl Finalizer<RuntimeService>) -> Result<(), FinalizerError> {
    /// let (world, _demands) = World::new();
    /// let engine = Engine::new(RuntimeServiceTemplate, client, world, Options::default()).with_finalizer(camera)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`FinalizerError`]: its name is none that says whose it is, or there is one already.
    pub fn with_finalizer(self, finalizer: impl Finalizer<T::Resource>) -> Result<Self, FinalizerError> {
        let registered = Registered::new(finalizer)?;
        let (first, second) = (self.finalizer(), registered.name);
        match (first, self.context.finalizer.set(registered)) {
            (Some(first), Err(_)) => Err(FinalizerError::Second { first, second }),
            _ => Ok(self),
        }
    }

    /// The name of the finalizer that resources are held by, if there is one.
    fn finalizer(&self) -> Option<&'static str> {
        self.context.finalizer.get().map(|registered| registered.name)
    }

    /// Reconciles until `shutdown`; looks that have begun are finished. What is being undone then is not waited for: whoever
    /// comes next begins it anew.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let wakes = self.context.world.listen();
        // Deciding before the children are known would write what is there already.
        if shutdown.run_until_cancelled(self.context.world.synced()).await.is_none() {
            return;
        }
        let mut events = self.watch();
        // Apart, since what is undone may not answer for long, and looks do not wait for it.
        let (mut looks, mut undoings) = (Looks::new(), Looks::new());
        loop {
            while looks.len() < self.options.concurrency && self.begin_look(&mut looks) {}
            while undoings.len() < self.options.concurrency && self.begin_to_undo(&mut undoings) {}
            self.tell_depth();
            let due = self.queue.next_due().map(|due| self.origin + due);
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(event) = events.next() => self.take(event),
                woken = wakes.take() => self.wake(woken),
                Some(looked) = looks.join_next() => self.ended(looked),
                Some(undone) = undoings.join_next() => self.ended(undone),
                () = until(due) => self.queue.wake(self.origin.elapsed()),
            }
        }
        undoings.shutdown().await;
        while looks.join_next().await.is_some() {}
    }

    fn ended(&mut self, looked: Result<(Key, Box<Memory>, Looked), JoinError>) {
        match looked {
            Ok((key, memory, looked)) => self.finish(&key, memory, looked),
            // Nobody aborts looks but the end of the runtime.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    fn tell_depth(&mut self) {
        let (ready, paused) = (self.queue.len() + self.parted.len(), self.queue.paused());
        if self.depth.replace((ready, paused)) != Some((ready, paused)) {
            self.options.observer.queued(&T::Resource::kind(&()), ready, paused);
        }
    }

    fn watch(&self) -> BoxStream<'static, watcher::Result<watcher::Event<Seen<T::Resource>>>> {
        let client = self.context.client.clone();
        let api = match &self.options.namespace {
            Some(namespace) => Api::<Seen<T::Resource>>::namespaced(client, namespace),
            None => Api::<Seen<T::Resource>>::all(client),
        };
        watcher(api, watcher::Config::default()).backoff(WatchBackoff::default()).boxed()
    }

    fn take(&mut self, event: watcher::Result<watcher::Event<Seen<T::Resource>>>) {
        match event {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(resource)) => {
                let key = self.put(resource);
                self.listed.insert(key);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = std::mem::take(&mut self.listed);
                let gone: Vec<Key> = self.entries.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                gone.iter().for_each(|key| self.drop(key));
            }
            Ok(watcher::Event::Apply(resource)) => {
                self.put(resource);
            }
            Ok(watcher::Event::Delete(resource)) => self.drop(&Key::of(&resource)),
            Err(error) => {
                let why = unwatched::<T::Resource>(&error);
                self.options.observer.watch_broke(&T::Resource::kind(&()), &why);
                tracing::warn!(kind = %T::Resource::kind(&()), why, "the watch broke and is tried again");
            }
        }
    }

    fn put(&mut self, seen: Seen<T::Resource>) -> Key {
        self.edition = self.edition.saturating_add(1);
        let (version, key) = (Version::of(&seen), Key::of(&seen));
        if let Some(entry) = self.entries.get_mut(&key)
            && entry.resource.as_ref().is_some_and(|known| known.is_as(&seen))
        {
            entry.told_of::<T>(&*self.options.observer, version);
            return key;
        }
        let (resource, status) = seen.park(self.edition, self.finalizer(), &self.context.resources);
        let entry = match self.entries.entry(key.clone()) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(room) => {
                let status = status.map(|status| self.context.statuses.pack(&status));
                let memory = Memory::of(resource.uid.clone(), status);
                room.insert(Entry { resource: None, memory: Some(Box::new(memory)), version })
            }
        };
        entry.told_of::<T>(&*self.options.observer, version);
        match &entry.resource {
            Some(before) if !before.differs(&resource) => {}
            before => {
                if let Some(before) = before {
                    self.keys.remove(&before.uid);
                }
                self.keys.insert(resource.uid.clone(), key.clone());
                self.queue.touch(key.clone());
            }
        }
        entry.resource = Some(Arc::new(resource));
        key
    }

    fn drop(&mut self, key: &Key) {
        if let Some(resource) = self.entries.get_mut(key).and_then(|entry| entry.resource.take()) {
            self.keys.remove(&resource.uid);
            // Looked at once more, so that what was asked of a device is taken back.
            self.queue.touch(key.clone());
        }
    }

    fn wake(&mut self, woken: Woken) {
        for key in woken.resources.iter().filter_map(|uid| self.keys.get(uid)) {
            self.queue.hasten(key.clone());
        }
        let soon = self.origin.elapsed() + SOON;
        for key in woken.progress.iter().filter_map(|uid| self.keys.get(uid)) {
            self.queue.touch_by(key.clone(), soon);
        }
        for device in &woken.devices {
            self.concerned.by(device).for_each(|key| self.queue.touch(key.clone()));
        }
    }

    /// Whether there was one to begin.
    fn begin_look(&mut self, looks: &mut Looks) -> bool {
        let Some(key) = self.queue.take() else { return false };
        let entry = self.entries.get_mut(&key);
        let (resource, memory) = entry.map(|entry| (entry.resource.clone(), entry.memory.take())).unwrap_or_default();
        self.begin(looks, Work::Look, key, resource, memory.unwrap_or_default());
        true
    }

    /// Likewise.
    fn begin_to_undo(&mut self, undoings: &mut Looks) -> bool {
        let Some((key, memory)) = self.parted.pop_front() else { return false };
        let resource = self.entries.get(&key).and_then(|entry| entry.resource.clone());
        self.begin(undoings, Work::Undo, key, resource, memory);
        true
    }

    fn begin(&self, looks: &mut Looks, work: Work, key: Key, resource: Option<Arc<Parked>>, mut memory: Box<Memory>) {
        let (context, observer) = (self.context.clone(), self.options.observer.clone());
        looks.spawn(async move {
            let began = Instant::now();
            let looked = match (resource, work) {
                (Some(resource), Work::Look) => context.look(&key, &resource, &mut memory, began).await,
                (Some(resource), Work::Undo) => context.undo(&key, &resource, &mut memory).await.into(),
                (None, _) => {
                    context.gone(&key, &mut memory).await;
                    Verdict::Done.into()
                }
            };
            let outcome = match (&looked.verdict, memory.refused) {
                (Verdict::Retry { reason, .. }, _) => Outcome::Retry(reason),
                (_, Some(reason)) => Outcome::Rejected(reason),
                (_, None) => Outcome::Done,
            };
            observer.looked(&T::Resource::kind(&()), began.elapsed(), outcome);
            (key, memory, looked)
        });
    }

    fn finish(&mut self, key: &Key, mut memory: Box<Memory>, looked: Looked) {
        let is_gone = self.entries.get(key).is_none_or(|entry| entry.resource.is_none());
        if !is_gone && matches!(looked.verdict, Verdict::Undo) {
            self.parted.push_back((key.clone(), memory));
            return;
        }
        if is_gone && memory.is_over() {
            self.concerned.forget(key, &memory.devices);
            self.entries.remove(key);
            self.queue.forget(key);
        } else {
            self.concerned.note(key, &mut memory, looked.devices);
            if let Some(entry) = self.entries.get_mut(key) {
                // The watch may have been faster than the answer.
                tell_echo::<T>(&*self.options.observer, entry.version, &mut memory);
                entry.memory = Some(memory);
            }
        }
        // Gone during this look: it is queued once more, and retrying is for those that are there.
        if is_gone {
            self.queue.done(key);
            return;
        }
        match looked.verdict {
            Verdict::Done | Verdict::Undo => self.queue.done(key),
            Verdict::Until(at) => self.queue.done_until(key, at - self.origin),
            Verdict::Retry { reason, why } => {
                tracing::debug!(resource = key.name(), reason, why, "to be looked at again");
                self.queue.failed(key, self.origin.elapsed(), (self.options.jitter)());
            }
        }
    }
}

/// Tells how long the watch took to bring what was written last, once it has come to that `version`.
fn tell_echo<T: Template>(observer: &dyn Observer, version: Option<Version>, memory: &mut Memory) {
    if let Some(echo) = memory.echo.take_if(|echo| Some(echo.version) == version) {
        observer.echoed(&T::Resource::kind(&()), echo.answered.elapsed());
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending::<()>().await,
    }
}
