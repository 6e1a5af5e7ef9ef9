//! POST.

use std::sync::Arc;

use serde_json::Value;

use super::super::error::ApiError;
use super::decode::Decoded;
use super::{Ownership, Writer, Written, metadata};
use crate::store::{NAMESPACES, Object, PODS, SERVICEACCOUNTS, StoreError};

impl Writer {
    pub(crate) fn create(&self, decoded: Decoded) -> Result<Written, ApiError> {
        let Decoded { mut value, duplicates } = decoded;
        self.check_identity(&mut value)?;
        if value["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
            return Err(ApiError::untyped("resourceVersion should not be set on objects to be created".into()));
        }
        self.store_new(value, &duplicates, Ownership::Compared)
    }

    /// Also how server-side apply creates.
    pub(super) fn store_new(
        &self,
        mut value: Value,
        duplicates: &[String],
        ownership: Ownership,
    ) -> Result<Written, ApiError> {
        /// A made-up name that is taken is made up anew, a few times.
        const ATTEMPTS: usize = 8;
        metadata::begin(&self.kind, &mut value);
        // Where the name is made up, it may have to be made up again.
        let is_named = value["metadata"]["name"].as_str().is_some_and(|name| !name.is_empty());
        let nameless = (!is_named).then(|| value.clone());
        for attempt in 1.. {
            let name = self.name(&mut value["metadata"])?;
            self.check_place(&name)?;
            self.check_account(&name, &value)?;
            let warnings = self.admit(&name, None, &mut value, duplicates, ownership)?;
            let inserted = self.with_addresses(&name, None, value, |value| self.insert(&name, value));
            match (inserted, &nameless) {
                (Err(error), Some(again)) if attempt < ATTEMPTS && error.is_already_exists() => {
                    value = again.clone();
                }
                (Err(error), _) => return Err(error),
                (Ok(object), _) => return Ok(Written { object, created: true, warnings }),
            }
        }
        Err(ApiError::internal("no free name found"))
    }

    fn insert(&self, name: &str, mut value: Value) -> Result<Arc<Object>, ApiError> {
        let (store, resource) = (&self.api.store, &self.kind.resource);
        self.kind.to_stored(&mut value);
        let taken = || match store.get(resource, &self.namespace, name) {
            Some(stored) if stored.meta.is_terminating() => ApiError::still_exists(resource, name),
            _ => ApiError::already_exists(resource, name),
        };
        if !self.options.dry_run {
            return store.create(resource, value).map_err(|error| match error {
                StoreError::AlreadyExists { .. } => taken(),
                other => other.into(),
            });
        }
        if store.get(resource, &self.namespace, name).is_some() {
            return Err(taken());
        }
        store.complete(&mut value);
        self.imagined(&value)
    }

    /// A pod runs as somebody who is there. That somebody is `default` unless it says, and need not have come yet.
    fn check_account(&self, name: &str, value: &Value) -> Result<(), ApiError> {
        let account = value["spec"]["serviceAccountName"].as_str().filter(|name| !matches!(*name, "" | "default"));
        let Some(account) = account.filter(|_| self.kind.resource == PODS) else { return Ok(()) };
        if self.api.store.get(&SERVICEACCOUNTS, &self.namespace, account).is_some() {
            return Ok(());
        }
        let why = format!(
            "error looking up service account {}/{account}: serviceaccount \"{account}\" not found",
            self.namespace
        );
        Err(ApiError::forbidden(&PODS, name, &why))
    }

    /// Nothing new comes to what is on its way out.
    fn check_place(&self, name: &str) -> Result<(), ApiError> {
        if self.kind.custom().is_some_and(|custom| custom.terminating) {
            return Err(ApiError::terminating_definition());
        }
        if !self.kind.namespaced {
            return Ok(());
        }
        match self.api.store.get(&NAMESPACES, "", &self.namespace) {
            None => Err(ApiError::not_found(&NAMESPACES, &self.namespace)),
            Some(namespace) if namespace.meta.is_terminating() => {
                Err(ApiError::namespace_terminating(&self.kind.resource, name, &self.namespace))
            }
            Some(_) => Ok(()),
        }
    }
}
