//! Against a peer that shakes hands as it should, and then says what it likes, frame by frame.

use crate::simulated::{millis, secs};
use crate::support::sim::{B, GO_AWAY, Pair, RawDial, Shape, SimPipe, everywhere, frame, go_away};
use swarm_notify::connection::noise::{Config, Handshake, Opened, Transport};
use swarm_notify::connection::{Role, yamux};
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::ConnectionId;

everywhere! {
    one_that_breaks_the_protocol_is_told_so,
    a_peer_that_breaks_the_protocol_is_not_told_on_a_stuck_pipe,
    one_that_goes_away_for_a_reason_is_not_waited_for,
    one_that_has_our_identity_is_dropped_and_counted,
    another_handshake_outlives_a_dial_of_ourselves,
}

const WORDS: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

/// A go-away in a version of yamux that does not exist.
fn go_away_of_version_1() -> Vec<u8> {
    [&[1], &go_away()[1..]].concat()
}

/// A peer that has dialed, knows who listens, and has not said who it is.
struct Half {
    pipe: SimPipe,
    handshake: Handshake,
}

impl Half {
    fn shake_hands<const EVENTS: usize>(pair: &mut Pair<EVENTS>, key: u8) -> Self {
        pair.b.listen(&B.at(1));
        pair.settle();
        let mut dial = RawDial::new(&pair.network, 1, &B.at(1));
        pair.settle();
        let mut pipe = dial.pipe().expect("it is answered");
        let identity = Keypair::ed25519_from_bytes([key; 32]).expect("32 bytes are a key");
        let config = Config::new(&identity, [9; 32], &[yamux::PROTOCOL_NAME]).expect("the key can sign");
        let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).expect("the key is fine");
        let mut said = WORDS.to_vec();
        handshake.transmit(&mut said).expect("it is our turn");
        pipe.give(&said);
        pair.settle();
        let answer = pipe.take();
        handshake.receive(&answer[WORDS.len()..]).expect("it is answered");
        Self { pipe, handshake }
    }

    fn finish<const EVENTS: usize>(self, pair: &mut Pair<EVENTS>) -> Peer {
        let Self { mut pipe, mut handshake } = self;
        let mut said = Vec::new();
        handshake.transmit(&mut said).expect("it is our turn");
        pipe.give(&said);
        pair.settle();
        Peer { pipe, transport: handshake.finish().expect("it is over").0 }
    }
}

/// The peer, who dialed.
struct Peer {
    pipe: SimPipe,
    transport: Transport,
}

impl Peer {
    /// Dials `b`, which listens from now on.
    fn connect<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> (Self, ConnectionId) {
        let peer = Self::shake_hands(pair, 9);
        pair.b.expect(&["listen l0.1", "connected c0.1 inbound"]);
        let id = pair.b.swarm.connections().next().expect("it is there");
        (peer, id)
    }

    /// The same, whatever `b` tells of it. `key` is the peer's identity.
    fn shake_hands<const EVENTS: usize>(pair: &mut Pair<EVENTS>, key: u8) -> Self {
        Half::shake_hands(pair, key).finish(pair)
    }

    fn say(&mut self, frames: &[u8]) {
        let mut wire = Vec::new();
        self.transport.seal(frames, &mut wire).expect("there are nonces left");
        self.pipe.give(&wire);
    }

    /// The frames that have come.
    fn hear(&mut self) -> Vec<u8> {
        let wire = self.pipe.take();
        let (mut rest, mut frames, mut plain) = (&wire[..], Vec::new(), vec![0; 65_535]);
        while let Opened::Message { consumed, len } = self.transport.open(rest, &mut plain).expect("it is sealed") {
            rest = &rest[consumed..];
            frames.extend_from_slice(&plain[..len]);
        }
        assert_eq!(rest, b"", "whole messages");
        frames
    }
}

fn one_that_breaks_the_protocol_is_told_so<const EVENTS: usize>(shape: Shape) {
    for most in [1, 7, usize::MAX] {
        let mut pair = Pair::<EVENTS>::new(shape);
        let (mut peer, _) = Peer::connect(&mut pair);
        // However little its pipe takes at once.
        pair.network.set(|knobs| knobs.most(0, 1, most));
        peer.say(&go_away_of_version_1());
        pair.settle();
        pair.b.expect(&["disconnected c0.1 failed(protocol)"]);
        assert_eq!(peer.hear(), frame(GO_AWAY, 0, 0, yamux::PROTOCOL_ERROR));
        assert!(pair.network.has_ended(0, 1), "and that this was all");
        drop(peer);
        pair.end_quietly();
    }
}

fn a_peer_that_breaks_the_protocol_is_not_told_on_a_stuck_pipe<const EVENTS: usize>(shape: Shape) {
    for takes_nothing in [false, true] {
        let mut pair = Pair::<EVENTS>::new(shape);
        let (mut peer, _) = Peer::connect(&mut pair);
        pair.network.set(|knobs| match takes_nothing {
            true => knobs.most(0, 1, 0),
            false => knobs.stall(0, 1, true),
        });
        peer.say(&go_away_of_version_1());
        pair.settle();
        pair.b.expect(&["disconnected c0.1 failed(protocol)"]);
        assert_eq!(peer.hear(), b"");
        drop(peer);
        pair.end_quietly();
    }
}

fn one_that_goes_away_for_a_reason_is_not_waited_for<const EVENTS: usize>(shape: Shape) {
    for (code, waits) in [(yamux::NORMAL, secs(5)), (yamux::PROTOCOL_ERROR, millis(0))] {
        let mut pair = Pair::<EVENTS>::new(shape);
        let (mut peer, id) = Peer::connect(&mut pair);
        // What is due to it cannot be written.
        pair.network.set(|knobs| knobs.stall(0, 1, true));
        pair.b.swarm.close_connection(id).unwrap();
        pair.settle();
        let closed = pair.now;
        peer.say(&frame(GO_AWAY, 0, 0, code));
        pair.settle();
        assert!(pair.now < closed + secs(1));
        let heard = pair.now;
        assert_eq!(pair.b.unexpected() == 0, code == yamux::NORMAL);
        pair.wait(secs(10));
        let log = pair.b.take_timed_log();
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0].1, "disconnected c0.1 requested");
        assert!(log[0].0 <= if waits.is_zero() { heard } else { closed + waits });
        drop(peer);
        pair.end_quietly();
    }
}

/// Another process that has our key, and does not look whom it dials.
fn one_that_has_our_identity_is_dropped_and_counted<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let peer = Peer::shake_hands(&mut pair, 2);
    pair.b.expect(&["listen l0.1"]);
    assert_eq!(pair.b.swarm.connections().next(), None);
    let counters = pair.b.swarm.counters().connections;
    assert_eq!((counters.inbound.without_id, counters.inbound.failed), (1, 0));
    drop(peer);
    // There is place for others, and no id was lost.
    pair.a.dial(&B.at(1));
    pair.settle();
    pair.a.expect(&["connected c0.1 outbound"]);
    pair.b.expect(&["connected c0.1 inbound"]);
    pair.end(&["disconnected c0.1 shutdown"], &["disconnected c0.1 remote(go_away(0))", "listen_close l0.1 shutdown"]);
}

fn another_handshake_outlives_a_dial_of_ourselves<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let peer = Half::shake_hands(&mut pair, 9);
    pair.b.dial(&B.at(1));
    pair.settle();
    pair.b.expect(&["listen l0.1", "connect_failed c0.1 local_peer"]);
    assert_eq!(pair.b.swarm.counters().connections.inbound.without_id, 1);
    let peer = peer.finish(&mut pair);
    pair.b.expect(&["connected c0.2 inbound"]);
    drop(peer);
    pair.end_quietly();
}
