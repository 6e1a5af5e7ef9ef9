//! Newtypes for what must not be mixed: a device is not a service, a revision is not a generation.
use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A string that is cheap to clone and cannot be taken for another kind of string.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Takes `text` as a ", stringify!($name), " without checking it: the API server already has.")]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

text! {
    /// The name of a device: exactly the name of its Kubernetes node, dots included (`cloud.kubeedge`).
    Device
}
text! {
    /// The unique identifier that the API server gave one incarnation of an object.
    Uid
}

impl Device {
    /// The form that Dayu's service names embed: lower case without `-`, `_` and `.`.
    ///
    /// Two devices can collide in this form; whoever admits devices must refuse the second.
    ///
    /// ```
    /// # use dayu_core::name::Device;
    /// assert_eq!(Device::from("cloud.kubeedge").normalised(), "cloudkubeedge");
    /// assert_eq!(Device::from("edge-1").normalised(), Device::from("Edge1").normalised());
    /// ```
    #[must_use]
    pub fn normalised(&self) -> String {
        self.0.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
    }
}

/// Namespace and name of a Service.
///
/// ```
/// # use dayu_core::name::ServiceKey;
/// assert_eq!(ServiceKey::new("shop", "detector").to_string(), "shop/detector");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The namespace the Service lives in.
    pub namespace: Arc<str>,
    /// The Service's own name.
    pub name: Arc<str>,
}

impl ServiceKey {
    /// The key of Service `name` in `namespace`.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The revision of a deployment that a RuntimeService carries: 1 or more, chosen by the user, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
