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

const LEADERS: &str = "leaders.dayu.io";

/// The policy learns who leads by a watch of its own, of which nobody tells.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// What is still refused then needs somebody who mends it.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

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
    let unnamed = match name(client, me).await {
        Ok(()) => None,
        // Nobody asks who leads where there is no such kind, as on the embedded API, or no right to it: unless a policy does.
        Err((verb, kube::Error::Api(status))) if matches!(status.code, 403 | 404) => {
            Some(refusal(verb, LEADERS, &kube::Error::Api(status)))
        }
        Err((verb, error)) => return Err(refusal(verb, LEADERS, &error)),
    };
    match tell(client, me).await {
        Err(error) if denies(&error) => {
            Err(unnamed.unwrap_or_else(|| refusal("create", "events.events.k8s.io", &error)))
        }
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

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Arc};

    use http::{Method, Request, Response};
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::Value;
    use tokio::time::Instant;

    use super::*;

    type Asked = Vec<(Method, String, Value)>;

    /// Begins a term at a server that gives these answers one after the other; what it is asked, and what people read of it.
    async fn begun(answers: Vec<(u16, Value)>) -> (Asked, String) {
        let (asked, answers) = (Arc::<Mutex<Asked>>::default(), Arc::new(Mutex::new(VecDeque::from(answers))));
        let (noted, given) = (asked.clone(), answers.clone());
        let server = tower::service_fn(move |request: Request<Body>| {
            let (noted, given) = (noted.clone(), given.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let body = serde_json::from_slice(&body).unwrap_or_default();
                noted.lock().push((
                    head.method,
                    head.uri.path().rsplit("dayu-system/").next().unwrap().to_owned(),
                    body,
                ));
                let (code, answer) = given.lock().pop_front().expect("it is asked no more than that");
                let answer = Body::from(answer.to_string().into_bytes());
                Ok::<_, tower::BoxError>(Response::builder().status(code).body(answer)?)
            }
        });
        let (plight, _news) = Plight::new();
        inaugurate(&Client::new(server, NAMESPACE), "me", &plight).await;
        assert!(answers.lock().is_empty());
        (std::mem::take(&mut asked.lock()), plight.words())
    }

    fn refused(code: u16, message: &str) -> (u16, Value) {
        (
            code,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "", "code": code}),
        )
    }

    fn leader(revision: &str) -> (u16, Value) {
        let metadata = json!({"name": "dayu-gm", "resourceVersion": revision});
        (200, json!({"apiVersion": "dayu.io/v1", "kind": "Leader", "metadata": metadata, "spec": {"holder": "other"}}))
    }

    fn event() -> (u16, Value) {
        (201, json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "eventTime": null}))
    }

    fn steps(asked: &Asked) -> Vec<String> {
        asked.iter().map(|(method, path, _)| format!("{method} {path}")).collect()
    }

    fn denied() -> (u16, Value) {
        refused(403, &format!("events \"x\" is forbidden: {POLICY} with binding 'dayu-gm-leads' denied request: no"))
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_asks_who_leads_only_people_are_told() {
        let (asked, told) = begun(vec![refused(404, "no such kind"), event()]).await;
        assert_eq!(steps(&asked), ["POST leaders", "POST events"]);
        assert_eq!((asked[1].2["note"].as_str(), &*told), (Some("me leads"), ""));
        begun(vec![refused(403, "leaders.dayu.io is forbidden"), refused(500, "no room for events")]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_leader_is_replaced_at_the_revision_that_was_seen_until_the_policy_knows() {
        let (there, changed) = (refused(409, "it is there"), refused(409, "it has changed"));
        let (asked, told) = begun(vec![
            there.clone(),
            leader("5"),
            changed,
            there.clone(),
            leader("6"),
            leader("7"),
            denied(),
            there,
            leader("7"),
            leader("8"),
            event(),
        ])
        .await;
        let named = ["POST leaders", "GET leaders/dayu-gm", "PUT leaders/dayu-gm"];
        assert_eq!(steps(&asked), [&named[..], &named, &["POST events"], &named, &["POST events"]].concat());
        let replaced: Vec<_> =
            asked.iter().filter(|(method, ..)| method == Method::PUT).map(|(.., body)| body).collect();
        let revisions: Vec<_> = replaced.iter().map(|body| &body["metadata"]["resourceVersion"]).collect();
        assert_eq!(revisions, ["5", "6", "7"]);
        assert!(replaced.iter().all(|body| body["spec"]["holder"] == "me"));
        assert!(told.starts_with("begin of the term: may not create events.events.k8s.io: "), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_policy_asks_the_right_that_is_missing_is_told_and_it_is_tried_each_time_later() {
        let (tries, began) = (20, Instant::now());
        let unnamed = || [refused(403, "leaders.dayu.io \"dayu-gm\" is forbidden"), denied()];
        let answers =
            (0..tries).flat_map(|_| unnamed()).chain([refused(409, "it is there"), leader("5"), leader("6"), event()]);
        let (_, told) = begun(answers.collect()).await;
        assert_eq!(
            told,
            "begin of the term: may not create leaders.dayu.io: leaders.dayu.io \"dayu-gm\" is forbidden\n"
        );
        assert!(began.elapsed() > LONGEST_PAUSE * (tries / 2), "{:?}", began.elapsed());
    }
}
