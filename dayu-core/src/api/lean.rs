//! Kubernetes' large types, with one decoder in the program however many sources they are read from.
use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};

use k8s_openapi::{
    api::{
        core::v1::{Node, Pod, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error},
};

use super::{JointMultiEdgeService, RuntimeService};
use crate::copy::Copy;

/// An object of a large kind, such as a Pod, for [`kube::Api`]: `Api::<Lean<Pod>>`.
///
/// serde compiles a type's decoder once for each kind of source (text, a watch's event, a tree of values), in each crate
/// that reads it. With the thousand fields of a pod each one is some 400 KiB of program. Through this type all share one,
/// that of text, at the price of copying what comes as text first.
///
/// ```
/// use dayu_core::api::lean::Lean;
/// use k8s_openapi::api::core::v1::Pod;
///
/// let pod: Lean<Pod> = serde_json::from_str(r#"{"metadata": {"name": "p"}, "spec": {"containers": []}}"#)?;
/// assert_eq!(pod.metadata.name.as_deref(), Some("p"));
/// assert_eq!(pod.into_inner().spec.map(|spec| spec.containers.len()), Some(0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Lean<K>(K);

impl<K> Lean<K> {
    /// The object itself.
    #[must_use]
    pub fn into_inner(self) -> K {
        self.0
    }
}

impl<K> From<K> for Lean<K> {
    fn from(object: K) -> Self {
        Self(object)
    }
}

impl<K> Deref for Lean<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.0
    }
}

impl<K> DerefMut for Lean<K> {
    fn deref_mut(&mut self) -> &mut K {
        &mut self.0
    }
}

impl<'de, K: Large> Deserialize<'de> for Lean<K> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        deserialize(source).map(Self)
    }
}

impl<K: Resource> Resource for Lean<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn api_version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::api_version(kind)
    }

    fn plural(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// For a field of a large type: `#[serde(deserialize_with = "dayu_core::api::lean::deserialize")]`.
///
/// # Errors
///
/// Those of the source and of the type.
pub fn deserialize<'de, D: Deserializer<'de>, T: Large>(source: D) -> Result<T, D::Error> {
    let mut text = Vec::new();
    Copy(&mut text).deserialize(source)?;
    T::read(&text).map_err(|error| {
        let error = error.to_string();
        // Its place is one in the copy.
        D::Error::custom(error.rsplit_once(" at line ").map_or(&*error, |(what, _)| what))
    })
}

/// A type whose decoder is worth having once.
///
/// ```
/// use dayu_core::api::lean::{Large, Lean};
/// use k8s_openapi::api::apps::v1::DaemonSet;
///
/// struct Everywhere(DaemonSet);
///
/// impl Large for Everywhere {
///     fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
///         serde_json::from_slice(text).map(Self)
///     }
/// }
///
/// let read: Lean<Everywhere> = serde_json::from_str(r#"{"metadata": {"name": "d"}}"#)?;
/// assert_eq!(read.into_inner().0.metadata.name.as_deref(), Some("d"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Large: Sized {
    /// Reads JSON. Not generic, and so compiled where it is written, for all who call it.
    ///
    /// # Errors
    ///
    /// What `text` lacks or has that the type has not.
    fn read(text: &[u8]) -> Result<Self, serde_json::Error>;
}

macro_rules! large {
    ($($name:ty),*) => {
        $(impl Large for $name {
            #[inline(never)]
            fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
                serde_json::from_slice(text)
            }
        })*
    };
}

large!(EndpointSlice, JointMultiEdgeService, Node, Pod, RuntimeService, Service);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod() -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "labels": {"a": "b"}, "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {
                "containers": [{
                    "name": "c",
                    "ports": [{"containerPort": 80}],
                    "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
                    "resources": {"limits": {"cpu": "500m"}},
                }],
                "volumes": [{"name": "v", "hostPath": {"path": "/data", "type": "Directory"}}],
                "terminationGracePeriodSeconds": 5,
            },
            "status": {"podIP": "10.0.0.1", "conditions": null},
        })
    }

    #[test]
    fn every_source_reads_as_it_does_without() {
        let plain: Pod = serde_json::from_value(pod()).unwrap();
        assert_eq!(serde_json::from_value::<Lean<Pod>>(pod()).unwrap().into_inner(), plain);
        assert_eq!(serde_json::from_str::<Lean<Pod>>(&pod().to_string()).unwrap().into_inner(), plain);
        assert_eq!(serde_json::from_slice::<Lean<Pod>>(pod().to_string().as_bytes()).unwrap().into_inner(), plain);
        assert_eq!(serde_json::to_value(Lean::from(plain.clone())).unwrap(), serde_json::to_value(plain).unwrap());
    }

    #[test]
    fn an_event_reads_whether_its_kind_comes_first_or_last() {
        for event in
            [format!(r#"{{"type":"ADDED","object":{}}}"#, pod()), format!(r#"{{"object":{},"type":"ADDED"}}"#, pod())]
        {
            let event: kube::core::WatchEvent<Lean<Pod>> = serde_json::from_str(&event).unwrap();
            assert!(
                matches!(event, kube::core::WatchEvent::Added(read) if *read == serde_json::from_value(pod()).unwrap())
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = serde_json::from_value::<Lean<Pod>>(json!({"metadata": {}, "spec": 7})).unwrap_err();
        assert_eq!(error.to_string(), "invalid type: integer `7`, expected PodSpec");
    }
}
