//! How one change lies in the file.
//!
//! `length u32 · crc32 of the length u32 · crc32 of the payload u32 · payload`, little endian. The length has its own
//! checksum so that a damaged one cannot pass for a record that was cut off.

use crate::store::ResourceRef;

pub(super) const HEADER: usize = 12;
/// No object is nearly as large: what claims to be is damage.
const LIMIT: usize = 64 * 1024 * 1024;

/// A change as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// All versions up to this one were used.
    Base {
        version: u64,
    },
    Put {
        resource: Names<'a>,
        json: &'a [u8],
    },
    Delete {
        version: u64,
        resource: Names<'a>,
        namespace: &'a str,
        name: &'a str,
    },
}

/// A resource, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) group: &'a str,
    pub(super) plural: &'a str,
}

impl<'a> From<&'a ResourceRef> for Names<'a> {
    fn from(resource: &'a ResourceRef) -> Self {
        Self { group: resource.group(), plural: resource.plural() }
    }
}

impl Names<'_> {
    pub(super) fn to_ref(self) -> ResourceRef {
        ResourceRef::new(self.group, self.plural)
    }
}

/// Appends a record.
pub(super) fn encode(record: Record<'_>, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend([0; HEADER]);
    match record {
        Record::Base { version } => {
            into.push(b'B');
            into.extend(version.to_le_bytes());
        }
        Record::Put { resource, json } => {
            into.push(b'P');
            text(resource.group, into);
            text(resource.plural, into);
            into.extend(json);
        }
        Record::Delete { version, resource, namespace, name } => {
            into.push(b'D');
            into.extend(version.to_le_bytes());
            for part in [resource.group, resource.plural, namespace, name] {
                text(part, into);
            }
        }
    }
    let payload = &into[start + HEADER..];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let checksums = [crc32fast::hash(&length), crc32fast::hash(payload)].map(u32::to_le_bytes);
    into[start..start + 4].copy_from_slice(&length);
    into[start + 4..start + 8].copy_from_slice(&checksums[0]);
    into[start + 8..start + HEADER].copy_from_slice(&checksums[1]);
}

/// What a header says: how long the payload is, and its checksum. `None`: it is damaged.
pub(super) fn header(bytes: [u8; HEADER]) -> Option<(usize, u32)> {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let length = number(0) as usize;
    (length > 0 && length <= LIMIT && crc32fast::hash(&bytes[..4]) == number(4)).then(|| (length, number(8)))
}

/// Reads a payload whose checksum held.
pub(super) fn decode(payload: &[u8]) -> Option<Record<'_>> {
    let (&kind, mut rest) = payload.split_first()?;
    let rest = &mut rest;
    Some(match kind {
        b'B' => Record::Base { version: number(rest)? },
        b'P' => Record::Put { resource: names(rest)?, json: rest },
        b'D' => {
            let version = number(rest)?;
            Record::Delete { version, resource: names(rest)?, namespace: take(rest)?, name: take(rest)? }
        }
        _ => return None,
    })
}

/// Names are at most some hundred bytes: two bytes of length.
fn text(text: &str, into: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    into.extend(length.to_le_bytes());
    into.extend(&text.as_bytes()[..usize::from(length)]);
}

fn names<'a>(rest: &mut &'a [u8]) -> Option<Names<'a>> {
    Some(Names { group: take(rest)?, plural: take(rest)? })
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_le_bytes(*number))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk()?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let resource = Names { group: "apps", plural: "deployments" };
        for record in [
            Record::Base { version: 7 },
            Record::Put { resource, json: b"{}" },
            Record::Delete { version: 9, resource, namespace: "", name: "d" },
        ] {
            let mut bytes = Vec::new();
            encode(record, &mut bytes);
            let (length, checksum) = header(*bytes.first_chunk().unwrap()).unwrap();
            assert_eq!(length, bytes.len() - HEADER);
            assert_eq!(checksum, crc32fast::hash(&bytes[HEADER..]));
            assert_eq!(decode(&bytes[HEADER..]), Some(record));
        }
    }
}
