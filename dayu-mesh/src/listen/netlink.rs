//! Local routes of the kernel that are the mesh's, by rtnetlink(7).
//!
//! By hand: a library for it knows all that netlink is used for, and that becomes part of a program which needs three messages.
use std::{
    io::{self, Read, Write},
    net::IpAddr,
};

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};

const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;
/// Ends a list.
const DONE: u16 = 3;
/// A request, to be acknowledged.
const ASK: u16 = 0x1 | 0x4;
/// Made where there is none, and put in the place of what a predecessor left.
const SET: u16 = 0x400 | 0x100;
/// A request for all there are.
const LIST: u16 = 0x1 | 0x300;

const HEADER: usize = 16;
/// Of a route, before its attributes.
const ROUTE: usize = 12;
const DESTINATION: u16 = 1;
const INTERFACE: u16 = 4;
const SOURCE: u16 = 7;

const V4: u8 = 2;
const V6: u8 = 10;
const LOCAL_TABLE: u8 = 255;
/// Marks routes as the mesh's: not among the numbers that are given out.
const OURS: u8 = 0xda;
const HOST_SCOPE: u8 = 254;
/// Of the kind that is delivered here.
const LOCAL: u8 = 2;
/// The same in every network namespace.
const LOOPBACK_INTERFACE: u32 = 1;

/// Makes every address of `network` one of this machine's. Connections to it that are made here come from `own`.
pub(super) fn make(network: IpNet, own: IpAddr) -> io::Result<()> {
    let own = (own.is_ipv4() == network.addr().is_ipv4()).then_some(own);
    change(NEW_ROUTE, ASK | SET, network, own)
}

/// Undoes [`make`].
pub(super) fn remove(network: IpNet) -> io::Result<()> {
    change(DELETE_ROUTE, ASK, network, None)
}

/// What was made, by whomever.
pub(super) fn ours() -> io::Result<Vec<IpNet>> {
    let mut socket = &open()?;
    socket.write_all(&message(GET_ROUTE, LIST, &[0; ROUTE]))?;
    let mut all = Vec::new();
    let mut answer = vec![0; 64 * 1024];
    loop {
        let length = socket.read(&mut answer)?;
        let mut rest = &answer[..length];
        while let Some((kind, body, next)) = first(rest) {
            match kind {
                NEW_ROUTE => all.extend(read(body)),
                DONE => return Ok(all),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
            rest = next;
        }
    }
}

fn change(kind: u16, flags: u16, network: IpNet, source: Option<IpAddr>) -> io::Result<()> {
    let mut body = vec![family(network), network.prefix_len(), 0, 0, LOCAL_TABLE, OURS, HOST_SCOPE, LOCAL, 0, 0, 0, 0];
    let mut attribute = |kind: u16, value: &[u8]| {
        body.extend((value.len() as u16 + 4).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
    };
    attribute(DESTINATION, &octets(network.network()));
    attribute(INTERFACE, &LOOPBACK_INTERFACE.to_ne_bytes());
    if let Some(source) = source {
        attribute(SOURCE, &octets(source));
    }
    // The kernel answers before the sending returns.
    let mut socket = &open()?;
    socket.write_all(&message(kind, flags, &body))?;
    let mut answer = [0; 512];
    let length = socket.read(&mut answer)?;
    let code = answer[..length].get(HEADER..HEADER + 4).and_then(|code| code.try_into().ok()).map(i32::from_ne_bytes);
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn open() -> io::Result<Socket> {
    let (netlink, routes) = (Domain::from(16), Protocol::from(0));
    Socket::new(netlink, Type::RAW, Some(routes))
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = (body.len() as u32 + HEADER as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// The first of several messages: its kind, its body, and what comes after it.
fn first(messages: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(messages.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(messages.get(4..6)?.try_into().ok()?);
    let body = messages.get(HEADER..length)?;
    Some((kind, body, messages.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The network of a route, if the route is ours.
fn read(route: &[u8]) -> Option<IpNet> {
    let [family, bits, _, _, LOCAL_TABLE, OURS, ..] = *route else { return None };
    let mut attributes = route.get(ROUTE..)?;
    loop {
        let length = u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?).into();
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        let value = attributes.get(4..length)?;
        if kind == DESTINATION {
            let address = match family {
                V4 => IpAddr::from(<[u8; 4]>::try_from(value).ok()?),
                _ => IpAddr::from(<[u8; 16]>::try_from(value).ok()?),
            };
            return IpNet::new(address, bits).ok();
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn family(network: IpNet) -> u8 {
    if network.addr().is_ipv4() { V4 } else { V6 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}
