//! A gate that panics: what it was asked about is denied, the panic goes on to the owner, and the swarm is whole.

use super::budgets::{B, C, Node, deliver};
use crate::support::sim::{A, Cut, ECHO, Network};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Event, Failure, StreamEnd};
use swarm_notify::swarm::{Gate, Multiaddr, Refusal};

/// The questions at which a gate is still to panic, one after the other.
type Panics = Arc<Mutex<VecDeque<&'static str>>>;

struct Fragile(Panics);

impl Fragile {
    fn answer(&self, question: &'static str) -> bool {
        let mut panics = self.0.lock().unwrap();
        let is_next = panics.front() == Some(&question);
        if is_next {
            panics.pop_front();
        }
        drop(panics);
        if is_next {
            // As a panic, without the hook's words on stderr.
            resume_unwind(Box::new(question));
        }
        true
    }
}

impl Gate for Fragile {
    fn may_accept(&mut self, _: &Multiaddr, _: Duration) -> bool {
        self.answer("accept")
    }

    fn may_dial(&mut self, _: &Multiaddr, _: Option<PeerId>, _: Duration) -> bool {
        self.answer("dial")
    }

    fn may_connect(&mut self, _: PeerId, direction: Direction, _: &Multiaddr, _: Duration) -> bool {
        self.answer(if direction == Direction::Inbound { "connect inbound" } else { "connect outbound" })
    }

    fn may_speak(&mut self, _: PeerId, _: &Protocol, _: Duration) -> bool {
        self.answer("speak")
    }
}

/// What a call has panicked with.
fn panic_of(call: impl FnOnce()) -> Option<&'static str> {
    let panic = catch_unwind(AssertUnwindSafe(call)).err()?;
    Some(*panic.downcast::<&str>().expect("it is the gate's"))
}

struct Two {
    network: Network,
    now: Duration,
    a: Node,
    /// The one with the gate.
    b: Node,
    panics: Panics,
}

impl Two {
    /// Two nodes that listen.
    fn new() -> Self {
        let (network, now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
        let [a, b] = [A, B].map(|host| Node::new(&network, host, |_| {}));
        let panics = Panics::default();
        let mut two = Self { network, now, a, b, panics: panics.clone() };
        two.a.swarm.listen(A.at(1)).unwrap();
        two.b.swarm.listen(B.at(1)).unwrap();
        two.b.swarm.set_gate(Some(Box::new(Fragile(panics))));
        assert_eq!(two.meet(), [""; 0]);
        two
    }

    /// Less than any time-out passes. Returns the panics that have come out of turns.
    fn meet(&mut self) -> Vec<&'static str> {
        let mut panics = Vec::new();
        for _ in 0..20 {
            self.a.tick(self.now);
            panics.extend(panic_of(|| self.b.swarm.tick(self.now)));
            self.b.drain();
            deliver(&self.network, &mut self.now);
        }
        panics
    }

    fn panics_at(&self, question: &'static str) {
        self.panics.lock().unwrap().push_back(question);
    }

    /// Both end in good order, and nothing is left.
    fn end(mut self) {
        self.a.swarm.shutdown();
        self.b.swarm.shutdown();
        self.meet();
        assert!(self.a.swarm.is_shut_down() && self.b.swarm.is_shut_down());
        assert!(self.network.is_empty(), "a socket is left open");
        assert_eq!(self.panics.lock().unwrap().len(), 0, "each has come");
    }
}

#[test]
fn a_gate_that_panics_about_who_comes_denies_it() {
    for question in ["accept", "connect inbound"] {
        let mut two = Two::new();
        two.panics_at(question);
        two.a.swarm.dial(B.at(1)).unwrap();
        assert_eq!(two.meet(), [question]);
        assert_eq!((two.b.connections(), two.b.swarm.inbound_handshakes()), (0, 0), "{question}");
        assert_eq!(two.b.swarm.refused(Refusal::ConnectionDenied), 1, "{question}");
        // It is asked again about the next one.
        two.a.swarm.dial(B.at(1)).unwrap();
        assert_eq!((two.meet(), two.b.connections()), (vec![], 1), "{question}");
        two.end();
    }
}

#[test]
fn a_gate_that_panics_about_a_dial_fails_it() {
    for question in ["dial", "connect outbound"] {
        let mut two = Two::new();
        two.panics_at(question);
        let in_command = panic_of(|| _ = two.b.swarm.dial(A.at(1)).unwrap());
        assert_eq!(in_command, (question == "dial").then_some(question));
        let in_turn = two.meet();
        assert_eq!(in_turn, if question == "dial" { vec![] } else { vec![question] });
        let failed = |event: &Event| matches!(event, Event::ConnectFailed { reason: Failure::Denied, .. });
        assert_eq!(two.b.log.iter().filter(|event| failed(event)).count(), 1, "{question}: {:?}", two.b.log);
        assert_eq!((two.a.connections(), two.a.swarm.inbound_handshakes()), (0, 0), "the other end is closed, too");
        two.b.swarm.dial(A.at(1)).unwrap();
        assert_eq!((two.meet(), two.b.connections()), (vec![], 1), "{question}");
        two.end();
    }
}

#[test]
fn a_gate_that_panics_about_a_protocol_refuses_it() {
    let mut two = Two::new();
    let id = two.a.swarm.dial(B.at(1)).unwrap();
    two.meet();
    two.panics_at("speak");
    two.a.open(id, ECHO);
    assert_eq!(two.meet(), ["speak"]);
    let fails = |node: &Node, why| {
        node.log.iter().any(|event| matches!(event, Event::StreamFailed { reason, .. } if *reason == why))
    };
    assert!(fails(&two.a, Failure::Unsupported) && fails(&two.b, Failure::Denied), "{:?} {:?}", two.a.log, two.b.log);
    assert_eq!(two.b.swarm.refused(Refusal::StreamDenied), 1);
    let stream = two.a.open(id, ECHO);
    assert_eq!(two.meet(), [""; 0]);
    assert!(two.a.log.iter().any(|event| matches!(event, Event::OpenedStream { stream: id, .. } if *id == stream)));
    two.end();
}

#[test]
fn a_gate_that_panics_when_asked_again_cuts_what_it_is_about() {
    let mut two = Two::new();
    let id = two.a.swarm.dial(B.at(1)).unwrap();
    two.meet();
    two.a.open(id, ECHO);
    two.meet();
    let ended = |two: &mut Two, question| {
        two.b.log.clear();
        two.panics_at(question);
        two.b.swarm.ask_gate_again();
        assert_eq!(panic_of(|| two.b.swarm.tick(two.now)), Some(question));
        two.b.drain();
        core::mem::take(&mut two.b.log)
    };
    let log = ended(&mut two, "speak");
    assert!(matches!(log[..], [Event::ClosedStream { reason: StreamEnd::Denied, .. }]), "{log:?}");
    let log = ended(&mut two, "connect inbound");
    assert!(matches!(log[..], [Event::Disconnected { reason: ConnectionEnd::Denied, .. }]), "{log:?}");
    two.end();
}

#[test]
fn of_panics_in_one_turn_the_first_goes_on_and_all_are_denied() {
    let mut two = Two::new();
    let mut third = Node::new(&two.network, C, |_| {});
    for node in [&mut two.a, &mut third] {
        node.swarm.dial(B.at(1)).unwrap();
        node.tick(two.now);
    }
    deliver(&two.network, &mut two.now);
    two.panics_at("accept");
    two.panics_at("accept");
    assert_eq!(panic_of(|| two.b.swarm.tick(two.now)), Some("accept"));
    assert_eq!(two.b.swarm.refused(Refusal::ConnectionDenied), 2, "the turn has gone on");
    assert_eq!(panic_of(|| two.b.swarm.tick(two.now)), None, "and is told of once");
    drop(third);
    two.meet();
    two.end();
}

/// The text of the error says so.
#[test]
fn a_dial_that_a_panic_has_denied_names_it() {
    let mut two = Two::new();
    two.panics_at("connect outbound");
    two.b.swarm.dial(A.at(1)).unwrap();
    let mut told = None;
    while told.is_none() {
        two.a.tick(two.now);
        let _ = panic_of(|| two.b.swarm.tick(two.now));
        told = two.b.swarm.next_event();
        deliver(&two.network, &mut two.now);
    }
    let Some(Event::ConnectFailed { connection, reason: Failure::Denied }) = told else { panic!("{told:?}") };
    assert_eq!(two.b.swarm.connection(connection).unwrap().error, Some("the gate has panicked"));
    two.end();
}
