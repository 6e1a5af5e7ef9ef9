//! Kinds that a client brings along.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::verbs::cluster;

#[derive(CustomResource, Deserialize, Serialize, Clone, Debug, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Widget", namespaced, status = "WidgetStatus")]
struct WidgetSpec {
    size: i32,
}

#[derive(Deserialize, Serialize, Clone, Debug, Default, JsonSchema)]
struct WidgetStatus {
    ready: bool,
}

#[tokio::test]
async fn a_kind_is_served_from_its_definition_on() {
    let client = cluster().await.client();
    let widgets: Api<Widget> = Api::default_namespaced(client.clone());
    assert!(widgets.create(&PostParams::default(), &Widget::new("w", WidgetSpec { size: 1 })).await.is_err());

    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &Widget::crd()).await.unwrap();
    await_condition(definitions.clone(), Widget::crd_name(), conditions::is_crd_established()).await.unwrap();

    let made = widgets.create(&PostParams::default(), &Widget::new("w", WidgetSpec { size: 1 })).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    let patch = Patch::Merge(json!({"status": {"ready": true}, "spec": {"size": 9}}));
    let patched = widgets.patch_status("w", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((patched.spec.size, patched.status.map(|status| status.ready)), (1, Some(true)));

    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    widgets.patch("w", &PatchParams::default(), &hold).await.unwrap();
    let deleted = definitions.delete(Widget::crd_name(), &DeleteParams::default()).await.unwrap();
    assert!(widgets.get("w").await.unwrap().metadata.deletion_timestamp.is_some());
    let late = widgets.create(&PostParams::default(), &Widget::new("late", WidgetSpec { size: 1 })).await.unwrap_err();
    assert!(late.to_string().contains("terminating"), "{late}");
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    widgets.patch("w", &PatchParams::default(), &release).await.unwrap();
    let uid = deleted.left().unwrap().metadata.uid.unwrap();
    await_condition(definitions, Widget::crd_name(), conditions::is_deleted(&uid)).await.unwrap();
    // Nothing of the API is at such a path any more, so what is said is no `Status`.
    let gone = widgets.get("w").await.unwrap_err();
    assert!(matches!(&gone, kube::Error::Api(status) if status.code == 404), "{gone}");
}

#[tokio::test]
async fn a_name_that_another_kind_has_is_had_once_it_is_free() {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster().await.client());
    let shortened = |mut definition: CustomResourceDefinition, plural: &str, kind: &str| {
        let names = &mut definition.spec.names;
        (names.plural, names.singular, names.kind) = (plural.into(), Some(kind.to_lowercase()), kind.into());
        names.short_names = Some(vec!["w".into()]);
        definition.metadata.name = Some(format!("{plural}.example.com"));
        definition
    };
    let create = async |definition| definitions.create(&PostParams::default(), &definition).await.unwrap();
    let first = create(shortened(Widget::crd(), "widgets", "Widget")).await;
    let second = create(shortened(Widget::crd(), "wheels", "Wheel")).await;
    let status = second.status.unwrap();
    let told: Vec<_> = status.conditions.unwrap().into_iter().map(|one| (one.status, one.message.unwrap())).collect();
    assert_eq!(told[0], ("False".into(), r#""w" is already in use"#.into()));
    assert_eq!(told[1].0, "False", "not served");
    let accepted = status.accepted_names.unwrap();
    assert_eq!((accepted.plural.as_str(), accepted.short_names), ("wheels", None));

    definitions.delete(&first.metadata.name.unwrap(), &DeleteParams::default()).await.unwrap();
    await_condition(definitions.clone(), "wheels.example.com", conditions::is_crd_established()).await.unwrap();
    let second = definitions.get("wheels.example.com").await.unwrap();
    assert_eq!(second.status.unwrap().accepted_names.unwrap().short_names, Some(vec!["w".into()]));
}
