//! Why a resource cannot be planned: what is wrong, where, and what to do.
use crate::api::condition::{STALLED, Verdict};

/// Why a resource cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}; {remedy}")]
pub struct Rejection {
    /// CamelCase, machine-readable: the condition's reason (`InvalidSpec`, `NodeNotFound`).
    pub reason: &'static str,
    /// JSON path of the field (`spec.endpoint.port`).
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What the user can do.
    pub remedy: String,
}

impl Rejection {
    /// The resource itself is wrong; only an edit helps.
    pub const INVALID_SPEC: &'static str = "InvalidSpec";
    /// No node has the name of the device; one may come.
    pub const NODE_NOT_FOUND: &'static str = "NodeNotFound";
    /// Two devices are the same once their names are normalised.
    pub const DEVICE_NAMES_COLLIDE: &'static str = "DeviceNamesCollide";

    /// `field` of the resource is wrong.
    ///
    /// ```
    /// # use dayu_core::template::Rejection;
    /// let rejection = Rejection::invalid("spec.endpoint.port", "port 0 is outside 1..65535", "choose another");
    /// assert_eq!(rejection.to_string(), "spec.endpoint.port: port 0 is outside 1..65535; choose another");
    /// ```
    pub fn invalid(field: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: Self::INVALID_SPEC, field: field.into(), message: message.into(), remedy: remedy.into() }
    }

    /// Whether the site is at fault, not the resource.
    pub(super) fn is_of_site(&self) -> bool {
        self.reason != Self::INVALID_SPEC
    }

    /// That nothing happens before an edit; none where the site may change.
    pub(super) fn stalled(&self) -> Option<Verdict> {
        (!self.is_of_site()).then(|| Verdict::new(STALLED, true, self.reason, self.to_string()))
    }
}
