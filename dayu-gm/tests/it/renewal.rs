//! Another resource under the name of one that is gone.
use dayu_core::{api::RuntimeService, link::Operation};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{DeleteParams, PostParams},
};

use super::site::{Site, on_both, runtime_service};

on_both! { nothing_of_a_resource_holds_for_the_next_of_its_name }

async fn nothing_of_a_resource_holds_for_the_next_of_its_name(site: &mut Site) {
    let mut link = site.link("edge1").await;
    let services = site.api::<RuntimeService>();
    let mut taken_back = None;
    let mut seen = Vec::new();
    for address in ["10.64.1.2", "10.64.1.3", "10.64.1.4"] {
        let service = services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
        let uid = service.uid().unwrap();
        let is_new = |pod: &&Pod| {
            let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            bound && pod.metadata.deletion_timestamp.is_none() && !seen.contains(&pod.uid().unwrap())
        };
        let pods = site.until::<Pod>(|pods| pods.iter().any(|pod| is_new(&pod))).await;
        let pod = pods.iter().find(is_new).unwrap();
        site.become_ready(pod, address).await;

        let (operation, request) = site.asked(&mut link).await;
        assert_eq!((operation, request.runtime_service_uid.as_str()), (Operation::Insert, uid.as_str()));
        assert_eq!(request.endpoint_pod_uid.as_str(), pod.uid().unwrap());
        let mine = |all: &[RuntimeService]| {
            let status = all.first().and_then(|service| service.status.as_ref());
            status
                .and_then(|status| status.pod_ref.as_ref())
                .is_some_and(|known| known.uid.as_str() == pod.uid().unwrap())
        };
        site.until::<RuntimeService>(mine).await;
        seen.push(pod.uid().unwrap());

        services.delete("det", &DeleteParams::default()).await.unwrap();
        let (operation, request) = site.asked(&mut link).await;
        assert_eq!((operation, request.runtime_service_uid.as_str()), (Operation::Delete, uid.as_str()));
        assert_ne!(taken_back.replace(request.service_uid.clone()), Some(request.service_uid));
    }
}
