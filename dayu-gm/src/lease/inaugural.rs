//! How a term begins: the API server is told who leads, so that its admission policy takes the writes of that one and of no other.
//!
//! The Leader object names it. Whoever replaces that has looked at it before, while its own claim still stood, so that one which is
//! stopped in between and goes on when another leads comes too late for the revision it names.
use std::time::Duration;

use dayu_core::{api::NAMESPACE, connect::refusal, daemon::Plight, engine::MANAGER, link::MANAGER_LEASE};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;
use tokio::time::sleep;

/// The policy, as the server names it where it refuses a write.
const POLICY: &str = "ValidatingAdmissionPolicy 'dayu-gm-leads'";

/// The policy learns who leads by a watch of its own, of which nobody tells.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Names `me` the leader where the cluster asks for that, and returns once no policy says otherwise.
pub(crate) async fn inaugurate(client: &Client, me: &str, plight: &Plight) {
    let mut pause = FIRST_PAUSE;
    while let Err(why) = begin(client, me).await {
        tracing::debug!(why, "the API server does not know yet who leads");
        plight.grows("begin of the term", &why);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn begin(client: &Client, me: &str) -> Result<(), String> {
    match name(client, me).await {
        // Nobody asks who leads where there is no such kind, as on the embedded API.
        Err((_, kube::Error::Api(status))) if matches!(status.code, 403 | 404) => {}
        named => named.map_err(|(verb, error)| refusal(verb, "leaders.dayu.io", &error))?,
    }
    match tell(client, me).await {
        Err(error) if denies(&error) => Err(refusal("create", "events.events.k8s.io", &error)),
        // That keeps nobody from leading.
        Err(error) => {
            tracing::warn!(%error, "that this manager leads cannot be told in an event");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Writes into the Leader who leads; what was to be done where that fails.
async fn name(client: &Client, me: &str) -> Result<(), (&'static str, kube::Error)> {
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("dayu.io", "v1", "Leader"), "leaders");
    let leaders = Api::<DynamicObject>::namespaced_with(client.clone(), NAMESPACE, &kind);
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let mut leader = DynamicObject::new(MANAGER_LEASE, &kind).data(json!({"spec": {"holder": me}}));
    match leaders.create(&params, &leader).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        created => return created.map(drop).map_err(|error| ("create", error)),
    }
    let last = leaders.get(MANAGER_LEASE).await.map_err(|error| ("get", error))?;
    leader.metadata.resource_version = last.metadata.resource_version;
    leaders.replace(MANAGER_LEASE, &params, &leader).await.map(drop).map_err(|error| ("update", error))
}

/// An event of the Lease, which people see, and the first write that the policy has to take.
async fn tell(client: &Client, me: &str) -> kube::Result<()> {
    let event = Event {
        type_: EventType::Normal,
        reason: "Leads".to_owned(),
        note: Some(format!("{me} leads")),
        action: "Lead".to_owned(),
        secondary: None,
    };
    let reporter = Reporter { controller: MANAGER.to_owned(), instance: None };
    Recorder::new(client.clone(), reporter).publish(&event, &super::reference()).await
}

fn denies(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.message.contains(POLICY))
}
