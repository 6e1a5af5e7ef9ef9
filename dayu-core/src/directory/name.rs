//! Names that callers use: `<service>.<namespace>[.svc[.cluster.local]]`, with a device in front or not.
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
    /// A Service alone. Whose namespace it is, pods ask of their resolver; a host name does not say it.
    #[error("{name:?} says no namespace; say {meant}")]
    NoNamespace {
        /// The whole name.
        name: String,
        /// What to say instead: the full names that it may stand for.
        meant: String,
    },
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
    /// Reads a host name. A trailing dot, the cluster's domain and `.svc` may be there or not; case does not matter. Without `.svc` a
    /// name means the Service that a pod's resolver would find, and without such a Service none of ours.
    ///
    /// Device names may contain dots, and so everything before the Service is the device.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn resolve(&self, host: &str) -> Result<Named, NameError> {
        let lower = host.trim_end_matches('.').to_ascii_lowercase();
        let form = || NameError::Form(host.to_owned());
        let (path, is_full) = match lower.strip_suffix(".cluster.local").unwrap_or(&lower).strip_suffix(".svc") {
            Some(path) => (path, true),
            None => (&*lower, false),
        };
        let Some((rest, namespace)) = path.rsplit_once('.') else {
            let meant = self.named(path).ok_or_else(form)?;
            return Err(NameError::NoNamespace { name: host.to_owned(), meant });
        };
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
            return Err(if is_full { NameError::Unknown(host.to_owned()) } else { form() });
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

    /// The full names of the Services that are called `name` in their namespaces; none if there are none.
    fn named(&self, name: &str) -> Option<String> {
        let mut namespaces: Vec<&str> = self
            .services()
            .map(|service| &service.key)
            .filter(|key| &*key.name == name)
            .map(|key| &*key.namespace)
            .collect();
        namespaces.sort_unstable();
        let first = namespaces.iter().take(3).map(|namespace| format!("{name}.{namespace}.svc"));
        let meant = first.collect::<Vec<_>>().join(" or ");
        (!meant.is_empty()).then_some(meant)
    }
}
