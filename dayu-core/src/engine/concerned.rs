//! Which resources are to be looked at when a device changes.
use std::collections::{BTreeMap, BTreeSet};

use super::{key::Key, memory::Memory};
use crate::name::Device;

#[derive(Default)]
pub(super) struct Concerned {
    by_device: BTreeMap<Device, BTreeSet<Key>>,
    /// Any device may be what these lack.
    refused: BTreeSet<Key>,
}

impl Concerned {
    /// Those that `device` concerns.
    pub(super) fn by(&self, device: &Device) -> impl Iterator<Item = &Key> {
        self.by_device.get(device).into_iter().flatten().chain(&self.refused)
    }

    /// Takes in the `devices` that the plan of `key` names, where there is one, and whether the resource was refused.
    pub(super) fn note(&mut self, key: &Key, memory: &mut Memory, devices: Option<Vec<Device>>) {
        if let Some(devices) = devices.filter(|devices| **devices != *memory.devices) {
            self.forget(key, &memory.devices);
            memory.devices = devices.into_iter().map(|device| self.insert(device, key)).collect();
        }
        if memory.refused.is_some() {
            self.refused.insert(key.clone());
        } else {
            self.refused.remove(key);
        }
    }

    /// Nothing concerns `key` any more, whose plan named `devices`.
    pub(super) fn forget(&mut self, key: &Key, devices: &[Device]) {
        self.refused.remove(key);
        for device in devices {
            if let Some(keys) = self.by_device.get_mut(device) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_device.remove(device);
                }
            }
        }
    }

    /// Gives `device` in the copy that is kept here.
    fn insert(&mut self, device: Device, key: &Key) -> Device {
        let device = self.by_device.get_key_value(&device).map_or(device, |(known, _)| known.clone());
        self.by_device.entry(device.clone()).or_default().insert(key.clone());
        device
    }
}
