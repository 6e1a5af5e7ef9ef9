//! The Service through which programs in the cluster find its API: `kubernetes` in `default`.
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::store::{ENDPOINTS, ENDPOINTSLICES, ResourceRef, SERVICES, Store, StoreError};

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";

/// Says that the API is served at `endpoint`, and reached by the service address `address`.
///
/// # Errors
/// When it cannot be made durable.
pub(crate) fn publish(store: &Store, address: Ipv4Addr, endpoint: SocketAddr) -> Result<(), StoreError> {
    let (ip, port) = (endpoint.ip().to_string(), endpoint.port());
    let service = json!({
        "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None",
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
    });
    let labels = json!({"component": "apiserver", "provider": NAME});
    put(store, &SERVICES, &object("v1", "Service", &labels, json!({"spec": service, "status": {"loadBalancer": {}}})))?;

    let ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
    let subsets = json!([{"addresses": [{"ip": ip}], "ports": ports}]);
    let labels = json!({"endpointslice.kubernetes.io/skip-mirror": "true"});
    put(store, &ENDPOINTS, &object("v1", "Endpoints", &labels, json!({"subsets": subsets})))?;

    let labels = json!({"kubernetes.io/service-name": NAME});
    let family = if endpoint.is_ipv4() { "IPv4" } else { "IPv6" };
    let endpoints = json!([{"addresses": [ip], "conditions": {"ready": true}}]);
    let slice = json!({"addressType": family, "endpoints": endpoints, "ports": ports});
    put(store, &ENDPOINTSLICES, &object("discovery.k8s.io/v1", "EndpointSlice", &labels, slice))
}

fn object(api_version: &str, kind: &str, labels: &Value, content: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
    });
    if let (Some(object), Value::Object(content)) = (object.as_object_mut(), content) {
        object.extend(content);
    }
    object
}

/// Creates the object, or brings one from an earlier run up to date; its metadata stays.
fn put(store: &Store, resource: &ResourceRef, wanted: &Value) -> Result<(), StoreError> {
    match store.create(resource, wanted.clone()) {
        Err(StoreError::AlreadyExists { .. }) => {}
        done => return done.map(drop),
    }
    let content = || wanted.as_object().into_iter().flatten().filter(|(field, _)| *field != "metadata");
    let bring = |present: &mut Value| content().for_each(|(field, value)| present[field] = value.clone());
    store.modify(resource, NAMESPACE, NAME, bring).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{System, store::Window};

    #[test]
    fn the_api_is_found_where_it_is_now() {
        let store = Store::in_memory(Arc::new(System), Window::default());
        let address = Ipv4Addr::new(127, 96, 0, 1);
        publish(&store, address, "127.0.0.1:6443".parse().unwrap()).unwrap();
        let before = store.get(&SERVICES, NAMESPACE, NAME).unwrap();
        publish(&store, address, "127.0.0.1:7443".parse().unwrap()).unwrap();
        let service = store.get(&SERVICES, NAMESPACE, NAME).unwrap();
        assert_eq!(service.meta.uid, before.meta.uid);
        let value = service.value().unwrap();
        assert_eq!(
            (&value["spec"]["clusterIP"], &value["spec"]["ports"][0]["targetPort"]),
            (&json!("127.96.0.1"), &json!(7443))
        );
        let port = |resource: &ResourceRef, path: &str| {
            store.get(resource, NAMESPACE, NAME).unwrap().value().unwrap().pointer(path).cloned()
        };
        assert_eq!(port(&ENDPOINTS, "/subsets/0/ports/0/port"), Some(json!(7443)));
        assert_eq!(port(&ENDPOINTSLICES, "/ports/0/port"), Some(json!(7443)));
    }
}
