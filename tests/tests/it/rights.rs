//! The daemons on Kubernetes with the rights that the manifests give them: each is enough, and none is too many.
//!
//! What they ask is read from the API server's own record of requests.
use std::{collections::BTreeSet, fmt, time::Duration};

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use dayu_gm::Options as Gm;
use dayu_lm::Options as Lm;
use dayu_mesh::Options as Mesh;
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::{Event, Node, Pod, Service},
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    config::Kubeconfig,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use xtask::kube::{Assets, ControlPlane, Request, Seat, Settings};

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");
const DEVICE: &str = "edge1";
/// Whatever fails is tried again later and later, and told once it lasts.
const PATIENCE: Duration = Duration::from_secs(120);

/// On clusters that ask for it, whoever names an owner that waits needs a right on the owner.
const STRICT: Settings = Settings {
    api_server: &[("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")],
    controller_manager: &[],
    scheduler: &[],
};

#[tokio::test(flavor = "multi_thread")]
async fn the_daemons_need_every_right_that_they_are_given_and_no_other() {
    let Some(assets) = Assets::for_tests() else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = ControlPlane::start_with(&assets, STRICT).await.unwrap();
    let administrator = client(serde_json::from_slice(&std::fs::read(plane.kubeconfig()).unwrap()).unwrap()).await;
    register(&administrator, DEVICE).await;

    let data = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    let as_installed = async |component| {
        let seat = Seat { pod: component, node: DEVICE };
        client(plane.account(MANIFESTS.as_ref(), component, seat).await.unwrap()).await
    };
    let gm = Gm { identity: Some("gm".to_owned()), ..Gm::default() };
    let as_gm = as_installed("gm").await;
    another_has_led(&administrator).await;
    let mut gm = dayu_gm::run_with(as_gm, gm, shutdown.clone());
    gm.ready().await.expect("the global manager is ready");
    let lm = Lm { data: Some(data.path().to_owned()), ..Lm::of(DEVICE) };
    let mut lm = dayu_lm::run_with(as_installed("lm").await, lm, shutdown.clone());
    // Its kubelet says where the device is only after that was asked.
    while !plane
        .requests()
        .unwrap()
        .iter()
        .any(|request| request.verb == "watch" && request.resource == "nodes" && request.user.ends_with(":dayu-lm"))
    {
        sleep(Duration::from_millis(20)).await;
    }
    report(&administrator, DEVICE, "127.77.0.1").await;
    lm.ready().await.expect("the local manager is ready");
    tell_of_a_mesh_without_rights(&administrator, &plane).await;
    let mut mesh = dayu_mesh::run_with(as_installed("mesh").await, Mesh::of(DEVICE), shutdown.clone());
    mesh.ready().await.expect("the mesh is ready");
    live(&administrator).await;
    tell_of_what_is_ignored(&administrator).await;

    for component in ["gm", "lm", "mesh"] {
        let requests = requests(&plane, component);
        let refused = |(at, request): &(usize, &Request)| {
            matches!(request.code, 401 | 403) && !is_begin_of_a_term(request, &requests[*at..])
        };
        let refused: Vec<_> = requests.iter().enumerate().filter(refused).map(|(_, request)| request).collect();
        assert!(refused.is_empty(), "dayu-{component} may not: {refused:#?}");
        let needed: BTreeSet<Right> = requests.iter().flat_map(Right::needed_by).collect();
        let given = given(&plane, component).await;
        let idle: Vec<String> = given
            .iter()
            .filter(|given| !needed.iter().any(|needed| given.covers(needed)))
            .map(ToString::to_string)
            .collect();
        assert!(idle.is_empty(), "dayu-{component} never needed: {idle:#?}; it needed {needed:#?}");
    }
    keeps_to_its_own_device(&as_installed("lm").await).await;
    keeps_to_its_own_lease(&as_installed("gm").await).await;
    shutdown.cancel();
    gm.finished().await.unwrap();
    lm.finished().await.unwrap();
    mesh.finished().await.unwrap();
}

/// The first to lead names itself the leader, and each that follows does so in the place of another.
async fn another_has_led(administrator: &Client) {
    let leaders = Api::<DynamicObject>::namespaced_with(administrator.clone(), "dayu-system", &leaders());
    let other = leader("dayu-gm", "another");
    let deadline = Instant::now() + PATIENCE;
    // The kind is served a moment after its definition is there.
    while let Err(error) = leaders.create(&PostParams::default(), &other).await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn leader(name: &str, holder: &str) -> DynamicObject {
    DynamicObject::new(name, &leaders()).data(json!({"spec": {"holder": holder}}))
}

fn leaders() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("dayu.io", "v1", "Leader"), "leaders")
}

/// A mesh that nobody has given any right does nothing but say so, and the local manager of its device passes that on.
async fn tell_of_a_mesh_without_rights(administrator: &Client, plane: &ControlPlane) {
    let mut nobody: Value = serde_json::from_slice(&std::fs::read(plane.kubeconfig()).unwrap()).unwrap();
    nobody["users"][0]["user"] = json!({"token": "of-nobody"});
    let stop = CancellationToken::new();
    let status = Some("127.77.0.1:10551".parse().unwrap());
    let mesh = dayu_mesh::run_with(client(nobody).await, Mesh { status, ..Mesh::of(DEVICE) }, stop.clone());
    let events = Api::<Event>::namespaced(administrator.clone(), "default");
    let told = |event: &Event| {
        event.involved_object.name.as_deref() == Some(DEVICE)
            && event.reason.as_deref() == Some("Hindered")
            && event.message.as_ref().is_some_and(|message| message.contains("mesh: watch of "))
    };
    until::<Event>(&events, "what the mesh lacks", |all| all.iter().any(told)).await;
    stop.cancel();
    mesh.finished().await.unwrap();
}

/// What a Service says that nobody understands its user is told, in whatever namespace, once.
async fn tell_of_what_is_ignored(administrator: &Client) {
    let service = json!({
        "metadata": {"name": "odd", "namespace": "kube-public", "annotations": {"dayu.io/balance": "best"}},
        "spec": {"ports": [{"port": 9000}]},
    });
    let services = Api::<Service>::namespaced(administrator.clone(), "kube-public");
    services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
    let events = Api::<Event>::namespaced(administrator.clone(), "kube-public");
    let told = |event: &Event| {
        event.involved_object.name.as_deref() == Some("odd")
            && (event.reason.as_deref(), event.type_.as_deref()) == (Some("AnnotationIgnored"), Some("Warning"))
            && event
                .message
                .as_ref()
                .is_some_and(|message| message.contains("\"best\"") && message.contains("round-robin"))
    };
    until::<Event>(&events, "what is ignored", |all| all.iter().filter(|event| told(event)).count() == 1).await;
}

/// What a local manager could say of another device, or in another's name, the API server does not take.
async fn keeps_to_its_own_device(lm: &Client) {
    let events = Api::<k8s_openapi::api::events::v1::Event>::namespaced(lm.clone(), "default");
    let tried = [
        (true, "Hindered", "Node", DEVICE, DEVICE),
        (false, "Hindered", "Node", "edge2", DEVICE),
        (false, "Hindered", "Node", DEVICE, "edge2"),
        (true, "AnnotationIgnored", "Service", "cam", DEVICE),
        (false, "AnnotationIgnored", "Service", "cam", "edge2"),
        (false, "Hindered", "Service", "cam", DEVICE),
        (false, "AnnotationIgnored", "Pod", "cam", DEVICE),
    ];
    for (number, (may, reason, kind, of, by)) in tried.into_iter().enumerate() {
        let event = json!({
            "metadata": {"name": format!("told-{number}")}, "eventTime": "2026-01-02T03:04:05.000000Z", "type": "Warning",
            "reason": reason, "action": "Work", "note": "x", "reportingController": "dayu-lm", "reportingInstance": by,
            "regarding": {"kind": kind, "name": of, "namespace": if kind == "Node" { "" } else { "default" }},
        });
        let taken = events.create(&PostParams::default(), &serde_json::from_value(event).unwrap()).await;
        match taken {
            Ok(_) => assert!(may, "{reason} of {kind} {of} by {by}"),
            Err(error) => assert!(!may && error.to_string().contains("of its own Node only"), "{of} by {by}: {error}"),
        }
    }
}

/// A global manager neither claims for another nor writes the Lease of a device.
async fn keeps_to_its_own_lease(gm: &Client) {
    let leases = Api::<Lease>::namespaced(gm.clone(), "dayu-system");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut own = leases.get("dayu-gm").await.unwrap();
    leases.replace("dayu-gm", &dry, &own).await.expect("its own");
    own.spec.as_mut().unwrap().holder_identity = Some("another".to_owned());
    let other = serde_json::from_value(json!({"metadata": {"name": "lm-edge2"}})).unwrap();
    let leaders = Api::<DynamicObject>::namespaced_with(gm.clone(), "dayu-system", &leaders());
    let refused = [
        leases.replace("dayu-gm", &dry, &own).await.map(drop),
        leases.create(&dry, &other).await.map(drop),
        leaders.create(&dry, &leader("dayu-gm", "another")).await.map(drop),
        leaders.create(&dry, &leader("another", "gm")).await.map(drop),
    ];
    for refused in refused {
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("gm may write the Lease and the Leader dayu-gm only, and name itself only"), "{why}");
    }
}

/// Everything that the daemons do to objects, once.
async fn live(client: &Client) {
    let joints = Api::<JointMultiEdgeService>::default_namespaced(client.clone());
    // The link stands once the local manager has published its key.
    let leases = Api::<Lease>::namespaced(client.clone(), "dayu-system");
    until::<Lease>(&leases, "the key of the device", |all| all.len() == 2).await;

    // Deployments and a Service are made, changed and pruned; a repeated variable is what cannot be applied.
    joints.create(&PostParams::default(), &joint(&["i:1", "i:1"], 9000)).await.unwrap();
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    let services = Api::<Service>::default_namespaced(client.clone());
    until::<Deployment>(&deployments, "two workers", |all| all.len() == 2).await;
    until::<Service>(&services, "a Service", |all| all.len() == 2).await;
    let change = async |spec: Value| {
        joints.patch("cam", &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap();
    };
    change(serde_json::to_value(joint(&["i:2", "i:2"], 9001).spec).unwrap()).await;
    let says = |object: Value, text: &str| object["spec"].to_string().contains(text);
    let changed = |all: &[Deployment]| all.iter().all(|one| says(serde_json::to_value(one).unwrap(), "\"i:2\""));
    until::<Deployment>(&deployments, "both changed", changed).await;
    let changed = |all: &[Service]| all.iter().any(|one| says(serde_json::to_value(one).unwrap(), "9001"));
    until::<Service>(&services, "the Service changed", changed).await;
    change(json!({"edgeWorker": joint(&["i:2"], 9001).spec.edge_worker, "serviceConfig": null})).await;
    until::<Deployment>(&deployments, "one worker", |all| all.len() == 1).await;
    until::<Service>(&services, "no Service but Kubernetes' own", |all| all.len() == 1).await;

    // Its device refuses its pods until none is asked for any more, and those that failed are cleared away.
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let refused = Patch::Merge(json!({"status": {"phase": "Failed", "reason": "OutOfmemory"}}));
    let is_asked = |all: &[Deployment]| all.iter().any(|one| one.spec.replicas != Some(0));
    let deadline = Instant::now() + PATIENCE;
    while is_asked(&deployments.list(&ListParams::default()).await.unwrap().items) {
        assert!(Instant::now() < deadline, "pods are asked for although all are refused");
        for pod in pods.list(&ListParams::default()).await.unwrap() {
            // One that is gone meanwhile is as good as refused.
            let _ = pods.patch_status(pod.metadata.name.as_deref().unwrap(), &PatchParams::default(), &refused).await;
        }
    }
    // One that was deleted before it was refused waits for a kubelet to let it go.
    let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
    until::<Pod>(&pods, "no more than two refused pods", |all| all.iter().filter(stays).count() <= 2).await;

    // Refused, let go, and refused for the same reason once more.
    let runtime_services = Api::<RuntimeService>::default_namespaced(client.clone());
    runtime_services.create(&PostParams::default(), &runtime_service("nowhere")).await.unwrap();
    let events = Api::<Event>::default_namespaced(client.clone());
    let is_ours = |event: &&Event| event.involved_object.kind.as_deref() == Some("RuntimeService");
    let about = |all: &[Event]| all.iter().filter(is_ours).count();
    until::<Event>(&events, "a refusal", |all| about(all) == 1).await;
    register(client, "nowhere").await;
    until::<Event>(&events, "that it is over", |all| about(all) == 2).await;
    Api::<Node>::all(client.clone()).delete("nowhere", &DeleteParams::default()).await.unwrap();
    until::<Event>(&events, "the refusal once more", |all| about(all) == 3).await;

    // Somebody else writes the Lease of the one that leads.
    let note = json!({"metadata": {"annotations": {"example.com/note": "x"}}});
    let noted = leases.patch("dayu-gm", &PatchParams::default(), &Patch::Merge(note)).await.unwrap();
    let renewed = |all: &[Lease]| {
        let of = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.renew_time.clone());
        all.iter().any(|lease| lease.metadata.name.as_deref() == Some("dayu-gm") && of(lease) != of(&noted))
    };
    until::<Lease>(&leases, "the Lease renewed", renewed).await;
}

/// What may be done to what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
    /// Of which objects; all when absent.
    name: Option<String>,
}

impl Right {
    /// What a request takes. One to apply what was not there takes two rights, as the answer shows.
    fn needed_by(request: &Request) -> Vec<Self> {
        let right = |resource: &str, verb: &str| Self {
            group: request.group.clone(),
            resource: resource.to_owned(),
            verb: verb.to_owned(),
            name: Some(request.name.clone()),
        };
        let mut needed = vec![right(&request.resource, &request.verb)];
        if request.verb == "patch" && request.code == 201 {
            needed.push(right(&request.resource, "create"));
        }
        needed
    }

    fn covers(&self, needed: &Self) -> bool {
        (&self.group, &self.resource, &self.verb) == (&needed.group, &needed.resource, &needed.verb)
            && (self.name.is_none() || self.name == needed.name)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resource, verb, name } = self;
        write!(f, "{verb} {resource}.{group} {}", name.as_deref().unwrap_or_default())
    }
}

/// What the installed roles of a component allow, one by one.
async fn given(plane: &ControlPlane, component: &str) -> Vec<Right> {
    let selector = format!("app.kubernetes.io/component={component}");
    let roles =
        plane.run_kubectl(&["get", "clusterroles,roles", "-A", "-l", &selector, "-o", "json"], "").await.unwrap();
    let roles: Value = serde_json::from_str(&roles).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = Vec::new();
    for rule in roles["items"].as_array().unwrap().iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        let names = texts(&rule["resourceNames"]);
        let names: Vec<Option<String>> =
            if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        for (group, resource) in texts(&rule["apiGroups"])
            .iter()
            .flat_map(|group| texts(&rule["resources"]).into_iter().map(move |resource| (group, resource)))
        {
            for (verb, name) in texts(&rule["verbs"]).iter().flat_map(|verb| names.iter().map(move |name| (verb, name)))
            {
                rights.push(Right {
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                    name: name.clone(),
                });
            }
        }
    }
    assert!(!rights.is_empty());
    // No request is about it: the API server asks for it where a child names an owner that waits, as ours do.
    rights.retain(|right| !right.resource.ends_with("/finalizers"));
    rights
}

/// Whether it is an event of the Lease that was taken later: the policy hears by itself who leads, and that event is sent until
/// it has.
fn is_begin_of_a_term(refused: &Request, later: &[Request]) -> bool {
    let tells = |request: &Request| {
        (&*request.verb, &*request.resource) == ("create", "events") && request.name.starts_with("dayu-gm.")
    };
    tells(refused) && later.iter().any(|request| tells(request) && request.code == 201)
}

fn requests(plane: &ControlPlane, component: &str) -> Vec<Request> {
    let user = format!("system:serviceaccount:dayu-system:dayu-{component}");
    let requests: Vec<_> = plane.requests().unwrap().into_iter().filter(|request| request.user == user).collect();
    assert!(!requests.is_empty(), "nothing is recorded of {user}");
    requests
}

async fn client(kubeconfig: Value) -> Client {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

async fn register(client: &Client, device: &str) {
    let node: Node = serde_json::from_value(json!({"metadata": {"name": device}})).unwrap();
    Api::<Node>::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
}

/// What a kubelet says of its device.
async fn report(client: &Client, device: &str, address: &str) {
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }});
    let nodes = Api::<Node>::all(client.clone());
    nodes.patch_status(device, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

/// The first worker has a variable twice.
fn joint(images: &[&str], port: u16) -> JointMultiEdgeService {
    let worker = |(number, image): (usize, &&str)| {
        let env: Vec<Value> = (number..2).map(|value| json!({"name": "X", "value": value.to_string()})).collect();
        json!({"template": {"spec": {"nodeName": DEVICE, "containers": [{"name": "a", "image": image, "env": env}]}}})
    };
    let workers: Vec<Value> = images.iter().enumerate().map(worker).collect();
    serde_json::from_value(json!({
        "metadata": {"name": "cam"},
        "spec": {"serviceConfig": {"pos": "edge", "port": port, "targetPort": port}, "edgeWorker": workers},
    }))
    .unwrap()
}

fn runtime_service(device: &str) -> RuntimeService {
    serde_json::from_value(json!({
        "metadata": {"name": "det"},
        "spec": {
            "installID": "i", "deploymentRevision": 1, "component": "processor", "targetNode": device, "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 9000}]}]}},
        },
    }))
    .unwrap()
}

async fn until<K>(api: &Api<K>, what: &str, wished: impl Fn(&[K]) -> bool)
where
    K: Clone + DeserializeOwned + fmt::Debug,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = api.list(&ListParams::default()).await.unwrap();
        if wished(&list.items) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: never; there is {:#?}", list.items);
        sleep(Duration::from_millis(20)).await;
    }
}
