//! What a server that answers for names needs of DNS messages: the one question of a query, and its answer.
use std::{net::IpAddr, str::FromStr};

use domain::{
    base::{
        Message, MessageBuilder, Name, ParsedName, ParsedRecord, Rtype, StaticCompressor, ToName, Ttl,
        iana::{Opcode, Rcode},
        message_builder::{AnswerBuilder, PushError},
        rdata::{ComposeRecordData, ParseRecordData},
    },
    rdata::{A, Aaaa, Cname, Ptr, Srv},
};

use super::zone::Fact;

/// Bytes of an answer over UDP; who wants more asks again over TCP.
pub(super) const DATAGRAM: usize = 512;
/// Bytes of an answer over TCP.
pub(super) const STREAM: usize = u16::MAX as usize;

/// For how long what is told may be remembered.
const TTL: Ttl = Ttl::from_secs(5);
/// Of several places each is as good as the others.
const PRIORITY: u16 = 0;
const WEIGHT: u16 = 100;

type Answer = AnswerBuilder<StaticCompressor<Vec<u8>>>;
type FullName = Name<Vec<u8>>;

/// A query with one question.
pub(super) struct Query<'a> {
    message: &'a Message<[u8]>,
    /// In lower case, without the last dot.
    pub(super) name: String,
}

/// What is said of a name.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Rcode,
    /// Each another name for the one before it. All else is said of the last.
    pub(super) aliases: Vec<String>,
    pub(super) facts: Vec<Fact>,
    /// The answer that somebody else gave.
    pub(super) others: Option<Vec<u8>>,
}

/// What kept an answer from being whole.
enum Unsaid {
    Full,
    /// There is something in it that is no name.
    Unnamed,
}

impl From<PushError> for Unsaid {
    fn from(_: PushError) -> Self {
        Self::Full
    }
}

impl<'a> Query<'a> {
    /// Reads a query; none for anything else, which deserves no answer.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let message = Message::from_slice(message).ok()?;
        let is_query = !message.header().qr() && message.header().opcode() == Opcode::QUERY;
        let name = message.sole_question().ok().filter(|_| is_query)?.qname().to_string();
        Some(Self { message, name: name.trim_end_matches('.').to_ascii_lowercase() })
    }

    /// The same question about another name, for somebody else.
    pub(super) fn about(&self, name: &str, id: u16) -> Option<Vec<u8>> {
        let question = self.message.sole_question().ok()?;
        let mut builder = MessageBuilder::new_vec().question();
        builder.header_mut().set_id(id);
        builder.header_mut().set_rd(true);
        builder.push((full(name).ok()?, question.qtype(), question.qclass())).ok()?;
        Some(builder.finish())
    }

    /// The answer with what was asked for of `said`, as far as it fits into `limit` bytes.
    pub(super) fn answer(&self, said: &Said, limit: usize) -> Option<Vec<u8>> {
        let builder = MessageBuilder::from_target(StaticCompressor::new(Vec::new())).ok()?;
        let mut answer = builder.start_answer(self.message, said.code).ok()?;
        answer.set_push_limit(limit);
        answer.header_mut().set_aa(said.others.is_none());
        answer.header_mut().set_ra(true);
        match self.say(said, &mut answer) {
            Ok(()) => {}
            Err(Unsaid::Full) => answer.header_mut().set_tc(true),
            Err(Unsaid::Unnamed) => return None,
        }
        let mut additional = answer.additional();
        let wants_places = self.message.sole_question().is_ok_and(|question| question.qtype() == Rtype::SRV);
        for fact in said.facts.iter().filter(|_| wants_places) {
            if let Fact::Place { host, addresses, .. } = fact {
                let host = full(host).ok()?;
                // Whoever misses them asks for them.
                let _ = addresses.iter().try_for_each(|address| match address {
                    IpAddr::V4(address) => additional.push((&host, TTL, A::new(*address))),
                    IpAddr::V6(address) => additional.push((&host, TTL, Aaaa::new(*address))),
                });
            }
        }
        Some(additional.finish().into_target())
    }

    fn say(&self, said: &Said, answer: &mut Answer) -> Result<(), Unsaid> {
        let question = self.message.sole_question().map_err(|_| Unsaid::Unnamed)?;
        let mut name: FullName = question.qname().to_name();
        for alias in &said.aliases {
            let alias = full(alias)?;
            answer.push((&name, TTL, Cname::new(&alias)))?;
            name = alias;
        }
        for fact in &said.facts {
            match (question.qtype(), fact) {
                (Rtype::A, Fact::Address(IpAddr::V4(address))) => answer.push((&name, TTL, A::new(*address)))?,
                (Rtype::AAAA, Fact::Address(IpAddr::V6(address))) => answer.push((&name, TTL, Aaaa::new(*address)))?,
                (Rtype::PTR, Fact::Owner(owner)) => answer.push((&name, TTL, Ptr::new(full(owner)?)))?,
                (Rtype::SRV, Fact::Place { host, port, .. }) => {
                    answer.push((&name, TTL, Srv::new(PRIORITY, WEIGHT, *port, full(host)?)))?;
                }
                _ => {}
            }
        }
        said.others.as_deref().map_or(Ok(()), |others| repeat(others, answer))
    }
}

/// Says what others said of addresses and of further names.
fn repeat(others: &[u8], answer: &mut Answer) -> Result<(), Unsaid> {
    let others = Message::from_slice(others).map_err(|_| Unsaid::Unnamed)?;
    for record in others.answer().map_err(|_| Unsaid::Unnamed)?.flatten() {
        repeat_one::<Cname<ParsedName<&[u8]>>>(&record, answer)?;
        repeat_one::<A>(&record, answer)?;
        repeat_one::<Aaaa>(&record, answer)?;
    }
    if others.header().tc() { Err(Unsaid::Full) } else { Ok(()) }
}

fn repeat_one<'a, D>(record: &ParsedRecord<'a, [u8]>, answer: &mut Answer) -> Result<(), PushError>
where
    D: ParseRecordData<'a, [u8]> + ComposeRecordData,
{
    match record.to_record::<D>() {
        Ok(Some(record)) => answer.push(record),
        _ => Ok(()),
    }
}

/// What somebody else's answer says of how it went.
pub(super) fn code(answer: &[u8]) -> Option<Rcode> {
    Message::from_slice(answer).ok().map(|answer| answer.header().rcode())
}

fn full(name: &str) -> Result<FullName, Unsaid> {
    Name::from_str(name).map_err(|_| Unsaid::Unnamed)
}

#[cfg(test)]
mod tests;
