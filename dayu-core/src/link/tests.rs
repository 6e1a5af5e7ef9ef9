//! The wire as Sedna writes it, and sessions under every disorder.
use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{Action, DEAD_AFTER, Event, Frame, Message, Operation, PING_EVERY, Session};

fn message(name: &str, operation: Operation, content: &str) -> Message {
    Message::new("ns", "runtimeservice", name, operation, content.as_bytes().to_vec())
}

#[test]
fn a_frame_is_what_sedna_reads() {
    let frame = Frame { message: Some(message("a", Operation::Status, "{}")), ..Frame::default() };
    assert_eq!(
        frame.encode().unwrap(),
        r#"{"header":{"namespace":"ns","resourceKind":"runtimeservice","resourceName":"a","operation":"status"},"content":"e30="}"#
    );
    assert_eq!(Frame::decode(&frame.encode().unwrap()).unwrap(), frame);
}

#[test]
fn the_bare_header_of_a_sedna_peer_is_an_empty_frame() {
    let bare = r#"{"namespace":"","resourceKind":"","resourceName":"","operation":""}"#;
    assert_eq!(Frame::decode(bare).unwrap(), Frame::default());
}

#[test]
fn an_unknown_operation_and_null_content_are_carried_without_message() {
    let text = r#"{"header":{"resourceKind":"Dataset","operation":"update"},"content":null}"#;
    assert_eq!(Frame::decode(text).unwrap().message, None);
    let error = Frame::decode(r#"{"header":{"resourceName":"x","operation":"insert"},"content":"?"}"#).unwrap_err();
    assert!(error.to_string().contains("/x is not base64"), "{error}");
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let mut session = Session::new(1);
    session.step(Event::Connected { numbered: true }, Duration::ZERO);
    assert_eq!(session.step(Event::Tick, PING_EVERY), [Action::Ping]);
    assert_eq!(session.step(Event::Tick, PING_EVERY + Duration::from_secs(1)), []);
    session.step(Event::Heard, Duration::from_secs(5));
    assert_eq!(session.step(Event::Tick, DEAD_AFTER), [Action::Ping]);
    assert_eq!(session.step(Event::Tick, Duration::from_secs(5) + DEAD_AFTER), [Action::Close]);
    assert!(!session.is_connected());
}

#[test]
fn a_peer_that_does_not_number_gets_each_message_once() {
    let mut session = Session::new(1);
    session.step(Event::Connected { numbered: false }, Duration::ZERO);
    let actions = session.step(Event::Send(message("a", Operation::Insert, "1")), Duration::ZERO);
    let [Action::Transmit(frame)] = actions.as_slice() else { panic!("{actions:?}") };
    session.written(frame.seq);
    session.step(Event::Disconnected, Duration::ZERO);
    let again = session.step(Event::Connected { numbered: false }, Duration::ZERO);
    assert!(again.iter().all(|action| matches!(action, Action::Transmit(frame) if frame.message.is_none())));
}

/// A link whose frames can be lost, doubled and cut, with everything that each side has been told.
struct Pair {
    sides: [Session; 2],
    wires: [Vec<Frame>; 2],
    views: [BTreeMap<String, Message>; 2],
    orders: [Vec<u64>; 2],
    up: bool,
}

impl Pair {
    fn new() -> Self {
        let sides = [Session::new(11), Session::new(22)];
        Self { sides, wires: Default::default(), views: Default::default(), orders: Default::default(), up: false }
    }

    fn step(&mut self, side: usize, event: Event) {
        for action in self.sides[side].step(event, Duration::ZERO) {
            match action {
                Action::Transmit(frame) if self.up => {
                    // Written is not arrived: the wire may still be cut.
                    self.sides[side].written(frame.seq);
                    self.wires[side].push(frame);
                }
                Action::Deliver(message) => {
                    let number = String::from_utf8(message.content.to_vec()).unwrap().parse().unwrap();
                    self.orders[side].push(number);
                    self.views[side].insert(message.name.clone(), message);
                }
                _ => {}
            }
        }
    }

    fn reconnect(&mut self) {
        self.wires = Default::default();
        self.up = false;
        (0..2).for_each(|side| self.step(side, Event::Disconnected));
        self.up = true;
        (0..2).for_each(|side| self.step(side, Event::Connected { numbered: true }));
    }

    /// Carries the oldest frame of one side; a doubled one arrives twice.
    fn carry(&mut self, from: usize, doubled: bool) {
        if self.wires[from].is_empty() {
            return;
        }
        let frame = self.wires[from].remove(0);
        if doubled {
            self.step(1 - from, Event::Received(frame.clone()));
        }
        self.step(1 - from, Event::Received(frame));
    }

    fn settle(&mut self) {
        self.reconnect();
        while self.wires.iter().any(|wire| !wire.is_empty()) {
            (0..2).for_each(|side| self.carry(side, false));
        }
    }
}

#[derive(Clone, Debug)]
enum Disorder {
    Send {
        side: usize,
        name: u8,
        delete: bool,
    },
    Carry {
        side: usize,
        doubled: bool,
    },
    Reconnect,
    /// The process restarts with its stored outbox.
    Restart {
        side: usize,
    },
}

fn disorder() -> impl Strategy<Value = Disorder> {
    prop_oneof![
        4 => (0..2usize, 0..4u8, any::<bool>()).prop_map(|(side, name, delete)| Disorder::Send { side, name, delete }),
        4 => (0..2usize, any::<bool>()).prop_map(|(side, doubled)| Disorder::Carry { side, doubled }),
        1 => Just(Disorder::Reconnect),
        1 => (0..2usize).prop_map(|side| Disorder::Restart { side }),
    ]
}

proptest! {
    /// Whatever is lost, doubled or restarted: in the end each side knows the newest message about each object, and never
    /// saw an older one after a newer one of the same sender, unless it restarted itself and forgot what it had taken.
    #[test]
    fn views_are_equal_in_the_end(disorders in proptest::collection::vec(disorder(), 0..80)) {
        let mut pair = Pair::new();
        let mut sent: [BTreeMap<String, Message>; 2] = Default::default();
        let mut restarted = [false; 2];
        for (number, disorder) in disorders.into_iter().enumerate() {
            match disorder {
                Disorder::Send { side, name, delete } => {
                    let operation = if delete { Operation::Delete } else { Operation::Insert };
                    let message = message(&name.to_string(), operation, &number.to_string());
                    sent[side].insert(message.name.clone(), message.clone());
                    pair.step(side, Event::Send(message));
                }
                Disorder::Carry { side, doubled } => pair.carry(side, doubled),
                Disorder::Reconnect => pair.reconnect(),
                Disorder::Restart { side } => {
                    let stored = serde_json::to_string(pair.sides[side].outbox()).unwrap();
                    pair.sides[side] = Session::resume(serde_json::from_str(&stored).unwrap());
                    restarted[side] = true;
                    pair.reconnect();
                }
            }
        }
        pair.settle();
        for side in 0..2 {
            prop_assert_eq!(&pair.views[1 - side], &sent[side]);
            prop_assert!(pair.sides[side].outbox().is_empty());
            let order = &pair.orders[side];
            prop_assert!(restarted[side] || order.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", order);
        }
    }
}
