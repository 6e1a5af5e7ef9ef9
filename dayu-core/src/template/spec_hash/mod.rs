//! The hash of a RuntimeService's spec, bit for bit the one that Sedna's manager computes.
//!
//! That hash is SHA-256 over Go's JSON of the spec as `k8s.io/api` v0.21.4 declares it. It stands on the children of
//! every installation that is taken over, so it is computed from a table of facts ([`fields`]) instead of from types
//! that change with a library. Fields that Kubernetes learned later follow the known ones, sorted by name: the Go
//! manager's schema pruned them, so no recorded hash covers them, and a change of one still changes the hash.
mod encode;
mod fields;
#[cfg(test)]
pub(crate) mod known;
mod quantity;
#[cfg(test)]
mod tests;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::RuntimeServiceSpec;

/// One field of a Go struct.
struct Field {
    name: &'static str,
    /// Not written when it has its zero value.
    vanishes: bool,
    kind: Kind,
}

/// A Go struct's fields in the order of their declaration.
type Fields = &'static [Field];

/// What a field holds, as far as Go's encoder tells kinds apart.
enum Kind {
    Text,
    Flag,
    Number,
    Quantity,
    Either,
    Time,
    Raw,
    Pointer(&'static Kind),
    List(&'static Kind),
    Map(&'static Kind),
    Struct(&'static Fields),
}

static SPEC: Fields = &[
    Field { name: "installID", vanishes: false, kind: Kind::Text },
    Field { name: "deploymentRevision", vanishes: false, kind: Kind::Number },
    Field { name: "component", vanishes: false, kind: Kind::Text },
    Field { name: "logicalService", vanishes: true, kind: Kind::Text },
    Field { name: "targetNode", vanishes: false, kind: Kind::Text },
    Field { name: "podTemplate", vanishes: false, kind: Kind::Struct(&TEMPLATE) },
    Field { name: "endpoint", vanishes: true, kind: Kind::Pointer(&Kind::Struct(&ENDPOINT)) },
];
static TEMPLATE: Fields = &[
    Field { name: "metadata", vanishes: true, kind: Kind::Struct(&METADATA) },
    Field { name: "spec", vanishes: false, kind: Kind::Struct(&fields::PodSpec) },
];
static METADATA: Fields = &[
    Field { name: "labels", vanishes: true, kind: Kind::Map(&Kind::Text) },
    Field { name: "annotations", vanishes: true, kind: Kind::Map(&Kind::Text) },
];
static ENDPOINT: Fields = &[Field { name: "port", vanishes: false, kind: Kind::Number }];

/// The hash of `spec`: 64 lower-case hexadecimal digits.
///
/// ```
/// # use dayu_core::{api::RuntimeServiceSpec, template::spec_hash};
/// let spec = RuntimeServiceSpec { deployment_revision: 1, ..Default::default() };
/// assert_eq!(spec_hash::of(&spec).len(), 64);
/// assert_ne!(spec_hash::of(&spec), spec_hash::of(&RuntimeServiceSpec::default()));
/// ```
#[must_use]
pub fn of(spec: &RuntimeServiceSpec) -> String {
    // A spec is a tree of strings, numbers and maps with string keys: there is nothing in it that JSON cannot say.
    let value = serde_json::to_value(spec).unwrap_or_default();
    Sha256::digest(canonical(&value)).iter().fold(String::with_capacity(64), |mut hex, byte| {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or_default());
        }
        hex
    })
}

/// Go's JSON of the spec that `value` holds.
fn canonical(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    encode::structure(&mut out, SPEC, value);
    out
}
