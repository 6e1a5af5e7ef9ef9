//! A custom resource at rest, as the text that it is read from when it is looked at: a typed one is many times as large.
use std::{
    borrow::Cow,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    marker::PhantomData,
    num::NonZeroU64,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, Visitor},
};

use super::{
    packed::{Packed, Packer, Unreadable},
    pruned,
};
use crate::{copy::Copy, name::Uid, template::inherited};

/// A resource of kind `R` as the watch gives it.
#[derive(Clone, Debug)]
pub(super) struct Seen<R> {
    metadata: ObjectMeta,
    /// Everything but the status.
    text: Vec<u8>,
    status: Option<Vec<u8>>,
    kind: PhantomData<fn() -> R>,
}

/// A resource at rest, without its status.
#[derive(Debug)]
pub(super) struct Parked {
    /// Rises with every change; equal editions of one resource are equal.
    pub(super) edition: NonZeroU64,
    pub(super) uid: Uid,
    /// What the user asks for: the spec's generation, which annotations leave as it is, and those that matter.
    asked: u64,
    pub(super) is_going: bool,
    /// Whether it has the finalizer of its engine, if that has one.
    pub(super) is_held: bool,
    text: Packed,
    hash: u64,
}

impl<R> Seen<R> {
    /// What is kept of it, as its `edition`, and the text of the status that it had.
    pub(super) fn park(self, edition: NonZeroU64, finalizer: Option<&str>, packer: &Packer) -> (Parked, Option<Vec<u8>>)
    where
        Self: ResourceExt,
    {
        let is_ours = |name: &String| Some(name.as_str()) == finalizer;
        let parked = Parked {
            edition,
            uid: Uid::from(self.uid().unwrap_or_default()),
            asked: hash(&(self.metadata.generation, inherited(&self.metadata))),
            is_going: self.metadata.deletion_timestamp.is_some(),
            is_held: self.finalizers().iter().any(is_ours),
            text: packer.pack(&self.text),
            hash: hash(&self.text),
        };
        (parked, self.status)
    }
}

impl Parked {
    /// Whether `later` is news to the engine: its own status and finalizer come back as events, and are none; that somebody
    /// took the finalizer off is.
    pub(super) fn differs(&self, later: &Self) -> bool {
        let is_let_go = self.is_held && !later.is_held;
        is_let_go || (&self.uid, self.asked, self.is_going) != (&later.uid, later.asked, later.is_going)
    }

    /// Whether `seen` is this, whatever its status.
    pub(super) fn is_as<R>(&self, seen: &Seen<R>) -> bool {
        self.hash == hash(&seen.text)
    }

    /// The resource, without a status.
    pub(super) fn read<R: DeserializeOwned>(&self) -> Result<R, Unreadable> {
        self.text.read()
    }
}

impl<R: Resource<DynamicType = ()>> Resource for Seen<R> {
    type DynamicType = ();
    type Scope = R::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        R::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        R::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        R::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        R::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de, R> Deserialize<'de> for Seen<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<R>(PhantomData<fn() -> R>);

impl<'de, R> Visitor<'de> for Members<R> {
    type Value = Seen<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seen<R>, A::Error> {
        let mut seen = Seen { metadata: ObjectMeta::default(), text: vec![b'{'], status: None, kind: PhantomData };
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "status" => {
                    let mut status = Vec::new();
                    members.next_value_seed(Copy(&mut status))?;
                    seen.status = Some(status).filter(|status| status != b"null");
                }
                "metadata" => {
                    seen.metadata = members.next_value_seed(Metadata)?;
                    // The watch goes on from its version; kept, it would change with every status that we write.
                    let version = seen.metadata.resource_version.take();
                    member(&mut seen.text, "metadata").map_err(A::Error::custom)?;
                    serde_json::to_writer(&mut seen.text, &seen.metadata).map_err(A::Error::custom)?;
                    seen.metadata.resource_version = version;
                }
                name => {
                    member(&mut seen.text, name).map_err(A::Error::custom)?;
                    members.next_value_seed(Copy(&mut seen.text))?;
                }
            }
        }
        seen.text.push(b'}');
        Ok(seen)
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Begins a member of an object that is being written.
fn member(text: &mut Vec<u8>, name: &str) -> Result<(), serde_json::Error> {
    if text.len() > 1 {
        text.push(b',');
    }
    serde_json::to_writer(&mut *text, name)?;
    text.push(b':');
    Ok(())
}

struct Metadata;

impl<'de> DeserializeSeed<'de> for Metadata {
    type Value = ObjectMeta;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ObjectMeta, D::Error> {
        pruned::metadata(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::RuntimeService;

    fn seen(document: Value) -> Seen<RuntimeService> {
        serde_json::from_value(document).unwrap()
    }

    fn park(document: Value) -> (Parked, Option<Vec<u8>>) {
        seen(document).park(NonZeroU64::MIN, Some("example.org/ours"), &Packer::default())
    }

    fn document() -> Value {
        json!({
            "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService",
            "metadata": {"name": "det", "namespace": "ns", "uid": "u", "generation": 1, "managedFields": [{"manager": "m"}]},
            "spec": {
                "installID": "i", "deploymentRevision": 1, "component": "c", "targetNode": "edge1",
                "podTemplate": {"spec": {"containers": [{"name": "w"}]}},
            },
            "status": {"observedGeneration": 1},
        })
    }

    #[test]
    fn what_is_read_again_is_what_was_seen_without_status_and_owners_of_fields() {
        let (parked, status) = park(document());
        assert_eq!(parked.uid.as_str(), "u");
        assert_eq!(status.as_deref(), Some(&br#"{"observedGeneration":1}"#[..]));
        let mut expected = document();
        expected["metadata"].as_object_mut().unwrap().remove("managedFields");
        expected.as_object_mut().unwrap().remove("status");
        assert_eq!(parked.read::<Value>().unwrap(), expected);
        assert_eq!(parked.read::<RuntimeService>().unwrap().spec.target_node, "edge1");
    }

    #[test]
    fn a_status_is_no_news_and_a_wish_is() {
        let (before, _) = park(document());
        let mut next = document();
        next["status"] = json!({"observedGeneration": 2});
        next["metadata"]["resourceVersion"] = json!("77");
        assert!(before.is_as(&seen(next.clone())), "our own status leaves nothing to keep");
        next["metadata"]["annotations"] = json!({"note": "x"});
        assert!(!before.is_as(&seen(next.clone())) && !before.differs(&park(next.clone()).0));
        for (field, wish) in [("generation", json!(2)), ("annotations", json!({"dayu.io/balance": "random"}))] {
            let mut next = next.clone();
            next["metadata"][field] = wish;
            assert!(before.differs(&park(next).0), "{field}");
        }
    }

    #[test]
    fn a_finalizer_is_news_where_it_was_ours_and_is_gone() {
        let with = |finalizers: &[&str]| {
            let mut document = document();
            document["metadata"]["finalizers"] = json!(finalizers);
            park(document).0
        };
        let (none, anothers, ours) = (with(&[]), with(&["example.org/theirs"]), with(&["example.org/ours"]));
        assert_eq!([&none, &anothers, &ours].map(|parked| parked.is_held), [false, false, true]);
        assert!(!none.differs(&ours) && !none.differs(&anothers) && !anothers.differs(&none));
        assert!(ours.differs(&none) && ours.differs(&anothers));
    }
}
