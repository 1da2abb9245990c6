//! The gate of an owner: what it is asked, what a refusal comes to, and what it judges again.

use super::shares::{listening, refused};
use crate::simulated::secs;
use crate::support::raw_frames::{ECHO_LINES, NOISE_LINES, SYN, data};
use crate::support::sim::{A, B, ECHO, Pair, Raw, RawDial, SINK, Shape, UNKNOWN, everywhere};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::Direction;
use swarm_notify::swarm::{Gate, Multiaddr, Ready, Refusal, RefusedAt};

everywhere! {
    a_gate_is_asked_once_about_each_step,
    a_gate_that_accepts_nobody_answers_nobody,
    a_gate_that_lets_nobody_connect_closes_after_authentication,
    a_gate_that_forbids_dials_has_them_fail,
    a_denied_protocol_is_not_spoken,
    after_a_denied_protocol_the_next_proposal_counts,
    a_denied_proposal_gets_na_on_the_wire,
    a_gate_that_is_asked_again_cuts_streams_and_connections,
    without_a_gate_everything_is_allowed_again,
}

const NONE: &[&str] = &[];

/// What a gate was asked, and what it denies.
#[derive(Default)]
struct Rules {
    asked: Vec<String>,
    denies_accept: bool,
    denies_dial: bool,
    denies_peers: bool,
    denied: BTreeSet<&'static str>,
}

/// Answers by rules that its owner has, too.
struct Scripted(Arc<Mutex<Rules>>);

impl Gate for Scripted {
    fn may_accept(&mut self, remote: &Multiaddr, _now: Duration) -> bool {
        let mut rules = self.0.lock().unwrap();
        rules.asked.push(format!("accept {}", remote.iter().next().unwrap()));
        !rules.denies_accept
    }

    fn may_dial(&mut self, address: &Multiaddr, peer: Option<PeerId>, _now: Duration) -> bool {
        let mut rules = self.0.lock().unwrap();
        rules.asked.push(format!("dial {address} {}", peer.is_some()));
        !rules.denies_dial
    }

    fn may_connect(&mut self, peer: PeerId, direction: Direction, remote: &Multiaddr, _now: Duration) -> bool {
        let mut rules = self.0.lock().unwrap();
        assert!(!peer.to_string().is_empty() && !remote.is_empty());
        rules.asked.push(format!("connect {direction}"));
        !rules.denies_peers
    }

    fn may_speak(&mut self, _peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
        let mut rules = self.0.lock().unwrap();
        rules.asked.push(format!("speak {protocol}"));
        !rules.denied.contains(protocol.as_str())
    }
}

/// Gives `b` a gate with these rules.
fn gated<const EVENTS: usize>(pair: &mut Pair<EVENTS>, rules: Rules) -> Arc<Mutex<Rules>> {
    let rules = Arc::new(Mutex::new(rules));
    let before = pair.b.swarm.set_gate(Some(Box::new(Scripted(rules.clone()))));
    assert!(before.is_none());
    rules
}

fn denying(protocol: &'static str) -> Rules {
    Rules { denied: BTreeSet::from([protocol]), ..Rules::default() }
}

fn asked(rules: &Mutex<Rules>) -> Vec<String> {
    std::mem::take(&mut rules.lock().unwrap().asked)
}

fn a_gate_is_asked_once_about_each_step<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let rules = gated(&mut pair, Rules::default());
    let (ca, cb) = pair.connected();
    match shape.swapped {
        true => assert_eq!(asked(&rules), ["dial /ip4/10.0.0.1/tcp/4000 false", "connect outbound"]),
        false => assert_eq!(asked(&rules), ["accept /ip4/10.0.0.1", "connect inbound"]),
    }
    pair.stream((ca, cb));
    assert_eq!(asked(&rules), ["speak /echo/1.0.0"]);
    // What nobody speaks is no question, nor is what we open ourselves.
    pair.a.open(ca, &[UNKNOWN]);
    pair.b.open(cb, &[ECHO]);
    pair.settle();
    assert_eq!(asked(&rules), [""; 0]);
    pair.end_quietly();
}

fn a_gate_that_accepts_nobody_answers_nobody<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    let rules = Arc::new(Mutex::new(Rules { denies_accept: true, ..Rules::default() }));
    pair.a.swarm.set_gate(Some(Box::new(Scripted(rules.clone()))));
    let mut dial = RawDial::new(&pair.network, 3, &A.at(4001));
    pair.settle();
    let mut pipe = dial.pipe().unwrap();
    pipe.try_give(NOISE_LINES);
    pair.settle();
    assert_eq!((pipe.take(), pair.a.swarm.inbound_handshakes()), (vec![], 0));
    assert_eq!((refused(&pair, Refusal::ConnectionDenied), asked(&rules).len()), (1, 1));
    pair.a.expect(NONE);
    drop(pipe);
    pair.end_quietly();
}

fn a_gate_that_lets_nobody_connect_closes_after_authentication<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let address = pair.listens();
    gated(&mut pair, Rules { denies_peers: true, ..Rules::default() });
    let dialed = if shape.swapped { pair.b.dial(&address) } else { pair.a.dial(&address) };
    pair.settle();
    if shape.swapped {
        pair.b.expect(&[format!("connect_failed {dialed} denied")]);
        // Our name was not told.
        assert_eq!(pair.a.swarm.refused(Refusal::HandshakeFailed), 1);
        pair.a.expect(NONE);
    } else {
        pair.b.expect(NONE);
        assert_eq!(pair.b.swarm.refused(Refusal::ConnectionDenied), 1);
        let inbound = pair.b.swarm.counters().connections.inbound;
        assert_eq!((inbound.without_id, inbound.failed, inbound.opened), (1, 0, 0));
        // A dialer that has said its last message takes the connection for open, until its socket ends.
        pair.a.expect(&[format!("connected {dialed} outbound"), format!("disconnected {dialed} remote(eof)")]);
    }
    pair.end_with_listener();
}

fn a_gate_that_forbids_dials_has_them_fail<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let rules = gated(&mut pair, Rules { denies_dial: true, ..Rules::default() });
    let peer = pair.a.swarm.local_peer();
    let id = pair.b.dial(&A.at(9).with(libp2p_core::multiaddr::Protocol::P2p(peer)));
    assert_eq!((asked(&rules), pair.network.dials()), (vec!["dial /ip4/10.0.0.1/tcp/9 true".to_owned()], 0));
    pair.settle();
    pair.b.expect(&[format!("connect_failed {id} denied")]);
    pair.end(NONE, NONE);
}

fn a_denied_protocol_is_not_spoken<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let rules = gated(&mut pair, denying("/echo/1.0.0"));
    let (ca, cb) = pair.connected();
    let sa = pair.a.open(ca, &[ECHO]);
    // Lazily: data behind the proposal.
    pair.a.send(sa, b"\x80\x80\x80no line of multistream");
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s0.1 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s0.1 denied"]);
    pair.a.open(ca, &[ECHO]);
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s0.2 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s0.2 denied"]);
    assert_eq!(pair.b.causes, ["s0.1: /echo/1.0.0", "s0.2: /echo/1.0.0"]);
    assert_eq!(pair.b.swarm.refused(Refusal::StreamDenied), 2);
    assert_eq!(pair.b.swarm.refused_at(cb, Refusal::StreamDenied), 2);
    pair.wait(secs(2));
    let told = pair.b.ready.drain(..).filter_map(|ready| {
        let Ready::Refused { of, kind: Refusal::StreamDenied, count } = ready else { return None };
        (of == RefusedAt::from(cb)).then_some(count)
    });
    assert_eq!(told.sum::<u64>(), 2);
    // Another protocol is spoken, and so is this one once the gate has changed its mind.
    pair.a.open(ca, &[SINK]);
    rules.lock().unwrap().denied.clear();
    pair.a.open(ca, &[ECHO]);
    pair.settle();
    let opened = |log: Vec<String>| log.iter().filter(|line| line.starts_with("opened_stream ")).count();
    assert_eq!((opened(pair.a.take_log()), opened(pair.b.take_log())), (2, 2));
    pair.end_quietly();
}

fn after_a_denied_protocol_the_next_proposal_counts<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let rules = gated(&mut pair, denying("/echo/1.0.0"));
    let (ca, _) = pair.connected();
    pair.a.open(ca, &[ECHO, SINK]);
    pair.settle();
    assert_eq!(asked(&rules)[..].rchunks(2).next().unwrap(), ["speak /echo/1.0.0", "speak /sink/1.0.0"]);
    pair.a.expect(&["opened_stream c0.1/s0.1 outbound /sink/1.0.0"]);
    pair.b.expect(&["opened_stream c0.1/s0.1 inbound /sink/1.0.0"]);
    pair.a.open(ca, &[ECHO, UNKNOWN]);
    pair.settle();
    pair.a.expect(&["stream_failed c0.1/s1.1 unsupported"]);
    pair.b.expect(&["stream_failed c0.1/s1.1 denied"]);
    assert_eq!(pair.b.causes, ["s1.1: /echo/1.0.0"]);
    pair.end_quietly();
}

fn a_denied_proposal_gets_na_on_the_wire<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (mut raw, id) = Raw::connect(&mut pair);
    pair.a.swarm.set_gate(Some(Box::new(Scripted(Arc::new(Mutex::new(denying("/echo/1.0.0")))))));
    raw.say(&[data(SYN, 1, ECHO_LINES)]);
    pair.settle();
    assert_eq!(raw.stream(1), (b"\x13/multistream/1.0.0\n\x03na\n".to_vec(), false));
    assert!(!raw.was_reset(1), "it may propose something else");
    let streams: Vec<_> = pair.a.swarm.streams_of(id).map(|id| pair.a.swarm.stream(id).unwrap().protocol).collect();
    assert_eq!(streams, [None], "it speaks nothing yet");
    pair.a.expect(NONE);
    raw.say(&[data(0, 1, b"\x0c/echo/1.0.0\n\x0c/sink/1.0.0\n")]);
    pair.settle();
    let said = b"\x13/multistream/1.0.0\n\x03na\n\x03na\n\x0c/sink/1.0.0\n";
    assert_eq!(raw.stream(1), (said.to_vec(), false));
    pair.a.expect(&[format!("opened_stream {id}/s0.1 inbound /sink/1.0.0")]);
    // One that says nothing more has had its time.
    raw.say(&[data(SYN, 3, ECHO_LINES)]);
    pair.wait(secs(11));
    pair.a.expect(&[format!("stream_failed {id}/s1.1 denied")]);
    assert!(raw.was_reset(3));
    // At last even the most patient listener gives up.
    raw.say(&[data(SYN, 5, &[ECHO_LINES, &b"\x0c/echo/1.0.0\n".repeat(16)].concat())]);
    pair.settle();
    pair.a.expect(&[format!("stream_failed {id}/s1.2 denied")]);
    assert_eq!(refused(&pair, Refusal::StreamDenied), 2 + 1 + 16);
    drop(raw);
    pair.end_quietly();
}

fn a_gate_that_is_asked_again_cuts_streams_and_connections<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let rules = gated(&mut pair, Rules::default());
    let (ca, cb) = pair.connected();
    let (sa, sb) = pair.stream((ca, cb));
    let own = pair.b.open(cb, &[ECHO]);
    pair.settle();
    pair.a.take_log();
    pair.b.take_log();
    rules.lock().unwrap().denied.insert("/echo/1.0.0");
    pair.settle();
    pair.b.expect(NONE);
    pair.b.swarm.ask_gate_again();
    assert_eq!(pair.b.swarm.poll_at(), Some(pair.now));
    pair.settle();
    pair.b.expect(&[format!("closed_stream {cb}/{sb} denied")]);
    pair.a.expect(&[format!("closed_stream {ca}/{sa} reset(remote)")]);
    assert!(pair.b.swarm.stream(own).is_some(), "what we speak is our choice");
    rules.lock().unwrap().denies_peers = true;
    pair.b.swarm.ask_gate_again();
    pair.settle();
    let log = pair.b.take_log();
    assert_eq!(log.last(), Some(&format!("disconnected {cb} denied")), "{log:?}");
    let log = pair.a.take_log();
    assert_eq!(log.last(), Some(&format!("disconnected {ca} remote(go_away(0))")), "{log:?}");
    pair.end_with_listener();
}

fn without_a_gate_everything_is_allowed_again<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(Shape { swapped: true, ..shape });
    let address = pair.listens();
    gated(&mut pair, Rules { denies_dial: true, ..Rules::default() });
    let id = pair.b.dial(&address);
    pair.settle();
    pair.b.expect(&[format!("connect_failed {id} denied")]);
    assert!(pair.b.swarm.set_gate(None).is_some());
    pair.b.swarm.ask_gate_again();
    assert!(pair.b.swarm.next_deadline() != Some(pair.now), "there is nobody to ask");
    pair.connected_at(&address);
    assert!(pair.b.swarm.connection(id).is_none() && B != A);
    pair.end_quietly();
}
