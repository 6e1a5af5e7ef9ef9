//! What of each kind the mesh reads, and how its changes are said.
use std::sync::Arc;

use dayu_core::{
    api::lean::Large,
    directory::{Change, DeviceRecord, ServiceRecord, SliceRecord},
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
    fn change(&self) -> Change;
    fn gone(key: Self::Key) -> Change;
}

impl Kind for Service {
    type Key = (ServiceKey, Uid);

    fn key(&self) -> Self::Key {
        let key = ServiceKey::new(self.namespace().unwrap_or_default(), self.name_any());
        (key, Uid::new(self.uid().unwrap_or_default()))
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

    fn change(&self) -> Change {
        Change::Device(DeviceRecord::from(self))
    }

    fn gone(device: Device) -> Change {
        Change::DeviceGone(device)
    }
}
