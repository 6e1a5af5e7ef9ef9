use std::net::{Ipv4Addr, Ipv6Addr};

use domain::rdata::AllRecordData;

use proptest::prelude::*;

use super::*;

/// As a resolver asks for the IPv4 addresses of `Det.ns.svc`, with an option behind the question (RFC 6891).
const ASKED: &[u8] =
    b"\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x03Det\x02ns\x03svc\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";

fn said(facts: Vec<Fact>) -> Said {
    Said { code: Rcode::NOERROR, aliases: Vec::new(), facts, others: None }
}

fn addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Said {
    said(addresses.into_iter().map(Fact::Address).collect())
}

/// The question of `ASKED` with another type.
fn of_type(rtype: Rtype) -> Vec<u8> {
    let query = Query::read(ASKED).unwrap();
    let mut other = query.about("Det.ns.svc", 7).unwrap();
    let end = other.len() - 3;
    other[end - 1..=end].copy_from_slice(&rtype.to_int().to_be_bytes());
    other
}

/// The records of an answer, in its sections, as zone files have them.
fn records(answer: &[u8]) -> Vec<String> {
    let answer = Message::from_slice(answer).unwrap();
    let records = answer.iter().map(|record| record.unwrap().0);
    let text = |record: ParsedRecord<'_, [u8]>| {
        let record = record.into_any_record::<AllRecordData<_, _>>().unwrap();
        format!("{} {} {}", record.owner(), record.rtype(), record.data())
    };
    records.map(text).collect()
}

#[test]
fn an_answer_repeats_the_question_and_holds_what_was_asked_for() {
    let query = Query::read(ASKED).unwrap();
    assert_eq!(query.name, "det.ns.svc");
    let known = addresses([Ipv6Addr::LOCALHOST.into(), Ipv4Addr::new(10, 96, 0, 7).into()]);
    let answer = query.answer(&known, DATAGRAM).unwrap();
    let expected = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0\x03Det\x02ns\x03svc\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\x60\0\x07";
    assert_eq!(answer, expected);
    let nothing = Said { code: Rcode::NXDOMAIN, ..said(Vec::new()) };
    assert_eq!(query.answer(&nothing, DATAGRAM).unwrap()[2..8], *b"\x85\x83\0\x01\0\0");
}

#[test]
fn who_asks_for_something_else_hears_that_there_is_none() {
    let known = addresses([Ipv4Addr::new(10, 96, 0, 7).into()]);
    for rtype in [Rtype::AAAA, Rtype::MX, Rtype::SRV, Rtype::PTR] {
        let answer = Query::read(&of_type(rtype)).unwrap().answer(&known, DATAGRAM).unwrap();
        assert_eq!((answer[3] & 0xf, records(&answer)), (0, vec![]), "{rtype}");
    }
}

#[test]
fn a_place_is_told_with_where_it_is() {
    let address = Ipv4Addr::new(10, 88, 1, 1).into();
    let place = Fact::Place { host: "redis-1.redis.ns.svc".into(), port: 6379, addresses: vec![address] };
    let query = of_type(Rtype::SRV);
    let answer = Query::read(&query).unwrap().answer(&said(vec![place]), DATAGRAM).unwrap();
    let expected = ["Det.ns.svc SRV 0 100 6379 redis-1.redis.ns.svc", "redis-1.redis.ns.svc A 10.88.1.1"];
    assert_eq!(records(&answer), expected);
    let query = of_type(Rtype::PTR);
    let owner = said(vec![Fact::Owner("redis-1.redis.ns.svc".into())]);
    let answer = Query::read(&query).unwrap().answer(&owner, DATAGRAM).unwrap();
    assert_eq!(records(&answer), ["Det.ns.svc PTR redis-1.redis.ns.svc."]);
}

#[test]
fn another_name_is_told_with_what_others_say_of_it() {
    let query = Query::read(ASKED).unwrap();
    let others = query.about("db.example.org", 1).unwrap();
    let theirs = Said { aliases: vec!["db1.example.org".into()], ..addresses([Ipv4Addr::new(192, 0, 2, 7).into()]) };
    let others = Query::read(&others).unwrap().answer(&theirs, STREAM).unwrap();
    let said = Said { aliases: vec!["db.example.org".into()], others: Some(others), ..said(Vec::new()) };
    let expected =
        ["Det.ns.svc CNAME db.example.org.", "db.example.org CNAME db1.example.org.", "db1.example.org A 192.0.2.7"];
    assert_eq!(records(&query.answer(&said, DATAGRAM).unwrap()), expected);
    let nameless = Said { aliases: vec![format!("{}.org", "x".repeat(64))], ..said };
    assert_eq!(query.answer(&nameless, DATAGRAM), None);
}

fn truncated(answer: &[u8]) -> bool {
    Message::from_slice(answer).unwrap().header().tc()
}

#[test]
fn what_does_not_fit_is_told_to_be_missing() {
    let query = Query::read(ASKED).unwrap();
    let many = addresses([IpAddr::from([10, 0, 0, 1]); 100]);
    let short = query.answer(&many, DATAGRAM).unwrap();
    assert!(short.len() <= DATAGRAM && truncated(&short));
    let long = query.answer(&many, STREAM).unwrap();
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
