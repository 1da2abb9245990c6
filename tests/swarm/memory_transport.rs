//! The swarm over a transport that somebody else wrote: libp2p-core's memory transport, with complete logs of both
//! sides.

use crate::support::identities;
use crate::support::sim;
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol as Part;
use libp2p_core::transport::MemoryTransport;
use libp2p_identity::Keypair;
use sim::{ECHO, Mode, Poller, Side, UNKNOWN};
use std::time::Duration;
use swarm_notify::swarm::{Config, Swarm};

/// Two swarms in one process, whose clock stands still.
struct Pair<const EVENTS: usize> {
    a: Side<MemoryTransport, EVENTS>,
    b: Side<MemoryTransport, EVENTS>,
}

const NONE: &[&str] = &[];

impl<const EVENTS: usize> Pair<EVENTS> {
    fn new() -> Self {
        Self::of([1, 2].map(|seed| Keypair::ed25519_from_bytes([seed; 32]).unwrap()))
    }

    fn of([a, b]: [Keypair; 2]) -> Self {
        let side = |name, seed, keypair: &Keypair| {
            Side::new(name, Mode::Sleep, Poller::default(), |reactor| {
                let transport = MemoryTransport::default();
                let mut swarm = Swarm::with_events(reactor, transport, keypair, [seed; 32], Config::default()).unwrap();
                swarm.register_protocol(ECHO);
                swarm
            })
        };
        Self { a: side("a", 1, &a), b: side("b", 2, &b) }
    }

    /// Polls whoever has a reason to, until nobody has.
    fn settle(&mut self) {
        let now = Duration::ZERO;
        for _ in 0..100_000 {
            if self.a.is_due(now) {
                self.a.turn(now);
            } else if self.b.is_due(now) {
                self.b.turn(now);
            } else {
                return;
            }
        }
        panic!("somebody spins\n{}{}", self.a.whole_log(), self.b.whole_log());
    }

    /// `b` listens, and `a` dials it.
    fn connected() -> (Self, Multiaddr) {
        let mut pair = Self::new();
        let listener = pair.b.listen(&"/memory/0".parse().unwrap());
        pair.settle();
        pair.b.expect(&["listen l0.1"]);
        let address = pair.b.swarm.listener(listener).unwrap().addresses[0].clone();
        pair.a.dial(&address);
        pair.settle();
        pair.a.expect(&["connected c0.1 outbound"]);
        pair.b.expect(&["connected c0.1 inbound"]);
        (pair, address)
    }

    fn end(mut self) {
        self.a.swarm.shutdown();
        self.b.swarm.shutdown();
        self.settle();
        self.a.assert_no_leaks();
        self.b.assert_no_leaks();
    }
}

fn streams_open_carry_data_and_end<const EVENTS: usize>() {
    let (mut pair, _) = Pair::<EVENTS>::connected();
    let connection = pair.a.swarm.connections().next().unwrap();
    let streams: Vec<_> = (0..20).map(|_| pair.a.open(connection, &[ECHO])).collect();
    let sent = vec![7; 200_000];
    for stream in &streams {
        pair.a.send(*stream, &sent);
        pair.a.finish(*stream);
    }
    pair.settle();
    let lines = |line: fn(usize) -> String| (0..20).map(line).collect::<Vec<_>>();
    let mut opened = pair.a.take_log();
    opened.sort_by_key(|line| line.len());
    assert_eq!(opened, lines(|n| format!("opened_stream c0.1/s{n}.1 outbound /echo/1.0.0")));
    pair.b.expect(&lines(|n| format!("opened_stream c0.1/s{n}.1 inbound /echo/1.0.0")));
    assert!(pair.b.all_received().all(|received| received == sent));
    let accepted: Vec<_> = pair.b.swarm.connections().flat_map(|id| pair.b.swarm.streams_of(id)).collect();
    accepted.iter().for_each(|stream| pair.b.finish(*stream));
    pair.settle();
    pair.a.expect(&lines(|n| format!("closed_stream c0.1/s{n}.1 finished")));
    pair.b.expect(&lines(|n| format!("closed_stream c0.1/s{n}.1 finished")));
    pair.a.open(connection, &[UNKNOWN]);
    pair.settle();
    let (a, b) = (pair.a.take_log(), pair.b.take_log());
    assert_eq!((a.len(), b.len()), (1, 1));
    assert!(a[0].ends_with("unsupported") && b[0].ends_with("unsupported"), "{a:?} {b:?}");
    pair.end();
}

fn a_connection_is_closed_by_either_side<const EVENTS: usize>() {
    for by_dialer in [true, false] {
        let (mut pair, _) = Pair::<EVENTS>::connected();
        let closer = if by_dialer { &mut pair.a } else { &mut pair.b };
        let connection = closer.swarm.connections().next().unwrap();
        closer.swarm.close_connection(connection).unwrap();
        pair.settle();
        let (closer, other) = if by_dialer { (&mut pair.a, &mut pair.b) } else { (&mut pair.b, &mut pair.a) };
        closer.expect(&["disconnected c0.1 requested"]);
        other.expect(&["disconnected c0.1 remote(go_away(0))"]);
        pair.end();
    }
}

fn a_listener_is_closed_alone<const EVENTS: usize>() {
    let (mut pair, address) = Pair::<EVENTS>::connected();
    let listener = pair.b.listening[0];
    // The port is taken until then, and not afterwards.
    pair.a.listen(&address);
    pair.settle();
    pair.a.expect(&["listen_failed l0.1 io"]);
    pair.b.swarm.close_listener(listener).unwrap();
    pair.settle();
    pair.b.expect(&["listen_close l0.1 requested"]);
    pair.a.listen(&address);
    pair.settle();
    pair.a.expect(&["listen l0.2"]);
    pair.b.expect(NONE);
    pair.end();
}

fn identities_of_every_type_are_dialed_by_their_peer_ids<const EVENTS: usize>() {
    for (dialer, dialer_peer) in identities::identities() {
        for (listener, listener_peer) in identities::identities() {
            let mut pair = Pair::<EVENTS>::of([dialer.clone(), listener.clone()]);
            let id = pair.b.listen(&"/memory/0".parse().unwrap());
            pair.settle();
            pair.b.expect(&["listen l0.1"]);
            let address = pair.b.swarm.listener(id).unwrap().addresses[0].clone();
            pair.a.dial(&address.clone().with(Part::P2p(listener_peer)));
            pair.settle();
            if dialer_peer == listener_peer {
                pair.a.expect(&["connect_failed c0.1 local_peer"]);
                continue;
            }
            pair.a.expect(&["connected c0.1 outbound"]);
            pair.b.expect(&["connected c0.1 inbound"]);
            assert_eq!(pair.a.swarm.connections_of(listener_peer).count(), 1);
            assert_eq!(pair.b.swarm.connections_of(dialer_peer).count(), 1);
            let stranger = Keypair::ed25519_from_bytes([9; 32]).unwrap().public().to_peer_id();
            pair.a.dial(&address.with(Part::P2p(stranger)));
            pair.settle();
            pair.a.expect(&["connect_failed c1.1 wrong_peer"]);
        }
    }
}

macro_rules! at_every_size {
    ($($name:ident,)*) => {
        mod at_every_size {
            $(
                #[test]
                fn $name() {
                    super::$name::<1>();
                    super::$name::<8>();
                    super::$name::<256>();
                }
            )*
        }
    };
}

at_every_size! {
    streams_open_carry_data_and_end,
    a_connection_is_closed_by_either_side,
    a_listener_is_closed_alone,
    identities_of_every_type_are_dialed_by_their_peer_ids,
}
