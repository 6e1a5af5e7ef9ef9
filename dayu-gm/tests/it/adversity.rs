//! The global manager where Kubernetes refuses, ends or changes hands.
use std::time::Duration;

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod, ResourceQuota, Secret, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    kinds::Kind,
    site::{Place, Site, on_kubernetes_only, runtime_service},
};

on_kubernetes_only! {
    the_chart_gives_no_right_beyond,
    another_manager_takes_over,
    the_api_server_comes_back,
    a_namespace_ends,
    a_quota_is_exceeded,
    a_quota_is_exceeded_by_a_joint_service,
    a_service_account_is_missing,
    a_service_account_of_a_joint_service_is_missing,
}

async fn create<K: Kind>(site: &Site, service: &K) {
    site.api::<K>().create(&PostParams::default(), service).await.unwrap();
}

async fn one_deployment(site: &Site) -> Deployment {
    site.until::<Deployment>(|all| all.len() == 1).await.swap_remove(0)
}

async fn the_chart_gives_no_right_beyond(site: &mut Site) {
    let forbidden = |result: Result<(), kube::Error>| {
        let refused = matches!(&result, Err(kube::Error::Api(status)) if status.code == 403);
        assert!(refused, "{result:?}");
    };
    let (client, namespace) = (site.restricted("first").await, site.namespace.as_str());
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    forbidden(secrets.list(&Default::default()).await.map(drop));
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    forbidden(pods.delete("any", &DeleteParams::default()).await.map(drop));
    let services = Api::<RuntimeService>::namespaced(client.clone(), namespace);
    let made = services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await;
    forbidden(made.map(drop));
    forbidden(Api::<Namespace>::all(client).delete(namespace, &DeleteParams::default()).await.map(drop));
}

async fn another_manager_takes_over(site: &mut Site) {
    let other = site.manager("second").await;
    create(site, &runtime_service("before", "edge1", 9000)).await;
    let before = one_deployment(site).await;
    site.hand_over(other).await;
    create(site, &runtime_service("after", "edge2", 9000)).await;
    let both = site.until::<Deployment>(|all| all.len() == 2).await;
    let kept = both.iter().find(|deployment| deployment.name_any() == "before").unwrap();
    assert_eq!((kept.uid(), &kept.spec), (before.uid(), &before.spec));
}

async fn the_api_server_comes_back(site: &mut Site) {
    create(site, &runtime_service("before", "edge1", 9000)).await;
    one_deployment(site).await;
    let Place::Kubernetes(plane) = &mut site.cluster else { unreachable!("on Kubernetes") };
    plane.restart_api_server().await.unwrap();
    create(site, &runtime_service("after", "edge2", 9000)).await;
    site.until::<Deployment>(|all| all.len() == 2).await;
    // What is lost meanwhile comes again.
    site.api::<Deployment>().delete("before", &DeleteParams::default()).await.unwrap();
    let made_again = |all: &[Deployment]| {
        all.iter().any(|one| one.name_any() == "before" && one.metadata.deletion_timestamp.is_none())
    };
    site.until::<Deployment>(|all| all.len() == 2 && made_again(all)).await;
}

async fn a_namespace_ends(site: &mut Site) {
    // Both hold the namespace while it ends.
    let held = json!({"metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    let held: ConfigMap = serde_json::from_value(held).unwrap();
    site.api::<ConfigMap>().create(&PostParams::default(), &held).await.unwrap();
    let mut service = runtime_service("det", "edge1", 9000);
    service.finalizers_mut().push("example.com/hold".into());
    create(site, &service).await;
    one_deployment(site).await;

    let namespaces = Api::<Namespace>::all(site.client.clone());
    namespaces.delete(&site.namespace, &DeleteParams::default()).await.unwrap();
    // Its pods go before anything else does, once their kubelet has let them go.
    let (pods, now) = (site.api::<Pod>(), DeleteParams::default().grace_period(0));
    let emptied = async {
        while !site.api::<Deployment>().list(&ListParams::default()).await.unwrap().items.is_empty() {
            pods.delete_collection(&now, &ListParams::default()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), emptied).await.expect("the namespace is emptied");

    // The others are not kept waiting, and what goes is let go.
    let name = format!("{}-not", site.namespace);
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    let ending = std::mem::replace(&mut site.namespace, name);
    create(site, &runtime_service("det", "edge1", 9000)).await;
    one_deployment(site).await;
    site.namespace = ending;
    assert!(site.until::<Deployment>(|_| true).await.is_empty());
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    site.api::<RuntimeService>().patch("det", &PatchParams::default(), &release).await.unwrap();
    site.api::<ConfigMap>().patch("held", &PatchParams::default(), &release).await.unwrap();
    site.until::<RuntimeService>(<[_]>::is_empty).await;
}

async fn a_quota_is_exceeded(site: &mut Site) {
    exceed_a_quota::<RuntimeService>(site).await;
}

async fn a_quota_is_exceeded_by_a_joint_service(site: &mut Site) {
    exceed_a_quota::<JointMultiEdgeService>(site).await;
}

async fn exceed_a_quota<K: Kind>(site: &mut Site) {
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"count/deployments.apps": "0"}}});
    let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
    site.api::<ResourceQuota>().create(&PostParams::default(), &quota).await.unwrap();
    let counted = |all: &[ResourceQuota]| all[0].status.as_ref().is_some_and(|status| status.hard.is_some());
    site.until::<ResourceQuota>(counted).await;

    create(site, &K::of("det", "edge1")).await;
    let services = site.until::<K>(|all| all[0].is_refused()).await;
    assert!(services[0].told().contains("exceeded quota"), "{}", services[0].told());

    site.api::<ResourceQuota>().delete("none", &DeleteParams::default()).await.unwrap();
    one_deployment(site).await;
    site.until::<K>(|all| !all[0].is_refused() && !all[0].told().contains("exceeded quota")).await;
}

async fn a_service_account_is_missing(site: &mut Site) {
    miss_a_service_account::<RuntimeService>(site).await;
}

async fn a_service_account_of_a_joint_service_is_missing(site: &mut Site) {
    miss_a_service_account::<JointMultiEdgeService>(site).await;
}

async fn miss_a_service_account<K: Kind>(site: &mut Site) {
    create(site, &K::of("det", "edge1").with("serviceAccountName", "absent")).await;
    let refused = |all: &[K]| all[0].told().contains("serviceaccount \\\"absent\\\" not found");
    let services = site.until::<K>(refused).await;
    assert_eq!(services[0].condition(K::RUNS).0, "False");

    let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "absent"}})).unwrap();
    site.api::<ServiceAccount>().create(&PostParams::default(), &account).await.unwrap();
    site.until::<Pod>(|all| all.len() == 1).await;
}
