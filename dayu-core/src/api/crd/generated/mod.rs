//! The definitions as the types say them: what the texts are written from, and checked against.
mod pod;
mod refine;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use super::definitions;
use crate::api::{JointMultiEdgeService, RuntimeService};

fn generated() -> [CustomResourceDefinition; 2] {
    let pod = pod::schema();
    [RuntimeService::crd(), JointMultiEdgeService::crd()].map(|mut definition| {
        refine::definition(&mut definition, &pod);
        definition
    })
}

/// `DAYU_WRITE=1` writes the texts anew.
#[test]
fn the_texts_are_current() {
    for (definition, generated) in definitions().iter().zip(generated()) {
        let name = generated.metadata.name.clone().unwrap();
        let text = serde_json::to_string(&generated).unwrap();
        if std::env::var_os("DAYU_WRITE").is_some() {
            let file = format!("{}/src/api/crd/{}.json", env!("CARGO_MANIFEST_DIR"), generated.spec.names.plural);
            std::fs::write(file, &text).unwrap();
            continue;
        }
        assert_eq!(definition.name(), name);
        assert!(text == definition.json(), "{name}: DAYU_WRITE=1 cargo test -p dayu-core the_texts_are_current");
    }
}
