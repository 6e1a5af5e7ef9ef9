//! What of DNS messages (RFC 1035) a server needs that answers with addresses: the one question of a query, and its answer.
use std::net::IpAddr;

/// Bytes of an answer over UDP; who wants more asks again over TCP.
pub(super) const DATAGRAM: usize = 512;
/// Bytes of an answer over TCP.
pub(super) const STREAM: usize = u16::MAX as usize;

const HEADER: usize = 12;
const RESPONSE: u8 = 0x80;
const OPERATION: u8 = 0x78;
const AUTHORITY: u8 = 0x04;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;
const RECURSION_AVAILABLE: u8 = 0x80;
const INTERNET: u16 = 1;
/// Of a name, its dots included.
const NAME: usize = 255;
/// Seconds for which an address may be remembered.
const TTL: u32 = 5;
/// Stands for the name in the question.
const SAME_NAME: u16 = 0xc000 | HEADER as u16;

/// What kind of record is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    V4,
    V6,
    Other,
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    /// It cannot be told now.
    Failure = 2,
    /// There is no such name.
    Unknown = 3,
}

/// A query with one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    /// Header and question.
    asked: &'a [u8],
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl<'a> Query<'a> {
    /// Reads a query; none for anything else, which deserves no answer.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let header = message.get(..HEADER)?;
        let is_query = header[2] & (RESPONSE | OPERATION) == 0 && header[4..6] == [0, 1];
        let mut at = HEADER;
        let mut name = String::new();
        loop {
            let length = usize::from(*message.get(at)?);
            let label = message.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if length == 0 {
                break;
            }
            // A longer one would point elsewhere, which a question has no reason for.
            if length > 63 || name.len() + length > NAME || !label.is_ascii() {
                return None;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        }
        let kind = match (number(message, at)?, number(message, at + 2)?) {
            (1, INTERNET) => Kind::V4,
            (28, INTERNET) => Kind::V6,
            _ => Kind::Other,
        };
        is_query.then(|| Self { asked: &message[..at + 4], name, kind })
    }

    /// The answer with those of `addresses` that were asked for and fit into `limit` bytes.
    pub(super) fn answer(&self, code: Code, addresses: &[IpAddr], limit: usize) -> Vec<u8> {
        let mut answer = self.asked.to_vec();
        answer[2] = RESPONSE | AUTHORITY | (answer[2] & RECURSION_DESIRED);
        answer[3] = RECURSION_AVAILABLE | code as u8;
        let mut count = 0u16;
        for address in addresses {
            let (kind, data) = match (self.kind, address) {
                (Kind::V4, IpAddr::V4(address)) => (1u16, address.octets().to_vec()),
                (Kind::V6, IpAddr::V6(address)) => (28, address.octets().to_vec()),
                _ => continue,
            };
            if answer.len() + 12 + data.len() > limit {
                answer[2] |= TRUNCATED;
                break;
            }
            for number in [SAME_NAME, kind, INTERNET] {
                answer.extend(number.to_be_bytes());
            }
            answer.extend(TTL.to_be_bytes());
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
            count += 1;
        }
        answer[6..8].copy_from_slice(&count.to_be_bytes());
        answer[8..HEADER].fill(0);
        answer
    }
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    /// As a resolver asks for the IPv4 addresses of `Det.ns.svc`, with an option behind the question (RFC 6891).
    const ASKED: &[u8] =
        b"\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x03Det\x02ns\x03svc\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";

    #[test]
    fn an_answer_repeats_the_question_and_holds_what_was_asked_for() {
        let query = Query::read(ASKED).unwrap();
        assert_eq!((query.name.as_str(), query.kind), ("det.ns.svc", Kind::V4));
        let addresses = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::new(10, 96, 0, 7).into()];
        let answer = query.answer(Code::Ok, &addresses, DATAGRAM);
        let expected = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0\x03Det\x02ns\x03svc\0\0\x01\0\x01\
            \xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\x60\0\x07";
        assert_eq!(answer, expected);
        assert_eq!(query.answer(Code::Unknown, &[], DATAGRAM)[2..8], *b"\x85\x83\0\x01\0\0");
    }

    #[test]
    fn what_does_not_fit_is_told_to_be_missing() {
        let query = Query::read(ASKED).unwrap();
        let many = [IpAddr::from([10, 0, 0, 1]); 100];
        let short = query.answer(Code::Ok, &many, DATAGRAM);
        assert!(short.len() <= DATAGRAM && short[2] & TRUNCATED != 0);
        let long = query.answer(Code::Ok, &many, STREAM);
        assert_eq!((long[2] & TRUNCATED, &long[6..8]), (0, &[0, 100][..]));
    }

    proptest! {
        #[test]
        fn no_message_is_read_beyond_its_end(message in proptest::collection::vec(any::<u8>(), 0..80), cut in 0..60usize) {
            let _ = Query::read(&message);
            // What begins as a query and is cut off is none.
            let whole = ASKED.len() - 11;
            prop_assert_eq!(Query::read(&ASKED[..cut.min(ASKED.len())]).is_some(), cut >= whole);
        }
    }
}
