//! Which addresses endpoints of more than one device have. Where each device numbers its pods by itself, an address says
//! nothing without its device.
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use smallvec::SmallVec;

use super::SliceRecord;
use crate::name::Device;

#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The devices that have an address, almost always one, and how many endpoints of it say so.
    by_address: HashMap<IpAddr, SmallVec<[(Device, u32); 1]>>,
    shared: Arc<BTreeSet<IpAddr>>,
}

impl Claims {
    /// Takes in what `slice` says.
    pub(super) fn add(&mut self, slice: &SliceRecord) {
        for (address, device) in said(slice) {
            let devices = self.by_address.entry(address).or_default();
            match devices.iter_mut().find(|(known, _)| known == device) {
                Some((_, times)) => *times += 1,
                None => devices.push((device.clone(), 1)),
            }
            if devices.len() > 1 && !self.shared.contains(&address) {
                Arc::make_mut(&mut self.shared).insert(address);
            }
        }
    }

    /// Takes back what `slice` said.
    pub(super) fn remove(&mut self, slice: &SliceRecord) {
        for (address, device) in said(slice) {
            let Some(devices) = self.by_address.get_mut(&address) else { continue };
            devices.iter_mut().filter(|(known, _)| known == device).for_each(|(_, times)| *times -= 1);
            devices.retain(|(_, times)| *times > 0);
            if devices.len() < 2 && self.shared.contains(&address) {
                Arc::make_mut(&mut self.shared).remove(&address);
            }
            if devices.is_empty() {
                self.by_address.remove(&address);
            }
        }
    }

    /// The addresses that more than one device has.
    pub(super) fn shared(&self) -> Arc<BTreeSet<IpAddr>> {
        self.shared.clone()
    }
}

/// Endpoints that name no device say nothing.
fn said(slice: &SliceRecord) -> impl Iterator<Item = (IpAddr, &Device)> {
    slice.endpoints.iter().filter_map(|endpoint| Some((endpoint.address, endpoint.device.as_ref()?)))
}
