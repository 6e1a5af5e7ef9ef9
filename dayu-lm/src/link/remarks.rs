//! What the mesh remarks on Services, told to their users: one Warning event each, however many devices remark the same.
use std::time::Duration;

use dayu_core::{
    balance::hash,
    daemon::{ANNOTATION_IGNORED, Remark},
    name::Device,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, Error,
    api::{ObjectMeta, PostParams},
};
use tokio::{sync::mpsc, time::sleep};

/// First and longest pause after an event could not be written.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Writes an event for each of `remarks`, as the local manager of `device`, until nobody has any more.
pub(super) async fn tell(client: Client, device: Device, mut remarks: mpsc::Receiver<Remark>) {
    while let Some(remark) = remarks.recv().await {
        let events = Api::<Event>::namespaced(client.clone(), &remark.service.namespace);
        let mut pause = FIRST_PAUSE;
        while let Err(error) = events.create(&PostParams::default(), &event(&remark, &device)).await {
            if is_final(&error) {
                tracing::debug!(service = %remark.service, note = remark.note, %error, "not told in another event");
                break;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether it would come to the same another time: somebody has told it, the namespace is gone, it may not be told.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Api(status) if (400..500).contains(&status.code) && status.code != 429)
}

/// Its name follows from the remark alone: who comes second finds it there.
fn event(remark: &Remark, device: &Device) -> Event {
    let Remark { service, uid, note } = remark;
    let print = hash::bytes(format!("{uid} {note}").as_bytes());
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{print:016x}", service.name)),
            namespace: Some(service.namespace.to_string()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
        type_: Some("Warning".to_owned()),
        reason: Some(ANNOTATION_IGNORED.to_owned()),
        action: Some("Balance".to_owned()),
        note: Some(note.clone()),
        regarding: Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Service".to_owned()),
            namespace: Some(service.namespace.to_string()),
            name: Some(service.name.to_string()),
            uid: Some(uid.to_string()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("dayu-lm".to_owned()),
        reporting_instance: Some(device.to_string()),
        ..Event::default()
    }
}
