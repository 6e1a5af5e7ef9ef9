//! What people type: kubectl against the API over HTTPS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use dayu_cluster::server::Serving;
use dayu_cluster::store::ResourceRef;
use dayu_cluster::{Cluster, Controllers};
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const DEADLINE: Duration = Duration::from_secs(60);

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "web:1"}]}
"#;

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            description: What the gadget is to be.
            type: object
            properties: {size: {type: integer, description: In metres.}, replicas: {type: integer}}
          status:
            type: object
            properties:
              replicas: {type: integer}
              conditions: {type: array, items: {type: object, properties: {type: {type: string}, status: {type: string}}}}
"#;

const GADGET: &str = "
apiVersion: example.com/v1
kind: Gadget
metadata: {name: one}
spec: {size: 3, replicas: 1}
";

/// A running cluster, and a kubectl that knows nothing but it.
struct Shell {
    kubectl: PathBuf,
    /// Of its version, 1.x.
    minor: u32,
    cluster: Cluster,
    dir: TempDir,
    _serving: Serving,
    _controllers: Controllers,
}

/// Those that can be run: the one in the PATH, and those that `DAYU_KUBECTLS` lists with colons between them.
async fn kubectls() -> Vec<(PathBuf, u32)> {
    let listed = std::env::var_os("DAYU_KUBECTLS").unwrap_or_default();
    let all = std::iter::once("kubectl".into()).chain(std::env::split_paths(&listed));
    let mut found = Vec::new();
    for kubectl in all.filter(|path: &PathBuf| !path.as_os_str().is_empty()) {
        let arguments = ["version", "--client", "-o", "json"];
        match Command::new(&kubectl).args(arguments).output().await {
            Ok(output) if output.status.success() => {
                let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                let version = told["clientVersion"]["gitVersion"].as_str().unwrap();
                eprintln!("with {} {version}", kubectl.display());
                found.push((kubectl, version.split('.').nth(1).unwrap().parse().unwrap()));
            }
            // A list is meant; the PATH may have none.
            _ => assert!(found.is_empty() && kubectl.as_os_str() == "kubectl", "{} does not run", kubectl.display()),
        }
    }
    if found.is_empty() {
        xtask::kube::skip("there is no kubectl in the PATH, nor does DAYU_KUBECTLS list any");
    }
    found
}

/// Runs a scenario on a cluster of its own with each kubectl.
async fn with_each(scenario: impl AsyncFn(Shell)) {
    for (kubectl, minor) in kubectls().await {
        scenario(Shell::open(kubectl, minor).await).await;
    }
}

impl Shell {
    async fn open(kubectl: PathBuf, minor: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::builder().data_dir(dir.path().join("data")).build().await.unwrap();
        let controllers = cluster.start_controllers();
        let serving = cluster.serve(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await.unwrap();
        Self { kubectl, minor, cluster, dir, _serving: serving, _controllers: controllers }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .arg("--kubeconfig")
            .arg(self.dir.path().join("data/kubeconfig"))
            .arg("--cache-dir")
            .arg(self.dir.path().join("cache"))
            .args(line.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, line: &str, input: &str) -> Output {
        let mut child = self.command(line).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        tokio::time::timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap()
    }

    /// What it prints when it succeeds.
    async fn ok(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {line}: {error}", self.kubectl.display());
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains of when it fails.
    async fn refused(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input).await;
        assert!(!output.status.success(), "kubectl {line} was to fail");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> String {
    let mut text = String::new();
    let length = tokio::time::timeout(DEADLINE, stream.read_line(&mut text)).await.unwrap().unwrap();
    assert!(length > 0, "it has ended");
    text
}

fn watching(child: &mut Child) -> BufReader<&mut tokio::process::ChildStdout> {
    BufReader::new(child.stdout.as_mut().unwrap())
}

#[tokio::test]
async fn built_in_kinds() {
    with_each(async |shell| {
        assert_eq!(shell.ok("apply -f -", DEPLOYMENT).await, "deployment.apps/web created\n");
        assert_eq!(shell.ok("apply -f -", DEPLOYMENT).await, "deployment.apps/web unchanged\n");
        let changed = DEPLOYMENT.replace("web:1", "web:2");
        assert_eq!(shell.ok("apply -f -", &changed).await, "deployment.apps/web configured\n");
        let image = "get deployment web -o jsonpath={.spec.template.spec.containers[*].image}";
        assert_eq!(shell.ok(image, "").await, "web:2");

        assert_eq!(shell.ok("label deploy web tier=front", "").await, "deployment.apps/web labeled\n");
        let table = shell.ok("get deploy -l tier=front", "").await;
        let words = |line: usize| -> Vec<&str> { table.lines().nth(line).unwrap().split_whitespace().collect() };
        assert_eq!(words(0), ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
        assert_eq!(words(1)[..2], ["web", "0/1"]);
        assert!(shell.ok("get deploy web -o wide", "").await.contains("web:2"));
        assert_eq!(shell.ok("scale deploy web --replicas=2", "").await, "deployment.apps/web scaled\n");
        let patch = r#"patch deploy web -p {"spec":{"replicas":0}}"#;
        assert_eq!(shell.ok(patch, "").await, "deployment.apps/web patched\n");
        if shell.minor >= 23 {
            let zero = "wait deploy/web --for=jsonpath={.spec.replicas}=0 --timeout=10s";
            assert!(shell.ok(zero, "").await.contains("met"));
        }

        let described = shell.ok("describe deploy web", "").await;
        assert!(described.contains("web:2") && described.contains("Events:"), "{described}");
        let diff = shell.run("diff -f -", &DEPLOYMENT.replace("replicas: 1", "replicas: 5")).await;
        assert!(String::from_utf8_lossy(&diff.stdout).contains("+  replicas: 5"));
        shell.ok("apply --dry-run=server -f -", DEPLOYMENT).await;
        assert!(shell.refused("apply -f -", &DEPLOYMENT.replace("image:", "imago:")).await.contains("imago"));
        assert_eq!(shell.ok(image, "").await, "web:2", "a diff changes nothing");
        assert!(shell.ok("api-resources", "").await.contains("deployments"));
        assert_eq!(shell.ok("auth can-i delete pods", "").await, "yes\n");

        // Newer ones say from where.
        assert!(shell.ok("delete deploy web", "").await.starts_with("deployment.apps \"web\" deleted"));
        assert!(shell.refused("get deploy web", "").await.contains("deployments.apps \"web\" not found"));
    })
    .await;
}

#[tokio::test]
async fn custom_kinds() {
    with_each(async |shell| {
        shell.ok("apply -f -", DEFINITION).await;
        shell.ok("wait crd/gadgets.example.com --for=condition=Established --timeout=10s", "").await;
        assert_eq!(shell.ok("apply -f -", GADGET).await, "gadget.example.com/one created\n");
        assert_eq!(shell.ok("apply -f -", GADGET).await, "gadget.example.com/one unchanged\n");
        assert_eq!(shell.ok("apply -f -", &GADGET.replace('3', "4")).await, "gadget.example.com/one configured\n");
        assert_eq!(shell.ok("get gd one -o jsonpath={.spec.size}", "").await, "4");
        let table = shell.ok("get gd", "").await;
        assert!(table.starts_with("NAME   SIZE\none    4"), "{table}");
        assert_eq!(shell.ok("scale gd one --replicas=7", "").await, "gadget.example.com/one scaled\n");
        assert_eq!(shell.ok("get gd one -o jsonpath={.spec.replicas}", "").await, "7");
        if shell.minor >= 24 {
            let status = r#"patch gd one --subresource=status --type=merge -p {"status":{"replicas":2}}"#;
            shell.ok(status, "").await;
        }
        assert!(shell.ok("describe gd one", "").await.contains("Replicas:"));
        assert!(shell.ok("explain gd.spec.size", "").await.contains("In metres."));
        let diff = shell.run("diff -f -", &GADGET.replace('3', "5")).await;
        assert!(String::from_utf8_lossy(&diff.stdout).contains("+  size: 5"));
        let applied = shell.ok("apply --server-side -f -", &GADGET.replace("one", "two")).await;
        assert_eq!(applied, "gadget.example.com/two serverside-applied\n");
        let both = shell.ok("get gadgets -o name", "").await;
        assert_eq!(both, "gadget.example.com/one\ngadget.example.com/two\n");
        shell.ok("delete gd --all", "").await;
        shell.ok("delete crd gadgets.example.com", "").await;
        let gone = shell.refused("get gd", "").await;
        assert!(
            gone.contains("doesn't have a resource type") || gone.contains("could not find the requested"),
            "{gone}"
        );
    })
    .await;
}

/// kubectl makes its patches by what the schemas say of lists.
#[tokio::test]
async fn what_others_add_to_a_list_stays() {
    with_each(async |shell| {
        shell.ok("apply -f -", DEPLOYMENT).await;
        let side = r#"{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}"#;
        shell.ok(&format!("patch deploy web -p {side}"), "").await;
        let changed = DEPLOYMENT
            .replace("web:1", "web:2")
            .replace("spec:\n  replicas", "spec:\n  strategy: {type: Recreate}\n  replicas");
        shell.ok("apply -f -", &changed).await;
        let images = "get deployment web -o jsonpath={.spec.template.spec.containers[*].image}";
        assert_eq!(shell.ok(images, "").await, "side:1 web:2");
        assert_eq!(shell.ok("get deploy web -o jsonpath={.spec.strategy.type}", "").await, "Recreate");
    })
    .await;
}

#[tokio::test]
async fn get_watches() {
    with_each(async |shell| {
        let mut child = shell.command("get configmaps -w --no-headers").spawn().unwrap();
        let mut lines = watching(&mut child);
        assert!(line(&mut lines).await.starts_with("kube-root-ca.crt"));
        shell.ok("create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\n").await;
        assert!(line(&mut lines).await.starts_with("seen"));
    })
    .await;
}

#[tokio::test]
async fn get_watches_what_becomes_of_a_custom_kind() {
    with_each(async |shell| {
        shell.ok("apply -f -", DEFINITION).await;
        shell.ok("apply -f -", GADGET).await;
        let mut child = shell.command("get gd -w --no-headers").spawn().unwrap();
        let mut lines = watching(&mut child);
        let mut next = async || line(&mut lines).await.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(next().await, ["one", "3"]);
        shell.ok("apply -f -", &GADGET.replace('3', "4")).await;
        assert_eq!(next().await, ["one", "4"]);
    })
    .await;
}

#[tokio::test]
async fn wait_returns_once_a_condition_of_a_custom_kind_holds() {
    with_each(async |shell| {
        shell.ok("apply -f -", DEFINITION).await;
        shell.ok("apply -f -", GADGET).await;
        let mut waiting = shell.command("wait gd/one --for=condition=Ready --timeout=60s -v=6").spawn().unwrap();
        let mut asks = BufReader::new(waiting.stderr.as_mut().unwrap());
        while !line(&mut asks).await.contains("watch=true") {}
        let (gadgets, store) = (ResourceRef::new("example.com", "gadgets"), shell.cluster.store());
        let mut one = store.get(&gadgets, "default", "one").unwrap().value().unwrap();
        one["status"] = serde_json::json!({"conditions": [{"type": "Ready", "status": "True"}]});
        store.update(&gadgets, one).unwrap();
        assert_eq!(line(&mut watching(&mut waiting)).await, "gadget.example.com/one condition met\n");
        assert!(shell.refused("wait gd/one --for=condition=Gone --timeout=1s", "").await.contains("timed out"));
    })
    .await;
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_in_it() {
    with_each(async |shell| {
        shell.ok("create -f -", "apiVersion: v1\nkind: Namespace\nmetadata: {name: room}\n").await;
        shell.ok("apply -n room -f -", DEPLOYMENT).await;
        assert_eq!(shell.ok("delete namespace room", "").await, "namespace \"room\" deleted\n");
        assert!(shell.refused("get namespace room", "").await.contains("not found"));
        assert_eq!(shell.ok("get deploy -A -o name", "").await, "");
    })
    .await;
}

#[tokio::test]
async fn of_several_documents_one_that_is_bad_is_named() {
    with_each(async |shell| {
        let documents =
            format!("{DEPLOYMENT}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: gone}}\n");
        let file = shell.file("documents.yaml", &documents);
        let refused = shell.refused(&format!("apply -f {}", file.display()), "").await;
        assert!(refused.contains("namespaces \"gone\" not found"), "{refused}");
        assert_eq!(shell.cluster.store().list(&dayu_cluster::store::DEPLOYMENTS, None).objects.len(), 1);
    })
    .await;
}

/// Where a kubelet of node n1 would serve logs, of which there is a pod p.
async fn kubelet(shell: &Shell) -> TcpListener {
    let kubelet = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = kubelet.local_addr().unwrap().port();
    let node = serde_json::json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n1", "annotations": {"kubelet-scheme": "http"}}, "spec": {},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}});
    shell.cluster.store().create(&dayu_cluster::store::NODES, node).unwrap();
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {nodeName: n1, containers: [{name: main, image: i}]}\n";
    shell.ok("apply -f -", pod).await;
    kubelet
}

/// The path that is asked for, and the stream for an answer that ends with it.
async fn asked(kubelet: &TcpListener) -> (String, TcpStream) {
    let (mut stream, _) = tokio::time::timeout(DEADLINE, kubelet.accept()).await.unwrap().unwrap();
    let path = line(&mut BufReader::new(&mut stream)).await.split(' ').nth(1).unwrap().to_owned();
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
    (path, stream)
}

#[tokio::test]
async fn logs_come_from_the_node() {
    with_each(async |shell| {
        let kubelet = kubelet(&shell).await;
        let answers = async {
            let (path, mut stream) = asked(&kubelet).await;
            stream.write_all(format!("asked for {path}\n").as_bytes()).await.unwrap();
        };
        let (log, ()) = tokio::join!(shell.ok("logs p --tail=5", ""), answers);
        assert_eq!(log, "asked for /containerLogs/default/p/main?tailLines=5\n");
    })
    .await;
}

#[tokio::test]
async fn logs_that_are_followed_come_line_by_line() {
    with_each(async |shell| {
        let kubelet = kubelet(&shell).await;
        let mut following = shell.command("logs -f p").spawn().unwrap();
        let (path, mut stream) = asked(&kubelet).await;
        assert_eq!(path, "/containerLogs/default/p/main?follow=true");
        let mut lines = watching(&mut following);
        for text in ["one\n", "two\n"] {
            stream.write_all(text.as_bytes()).await.unwrap();
            assert_eq!(line(&mut lines).await, text);
        }
        drop(stream);
        let ended = tokio::time::timeout(DEADLINE, following.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "it ends with the output");
    })
    .await;
}

/// Those that say what is to be in words instead of a file send it in whatever form they like: from 1.32 on that is
/// protocol buffers.
#[tokio::test]
async fn what_is_created_in_words() {
    with_each(async |shell| {
        let create = async |what: &str| shell.ok(&format!("create {what}"), "").await;
        assert_eq!(create("namespace room").await, "namespace/room created\n");
        create("configmap words --from-literal=a=b").await;
        create("secret generic keys --from-literal=k=v").await;
        create("serviceaccount runner").await;
        create("deployment front --image=web:1 --replicas=0 --port=80").await;
        create("job once --image=web:1 -- run it").await;
        create("service clusterip front --tcp=80:8080").await;
        create("service nodeport back --tcp=80:http").await;
        create("ingress way --rule=host.example.com/path=front:80").await;
        create("role reader --verb=get,list --resource=pods").await;
        create("rolebinding readers --role=reader --serviceaccount=default:runner").await;
        create("clusterrole reader --verb=get --resource=nodes").await;
        create("clusterrolebinding readers --clusterrole=reader --user=somebody").await;
        create("quota few --hard=pods=2").await;
        create("priorityclass high --value=1000").await;
        shell.ok("run single --image=web:1 --env=A=B --labels=app=single", "").await;

        let field = async |what: &str, path: &str| shell.ok(&format!("get {what} -o jsonpath={path}"), "").await;
        assert_eq!(field("configmap words", "{.data.a}").await, "b");
        assert_eq!(field("secret keys", "{.data.k}").await, "dg==");
        assert_eq!(field("deployment front", "{.spec.replicas}").await, "0", "a zero that is said stays");
        assert_eq!(field("deployment front", "{.spec.template.spec.containers[0].ports[0].containerPort}").await, "80");
        assert_eq!(field("job once", "{.spec.template.spec.containers[0].command}").await, r#"["run","it"]"#);
        assert_eq!(field("service front", "{.spec.ports[0].targetPort}").await, "8080");
        assert_eq!(field("service back", "{.spec.ports[0].targetPort}").await, "http");
        assert_eq!(field("ingress way", "{.spec.rules[0].http.paths[0].backend.service.name}").await, "front");
        assert_eq!(field("quota few", "{.spec.hard.pods}").await, "2");
        // Before, kubectl sends versions of these that Kubernetes serves no more since 1.25.
        if shell.minor >= 22 {
            create("cronjob often --image=web:1 --schedule=@hourly").await;
            create("poddisruptionbudget some --selector=app=front --min-available=1").await;
            assert_eq!(field("pdb some", "{.spec.minAvailable}").await, "1");
        }
        assert_eq!(field("pod single", "{.spec.containers[0].env[0].value}").await, "B");
        assert_eq!(field("deployment front", "{.metadata.managedFields[0].manager}").await, "kubectl-create");

        shell.ok("rollout status deployment/front --timeout=10s", "").await;
        shell.ok("annotate deployment front note=seen", "").await;
        assert_eq!(field("deployment front", "{.metadata.annotations.note}").await, "seen");
        assert!(shell.ok("explain deployment.spec.replicas", "").await.contains("Number of desired pods"));
        assert!(shell.refused("create namespace room", "").await.contains("already exists"));
        assert!(shell.refused("create configmap Bad_Name", "").await.contains("Invalid value"));
    })
    .await;
}
