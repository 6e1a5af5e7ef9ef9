//! What users should know of an object of theirs, and which keeps no daemon from its work.
use serde::{Deserialize, Serialize};

use crate::name::{ServiceKey, Uid};

/// The reason of the event that tells one: something that a Service asks for is not understood, and done without.
pub const ANNOTATION_IGNORED: &str = "AnnotationIgnored";

/// Something that the user of a Service should know. Whoever sees the same remarks the same, to the letter: one of them is enough.
///
/// ```
/// use dayu_core::{daemon::Remark, name::ServiceKey};
///
/// let (service, uid) = (ServiceKey::new("shop", "detector"), "7f3a".into());
/// let remark = Remark { service, uid, note: "dayu.io/balance is ignored, and the default holds: no policy best".into() };
/// let read: Remark = serde_json::from_str(&serde_json::to_string(&remark)?)?;
/// assert_eq!(read, remark);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Which Service.
    pub service: ServiceKey,
    /// Which incarnation of it.
    pub uid: Uid,
    /// What there is to know, in words for people.
    pub note: String,
}
