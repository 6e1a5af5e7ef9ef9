//! What a server that answers with addresses needs of DNS messages: the one question of a query, and its answer.
use std::net::IpAddr;

use domain::{
    base::{
        Message, MessageBuilder, Question, Rtype, StaticCompressor, ToName, Ttl,
        iana::{Class, Opcode, Rcode},
        message_builder::{AnswerBuilder, PushError},
    },
    rdata::{A, Aaaa},
};

/// Bytes of an answer over UDP; who wants more asks again over TCP.
pub(super) const DATAGRAM: usize = 512;
/// Bytes of an answer over TCP.
pub(super) const STREAM: usize = u16::MAX as usize;

/// Seconds for which an address may be remembered.
const TTL: u32 = 5;

type Answer = AnswerBuilder<StaticCompressor<Vec<u8>>>;

/// A query with one question.
pub(super) struct Query<'a> {
    message: &'a Message<[u8]>,
    /// In lower case, without the last dot.
    pub(super) name: String,
}

impl<'a> Query<'a> {
    /// Reads a query; none for anything else, which deserves no answer.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let message = Message::from_slice(message).ok()?;
        let is_query = !message.header().qr() && message.header().opcode() == Opcode::QUERY;
        let name = message.sole_question().ok().filter(|_| is_query)?.qname().to_string();
        Some(Self { message, name: name.trim_end_matches('.').to_ascii_lowercase() })
    }

    /// The answer with those of `addresses` that were asked for and fit into `limit` bytes.
    pub(super) fn answer(&self, code: Rcode, addresses: &[IpAddr], limit: usize) -> Option<Vec<u8>> {
        let builder = MessageBuilder::from_target(StaticCompressor::new(Vec::new())).ok()?;
        let mut answer = builder.start_answer(self.message, code).ok()?;
        answer.set_push_limit(limit);
        answer.header_mut().set_aa(true);
        answer.header_mut().set_ra(true);
        let question = self.message.sole_question().ok()?;
        for address in addresses {
            if push(&mut answer, &question, *address).is_err() {
                answer.header_mut().set_tc(true);
                break;
            }
        }
        Some(answer.finish().into_target())
    }
}

/// Adds `address`, if it is what was asked for.
fn push(answer: &mut Answer, question: &Question<impl ToName>, address: IpAddr) -> Result<(), PushError> {
    let (name, ttl) = (question.qname(), Ttl::from_secs(TTL));
    match (question.qclass(), question.qtype(), address) {
        (Class::IN, Rtype::A, IpAddr::V4(address)) => answer.push((name, ttl, A::new(address))),
        (Class::IN, Rtype::AAAA, IpAddr::V6(address)) => answer.push((name, ttl, Aaaa::new(address))),
        _ => Ok(()),
    }
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
        assert_eq!(query.name, "det.ns.svc");
        let addresses = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::new(10, 96, 0, 7).into()];
        let answer = query.answer(Rcode::NOERROR, &addresses, DATAGRAM).unwrap();
        let expected = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0\x03Det\x02ns\x03svc\0\0\x01\0\x01\
            \xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\x60\0\x07";
        assert_eq!(answer, expected);
        assert_eq!(query.answer(Rcode::NXDOMAIN, &[], DATAGRAM).unwrap()[2..8], *b"\x85\x83\0\x01\0\0");
    }

    fn truncated(answer: &[u8]) -> bool {
        Message::from_slice(answer).unwrap().header().tc()
    }

    #[test]
    fn what_does_not_fit_is_told_to_be_missing() {
        let query = Query::read(ASKED).unwrap();
        let many = [IpAddr::from([10, 0, 0, 1]); 100];
        let short = query.answer(Rcode::NOERROR, &many, DATAGRAM).unwrap();
        assert!(short.len() <= DATAGRAM && truncated(&short));
        let long = query.answer(Rcode::NOERROR, &many, STREAM).unwrap();
        assert_eq!((truncated(&long), &long[6..8]), (false, &[0, 100][..]));
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
