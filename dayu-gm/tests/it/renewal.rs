//! Another resource under the name of one that is gone.
use dayu_core::{
    api::RuntimeService,
    link::{ActivationRequest, Frame, Operation},
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use tokio_tungstenite::tungstenite::{Message as Ws, client::IntoClientRequest};

use super::reconcile::{become_ready, runtime_service, start, until};

#[tokio::test]
async fn nothing_of_a_resource_holds_for_the_next_of_its_name() {
    let site = start(&["edge1"]).await;
    let mut request = format!("ws://{}/", site.addresses.link).into_client_request().unwrap();
    request.headers_mut().insert("Node-Name", "edge1".parse().unwrap());
    let (mut link, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let mut asked = async || -> (Operation, ActivationRequest) {
        loop {
            let Some(Ok(Ws::Text(text))) = link.next().await else { panic!("the link ended") };
            if let Some(message) = Frame::decode(&text).unwrap().message {
                return (message.operation, serde_json::from_slice(&message.content).unwrap());
            }
        }
    };
    let services = Api::<RuntimeService>::namespaced(site.client.clone(), "default");
    let mut taken_back = None;
    let mut seen = Vec::new();
    for address in ["127.64.1.2", "127.64.1.3", "127.64.1.4"] {
        let service = services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
        let uid = service.uid().unwrap();
        let is_new = |pod: &&Pod| {
            let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            bound && pod.metadata.deletion_timestamp.is_none() && !seen.contains(&pod.uid().unwrap())
        };
        let pods = until::<Pod>(&site.client, |pods| pods.iter().any(|pod| is_new(&pod))).await;
        let pod = pods.iter().find(is_new).unwrap();
        become_ready(&site.client, pod, address).await;

        let (operation, request) = asked().await;
        assert_eq!((operation, request.runtime_service_uid.as_str()), (Operation::Insert, uid.as_str()));
        assert_eq!(request.endpoint_pod_uid.as_str(), pod.uid().unwrap());
        let mine = |all: &[RuntimeService]| {
            let status = all.first().and_then(|service| service.status.as_ref());
            status
                .and_then(|status| status.pod_ref.as_ref())
                .is_some_and(|known| known.uid.as_str() == pod.uid().unwrap())
        };
        until::<RuntimeService>(&site.client, mine).await;
        seen.push(pod.uid().unwrap());

        services.delete("det", &DeleteParams::default()).await.unwrap();
        let (operation, request) = asked().await;
        assert_eq!((operation, request.runtime_service_uid.as_str()), (Operation::Delete, uid.as_str()));
        assert_ne!(taken_back.replace(request.service_uid.clone()), Some(request.service_uid));
    }
}
