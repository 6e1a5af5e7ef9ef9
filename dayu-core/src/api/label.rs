//! Labels that users, meshes and backends select on.

/// `true` on every child of a RuntimeService: the mesh serves it.
pub const MESH_MANAGED: &str = "dayu.io/mesh-managed";
/// The installation a RuntimeService belongs to.
pub const INSTALL_ID: &str = "dayu.io/install-id";
/// The deployment revision, in decimal.
pub const DEPLOYMENT_REVISION: &str = "dayu.io/deployment-revision";
/// The name of the RuntimeService.
pub const RUNTIME_ID: &str = "dayu.io/runtime-id";
/// The component of the platform that the worker is.
pub const COMPONENT: &str = "dayu.io/component";
/// The UID of the RuntimeService.
pub const RUNTIME_SERVICE_UID: &str = "dayu.io/runtime-service-uid";

/// The name of the JointMultiEdgeService: on its pods, Deployments and Service.
pub const JOINT_NAME: &str = "jointmultiedge.sedna.io/name";
/// The UID of the JointMultiEdgeService.
pub const JOINT_UID: &str = "jointmultiedge.sedna.io/uid";
/// What kind of workers a child stands for: a Service's `pos`, a Deployment's role.
pub const JOINT_WORKER_TYPE: &str = "jointmultiedge.sedna.io/worker-type";
/// Which worker a pod is (`edge-0`): keeps the selectors of two workers on one device apart.
pub const JOINT_WORKER: &str = "jointmultiedge.sedna.io/worker";

/// The device a worker is pinned to; empty when the scheduler chooses.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// Present, whatever its value: kube-proxy leaves the Service to the mesh.
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// On a Node: who registered it.
pub const MANAGED_BY: &str = "dayu.io/managed-by";
/// On a Node, behind it what the Node is for (`edge`, `control-plane`), whatever its value.
pub const NODE_ROLE: &str = "node-role.kubernetes.io/";
/// `true` on a ConfigMap that says which command an image stands for.
pub const IMAGE_MAP: &str = "dayu.io/image-map";
