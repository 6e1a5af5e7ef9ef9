//! An installation as Dayu's own: 18 resources over a cloud and five edges, which make 27 Deployments and 17 Services.
use serde_json::{Value, json};

pub(super) const DEPLOYMENTS: usize = 27;
pub(super) const SERVICES: usize = 17;

const STAGES: [&str; 5] = ["vehicle", "plate", "face", "gender", "age"];
/// Those stages that also run on edges: where, by number.
const ON_EDGES: [(usize, usize); 8] = [(0, 0), (0, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 4), (1, 4)];

/// Its resources, each name beginning with `prefix`; `devices` are the cloud and at least five edges.
pub(super) fn resources(prefix: &str, devices: &[String]) -> Vec<Value> {
    let [cloud, edges @ ..] = devices else { return Vec::new() };
    let named = |name: &str| format!("{prefix}{name}");
    let mut all = vec![
        // Cameras hang on two devices, and nobody calls them.
        resource(&named("generator"), None, &edges[..2], None),
        resource(&named("controller"), Some(cloud), &edges[..5], Some("both")),
        resource(&named("distributor"), Some(cloud), &[], Some("cloud")),
        resource(&named("scheduler"), Some(cloud), &[], Some("cloud")),
        resource(&named("monitor"), Some(cloud), &edges[..3], Some("cloud")),
    ];
    let processor =
        |stage: usize, device: &str| named(&format!("processor-{}-{}", STAGES[stage], device.replace('.', "")));
    all.extend((0..STAGES.len()).map(|stage| resource(&processor(stage, cloud), Some(cloud), &[], Some("both"))));
    all.extend(ON_EDGES.map(|(stage, edge)| {
        let edges = &edges[edge..=edge];
        resource(&processor(stage, &edges[0]), None, edges, Some("both"))
    }));
    all
}

fn resource(name: &str, cloud: Option<&String>, edges: &[String], reached: Option<&str>) -> Value {
    let mut spec = json!({"edgeWorker": edges.iter().map(|edge| worker(name, edge)).collect::<Vec<_>>()});
    if let Some(cloud) = cloud {
        spec["cloudWorker"] = worker(name, cloud);
    }
    if let Some(position) = reached {
        spec["serviceConfig"] = json!({"pos": position, "port": 9000, "targetPort": 9000});
    }
    json!({"apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService", "metadata": {"name": name}, "spec": spec})
}

/// With variables and mounts in number and size as users' backends render them.
fn worker(name: &str, device: &str) -> Value {
    let parameters = "{'model': 'yolov8', 'device': 0, 'threshold': 0.35, 'classes': ['car', \"bus\", 'truck']}\n";
    let env: Vec<Value> = (0..12)
        .map(|number| json!({"name": format!("PARAMETERS_{number}"), "value": parameters}))
        .chain([json!({"name": "KUBE_CACHE_TTL", "value": "5.0"})])
        .collect();
    let mount = |path: &str| json!({"type": "hostPath", "hostPath": {"prefix": "/data/dayu-files", "path": path, "pathType": "DirectoryOrCreate"}});
    json!({
        "logLevel": {"level": "DEBUG"},
        "mounts": [
            {"envName": "DEFAULT_MOUNT_PATH", "source": mount("processor/"), "target": {}},
            {"name": "temporary-directory", "envName": "TEMP_PATH", "source": mount("temp/"), "target": {"path": "/temp"}},
        ],
        "template": {"spec": {
            "nodeName": device, "dnsPolicy": "ClusterFirstWithHostNet",
            "containers": [{
                "name": name, "image": "dayu/worker:1", "imagePullPolicy": "Always", "env": env,
                "ports": [{"containerPort": 9000}],
            }],
        }},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_large_as_it_says() {
        let devices = ["cloud", "a", "b", "c", "d", "e"].map(str::to_owned);
        let all = resources("", &devices);
        let workers = |resource: &Value| {
            let spec = &resource["spec"];
            usize::from(spec["cloudWorker"].is_object()) + spec["edgeWorker"].as_array().unwrap().len()
        };
        let services = all.iter().filter(|resource| resource["spec"]["serviceConfig"].is_object()).count();
        assert_eq!((all.len(), all.iter().map(workers).sum(), services), (18, DEPLOYMENTS, SERVICES));
    }
}
