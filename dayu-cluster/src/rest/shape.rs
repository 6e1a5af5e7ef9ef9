//! Objects and lists in the shape that was asked for.

use bytes::Bytes;
use serde_json::{Value, json};

use super::accept::Shape;
use super::list::{Page, encode_list};
use crate::registry::Kind;
use crate::store::Object;

/// Renders objects for one request.
#[derive(Debug, Clone)]
pub(crate) struct Shaper {
    shape: Shape,
}

impl Shaper {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape }
    }

    pub(crate) fn object(&self, kind: &Kind, object: &Object) -> Bytes {
        match self.shape {
            Shape::Whole | Shape::Table(_) => kind.bytes(object),
            Shape::Metadata => metadata_only(&kind.value(object).unwrap_or_default()).to_string().into(),
        }
    }

    pub(crate) fn list(&self, kind: &Kind, page: &Page) -> Bytes {
        match self.shape {
            Shape::Whole | Shape::Table(_) => encode_list(kind, page),
            Shape::Metadata => {
                let items = page.objects.iter().map(|object| metadata_only(&kind.value(object).unwrap_or_default()));
                let list = json!({
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": page.metadata,
                    "items": items.collect::<Vec<_>>(),
                });
                list.to_string().into()
            }
        }
    }

    /// An object within a watch event.
    pub(crate) fn event(&mut self, kind: &Kind, object: &Object) -> Bytes {
        self.object(kind, object)
    }

    pub(crate) fn bookmark(&self, kind: &Kind, metadata: &Value) -> Bytes {
        let (name, version) = match self.shape {
            Shape::Whole | Shape::Table(_) => (kind.kind.as_str(), kind.api_version()),
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".into()),
        };
        json!({ "kind": name, "apiVersion": version, "metadata": metadata }).to_string().into()
    }
}

fn metadata_only(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}
