//! Definitions that are older than the program.
use dayu_core::api::{Installed, RuntimeService};
use dayu_gm::Options;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, CustomResourceExt, api::PostParams};
use serde_json::Value;

use super::site::{Manager, Site, on_both};

on_both! { an_older_definition_is_told_and_is_brought_up_to_date }

const FIELDS: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
const FIELD: &str = "logicalService";

async fn an_older_definition_is_told_and_is_brought_up_to_date(site: &mut Site) {
    let name = RuntimeService::crd_name();
    let definitions = Api::<CustomResourceDefinition>::all(site.client.clone());
    let mut older = serde_json::to_value(definitions.get(name).await.unwrap()).unwrap();
    let fields = older.pointer_mut(FIELDS).and_then(Value::as_object_mut).unwrap();
    fields.remove(FIELD).expect("it is there before");
    let older = serde_json::from_value(older).unwrap();
    definitions.replace(name, &PostParams::default(), &older).await.unwrap();

    // Somebody else looks after the definitions: it is told what that means.
    let keeping = Options { keep_crds: true, ..Options::default() };
    site.hand_over(Manager::start_with(site.restricted("keeping").await, "keeping", keeping)).await;
    assert_eq!(lacking(site).await, "1");
    assert!(!knows(site).await);

    site.hand_over(site.manager("installing").await).await;
    assert_eq!(lacking(site).await, "0");
    assert!(knows(site).await);
    let installed = Api::<Installed>::all(site.client.clone()).get(name).await.unwrap();
    assert_eq!(installed.established(), Ok(()));
}

async fn knows(site: &Site) -> bool {
    let definitions = Api::<CustomResourceDefinition>::all(site.client.clone());
    let stored = serde_json::to_value(definitions.get(RuntimeService::crd_name()).await.unwrap()).unwrap();
    stored.pointer(FIELDS).is_some_and(|fields| fields.get(FIELD).is_some())
}

/// How many fields the manager says that the definition of RuntimeServices lacks.
async fn lacking(site: &Site) -> String {
    let (_, metrics) = crate::status::get(site.addresses.status.unwrap(), "/metrics").await.unwrap();
    let label = format!("dayu_gm_definition_fields_lacking{{definition=\"{}\"}} ", RuntimeService::crd_name());
    let line = metrics.lines().find_map(|line| line.strip_prefix(&label));
    line.unwrap_or_else(|| panic!("no {label} in:\n{metrics}")).to_owned()
}
