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

/// Gives each device a folder of its own within `data` for what its workers share: one machine plays them all, and not everybody may
/// write where the manifest says.
pub(crate) fn keep_files_within(data: &Path, drafts: &mut [Draft]) {
    for worker in drafts.iter_mut().flat_map(|draft| workers(&mut draft.value)) {
        let device = worker.pointer("/template/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        let files = Value::from(data.join("files").join(device).to_string_lossy());
        let mounts = worker.get_mut("mounts").and_then(Value::as_array_mut).into_iter().flatten();
        for prefix in mounts.filter_map(|mount| mount.pointer_mut("/source/hostPath/prefix")) {
            prefix.clone_from(&files);
        }
    }
}

/// Those of a JointMultiEdgeService.
fn workers(resource: &mut Value) -> impl Iterator<Item = &mut Value> {
    let fields = resource.get_mut("spec").and_then(Value::as_object_mut).into_iter().flatten();
    fields.flat_map(|(field, value)| match (field.as_str(), value) {
        ("cloudWorker", worker) => std::slice::from_mut(worker),
        ("edgeWorker", Value::Array(workers)) => workers.as_mut_slice(),
        _ => &mut [],
    })
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
    let mut parts = text.split("http://");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |text, rest| match rest.split_once('.') {
        Some((first, rest)) => format!("{text}http://{}.{rest}", actual(first, devices)),
        None => format!("{text}http://{rest}"),
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
    fn devices_may_have_each_others_names() {
        let names = ["cloud", "edge1", "edge2", "other"];
        for [a, b, c] in names.iter().flat_map(|a| names.iter().flat_map(move |b| names.map(|c| [*a, *b, c]))) {
            let text = in_urls(
                "http://cloud.d:1/ http://edge1.d:1/ http://edge2.d/ http://d:1/",
                &[a, b, c].map(Device::from),
            );
            assert_eq!(text, format!("http://{a}.d:1/ http://{b}.d:1/ http://{c}.d/ http://d:1/"));
        }
    }

    #[test]
    fn each_device_has_files_of_its_own() {
        let mut drafts = drafts(&["cloud.kubeedge", "a", "b"].map(Device::from)).unwrap();
        keep_files_within(Path::new("/state"), &mut drafts);
        let text = serde_json::to_string(&drafts.iter().map(|d| &d.value).collect::<Vec<_>>()).unwrap();
        let of = |device: &str| text.matches(&format!(r#""prefix":"/state/files/{device}""#)).count();
        assert_eq!(["cloud.kubeedge", "a", "b"].map(of), [0, 3, 1], "{text}");
        assert!(!text.contains("/data"), "{text}");
    }

    #[test]
    fn one_device_plays_all() {
        let text = format!("{:?}", drafts(&[Device::from("solo")]).unwrap());
        assert!(!text.contains(r#""edge1""#) && text.contains("http://solo.detector-both"), "{text}");
    }
}
