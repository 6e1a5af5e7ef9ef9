//! Custom-resource types, label and annotation names, conditions: what users write and what they match on.
//!
//! The kinds, their fields and every name here are those that Dayu's manifests, backend and programs already use; what
//! the API server accepts is in [`crds`]. Types read leniently (an absent field is its zero value), because the server
//! has validated what it stored, and stored objects outlive a schema.
pub mod annotation;
pub mod condition;
mod crd;
pub mod env;
pub mod joint_multi_edge;
pub mod label;
pub mod lean;
mod pod_template;
pub mod runtime_service;

pub use crd::{Definition, Installed, Served, crds, definitions};
pub use joint_multi_edge::{JointMultiEdgeService, JointMultiEdgeServiceSpec, JointMultiEdgeServiceStatus};
pub use pod_template::{PodTemplate, TemplateMetadata};
pub use runtime_service::{RuntimeService, RuntimeServiceSpec, RuntimeServiceStatus};

/// The API group of all kinds.
pub const GROUP: &str = "sedna.io";
/// The one version, served and stored.
pub const VERSION: &str = "v1alpha1";
/// The namespace of the layer's own objects, such as the Lease of the global manager.
pub const NAMESPACE: &str = "dayu-system";
