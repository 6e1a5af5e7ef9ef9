//! Devices that are waited for and do not come: what keeps them, and what to do.
use std::{collections::BTreeSet, path::Path, time::Duration};

use dayu_core::{
    api::{label, lean::Lean},
    name::Device,
};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::time::timeout;

use crate::output;

/// Whoever waits longer is told for what.
const QUIET: Duration = Duration::from_secs(3);

/// Waits for `coming`, and says once what it waits for where that takes its time.
pub(super) async fn told_of<T>(coming: impl Future<Output = T>, what: impl AsyncFnOnce() -> Vec<String>) -> T {
    let mut coming = std::pin::pin!(coming);
    if let Ok(come) = timeout(QUIET, &mut coming).await {
        return come;
    }
    let tell = async {
        what().await.iter().for_each(|line| output::progress(line));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        come = coming => come,
        () = tell => unreachable!("it waits for ever"),
    }
}

/// A line for each device that does not come.
pub(super) async fn devices(client: &Client, kubeconfig: &Path, missing: impl Iterator<Item = &Device>) -> Vec<String> {
    let nodes = Api::<Lean<Node>>::all(client.clone());
    let mut lines = Vec::new();
    for device in missing {
        let node = nodes.get_opt(device.as_str()).await.ok().flatten();
        lines.push(line(device, node.as_deref(), kubeconfig));
    }
    lines
}

fn line(device: &Device, node: Option<&Node>, kubeconfig: &Path) -> String {
    let foreign = node.is_some_and(|node| !node.labels().contains_key(label::MANAGED_BY));
    if foreign {
        format!(
            "waiting for device {device}: its Node was made by somebody else, who has not said its address; `kubectl \
             --kubeconfig {} delete node {device}` lets this program make it, or start without {device} in --devices",
            kubeconfig.display()
        )
    } else {
        format!("waiting for device {device}: its local manager and mesh are starting; --log info tells more")
    }
}

/// What to do where a resource names devices that are none of `served`; nothing where it names no other.
pub(super) fn remedy(resource: &Value, served: &[Device]) -> Option<String> {
    let mut named = BTreeSet::new();
    name_devices(&resource["spec"], &mut named);
    named.retain(|name| served.iter().all(|device| device.as_str() != *name));
    let all: Vec<&str> = served.iter().map(Device::as_str).chain(named.iter().copied()).collect();
    let absent: Vec<&str> = named.into_iter().collect();
    (!absent.is_empty()).then(|| {
        let absent = absent.join(", ");
        format!(
            "no device of this run is called {absent}: start with --devices {}, or correct or delete it",
            all.join(",")
        )
    })
}

/// Collects the devices that a resource of ours names, wherever its kind has them.
fn name_devices<'a>(value: &'a Value, named: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.as_str().filter(|name| !name.is_empty()) {
                    Some(name) if matches!(field.as_str(), "targetNode" | "nodeName") => drop(named.insert(name)),
                    _ => name_devices(value, named),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| name_devices(item, named)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_devices_that_nobody_plays_are_named_and_how_to_play_them() {
        let served = ["cloud".into(), "edge1".into()];
        let template = |node: &str| json!({"template": {"spec": {"nodeName": node, "containers": []}}});
        let joint =
            json!({"spec": {"cloudWorker": template("cloud"), "edgeWorker": [template("moon"), template("edge1")]}});
        let told = remedy(&joint, &served).unwrap();
        assert!(told.contains("called moon:") && told.contains("--devices cloud,edge1,moon"), "{told}");
        assert!(remedy(&json!({"spec": {"targetNode": "mars"}}), &served).unwrap().contains("mars"));
        assert_eq!(remedy(&json!({"spec": {"targetNode": "edge1"}}), &served), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_in_time_is_not_waited_for() {
        let unasked = async || unreachable!("nobody waits");
        assert_eq!(told_of(std::future::ready(1), unasked).await, 1);
        let asked = std::sync::atomic::AtomicBool::new(false);
        let late = async {
            tokio::time::sleep(QUIET * 2).await;
            2
        };
        let what = async || {
            asked.store(true, std::sync::atomic::Ordering::Relaxed);
            vec!["waiting".to_owned()]
        };
        assert_eq!(told_of(late, what).await, 2);
        assert!(asked.into_inner());
    }
}
