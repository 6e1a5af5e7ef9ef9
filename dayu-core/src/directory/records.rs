//! What a directory was told, to be kept and told again.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Change, DeviceRecord, ServiceRecord, SliceRecord};

/// Everything that is there, as it was told last: whoever tells it to another [`Directory`](super::Directory) makes that one
/// know the same. Each list is sorted, so that equal knowledge is equal.
///
/// Serialised, it has no versions: they mean something only to the source that gave them, and what was kept must give way to
/// whatever a source says, even to one that was restored from an older state.
///
/// ```
/// use dayu_core::{directory::{Directory, DeviceRecord, Records, ServiceRecord, Change}, name::ServiceKey};
///
/// let service = ServiceRecord::new(ServiceKey::new("shop", "detector")).port(9000);
/// let directory = Directory::from_iter([Change::from(DeviceRecord::new("edge1")), service.into()]);
/// let kept = serde_json::to_string(&directory.records())?;
/// let again: Directory = serde_json::from_str::<Records>(&kept)?.into_iter().collect();
/// assert_eq!(again.records(), directory.records());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// By namespace and name.
    pub services: Vec<Arc<ServiceRecord>>,
    /// By namespace and name, whether their Service is there or not.
    pub slices: Vec<Arc<SliceRecord>>,
    /// By name.
    pub devices: Vec<DeviceRecord>,
}

/// As changes, devices last: who waits for the address of its own then knows what to serve there.
impl IntoIterator for Records {
    type Item = Change;
    type IntoIter = Box<dyn Iterator<Item = Change> + Send>;

    fn into_iter(self) -> Self::IntoIter {
        let services = self.services.into_iter().map(|record| Change::Service(Arc::unwrap_or_clone(record)));
        let slices = self.slices.into_iter().map(|record| Change::Slice(Arc::unwrap_or_clone(record)));
        Box::new(services.chain(slices).chain(self.devices.into_iter().map(Change::Device)))
    }
}
