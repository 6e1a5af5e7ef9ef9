//! What of each kind the mesh reads, and how its changes are said.
use std::{collections::BTreeSet, sync::Arc};

use dayu_core::{
    api::lean::Large,
    directory::{Change, DeviceRecord, Records, ServiceRecord, SliceRecord},
    name::{Device, ServiceKey, Uid},
};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Resource, ResourceExt};

/// A kind that the directory knows.
pub(super) trait Kind: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Large + Send + 'static {
    /// Names one incarnation.
    type Key: Clone + Ord + Send;

    fn key(&self) -> Self::Key;
    /// What is known from an earlier time.
    fn known(records: &Records) -> BTreeSet<Self::Key>;
    fn change(&self) -> Change;
    fn gone(key: Self::Key) -> Change;
}

impl Kind for Service {
    type Key = (ServiceKey, Uid);

    fn key(&self) -> Self::Key {
        let key = ServiceKey::new(self.namespace().unwrap_or_default(), self.name_any());
        (key, Uid::new(self.uid().unwrap_or_default()))
    }

    fn known(records: &Records) -> BTreeSet<Self::Key> {
        records.services.iter().map(|record| (record.key.clone(), record.uid.clone())).collect()
    }

    fn change(&self) -> Change {
        Change::Service(ServiceRecord::from(self))
    }

    fn gone((key, uid): Self::Key) -> Change {
        Change::ServiceGone { key, uid }
    }
}

impl Kind for EndpointSlice {
    type Key = (Arc<str>, Arc<str>);

    fn key(&self) -> Self::Key {
        (self.namespace().unwrap_or_default().into(), self.name_any().into())
    }

    fn known(records: &Records) -> BTreeSet<Self::Key> {
        records.slices.iter().map(|record| (record.namespace.clone(), record.name.clone())).collect()
    }

    fn change(&self) -> Change {
        Change::Slice(SliceRecord::from(self))
    }

    fn gone((namespace, name): Self::Key) -> Change {
        Change::SliceGone { namespace, name }
    }
}

impl Kind for Node {
    type Key = Device;

    fn key(&self) -> Device {
        Device::from(self.name_any())
    }

    fn known(records: &Records) -> BTreeSet<Device> {
        records.devices.iter().map(|record| record.device.clone()).collect()
    }

    fn change(&self) -> Change {
        Change::Device(DeviceRecord::from(self))
    }

    fn gone(device: Device) -> Change {
        Change::DeviceGone(device)
    }
}
