//! What the project's own development needs and its users do not.

pub mod kube;
pub mod protobuf;
pub mod small_disk;
