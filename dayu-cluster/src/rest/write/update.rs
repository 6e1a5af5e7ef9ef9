//! PUT, and the second half of PATCH.

use serde_json::Value;

use super::super::error::ApiError;
use super::decode::Decoded;
use super::{Ownership, Part, Writer, Written, metadata};
use crate::store::{Object, StoreError, bump_generation};

impl Writer {
    pub(crate) fn update(&self, name: &str, decoded: Decoded) -> Result<Written, ApiError> {
        let Decoded { mut value, duplicates } = decoded;
        self.check_identity(&mut value)?;
        match value["metadata"]["name"].as_str() {
            Some(sent) if sent == name => {}
            None | Some("") => {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({name} based on URL) was undeterminable: name must be provided"
                )));
            }
            Some(sent) => return Err(metadata::another_name(sent, name)),
        }
        if self.api.store.get(&self.kind.resource, &self.namespace, name).is_none() && self.creates_on_update() {
            return self.store_new(value, &duplicates, Ownership::Compared);
        }
        // Without a version the write is meant for whatever is there, also when another writer comes in between.
        self.retrying(|| {
            let stored = self.stored(name)?;
            let old = self.kind.value(&stored).map_err(ApiError::internal)?;
            self.replace(&stored, &old, value.clone(), &duplicates, Ownership::Compared)
        })
    }

    /// Runs a write that is based on what it reads, until nobody was faster. A base version that the client
    /// named never changes, so such a conflict is the client's.
    pub(super) fn retrying(&self, mut write: impl FnMut() -> Result<Written, Failure>) -> Result<Written, ApiError> {
        loop {
            match write() {
                Err(Failure::Overtaken) => {}
                Err(Failure::Refused(error)) => return Err(error),
                Ok(written) => return Ok(written),
            }
        }
    }

    /// Puts `new` in the place of the stored object, which `old` is as this kind serves it.
    pub(super) fn replace(
        &self,
        stored: &Object,
        old: &Value,
        mut new: Value,
        duplicates: &[String],
        ownership: Ownership,
    ) -> Result<Written, Failure> {
        let name = &*stored.meta.name;
        self.check_base(stored, &new)?;
        metadata::keep(&self.kind, self.part, old, &mut new);
        let warnings = self.admit(name, Some(old), &mut new, duplicates, ownership)?;
        if matches!(self.part, Part::Main | Part::Scale) {
            bump_generation(old, &mut new);
        }
        new["metadata"]["resourceVersion"] = stored.meta.resource_version.to_string().into();
        self.kind.to_stored(&mut new);
        let object = self.with_addresses(name, Some(stored), new, |new| {
            if self.options.dry_run {
                return Ok(self.imagined(&new)?);
            }
            self.api.store.update(&self.kind.resource, new).map_err(Failure::from)
        })?;
        Ok(Written { object, created: false, warnings })
    }

    /// What the client says it has seen must be what is stored.
    fn check_base(&self, stored: &Object, new: &Value) -> Result<(), ApiError> {
        let (resource, name) = (&self.kind.resource, &*stored.meta.name);
        let metadata = &new["metadata"];
        if let Some(uid) = metadata["uid"].as_str().filter(|uid| !uid.is_empty() && **uid != *stored.meta.uid) {
            let found = &stored.meta.uid;
            let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {found}");
            return Err(ApiError::conflict(resource, name, &why));
        }
        match metadata["resourceVersion"].as_str().filter(|version| !version.is_empty()) {
            Some(version) if version.parse() != Ok(stored.meta.resource_version) => {
                Err(StoreError::Conflict { resource: resource.clone(), name: name.into() }.into())
            }
            None if self.kind.custom().is_some() || self.kind.kind == "Lease" => {
                Err(ApiError::unconditional(&self.kind, name))
            }
            _ => Ok(()),
        }
    }

    fn creates_on_update(&self) -> bool {
        self.part == Part::Main
            && matches!(self.kind.kind.as_str(), "Lease" | "Endpoints" | "Event" | "LimitRange" | "EndpointSlice")
            && self.kind.custom().is_none()
    }
}

/// Why a replacement did not happen.
pub(super) enum Failure {
    /// Another write came in between.
    Overtaken,
    Refused(ApiError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Overtaken,
            error => Self::Refused(error.into()),
        }
    }
}
