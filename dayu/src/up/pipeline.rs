//! The example pipeline, told in the names of the devices at hand.
use std::path::Path;

use dayu_core::name::Device;
use serde_json::Value;

use crate::manifest::{self, Draft};

/// The manifest of `examples/pipeline`, which names devices cloud, edge1 and edge2.
const MANIFEST: &str = include_str!("../../../examples/pipeline/pipeline.yaml");
const NAMES: [&str; 3] = ["cloud", "edge1", "edge2"];

/// Its documents for `devices`: the first plays the cloud, the next two the edges. With fewer, the last plays the rest.
pub(crate) fn drafts(devices: &[Device]) -> Result<Vec<Draft>, manifest::Error> {
    let mut drafts = manifest::parse(Path::new("the example pipeline"), MANIFEST)?;
    for draft in &mut drafts {
        rename(&mut draft.value, devices);
    }
    Ok(drafts)
}

fn rename(value: &mut Value, devices: &[Device]) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), &mut *value) {
                    ("nodeName" | "targetNode", Value::String(name)) => *name = actual(name, devices).to_owned(),
                    ("value", Value::String(text)) => *text = in_urls(text, devices),
                    _ => rename(value, devices),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, devices)),
        _ => {}
    }
}

/// `http://edge1.service…` names a device in its first label.
fn in_urls(text: &str, devices: &[Device]) -> String {
    NAMES.iter().rev().fold(text.to_owned(), |text, name| {
        text.replace(&format!("http://{name}."), &format!("http://{}.", actual(name, devices)))
    })
}

fn actual<'a>(name: &'a str, devices: &'a [Device]) -> &'a str {
    let Some(at) = NAMES.iter().position(|known| *known == name) else { return name };
    devices.get(at).or(devices.last()).map_or(name, Device::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_stand_where_the_manifest_names_them() {
        let devices = ["cloud.kubeedge", "a", "b"].map(Device::from);
        let text =
            serde_json::to_string(&drafts(&devices).unwrap().iter().map(|d| &d.value).collect::<Vec<_>>()).unwrap();
        assert!(text.contains(r#""targetNode":"cloud.kubeedge""#) && text.contains(r#""nodeName":"a""#), "{text}");
        assert!(text.contains("http://b.detector-both.pipeline.svc:9000/frame"), "{text}");
        assert!(!text.contains("edge1.detector") && !text.contains(r#"nodeName":"edge"#), "{text}");
    }

    #[test]
    fn one_device_plays_all() {
        let text = format!("{:?}", drafts(&[Device::from("solo")]).unwrap());
        assert!(!text.contains(r#""edge1""#) && text.contains("http://solo.detector-both"), "{text}");
    }
}
