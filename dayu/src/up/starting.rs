//! What becomes of the resources of our kinds after a start: told as it happens, and what the others lack once nothing moves.
use std::{collections::BTreeMap, time::Duration};

use dayu_core::{
    api::{JointMultiEdgeService, RuntimeService, lean::Lean},
    name::Device,
};
use futures::{
    StreamExt,
    future::ready,
    stream::{self, BoxStream, Fuse},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::watcher::{self, Event},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::absent;
use crate::output;

/// Without a change for so long, what is not ready is told.
const QUIET: Duration = Duration::from_secs(5);
/// Who cannot do without any of them gives up after so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Some are not ready and nobody waits for them any longer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not ready within {patience} s: {0}; correct or delete it, then start again", patience = PATIENCE.as_secs())]
pub(crate) struct NotReady(String);

/// What is known of every resource of our kinds.
pub(crate) struct Starting {
    news: Fuse<BoxStream<'static, News>>,
    /// Kinds of which not everything is known yet.
    unlisted: usize,
    states: BTreeMap<String, State>,
}

#[derive(Debug)]
enum News {
    /// Everything that there is of a kind has been told.
    Listed,
    Is(String, State),
    Gone(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting(String),
    Ready,
    /// It says so of devices that this run does not play; with what helps if nobody else does.
    Elsewhere(String),
}

impl Starting {
    /// Those of a run that plays `devices`.
    pub(crate) fn of(client: &Client, devices: &[Device]) -> Self {
        let services = watch::<Lean<RuntimeService>>(client, devices);
        Self::told(vec![services, watch::<Lean<JointMultiEdgeService>>(client, devices)])
    }

    fn told(kinds: Vec<BoxStream<'static, News>>) -> Self {
        Self { unlisted: kinds.len(), news: stream::select_all(kinds).boxed().fuse(), states: BTreeMap::new() }
    }

    /// Whether there are none at all, once that is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Waits until each one is ready, or until nothing has moved for a while and what they lack is told. Whether all are.
    pub(crate) async fn settle(&mut self) -> bool {
        while !self.is_over() {
            match timeout(QUIET, self.news.select_next_some()).await {
                Ok(news) => self.take(news),
                Err(_) => {
                    self.waiting().for_each(|waits| output::progress(&format!("  {waits}")));
                    return false;
                }
            }
        }
        true
    }

    /// Waits for those that take longer, and says nothing of what they lack.
    pub(crate) async fn finish(&mut self) {
        while !self.is_over() {
            let news = self.news.select_next_some().await;
            self.take(news);
        }
    }

    /// Waits for all of them, but not for ever.
    pub(crate) async fn complete(&mut self) -> Result<(), NotReady> {
        let all = async { while !self.settle().await {} };
        match timeout(PATIENCE, all).await {
            Ok(()) => Ok(()),
            Err(_) => Err(NotReady(self.waiting().collect::<Vec<_>>().join("; "))),
        }
    }

    fn is_over(&self) -> bool {
        self.unlisted == 0 && !self.states.values().any(|state| matches!(state, State::Waiting(_)))
    }

    /// Whether each one is ready on the devices of this run.
    pub(crate) fn all_here(&self) -> bool {
        self.states.values().all(|state| *state == State::Ready)
    }

    fn waiting(&self) -> impl Iterator<Item = String> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Waiting(why) => Some(format!("{name} waits: {why}")),
            State::Ready | State::Elsewhere(_) => None,
        })
    }

    fn take(&mut self, news: News) {
        match news {
            News::Listed => self.unlisted = self.unlisted.saturating_sub(1),
            News::Gone(name) => drop(self.states.remove(&name)),
            News::Is(name, state) => {
                let before = self.states.insert(name.clone(), state.clone());
                match state {
                    state if before.as_ref() == Some(&state) => {}
                    State::Waiting(_) => {}
                    State::Ready => output::progress(&format!("  {name} is ready")),
                    State::Elsewhere(remedy) => {
                        output::progress(&format!("  {name} was ready when it was last heard of; {remedy}"));
                    }
                }
            }
        }
    }
}

fn watch<K>(client: &Client, devices: &[Device]) -> BoxStream<'static, News>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug + Send + 'static,
{
    let events = watcher::watcher(Api::<K>::all(client.clone()), watcher::Config::default());
    let devices = devices.to_vec();
    let news = move |event| match event {
        Event::Init => None,
        Event::InitApply(object) | Event::Apply(object) => Some(News::Is(title(&object), state(&object, &devices))),
        Event::Delete(object) => Some(News::Gone(title(&object))),
        Event::InitDone => Some(News::Listed),
    };
    events.filter_map(move |event| ready(event.ok().and_then(&news))).boxed()
}

fn title<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{} {}/{}", K::kind(&()), object.namespace().unwrap_or_default(), object.name_any())
}

/// The condition `Ready`, with its message when it is not true, and what helps where a device is waited for that is none of
/// `devices`.
fn state(object: &impl Serialize, devices: &[Device]) -> State {
    let value = serde_json::to_value(object).unwrap_or_default();
    let remedy = absent::remedy(&value, devices);
    let conditions = value.pointer("/status/conditions").and_then(|list| list.as_array());
    let why = match conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Ready")) {
        Some(ready) if ready["status"] == "True" => return remedy.map_or(State::Ready, State::Elsewhere),
        Some(ready) => {
            let text = |field: &str| ready[field].as_str().unwrap_or_default();
            format!("{}: {}", text("reason"), text("message"))
        }
        None => "the global manager has not looked at it yet".to_owned(),
    };
    State::Waiting(why + &remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One kind, of which `news` came.
    fn after(news: impl IntoIterator<Item = News>) -> Starting {
        let mut starting = Starting::told(vec![stream::pending().boxed()]);
        news.into_iter().for_each(|news| starting.take(news));
        starting
    }

    fn waits(name: &str) -> News {
        News::Is(name.to_owned(), State::Waiting("WorkloadNotReady: no pod".to_owned()))
    }

    fn is_ready(name: &str) -> News {
        News::Is(name.to_owned(), State::Ready)
    }

    #[test]
    fn what_is_not_ready_is_told_with_its_reason_and_late_is_not_never() {
        let mut starting = after([waits("bad"), is_ready("good"), News::Listed]);
        assert!(!starting.is_over());
        assert_eq!(starting.waiting().collect::<Vec<_>>(), ["bad waits: WorkloadNotReady: no pod"]);
        starting.take(is_ready("bad"));
        assert!(starting.is_over());
    }

    #[test]
    fn what_is_deleted_is_waited_for_no_longer() {
        assert!(after([waits("bad"), News::Listed, News::Gone("bad".to_owned())]).is_over());
    }

    #[test]
    fn nothing_is_over_before_everything_is_known() {
        assert!(!after([is_ready("first")]).is_over(), "there may be a second");
        assert!(after([is_ready("first"), News::Listed]).is_over());
    }

    #[test]
    fn what_was_ready_on_a_device_that_is_not_played_is_not_called_ready() {
        let service = RuntimeService::new("a", serde_json::from_value(MINIMAL.parse().unwrap()).unwrap());
        let conditions = r#"{"conditions": [{"type": "Ready", "status": "True"}]}"#;
        let mut value = serde_json::to_value(&service).unwrap();
        value["status"] = conditions.parse().unwrap();
        assert_eq!(state(&value, &["n".into()]), State::Ready);
        let elsewhere = state(&value, &["other".into()]);
        assert!(
            matches!(&elsewhere, State::Elsewhere(remedy) if remedy.contains("--devices other,n")),
            "{elsewhere:?}"
        );
        let starting = after([News::Is("a".to_owned(), elsewhere), News::Listed]);
        assert!(starting.is_over() && !starting.all_here());
        assert!(matches!(state(&service, &["other".into()]), State::Waiting(why) if why.contains("--devices other,n")));
    }

    #[test]
    fn equal_names_in_two_namespaces_are_two() {
        let of = |namespace: &str| {
            let mut service = RuntimeService::new("a", serde_json::from_value(MINIMAL.parse().unwrap()).unwrap());
            service.metadata.namespace = Some(namespace.to_owned());
            title(&service)
        };
        assert_eq!((of("one"), of("two")), ("RuntimeService one/a".to_owned(), "RuntimeService two/a".to_owned()));
    }

    const MINIMAL: &str = r#"{"installID": "i", "deploymentRevision": 1, "component": "c", "targetNode": "n", "podTemplate": {"spec": {"containers": []}}}"#;
}
