//! Brings the stored slices and Endpoints of a Service to what they are to say.
use serde_json::Value;

use super::step::{self, Backend, Wish};
use crate::{
    environment::rfc3339,
    store::{DeleteOptions, ENDPOINTS, ENDPOINTSLICES, Meta, Preconditions, ResourceRef, SERVICES, Store, StoreError},
};

/// Writes what differs.
pub(super) fn endpoints(store: &Store, service: &Meta, wish: &Wish, backends: &[Backend]) {
    let slices = step::slices(service, wish, backends);
    let count = slices.len();
    for slice in slices {
        put(store, &ENDPOINTSLICES, &service.namespace, slice);
    }
    remove_slices(store, service, count);
    let now = rfc3339(store.environment().now());
    put(store, &ENDPOINTS, &service.namespace, step::endpoints(service, wish, backends, &now));
}

/// Removes all that was written for a Service.
pub(super) fn remove(store: &Store, service: &Meta) {
    remove_slices(store, service, 0);
    // Made for this Service unless another of its name is there already, which then has written its own.
    if store.get(&SERVICES, &service.namespace, &service.name).is_none() {
        // Somebody else may have been faster.
        drop(store.delete(&ENDPOINTS, &service.namespace, &service.name, &DeleteOptions::default()));
    }
}

/// Removes Endpoints of this controller whose Service went while nobody looked. Slices are owned and collected.
pub(super) fn remove_leftovers(store: &Store) {
    for object in store.list(&ENDPOINTS, None).objects {
        let (namespace, name) = (&object.meta.namespace, &object.meta.name);
        let ours = object.value().is_ok_and(|value| value["metadata"]["annotations"][step::CHANGED_AT].is_string());
        if ours && store.get(&SERVICES, namespace, name).is_none() {
            // Somebody else may have been faster.
            drop(store.delete(&ENDPOINTS, namespace, name, &DeleteOptions::default()));
        }
    }
}

/// Removes the slices of this very Service from number `from` on.
fn remove_slices(store: &Store, service: &Meta, from: usize) {
    for at in from.. {
        let name = step::slice_name(&service.name, at);
        let Some(slice) = store.get(&ENDPOINTSLICES, &service.namespace, &name) else { return };
        if !slice.meta.owners.iter().any(|owner| owner.uid == service.uid) {
            return;
        }
        let preconditions = Preconditions { uid: Some(slice.meta.uid.as_ref().into()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        if let Err(error) = store.delete(&ENDPOINTSLICES, &service.namespace, &name, &options) {
            tracing::debug!(name, %error, "a slice was gone before it was deleted");
        }
    }
}

/// Creates `wanted`, or brings the present object to it; an equal one is left alone.
pub(super) fn put(store: &Store, resource: &ResourceRef, namespace: &str, wanted: Value) {
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let written = match store.get(resource, namespace, &name) {
        None => store.create(resource, wanted).map(drop),
        Some(_) => store.edit(resource, namespace, &name, |present| step::bring_to(present, &wanted)).map(drop),
    };
    match written {
        Ok(()) | Err(StoreError::AlreadyExists { .. } | StoreError::NotFound { .. }) => {}
        Err(error) => tracing::warn!(%resource, name, %error, "endpoints not written"),
    }
}
