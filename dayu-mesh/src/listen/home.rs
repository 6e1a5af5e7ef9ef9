//! Addresses of the cluster that are made addresses of this machine, so that one can listen on them.
//!
//! A route in the kernel's local table is all that takes: no interface has to be there or has the address. It is removed when
//! nobody listens there any more; what a killed mesh leaves refuses connections until the next one takes it over or removes it.
use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{Arc, Weak},
};

use ipnet::IpNet;

use super::netlink;

/// An address, or a whole network of them, that is this machine's as long as this is held.
#[derive(Debug)]
pub(crate) struct Home(IpNet);

/// Those that are held: several ports of a Service share one.
#[derive(Debug, Default)]
pub(super) struct Homes(BTreeMap<IpAddr, Weak<Home>>);

impl Home {
    /// Makes every address of `network` one of this machine's. Connections to it that are made here come from `own`.
    ///
    /// # Errors
    /// Without CAP_NET_ADMIN, say.
    pub(crate) fn new(network: IpNet, own: IpAddr) -> io::Result<Self> {
        netlink::make(network, own)?;
        Ok(Self(network))
    }
}

impl Homes {
    /// The home of one address.
    ///
    /// # Errors
    /// See [`Home::new`].
    pub(super) fn of(&mut self, address: IpAddr, own: IpAddr) -> io::Result<Arc<Home>> {
        if let Some(home) = self.0.get(&address).and_then(Weak::upgrade) {
            return Ok(home);
        }
        let home = Arc::new(Home::new(address.into(), own)?);
        self.0.retain(|_, home| home.strong_count() > 0);
        self.0.insert(address, Arc::downgrade(&home));
        Ok(home)
    }
}

/// Removes what a mesh that was killed has left, but for what is held in `homes` by now.
///
/// # Errors
/// Without CAP_NET_ADMIN, say.
pub(super) fn sweep(homes: &Homes) -> io::Result<()> {
    let held = |network: &IpNet| homes.0.get(&network.addr()).is_some_and(|home| home.strong_count() > 0);
    netlink::ours()?.into_iter().filter(|network| !held(network)).try_for_each(netlink::remove)
}

impl Drop for Home {
    fn drop(&mut self) {
        // Gone already is what is wanted.
        let _ = netlink::remove(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn an_address_is_the_machines_as_long_as_somebody_listens_there() {
        // Of a network that nobody has.
        let (address, own) = (IpAddr::from([192, 0, 2, 77]), IpAddr::from([127, 0, 0, 1]));
        let mut homes = Homes::default();
        let first = match homes.of(address, own) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "skipped: {error}");
                eprintln!("skipped: routes cannot be set: {error}");
                return;
            }
            first => first.unwrap(),
        };
        let second = homes.of(address, own).unwrap();
        drop(first);
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(client.local_addr().unwrap().ip(), own);
        drop(second);
        let refused = TcpListener::bind(SocketAddr::new(address, 0)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
