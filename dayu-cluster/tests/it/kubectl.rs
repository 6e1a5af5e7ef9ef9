//! What people type: kubectl against the API over HTTPS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use dayu_cluster::server::Serving;
use dayu_cluster::{Cluster, Controllers};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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
          status: {type: object, properties: {replicas: {type: integer}}}
"#;

const GADGET: &str = "
apiVersion: example.com/v1
kind: Gadget
metadata: {name: one}
spec: {size: 3, replicas: 1}
";

/// A running cluster, and a kubectl that knows nothing but it.
struct Shell {
    cluster: Cluster,
    dir: TempDir,
    _serving: Serving,
    _controllers: Controllers,
}

impl Shell {
    /// `None` where there is no kubectl.
    async fn open() -> Option<Self> {
        let version = Command::new("kubectl").args(["version", "--client"]).output().await;
        if !version.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: there is no kubectl in the PATH");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::builder().data_dir(dir.path().join("data")).build().await.unwrap();
        let controllers = cluster.start_controllers();
        let serving = cluster.serve(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await.unwrap();
        Some(Self { cluster, dir, _serving: serving, _controllers: controllers })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("kubectl");
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
        assert!(output.status.success(), "kubectl {line}: {error}");
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

async fn line(child: &mut BufReader<&mut tokio::process::ChildStdout>) -> String {
    let mut text = String::new();
    tokio::time::timeout(DEADLINE, child.read_line(&mut text)).await.unwrap().unwrap();
    text
}

fn watching(child: &mut Child) -> BufReader<&mut tokio::process::ChildStdout> {
    BufReader::new(child.stdout.as_mut().unwrap())
}

#[tokio::test]
async fn built_in_kinds() {
    let Some(shell) = Shell::open().await else { return };
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
    assert!(shell.ok("wait deploy/web --for=jsonpath={.spec.replicas}=0 --timeout=10s", "").await.contains("met"));

    let described = shell.ok("describe deploy web", "").await;
    assert!(described.contains("web:2") && described.contains("Events:"), "{described}");
    let diff = shell.run("diff -f -", &DEPLOYMENT.replace("replicas: 1", "replicas: 5")).await;
    assert!(String::from_utf8_lossy(&diff.stdout).contains("+  replicas: 5"));
    assert_eq!(shell.ok(image, "").await, "web:2", "a diff changes nothing");
    assert!(shell.ok("api-resources", "").await.contains("deployments"));
    assert_eq!(shell.ok("auth can-i delete pods", "").await, "yes\n");

    assert_eq!(shell.ok("delete deploy web", "").await, "deployment.apps \"web\" deleted\n");
    assert!(shell.refused("get deploy web", "").await.contains("deployments.apps \"web\" not found"));
}

#[tokio::test]
async fn custom_kinds() {
    let Some(shell) = Shell::open().await else { return };
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
    let status = r#"patch gd one --subresource=status --type=merge -p {"status":{"replicas":2}}"#;
    shell.ok(status, "").await;
    assert!(shell.ok("describe gd one", "").await.contains("Replicas:"));
    let applied = shell.ok("apply --server-side -f -", &GADGET.replace("one", "two")).await;
    assert_eq!(applied, "gadget.example.com/two serverside-applied\n");
    let both = shell.ok("get gadgets -o name", "").await;
    assert_eq!(both, "gadget.example.com/one\ngadget.example.com/two\n");
    shell.ok("delete gd --all", "").await;
    shell.ok("delete crd gadgets.example.com", "").await;
    let gone = shell.refused("get gd", "").await;
    assert!(gone.contains("doesn't have a resource type") || gone.contains("could not find the requested"), "{gone}");
}

#[tokio::test]
async fn get_watches() {
    let Some(shell) = Shell::open().await else { return };
    let mut child = shell.command("get configmaps -w --no-headers").spawn().unwrap();
    let mut lines = watching(&mut child);
    assert!(line(&mut lines).await.starts_with("kube-root-ca.crt"));
    shell.ok("create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\n").await;
    assert!(line(&mut lines).await.starts_with("seen"));
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_in_it() {
    let Some(shell) = Shell::open().await else { return };
    shell.ok("create -f -", "apiVersion: v1\nkind: Namespace\nmetadata: {name: room}\n").await;
    shell.ok("apply -n room -f -", DEPLOYMENT).await;
    assert_eq!(shell.ok("delete namespace room", "").await, "namespace \"room\" deleted\n");
    assert!(shell.refused("get namespace room", "").await.contains("not found"));
    assert_eq!(shell.ok("get deploy -A -o name", "").await, "");
}

#[tokio::test]
async fn of_several_documents_one_that_is_bad_is_named() {
    let Some(shell) = Shell::open().await else { return };
    let documents =
        format!("{DEPLOYMENT}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: gone}}\n");
    let file = shell.file("documents.yaml", &documents);
    let refused = shell.refused(&format!("apply -f {}", file.display()), "").await;
    assert!(refused.contains("namespaces \"gone\" not found"), "{refused}");
    assert_eq!(shell.cluster.store().list(&dayu_cluster::store::DEPLOYMENTS, None).objects.len(), 1);
}

#[tokio::test]
async fn logs_come_from_the_node() {
    let Some(shell) = Shell::open().await else { return };
    let kubelet = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = kubelet.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = kubelet.accept().await.unwrap();
        let mut request = String::new();
        BufReader::new(&mut stream).read_line(&mut request).await.unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let body = format!("asked for {path}\n");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    });
    let node = serde_json::json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n1", "annotations": {"kubelet-scheme": "http"}}, "spec": {},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}});
    shell.cluster.store().create(&dayu_cluster::store::NODES, node).unwrap();
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {nodeName: n1, containers: [{name: main, image: i}]}\n";
    shell.ok("apply -f -", pod).await;
    let log = shell.ok("logs p --tail=5", "").await;
    assert_eq!(log, "asked for /containerLogs/default/p/main?tailLines=5\n");
}
