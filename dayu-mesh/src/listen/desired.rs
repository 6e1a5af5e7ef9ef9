//! Which listeners a Service should have on this device. Pure.
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use dayu_core::directory::Service;

use super::{Binding, Sharing, binding::Reach};

/// The listeners of `service` on the device with the address `own`; one without TCP ports has none.
pub(crate) fn desired(service: &Service, own: IpAddr) -> BTreeMap<SocketAddr, Arc<Binding>> {
    let mut all = BTreeMap::new();
    for port in service.ports.iter().filter(|port| port.tcp && port.number > 0) {
        let binding = |reach, sharing, beside| {
            let (service, uid) = (service.key.clone(), service.uid.clone());
            Arc::new(Binding { service, uid, port: port.number, reach, sharing, beside })
        };
        if let Some(number) = port.node_port {
            all.insert(SocketAddr::new(own, number), binding(Reach::Device, Sharing::Exclusive, None));
        }
        for address in service.addresses.iter().filter(|address| address.is_loopback() || !is_api(service)) {
            // Every address of the loopback network is the machine's as it is.
            let beside = (!address.is_loopback()).then_some(own);
            all.insert(SocketAddr::new(*address, port.number), binding(Reach::of(service), Sharing::Shared, beside));
        }
    }
    all
}

/// Whether this is how the mesh itself reaches the API, which something else sees to: answering for it, it would ask itself.
fn is_api(service: &Service) -> bool {
    &*service.key.namespace == "default" && &*service.key.name == "kubernetes"
}

/// Where the port `number` of `service` listens, node port included.
pub(crate) fn of_port<'a>(
    desired: &'a BTreeMap<SocketAddr, Arc<Binding>>,
    number: u16,
) -> impl Iterator<Item = SocketAddr> + 'a {
    desired.iter().filter(move |(_, binding)| binding.port == number).map(|(address, _)| *address)
}
