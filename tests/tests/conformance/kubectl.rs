//! What people type and what they are told.

use crate::harness::{Session, scenarios};
use crate::kinds::definition;

scenarios! { built_in, custom, server_side, mistakes, waiting }

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: \"web:1\"}]}
";

async fn built_in(session: &mut Session) {
    session.kubectl("apply", "apply -f -", WEB).await;
    session.kubectl("apply again", "apply -f -", WEB).await;
    session.kubectl("apply a change", "apply -f -", &WEB.replace("web:1", "web:2")).await;
    session
        .settled_quietly("/apis/apps/v1/namespaces/{ns}/deployments/web", |answer| {
            answer.body["status"]["observedGeneration"] == 2
        })
        .await;
    session.kubectl("get", "get deploy", "").await;
    session.kubectl("get wide", "get deploy web -o wide", "").await;
    session.kubectl("get labels", "get deploy --show-labels", "").await;
    session.kubectl("get name", "get deploy -o name", "").await;
    session.kubectl("jsonpath", "get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", "").await;
    session.kubectl("label", "label deploy web x=y", "").await;
    session.kubectl("annotate", "annotate deploy web x=y", "").await;
    session.kubectl("patch", r#"patch deploy web -p {"spec":{"minReadySeconds":3}}"#, "").await;
    session.kubectl("set image", "set image deploy/web main=web:3", "").await;
    session.kubectl("scale", "scale deploy web --replicas=0", "").await;
    session.kubectl("diff", "diff -f -", WEB).await;
    session.kubectl("explain", "explain deploy.spec.replicas", "").await;
    session.kubectl("explain pod", "explain pod.spec.containers.image", "").await;
    session.kubectl("can i", "auth can-i delete pods", "").await;
    session.kubectl("delete", "delete deploy web", "").await;
    session.kubectl("get none", "get deploy", "").await;
    session
        .kubectl("create", "create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata: {a: b}\n")
        .await;
    session.kubectl("describe", "describe configmap made", "").await;
    session
        .kubectl(
            "edit nothing",
            "replace -f -",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata: {a: c}\n",
        )
        .await;
    session.kubectl("delete by label", "delete configmap -l none=such", "").await;
}

const GADGET: &str = "apiVersion: {ns}.example.com/v1
kind: Gizmo
metadata: {name: one}
spec: {size: 3}
";

async fn custom(session: &mut Session) {
    // Of another name than in other scenarios: kubectl looks for names in all groups.
    let gizmo =
        definition().to_string().replace("gadget", "gizmo").replace("Gadget", "Gizmo").replace("\"gd\"", "\"gz\"");
    session.define(&serde_json::from_str(&gizmo).unwrap()).await;
    let gadget = GADGET.replace("{ns}", session.namespace());
    session.settled_quietly("/apis/{ns}.example.com/v1", |answer| answer.code == 200).await;
    session.kubectl("apply", "apply -f -", &gadget).await;
    session.kubectl("apply again", "apply -f -", &gadget).await;
    session.kubectl("apply a change", "apply -f -", &gadget.replace('3', "4")).await;
    session.kubectl("get", "get gz", "").await;
    session.kubectl("get wide", "get gizmos -o wide", "").await;
    session.kubectl("get yaml", "get gizmo one -o yaml", "").await;
    session.kubectl("describe", "describe gz one", "").await;
    session.kubectl("explain", "explain gizmo.spec.size", "").await;
    session.kubectl("explain all", "explain gizmo.spec", "").await;
    session.kubectl("scale", "scale gz one --replicas=7", "").await;
    session
        .kubectl("status", r#"patch gz one --subresource=status --type=merge -p {"status":{"phase":"Up"}}"#, "")
        .await;
    session.kubectl("get status", "get gz one", "").await;
    session.kubectl("invalid", "apply -f -", &gadget.replace('3', "30")).await;
    session.kubectl("unknown field", "apply -f -", &gadget.replace("size: 3", "size: 3, sise: 4")).await;
    session.kubectl("delete", "delete gz one", "").await;
}

async fn server_side(session: &mut Session) {
    session.kubectl("apply", "apply --server-side -f -", WEB).await;
    session.kubectl("apply again", "apply --server-side -f -", WEB).await;
    session.kubectl("conflict", "apply --server-side --field-manager=other -f -", &WEB.replace("web:1", "web:2")).await;
    session
        .kubectl(
            "force",
            "apply --server-side --field-manager=other --force-conflicts -f -",
            &WEB.replace("web:1", "web:2"),
        )
        .await;
    session.kubectl("dry run", "apply --server-side --dry-run=server -f -", WEB).await;
    session.kubectl("client side after", "apply -f -", WEB).await;
    session.kubectl("server side after", "apply --server-side -f -", WEB).await;
}

async fn mistakes(session: &mut Session) {
    session.kubectl("no kind", "get nothings", "").await;
    session.kubectl("no object", "get configmap nothing", "").await;
    session.kubectl("delete nothing", "delete configmap nothing", "").await;
    session.kubectl("ignore nothing", "delete configmap nothing --ignore-not-found", "").await;
    session.kubectl("two documents", "apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_}\n").await;
    session
        .kubectl("unknown field", "apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatum: {a: b}\n")
        .await;
    session
        .kubectl("wrong type", "apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [a]\n")
        .await;
    session.kubectl("no version", "apply -f -", "apiVersion: v9\nkind: ConfigMap\nmetadata: {name: x}\n").await;
    session.kubectl("bad patch", r#"patch configmap good --type=json -p [{"op":"remove","path":"/none"}]"#, "").await;
}

async fn waiting(session: &mut Session) {
    session.kubectl("apply", "apply -f -", WEB).await;
    session.kubectl("condition", "wait deploy/web --for=condition=Available --timeout=30s", "").await;
    session.kubectl("field", "wait deploy/web --for=jsonpath={.spec.replicas}=0 --timeout=30s", "").await;
    session.kubectl("in vain", "wait deploy/web --for=condition=Never --timeout=1s", "").await;
    session.kubectl("rollout", "rollout status deploy/web --timeout=30s", "").await;
    session.kubectl("delete", "delete deploy web --wait=false", "").await;
    session.kubectl("deletion", "wait deploy/web --for=delete --timeout=30s", "").await;
}
