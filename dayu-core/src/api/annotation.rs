//! Annotations that users write or read, and meshes go by.

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

/// On a Service, or on a resource that has one: the policy that chooses among its endpoints, a
/// [`BuiltIn`](crate::balance::policy::BuiltIn).
pub const BALANCE: &str = "dayu.io/balance";
/// On a Service, or on a resource that has one: from how busy a device on requests that only prefer it may go to another, a
/// [`SpillAt`](crate::balance::SpillAt).
pub const SPILL: &str = "dayu.io/spill";
/// What a Service has of the resource that it is made for.
pub const INHERITED: [&str; 2] = [BALANCE, SPILL];
