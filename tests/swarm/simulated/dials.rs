//! Dials and handshakes that come to nothing, or only just to something.

use crate::simulated::{millis, secs};
use crate::support::sim::{A, B, Cut, Pair, RawDial, Shape, Side, SimPipe, SimTransport, everywhere};
use libp2p_core::multiaddr::Protocol as Part;
use libp2p_identity::Keypair;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::swarm::Refusal;

everywhere! {
    refused,
    never_answered,
    never_answered_beside_many_that_are_given_up,
    an_address_that_is_not_spoken,
    closed_by_its_owner_at_every_moment,
    the_wrong_peer,
    the_right_peer,
    dials_that_cross_are_two_connections_told_at_both_ends,
    a_dial_of_our_own_listener_fails_as_local_peer,
    a_dial_of_our_own_peer_id_fails_as_local_peer,
    an_address_that_names_two_peers_is_unsupported,
    broken_at_every_moment,
    closed_at_once_by_who_listens,
    garbage_in_place_of_a_handshake,
    a_flipped_byte_in_the_handshake,
    a_flipped_byte_after_it,
    a_handshake_that_is_too_slow,
    a_handshake_that_is_slow_enough,
    a_peer_that_says_nothing,
}

const NONE: &[&str] = &[];

/// So many connections have come in and ended before their peers were authenticated: counted, and not told.
#[track_caller]
fn assert_failed_at_the_door<const EVENTS: usize>(side: &Side<SimTransport, EVENTS>, many: u64) {
    assert_eq!(side.swarm.inbound_handshakes(), 0);
    assert_eq!(side.swarm.refused(Refusal::HandshakeFailed), many);
    let inbound = side.swarm.counters().connections.inbound;
    assert_eq!((inbound.without_id, inbound.failed), (many, 0));
}

/// The sizes of what a dialer says before message 3: multistream's header, `/noise`, and message 1.
const DIALERS_FIRST: u64 = 20 + 8 + 2 + 32;
/// What a listener says before message 2.
const LISTENERS_FIRST: u64 = 20 + 8;

fn refused<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.dial(&B.at(9));
    pair.settle();
    assert_eq!(pair.now, millis(20));
    pair.end(&["connect_failed c0.1 refused"], NONE);
}

fn never_answered<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.silent((2, 9)));
    pair.a.dial(&B.at(9));
    pair.wait(secs(11));
    assert_eq!(pair.a.take_timed_log(), [(secs(10), "connect_failed c0.1 timeout".to_owned())]);
    pair.end(NONE, NONE);
}

fn never_answered_beside_many_that_are_given_up<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.silent((2, 9)));
    let first = pair.a.dial(&B.at(9));
    for _ in 0..100 {
        let id = pair.a.dial(&B.at(9));
        pair.settle();
        pair.a.swarm.abort_connection(id).unwrap();
        pair.settle();
    }
    pair.wait(secs(11));
    let log = pair.a.take_timed_log();
    assert_eq!(log.len(), 101);
    assert_eq!(log.last(), Some(&(secs(10), format!("connect_failed {first} timeout"))));
    pair.end(NONE, NONE);
}

fn an_address_that_is_not_spoken<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.dial(&"/memory/1".parse().unwrap());
    pair.settle();
    pair.end(&["connect_failed c0.1 unsupported"], NONE);
}

fn closed_by_its_owner_at_every_moment<const EVENTS: usize>(shape: Shape) {
    for abort in [false, true] {
        // The dialer has its connection after 40 ms.
        for after in 0..40 {
            let mut pair = Pair::<EVENTS>::new(shape);
            pair.b.listen(&B.at(1));
            pair.settle();
            let id = pair.a.dial(&B.at(1));
            if after > 0 {
                pair.wait(millis(after));
            }
            match abort {
                true => pair.a.swarm.abort_connection(id).unwrap(),
                false => pair.a.swarm.close_connection(id).unwrap(),
            }
            pair.settle();
            pair.a.expect(&["connect_failed c0.1 requested"]);
            // Before its SYN has arrived, the dial is followed by a connection that ends at once.
            pair.b.expect(&["listen l0.1"]);
            assert_failed_at_the_door(&pair.b, 1);
            pair.end(NONE, &["listen_close l0.1 shutdown"]);
        }
    }
}

fn the_wrong_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.listen(&B.at(1));
    pair.settle();
    let nobody = Keypair::ed25519_from_bytes([9; 32]).unwrap().public().to_peer_id();
    pair.a.dial(&B.at(1).with(Part::P2p(nobody)));
    pair.settle();
    pair.a.expect(&["connect_failed c0.1 wrong_peer"]);
    pair.b.expect(&["listen l0.1"]);
    assert_failed_at_the_door(&pair.b, 1);
    pair.end(NONE, &["listen_close l0.1 shutdown"]);
}

fn the_right_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.listen(&B.at(1));
    pair.settle();
    let peer = pair.b.swarm.local_peer();
    let id = pair.a.dial(&B.at(1).with(Part::P2p(peer)));
    pair.settle();
    pair.a.expect(&["connected c0.1 outbound"]);
    assert_eq!(pair.a.swarm.connection(id).unwrap().remote, &B.at(1).with(Part::P2p(peer)));
    pair.b.expect(&["listen l0.1", "connected c0.1 inbound"]);
    pair.end(&["disconnected c0.1 shutdown"], &["disconnected c0.1 remote(go_away(0))", "listen_close l0.1 shutdown"]);
}

/// Several dials of our own at the same time, beside one of somebody else's.
fn dials_that_cross_are_two_connections_told_at_both_ends<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.b.listen(&B.at(1));
    pair.settle();
    // In the same moment: both are under way before either has arrived.
    let dialed = (pair.a.dial(&B.at(1)), pair.b.dial(&A.at(1)));
    pair.settle();
    for side in [&mut pair.a, &mut pair.b] {
        // A dialer is through before its listener is.
        side.expect(&["listen l0.1", "connected c0.1 outbound", "connected c1.1 inbound"]);
    }
    let other = |of: &Pair<EVENTS>| {
        let (a, b) = (&of.a.swarm, &of.b.swarm);
        let of_a: Vec<_> = a.connections_of(b.local_peer()).filter(|id| *id != dialed.0).collect();
        let of_b: Vec<_> = b.connections_of(a.local_peer()).filter(|id| *id != dialed.1).collect();
        (of_a[0], of_b[0])
    };
    let accepted = other(&pair);
    let first = pair.stream((dialed.0, accepted.1));
    let second = pair.stream((accepted.0, dialed.1));
    pair.a.swarm.close_connection(dialed.0).unwrap();
    pair.settle();
    pair.a.expect(&[format!("closed_stream c0.1/{} connection_closed", first.0), "disconnected c0.1 requested".into()]);
    pair.b.expect(&[
        format!("closed_stream c1.1/{} connection_closed", first.1),
        "disconnected c1.1 remote(go_away(0))".into(),
    ]);
    pair.a.send(second.0, b"still there");
    pair.settle();
    assert_eq!(pair.b.received(second.1), b"still there");
    let ends = |connection: &str, stream| format!("closed_stream {connection}/{stream} connection_closed");
    let (of_a, of_b) = (ends("c1.1", second.0), ends("c0.1", second.1));
    pair.end(
        &["listen_close l0.1 shutdown", &of_a[..], "disconnected c1.1 shutdown"],
        &[&of_b[..], "disconnected c0.1 remote(go_away(0))", "listen_close l0.1 shutdown"],
    );
}

fn a_dial_of_our_own_listener_fails_as_local_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.settle();
    let dialed: Vec<_> = (0..3).map(|_| pair.a.dial(&A.at(1))).collect();
    pair.b.dial(&A.at(1));
    pair.settle();
    let mut log = pair.a.take_log();
    assert_eq!(log.remove(0), "listen l0.1");
    let (mut failed, connected): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.contains("failed"));
    failed.sort();
    assert_eq!(failed, dialed.iter().map(|id| format!("connect_failed {id} local_peer")).collect::<Vec<_>>());
    assert_eq!(connected.len(), 1, "{connected:?}");
    let inbound = pair.a.swarm.connections().next().expect("the other peer's");
    assert_eq!(connected, [format!("connected {inbound} inbound")]);
    let counters = pair.a.swarm.counters().connections;
    assert_eq!((counters.inbound.without_id, counters.inbound.failed), (3, 0), "the accepted ends are counted");
    assert_eq!((counters.outbound.without_id, counters.outbound.failed), (0, 3));
    pair.b.expect(&["connected c0.1 outbound"]);
    let disconnected = format!("disconnected {inbound} shutdown");
    pair.end(&["listen_close l0.1 shutdown", &disconnected], &["disconnected c0.1 remote(go_away(0))"]);
}

fn a_dial_of_our_own_peer_id_fails_as_local_peer<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.listen(&B.at(1));
    pair.settle();
    let ourselves = pair.a.swarm.local_peer();
    pair.a.dial(&B.at(1).with(Part::P2p(ourselves)));
    pair.settle();
    assert_eq!(pair.network.pipes(), 0, "nobody is bothered");
    pair.a.expect(&["connect_failed c0.1 local_peer"]);
    pair.b.expect(&["listen l0.1"]);
    pair.end(NONE, &["listen_close l0.1 shutdown"]);
}

fn an_address_that_names_two_peers_is_unsupported<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.listen(&B.at(1));
    pair.settle();
    let peer = Part::P2p(pair.b.swarm.local_peer());
    let id = pair.a.dial(&B.at(1).with(peer.clone()).with(peer));
    let error = pair.a.swarm.connection(id).and_then(|view| view.error);
    assert_eq!(error, Some("the address names more than one peer"));
    pair.settle();
    pair.a.expect(&["connect_failed c0.1 unsupported"]);
    pair.b.expect(&["listen l0.1"]);
    pair.end(NONE, &["listen_close l0.1 shutdown"]);
}

fn broken_at_every_moment<const EVENTS: usize>(shape: Shape) {
    for after in 20..60 {
        let mut pair = Pair::<EVENTS>::new(shape);
        pair.b.listen(&B.at(1));
        pair.settle();
        pair.a.dial(&B.at(1));
        pair.wait(millis(after));
        pair.network.set(|knobs| knobs.reset(0));
        pair.settle();
        // The dialer's last word is written at 40 ms, and arrives at 50.
        let (a, b): (&[&str], &[&str]) = match after {
            ..40 => (&["connect_failed c0.1 reset(remote)"], NONE),
            40..50 => (&["connected c0.1 outbound", "disconnected c0.1 failed(reset)"], NONE),
            50.. => (
                &["connected c0.1 outbound", "disconnected c0.1 failed(reset)"],
                &["connected c0.1 inbound", "disconnected c0.1 failed(reset)"],
            ),
        };
        pair.a.expect(a);
        pair.b.expect(&[&["listen l0.1"], b].concat());
        assert_failed_at_the_door(&pair.b, u64::from(after < 50));
        pair.end(NONE, &["listen_close l0.1 shutdown"]);
    }
}

fn closed_at_once_by_who_listens<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.listen_raw((2, 1)));
    pair.a.dial(&B.at(1));
    pair.run_until(|pair| pair.network.pipes() == 1);
    drop(SimPipe::accept(&pair.network).expect("it came in"));
    pair.settle();
    pair.network.set(|knobs| knobs.unlisten_raw((2, 1)));
    pair.end(&["connect_failed c0.1 eof"], NONE);
}

fn garbage_in_place_of_a_handshake<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.network.set(|knobs| knobs.listen_raw((2, 1)));
    pair.a.dial(&B.at(1));
    pair.run_until(|pair| pair.network.pipes() == 1);
    let mut raw = SimPipe::accept(&pair.network).expect("it came in");
    raw.give(&[0xff; 64]);
    pair.settle();
    assert_eq!(raw.take().len() as u64, DIALERS_FIRST);
    let mut dial = RawDial::new(&pair.network, 2, &A.at(1));
    pair.settle();
    let mut dialed = dial.pipe().expect("it was answered");
    dialed.give(&[0xff; 64]);
    pair.settle();
    pair.a.expect(&["listen l0.1", "connect_failed c0.1 protocol"]);
    assert_failed_at_the_door(&pair.a, 1);
    drop((raw, dialed));
    pair.network.set(|knobs| knobs.unlisten_raw((2, 1)));
    pair.end(&["listen_close l0.1 shutdown"], NONE);
}

fn a_flipped_byte_in_the_handshake<const EVENTS: usize>(shape: Shape) {
    // In the middle of message 2, and of message 3.
    let rows: [(usize, u64, &[&str]); 2] = [
        (0, LISTENERS_FIRST + 2 + 40, &["connect_failed c0.1 protocol"]),
        (1, DIALERS_FIRST + 2 + 10, &["connected c0.1 outbound", "disconnected c0.1 remote(eof)"]),
    ];
    for (end, after, a) in rows {
        let mut pair = Pair::<EVENTS>::new(shape);
        pair.b.listen(&B.at(1));
        pair.settle();
        pair.a.dial(&B.at(1));
        pair.run_until(|pair| pair.network.pipes() == 1);
        pair.network.set(|knobs| knobs.flip(0, end, after));
        pair.settle();
        pair.a.expect(a);
        pair.b.expect(&["listen l0.1"]);
        assert_failed_at_the_door(&pair.b, 1);
        pair.end(NONE, &["listen_close l0.1 shutdown"]);
    }
}

fn a_flipped_byte_after_it<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let end = pair.end_of(B);
    let arrived = pair.network.arrived(0, end);
    pair.network.set(|knobs| knobs.flip(0, end, arrived + 20));
    pair.a.send(link.sa, b"what arrives is not what was sent");
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 remote(eof)"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 failed(protocol)"]);
    assert_eq!(pair.b.received(link.sb), b"");
    pair.end_with_listener();
}

fn a_handshake_that_is_too_slow<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |_| {}, |b| b.connection.handshake_timeout = secs(20));
    pair.network.set(|knobs| knobs.spacing(millis(100), Cut::One));
    pair.b.listen(&B.at(1));
    pair.a.dial(&B.at(1));
    pair.wait(secs(30));
    assert_eq!(pair.a.take_timed_log(), [(secs(10), "connect_failed c0.1 timeout".to_owned())]);
    pair.b.expect(&["listen l0.1"]);
    assert_failed_at_the_door(&pair.b, 1);
    pair.end(NONE, &["listen_close l0.1 shutdown"]);
}

fn a_handshake_that_is_slow_enough<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.network.set(|knobs| knobs.spacing(millis(10), Cut::One));
    pair.connected();
    assert!(pair.now > secs(2), "{:?}", pair.now);
    pair.end_quietly();
}

fn a_peer_that_says_nothing<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.a.listen(&A.at(1));
    pair.network.set(|knobs| knobs.listen_raw((2, 1)));
    let mut raw = RawDial::new(&pair.network, 2, &A.at(1));
    pair.wait(secs(1));
    pair.a.dial(&B.at(1));
    // It was accepted after 10 ms.
    pair.wait(millis(9_009));
    assert_eq!((pair.a.swarm.inbound_handshakes(), pair.a.swarm.refused(Refusal::HandshakeFailed)), (1, 0));
    pair.wait(millis(1));
    assert_failed_at_the_door(&pair.a, 1);
    pair.wait(secs(10));
    let expected = [(millis(0), "listen l0.1".to_owned()), (secs(11), "connect_failed c0.1 timeout".to_owned())];
    assert_eq!(pair.a.take_timed_log(), expected);
    assert_eq!(pair.a.swarm.connections().collect::<Vec<ConnectionId>>(), []);
    drop((raw.pipe(), SimPipe::accept(&pair.network)));
    pair.network.set(|knobs| knobs.unlisten_raw((2, 1)));
    pair.end(&["listen_close l0.1 shutdown"], NONE);
}
