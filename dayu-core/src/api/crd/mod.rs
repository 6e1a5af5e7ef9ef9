//! The definitions that teach an API server our kinds.
#[cfg(test)]
mod generated;
mod installed;
#[cfg(test)]
mod tests;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

pub use installed::{Installed, Served};

/// The CustomResourceDefinition of one kind, as text that can be sent as it is.
///
/// Its schema is structural and, but for `ports[].protocol: TCP`, free of defaults: a spec reads back as it was written.
/// It is small enough for a plain `kubectl apply -f`, which repeats it in an annotation of at most 256 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    name: &'static str,
    // A tree of its schema takes twenty times as much, and is twice as long in the making as the rest of a manager's start.
    json: &'static str,
}

impl Definition {
    /// `runtimeservices.sedna.io`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// JSON on one line.
    #[must_use]
    pub const fn json(&self) -> &'static str {
        self.json
    }
}

/// The definitions of all kinds, as text.
///
/// ```
/// let names = dayu_core::api::definitions().map(|definition| definition.name());
/// assert_eq!(names, ["runtimeservices.sedna.io", "jointmultiedgeservices.sedna.io"]);
/// ```
#[must_use]
pub const fn definitions() -> [Definition; 2] {
    [
        Definition { name: "runtimeservices.sedna.io", json: include_str!("runtimeservices.json") },
        Definition { name: "jointmultiedgeservices.sedna.io", json: include_str!("jointmultiedgeservices.json") },
    ]
}

/// The definitions of all kinds, typed: for programs that install them with other means or look into them.
///
/// ```
/// let names: Vec<_> = dayu_core::api::crds().into_iter().filter_map(|crd| crd.metadata.name).collect();
/// assert_eq!(names, ["runtimeservices.sedna.io", "jointmultiedgeservices.sedna.io"]);
/// ```
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    // The texts are checked against the very types: each can be read.
    definitions().iter().filter_map(|definition| serde_json::from_str(definition.json()).ok()).collect()
}
