//! Addresses of the cluster that are made addresses of this machine, so that one can listen on them.
//!
//! A route in the kernel's local table is all that takes: no interface has to be there or has the address. It is removed when
//! nobody listens there any more; what a killed mesh leaves is taken over by the next one that wants the address.
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::IpAddr,
    sync::{Arc, Weak},
};

use socket2::{Domain, Protocol, Socket, Type};

/// An address that is one of this machine's as long as this is held.
#[derive(Debug)]
pub(super) struct Home(IpAddr);

/// Those that are held: several ports of a Service share one.
#[derive(Debug, Default)]
pub(super) struct Homes(BTreeMap<IpAddr, Weak<Home>>);

impl Homes {
    /// Makes `address` one of this machine's. Connections to it that are made here come from `own`.
    ///
    /// # Errors
    /// Without CAP_NET_ADMIN, say.
    pub(super) fn of(&mut self, address: IpAddr, own: IpAddr) -> io::Result<Arc<Home>> {
        if let Some(home) = self.0.get(&address).and_then(Weak::upgrade) {
            return Ok(home);
        }
        ask(&message(Change::Make { own }, address))?;
        let home = Arc::new(Home(address));
        self.0.retain(|_, home| home.strong_count() > 0);
        self.0.insert(address, Arc::downgrade(&home));
        Ok(home)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Gone already is what is wanted.
        let _ = ask(&message(Change::Remove, self.0));
    }
}

enum Change {
    Make { own: IpAddr },
    Remove,
}

/// Marks routes as the mesh's: not among the numbers that are given out.
const OURS: u8 = 0xda;
/// The same in every network namespace.
const LOOPBACK_INTERFACE: u32 = 1;

/// The change of a local route, as rtnetlink(7) has it.
fn message(change: Change, address: IpAddr) -> Vec<u8> {
    const NEW_ROUTE: u16 = 24;
    const DELETE_ROUTE: u16 = 25;
    /// A request, to be acknowledged.
    const ASK: u16 = 0x1 | 0x4;
    /// Made where there is none, and put in the place of what a predecessor left.
    const SET: u16 = 0x400 | 0x100;
    const DESTINATION: u16 = 1;
    const INTERFACE: u16 = 4;
    const SOURCE: u16 = 7;
    let (kind, flags) = match change {
        Change::Make { .. } => (NEW_ROUTE, ASK | SET),
        Change::Remove => (DELETE_ROUTE, ASK),
    };
    // Local table, scope of the host, of the kind that is delivered here.
    let (family, bits) = if address.is_ipv4() { (2, 32) } else { (10, 128) };
    let mut body = vec![family, bits, 0, 0, 255, OURS, 254, 2, 0, 0, 0, 0];
    let mut attribute = |kind: u16, value: &[u8]| {
        body.extend((value.len() as u16 + 4).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
    };
    attribute(DESTINATION, &octets(address));
    attribute(INTERFACE, &LOOPBACK_INTERFACE.to_ne_bytes());
    if let Change::Make { own } = change
        && own.is_ipv4() == address.is_ipv4()
    {
        attribute(SOURCE, &octets(own));
    }
    let mut message = (body.len() as u32 + 16).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// Sends a message to the kernel and hears what came of it; it answers before the sending returns.
fn ask(message: &[u8]) -> io::Result<()> {
    let (netlink, routes) = (Domain::from(16), Protocol::from(0));
    let mut socket = &Socket::new(netlink, Type::RAW, Some(routes))?;
    socket.write_all(message)?;
    let mut answer = [0; 512];
    let length = socket.read(&mut answer)?;
    let code = answer[..length].get(16..20).and_then(|code| code.try_into().ok()).map(i32::from_ne_bytes);
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
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
