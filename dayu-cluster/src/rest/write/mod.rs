//! Writes: from what a client sent to what is stored.
//!
//! Every write goes the same way: decoded, put beside the stored object (what clients cannot change is taken from
//! there), defaulted and validated by its kind, its field managers noted, stored if nobody was faster.

mod admit;
mod create;
mod decode;
mod delete;
mod metadata;
mod number;
mod patching;
mod protobuf;
mod scale;
mod update;

use std::sync::Arc;

use serde_json::Value;

use super::Api;
use super::error::ApiError;
use super::query::WriteOptions;
use crate::environment::rfc3339;
use crate::patch;
use crate::registry::Kind;
use crate::store::{Object, SERVICES};

pub(crate) use decode::{Decoded, Format, decode};
pub(crate) use delete::delete_options;
pub(crate) use patching::PatchType;
pub(crate) use scale::view as scale_view;

/// One write request.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) api: Api,
    pub(crate) kind: Arc<Kind>,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: String,
    pub(crate) part: Part,
    pub(crate) options: WriteOptions,
}

/// Which part of an object a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status, where that is a part of its own.
    Main,
    /// How many of something there are, which is in the main part.
    Scale,
    Status,
    /// What holds a terminating namespace: `spec.finalizers`.
    Finalizers,
}

/// How the fields that a write changes come to their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// By comparing with what was there.
    Compared,
    /// The patch says so itself, and this was noted already.
    Applied,
}

/// What a write did.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) object: Arc<Object>,
    pub(crate) created: bool,
    pub(crate) warnings: Vec<String>,
}

impl Writer {
    fn stored(&self, name: &str) -> Result<Arc<Object>, ApiError> {
        self.api
            .store
            .get(&self.kind.resource, &self.namespace, name)
            .ok_or_else(|| ApiError::not_found(&self.kind.resource, name))
    }

    /// Runs what notes or asks who owns which field.
    fn as_owner<T>(&self, work: impl FnOnce(patch::Writer<'_>) -> T) -> T {
        let part = match self.part {
            Part::Status => patch::Part::Status,
            Part::Scale => patch::Part::Scale,
            Part::Main | Part::Finalizers if self.kind.status => patch::Part::WithoutStatus,
            Part::Main | Part::Finalizers => patch::Part::Whole,
        };
        work(patch::Writer {
            manager: &self.options.manager,
            api_version: &self.kind.api_version(),
            part,
            now: &rfc3339(self.api.store.environment().now()),
        })
    }

    /// Stores a value that may still need addresses, and gives them back if it was not stored.
    fn with_addresses<E: From<ApiError>>(
        &self,
        name: &str,
        old: Option<&Object>,
        mut value: Value,
        store: impl FnOnce(Value) -> Result<Arc<Object>, E>,
    ) -> Result<Arc<Object>, E> {
        if self.kind.resource != SERVICES || self.part != Part::Main {
            return store(value);
        }
        let addresses = &self.api.addresses;
        addresses.assign(old, &mut value).map_err(|cause| ApiError::invalid(&self.kind, name, &[cause]))?;
        let assigned = value.clone();
        let stored = store(value);
        if stored.is_err() || self.options.dry_run {
            addresses.withdraw(old, &assigned);
        }
        stored
    }

    /// An object as it would have been stored.
    fn imagined(&self, value: &Value) -> Result<Arc<Object>, ApiError> {
        Object::from_json(value.to_string().into()).map(Arc::new).map_err(ApiError::internal)
    }
}
