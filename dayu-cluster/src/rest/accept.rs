//! In which shape a client wants objects.

use http::HeaderMap;
use http::header::ACCEPT;

use super::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Whole,
    /// `metadata` only.
    Metadata,
    /// Rows and columns, for people; `meta.k8s.io/v1` or `v1beta1`.
    Table(&'static str),
}

impl Shape {
    /// The first entry of `Accept` that can be served.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
        if accepted.peek().is_none() {
            return Ok(Self::Whole);
        }
        let mut entries = accepted.flat_map(|value| value.split(','));
        entries.find_map(Self::entry).ok_or_else(ApiError::not_acceptable)
    }

    fn entry(entry: &str) -> Option<Self> {
        let mut parts = entry.split(';').map(str::trim);
        if !matches!(parts.next()?, "application/json" | "application/*" | "*/*") {
            return None;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let get = |key| parameters.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        match (get("as"), get("v")) {
            (None, _) => Some(Self::Whole),
            (Some("Table"), Some("v1")) => Some(Self::Table("meta.k8s.io/v1")),
            (Some("Table"), Some("v1beta1")) => Some(Self::Table("meta.k8s.io/v1beta1")),
            (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("v1")) => Some(Self::Metadata),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &str) -> Option<Shape> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Shape::negotiate(&headers).ok()
    }

    #[test]
    fn the_first_servable_entry_wins() {
        assert_eq!(
            negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Some(Shape::Table("meta.k8s.io/v1"))
        );
        assert_eq!(negotiate("application/vnd.kubernetes.protobuf, application/json"), Some(Shape::Whole));
        assert_eq!(
            negotiate("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Some(Shape::Metadata)
        );
        assert_eq!(negotiate("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(Shape::negotiate(&HeaderMap::new()).ok(), Some(Shape::Whole));
    }
}
