//! Annotations that users and meshes read.

/// The service of the application that the worker implements; may be empty.
pub const LOGICAL_SERVICE: &str = "dayu.io/logical-service";
/// The device that a RuntimeService's worker runs on.
pub const TARGET_NODE: &str = "dayu.io/target-node";
/// The hash of the RuntimeService's spec: 64 lower-case hexadecimal digits.
pub const RUNTIME_SPEC_HASH: &str = "dayu.io/runtime-spec-hash";
/// On the global manager's Lease: where local managers connect, `host:port`.
pub const LINK_ADDRESS: &str = "dayu.io/link-address";
/// On the Lease of the global manager, and on that of each device: the fingerprint of the certificate that it shows on the link.
pub const LINK_KEY: &str = "dayu.io/link-key";
