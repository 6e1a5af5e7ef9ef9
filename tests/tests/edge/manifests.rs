//! Resources as users write them.

/// The example pipeline, its cloud played by a device, in a namespace of the caller's.
pub(crate) fn pipeline(namespace: &str) -> String {
    let published = include_str!("../../../examples/pipeline/pipeline.yaml");
    published
        .replace("targetNode: cloud", "targetNode: edge1")
        // What the node alone sees, and what goes with it.
        .replace("/data/dayu-files", "/run/dayu-files")
        .replace(".pipeline.svc", &format!(".{namespace}.svc"))
        .replace("namespace: pipeline", &format!("namespace: {namespace}"))
        .replace("metadata: {name: pipeline}", &format!("metadata: {{name: {namespace}}}"))
}

/// A RuntimeService whose worker is the example's aggregator.
pub(crate) fn runtime_service(namespace: &str, name: &str, device: &str, revision: u32) -> String {
    format!(
        "apiVersion: sedna.io/v1alpha1
kind: RuntimeService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  installID: test
  deploymentRevision: {revision}
  component: distributor
  targetNode: {device}
  endpoint: {{port: 9000}}
  podTemplate:
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      containers:
        - name: worker
          image: dayu-pipeline/aggregator:v1
          env:
            - {{name: NODE_NAME, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}
            - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
          ports: [{{name: runtime, containerPort: 9000, protocol: TCP}}]
          readinessProbe: {{tcpSocket: {{port: 9000}}, periodSeconds: 1, timeoutSeconds: 1}}
"
    )
}
