//! Names that callers use: `<service>.<namespace>.svc[.cluster.local]`, with a device in front or not.
use super::Snapshot;
use crate::name::{Device, ServiceKey};

/// What a name means.
///
/// ```
/// use dayu_core::{directory::{Change, DeviceRecord, Directory, ServiceRecord}, name::{Device, ServiceKey}};
///
/// let detector = ServiceRecord::new(ServiceKey::new("shop", "detector"));
/// let directory = Directory::from_iter([Change::from(detector), DeviceRecord::new("cloud.kubeedge").into()]);
/// let named = directory.snapshot().resolve("cloud.kubeedge.detector.shop.svc")?;
/// assert_eq!((named.service.to_string(), named.device), ("shop/detector".to_owned(), Some(Device::from("cloud.kubeedge"))));
/// # Ok::<(), dayu_core::directory::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The Service.
    pub service: ServiceKey,
    /// The device that stands in front of it.
    pub device: Option<Device>,
}

/// A name that means nothing here, or two things.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not of the form.
    #[error("{0:?} is no mesh name; say <service>.<namespace>.svc or <device>.<service>.<namespace>.svc")]
    Form(String),
    /// Right in form, but no such Service or device is known.
    #[error("{0:?} names no Service that is known here; `dayu get services` lists them")]
    Unknown(String),
    /// A device in front that is not known.
    #[error("{name:?} names device {device:?}, which is not known here; `dayu get nodes` lists the devices")]
    UnknownDevice {
        /// The whole name.
        name: String,
        /// What stands where a device would.
        device: String,
    },
}

impl Snapshot {
    /// Reads a host name. A trailing dot and the cluster's domain may be there or not; case does not matter.
    ///
    /// Device names may contain dots, and so everything before the Service is the device.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn resolve(&self, host: &str) -> Result<Named, NameError> {
        let lower = host.trim_end_matches('.').to_ascii_lowercase();
        let name = lower.strip_suffix(".cluster.local").unwrap_or(&lower);
        let form = || NameError::Form(host.to_owned());
        let path = name.strip_suffix(".svc").ok_or_else(form)?;
        let (rest, namespace) = path.rsplit_once('.').ok_or_else(form)?;
        // A Service's own name has no dot, so the last label is the Service and all before it the device.
        let (device, service) = match rest.rsplit_once('.') {
            Some((device, service)) => (Some(device), service),
            None => (None, rest),
        };
        if service.is_empty() || namespace.is_empty() || device.is_some_and(str::is_empty) {
            return Err(form());
        }
        let service = ServiceKey::new(namespace, service);
        if self.service(&service).is_none() {
            return Err(NameError::Unknown(host.to_owned()));
        }
        let device = match device {
            None => None,
            Some(text) => {
                let known = self
                    .device(text)
                    .ok_or_else(|| NameError::UnknownDevice { name: host.to_owned(), device: text.to_owned() })?;
                Some(known.device.clone())
            }
        };
        Ok(Named { service, device })
    }
}
