//! What a Service has of the resource that it is made for.
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::annotation::INHERITED;

/// The annotations of a resource that say how requests to its workers are balanced: its Services have the same, and lose what it
/// loses. An engine looks at a resource when one of these changes, as it does when its spec does.
///
/// ```
/// use dayu_core::{api::RuntimeService, template::inherited};
///
/// let mut detector = RuntimeService::new("detector", Default::default());
/// detector.metadata.annotations =
///     Some([("dayu.io/balance", "round-robin"), ("team", "b")].map(|(key, value)| (key.into(), value.into())).into());
/// assert_eq!(inherited(&detector.metadata), [("dayu.io/balance".into(), "round-robin".into())].into());
/// ```
#[must_use]
pub fn inherited(resource: &ObjectMeta) -> BTreeMap<String, String> {
    let said = |key: &str| Some((key.to_owned(), resource.annotations.as_ref()?.get(key)?.clone()));
    INHERITED.into_iter().filter_map(said).collect()
}
