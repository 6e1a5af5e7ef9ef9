//! Resources as users write them.

/// A RuntimeService on `device` whose worker is the aggregator of the example pipeline, by command.
pub(crate) fn runtime_service(name: &str, device: &str) -> String {
    format!(
        "apiVersion: sedna.io/v1alpha1
kind: RuntimeService
metadata: {{name: {name}, namespace: default}}
spec:
  installID: test
  deploymentRevision: 1
  component: distributor
  targetNode: {device}
  endpoint: {{port: 9000}}
  podTemplate:
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      containers:
        - name: worker
          image: example/worker:v1
          command: [dayu, example-worker, aggregator]
          env:
            - {{name: NODE_NAME, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}
            - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
          ports: [{{name: runtime, containerPort: 9000, protocol: TCP}}]
          readinessProbe: {{tcpSocket: {{port: 9000}}, periodSeconds: 1, timeoutSeconds: 1}}
"
    )
}

/// A JointMultiEdgeService with one worker on `device`.
pub(crate) fn joint_service(name: &str, device: &str) -> String {
    format!(
        "apiVersion: sedna.io/v1alpha1
kind: JointMultiEdgeService
metadata: {{name: {name}, namespace: default}}
spec:
  edgeWorker:
    - template: {{spec: {{nodeName: {device}, containers: [{{name: worker, image: example/worker:v1}}]}}}}
  serviceConfig: {{pos: edge, port: 9000}}
"
    )
}

/// A Service of type NodePort.
pub(crate) fn node_port_service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  type: NodePort
  selector: {{app: {name}}}
  ports: [{{port: 80, nodePort: {port}}}]
"
    )
}
