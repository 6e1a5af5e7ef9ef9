//! The network that a control plane and its nodes share: a kernel namespace of its own, with a bridge.
//!
//! Nothing on the machine is configured for it, so it collides with nothing and goes when its processes go.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Error;
use super::component::Component;

/// Where the control plane is.
pub(super) const GATEWAY: &str = "10.89.0.1";
/// The Service `kubernetes`, which pods find the API by. No proxy answers for it: the API server does itself.
pub(super) const API: &str = "10.96.0.1";
pub(super) const API_PORT: u16 = 443;
pub(super) const SERVICES: &str = "10.96.0.0/16";

/// Where pods ask for names, of whoever answers there on their node.
pub(super) const NAMES: &str = "169.254.96.16";

const SCRIPT: &str = include_str!("network.sh");

/// What the node of that number has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u8);

impl Place {
    /// Places for so many nodes.
    pub(super) fn all(nodes: usize) -> impl Iterator<Item = Self> {
        (1..=u8::MAX).take(nodes).map(Self)
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

    pub(super) fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 89, 1, self.0)
    }

    /// Its pods' network.
    pub(super) fn pods(self) -> String {
        format!("10.88.{}.0/24", self.0)
    }
}

/// The process that the network lives by; it tells its id in `folder`.
pub(super) fn component(folder: &Path, nodes: usize) -> Component {
    let mut arguments: Vec<_> = ["--net", "sh", "-c", SCRIPT, "network"].map(str::to_owned).into();
    arguments.push(told(folder).display().to_string());
    arguments.extend([GATEWAY, API, SERVICES].map(str::to_owned));
    arguments.extend(Place::all(nodes).flat_map(|place| [place.address().to_string(), place.pods()]));
    Component { name: "network".into(), program: "unshare".into(), arguments }
}

fn told(folder: &Path) -> std::path::PathBuf {
    folder.join("network.pid")
}

/// The id of the process in the network, once it is made.
pub(super) fn pid(folder: &Path) -> Option<u32> {
    fs::read_to_string(told(folder)).ok()?.trim().parse().ok()
}

/// Moves the calling thread into the network of a process; what it starts from then on is there too.
///
/// # Errors
/// Without the rights, or when the process is gone.
pub(super) fn enter(pid: u32) -> Result<(), Error> {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).map_err(Error::Enter)?;
    let entered = move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network));
    entered.map_err(|errno| Error::Enter(errno.into()))
}
