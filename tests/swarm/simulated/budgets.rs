//! Turns under a budget: how much one does at most, who gets how much of it, and that nothing stands still under any.

use crate::simulated::{millis, secs};
pub(crate) use crate::support::sim::B;
use crate::support::sim::{ECHO, Host, Network, RawDial, SINK, SimReactor, SimSwarm, SimTransport};
use libp2p_identity::Keypair;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, StreamId};
use swarm_notify::swarm::{Config, Progress, Ready, Refusal, Swarm};

/// A swarm, what it was told, and what it does with what it reads.
pub(crate) struct Node {
    pub(crate) swarm: SimSwarm<SimTransport, 256>,
    pub(crate) log: Vec<Event>,
    /// Reads what comes.
    pub(crate) reads: bool,
    /// Writes as much as there is place for to each stream of its own, again and again.
    floods: bool,
    /// How many bytes each of its own streams has read.
    pub(crate) read: BTreeMap<StreamId, usize>,
}

impl Node {
    pub(crate) fn new(network: &Network, host: Host, change: impl FnOnce(&mut Config)) -> Self {
        Self::of(&Keypair::ed25519_from_bytes([host.0; 32]).unwrap(), network, host, change)
    }

    pub(crate) fn of(key: &Keypair, network: &Network, host: Host, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.connection.idle_timeout = None;
        change(&mut config);
        let reactor = SimReactor(network.poller(host.0));
        let transport = SimTransport::new(network, host.0);
        let mut swarm = Swarm::with_reactor(reactor, transport, key, [host.0; 32], config).unwrap();
        swarm.register_protocol(ECHO);
        swarm.register_protocol(SINK);
        Self { swarm, log: Vec::new(), reads: true, floods: false, read: BTreeMap::new() }
    }

    /// A turn of at most so many units, and what the owner does after it.
    pub(crate) fn turn(&mut self, now: Duration, units: usize) -> Progress {
        let mut left = units;
        let progress = self.swarm.turn(now, &mut || left.checked_sub(1).inspect(|less| left = *less).is_some());
        self.drain();
        progress
    }

    /// A turn without a bound that is reached.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.swarm.tick(now);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.swarm.next_event() {
            self.log.push(event);
            if let Event::OpenedStream { stream, .. } = event {
                self.flood(stream);
            }
        }
        while let Some(ready) = self.swarm.next_ready() {
            if let Ready::Stream { stream, readable, writable } = ready {
                if readable && self.reads {
                    self.read(stream);
                }
                if writable {
                    self.flood(stream);
                }
            }
        }
    }

    /// Reads all there is; what comes on an echo stream of the peer's is written back.
    fn read(&mut self, stream: StreamId) {
        let view = self.swarm.stream(stream).unwrap();
        let echoes = view.direction == Direction::Inbound && view.protocol == Some(&ECHO);
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = self.swarm.read(stream, &mut buffer) {
            *self.read.entry(stream).or_default() += n;
            if echoes {
                // What there is no place for is dropped: those who look for it have written little.
                let _ = self.swarm.write(stream, &buffer[..n]);
            }
        }
    }

    fn flood(&mut self, stream: StreamId) {
        let is_own = self.swarm.stream(stream).is_some_and(|view| view.direction == Direction::Outbound);
        while self.floods && is_own && matches!(self.swarm.write(stream, &[7; 65_536]), Ok(65_536)) {}
    }

    pub(crate) fn open(&mut self, connection: ConnectionId, protocol: Protocol) -> StreamId {
        self.swarm.open_stream(connection, &[protocol]).unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.iter().filter(|event| matches!(event, Event::Connected { .. })).count()
    }
}

const A: Host = crate::support::sim::A;
pub(crate) const C: Host = Host(3);

/// Everything that is under way arrives.
pub(crate) fn deliver(network: &Network, now: &mut Duration) {
    *now += millis(20);
    network.advance_to(*now);
    while network.deliver(*now) {}
}

/// Raises the shares of a peer and of an address.
fn many_connections(config: &mut Config) {
    (config.connections_per_peer, config.connections_per_address) = (100, 100);
}

/// A network, one who listens, and one who has so many connections to it.
pub(crate) fn connected(connections: usize) -> (Network, Node, Node, Vec<ConnectionId>, Duration) {
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let (mut a, mut b) = (Node::new(&network, A, |_| {}), Node::new(&network, B, many_connections));
    b.swarm.listen(B.at(1)).unwrap();
    b.tick(now);
    let dialed: Vec<_> = (0..connections).map(|_| a.swarm.dial(B.at(1)).unwrap()).collect();
    while b.connections() < connections || a.connections() < connections {
        a.tick(now);
        b.tick(now);
        deliver(&network, &mut now);
    }
    (network, a, b, dialed, now)
}

#[test]
fn a_turn_does_at_most_three_units_more_than_it_may() {
    let (network, mut a, mut b, dialed, mut now) = connected(40);
    a.floods = true;
    for connection in &dialed {
        a.open(*connection, SINK);
        a.open(*connection, ECHO);
    }
    let mut most = 0;
    for units in (0..=200).rev() {
        a.tick(now);
        // More connections come in, and one is on its way out, so that there is some of everything.
        if units % 10 == 0 {
            drop(RawDial::new(&network, C.0, &B.at(1)));
        }
        deliver(&network, &mut now);
        let before = network.work(B.0);
        let _ = b.turn(now, units);
        let done = network.work(B.0) - before;
        assert!(done <= units as u64 + 3, "{done} units of {units}");
        most = most.max(done);
    }
    assert!(most > 80, "{most}: budgets were never used up");
    assert!(b.read.values().sum::<usize>() > 1_000_000);
}

#[test]
fn who_stays_readable_gets_as_many_helpings_as_others() {
    const CONNECTIONS: usize = 9;
    let (network, mut a, mut b, dialed, mut now) = connected(CONNECTIONS);
    a.floods = true;
    let streams: Vec<_> = dialed.iter().map(|connection| a.open(*connection, SINK)).collect();
    for _ in 0..5 {
        a.tick(now);
        deliver(&network, &mut now);
        b.tick(now);
    }
    for units in [0, 1, 7] {
        let start: Vec<_> = (0..CONNECTIONS).map(|pipe| network.reads(pipe, 1)).collect();
        for _ in 0..60 {
            // There is always more in each socket than a helping takes.
            for _ in 0..3 {
                a.tick(now);
                streams.iter().for_each(|stream| a.flood(*stream));
                deliver(&network, &mut now);
            }
            let _ = b.turn(now, units);
            let helpings: Vec<_> = (0..CONNECTIONS).map(|pipe| network.reads(pipe, 1) - start[pipe]).collect();
            let (least, most) = (helpings.iter().min().unwrap(), helpings.iter().max().unwrap());
            assert!(most - least <= 1, "{helpings:?} with {units} units a turn");
        }
        assert!(network.reads(0, 1) - start[0] >= 60 / CONNECTIONS as u64);
    }
}

/// As over a transport whose own frames are small: each read is short, though there is more.
#[test]
fn a_helping_ends_though_every_read_is_short() {
    let (network, mut a, mut b, dialed, mut now) = connected(2);
    a.floods = true;
    let streams: Vec<_> = dialed.iter().map(|connection| a.open(*connection, SINK)).collect();
    network.set(|knobs| (0..2).for_each(|pipe| knobs.sip(pipe, 1, 100)));
    for ticks in [false, true] {
        for _ in 0..20 {
            a.tick(now);
            streams.iter().for_each(|stream| a.flood(*stream));
            deliver(&network, &mut now);
            let before = [0, 1].map(|pipe| network.reads(pipe, 1));
            match ticks {
                true => b.tick(now),
                false => drop(b.turn(now, 1)),
            }
            // A turn of one unit helps once or twice, a tick each connection eight times, of eight reads at most.
            let most = if ticks { 8 * 8 } else { 2 * 8 };
            for (pipe, before) in before.into_iter().enumerate() {
                let reads = network.reads(pipe, 1) - before;
                assert!(reads <= most, "{reads} reads in one turn");
            }
        }
    }
    assert!(b.read.values().sum::<usize>() > 10_000);
}

#[test]
fn so_many_deadlines_are_judged_in_as_many_turns() {
    const DEADLINES: usize = 50;
    for units in [1, 2, 5] {
        let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
        let mut b = Node::new(&network, B, |config| config.handshakes_per_address = 1_000);
        b.swarm.listen(B.at(1)).unwrap();
        b.tick(now);
        let silent: Vec<_> = (0..DEADLINES).map(|_| RawDial::new(&network, C.0, &B.at(1))).collect();
        deliver(&network, &mut now);
        b.tick(now);
        assert_eq!(b.swarm.inbound_handshakes(), DEADLINES);
        now += secs(10);
        for _ in 0..DEADLINES {
            let _ = b.turn(now, units);
        }
        let failed = b.swarm.refused(Refusal::HandshakeFailed) as usize;
        assert_eq!(failed, DEADLINES, "with {units} units a turn");
        drop(silent);
    }
}

#[test]
fn late_deadlines_are_put_off_once_in_many_turns() {
    const DEADLINES: usize = 20;
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut b = Node::new(&network, B, |_| {});
    b.swarm.listen(B.at(1)).unwrap();
    b.tick(now);
    let silent: Vec<_> = (0..DEADLINES).map(|_| RawDial::new(&network, C.0, &B.at(1))).collect();
    deliver(&network, &mut now);
    b.tick(now);
    now += secs(60);
    let _ = b.turn(now, 1);
    assert_eq!(b.swarm.inbound_handshakes(), DEADLINES, "the owner was away");
    now += secs(1);
    for turn in 0..DEADLINES {
        assert_eq!(b.swarm.inbound_handshakes(), DEADLINES - turn);
        let _ = b.turn(now + millis(turn as u64), 1);
    }
    drop(silent);
}

#[test]
fn an_honest_peer_opens_and_moves_beside_64_flooders() {
    const FLOODERS: usize = 64;
    const ECHOES: usize = 50;
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut b = Node::new(&network, B, many_connections);
    let (mut a, mut c) = (Node::new(&network, A, |_| {}), Node::new(&network, C, |_| {}));
    b.swarm.listen(B.at(1)).unwrap();
    b.tick(now);
    a.floods = true;
    for _ in 0..FLOODERS {
        a.swarm.dial(B.at(1)).unwrap();
    }
    let honest = c.swarm.dial(B.at(1)).unwrap();
    let (mut flooded, mut echo, mut rounds) = (0, None, 0);
    while c.read.values().sum::<usize>() < ECHOES {
        a.tick(now);
        c.tick(now);
        for event in a.log.clone().into_iter().skip(flooded) {
            if let Event::Connected { connection } = event {
                a.open(connection, SINK);
            }
        }
        flooded = a.log.len();
        let is_open = c.log.contains(&Event::Connected { connection: honest });
        if is_open && echo.is_none() {
            echo = Some(c.open(honest, ECHO));
        }
        // One byte at a time, the next when the last is back.
        if let Some(echo) = echo {
            let (sent, back) = (c.swarm.stream(echo).unwrap().sent, c.read.get(&echo).copied().unwrap_or_default());
            if sent == back as u64 {
                c.swarm.write(echo, b"x").unwrap();
            }
        }
        a.tick(now);
        c.tick(now);
        deliver(&network, &mut now);
        let _ = b.turn(now, 8);
        rounds += 1;
        // Each byte waits for a helping of each flooder at most and for a batch of each, four of both a round.
        assert!(rounds < 200 + ECHOES * 2 * (FLOODERS / 4 + 2), "{:?}", c.read);
    }
    assert_eq!(b.connections(), FLOODERS + 1);
    let moved = b.read.values().filter(|read| **read > 100_000).count();
    assert_eq!(moved, FLOODERS, "flooders move, too");
}

#[test]
fn a_shutdown_ends_under_any_budget() {
    for units in [0, 1, 2, 3, 10, 200] {
        let (network, mut a, mut b, dialed, mut now) = connected(12);
        for connection in &dialed {
            for _ in 0..5 {
                a.open(*connection, ECHO);
            }
        }
        for _ in 0..10 {
            a.tick(now);
            b.tick(now);
            deliver(&network, &mut now);
        }
        b.swarm.shutdown();
        let mut turns = 0;
        while !b.swarm.is_shut_down() {
            let _ = b.turn(now, units);
            a.tick(now);
            deliver(&network, &mut now);
            turns += 1;
            assert!(turns < 1_000, "with {units} units a turn");
        }
        let count = |name: &str| b.log.iter().filter(|event| event.name() == name).count();
        assert_eq!([count("disconnected"), count("closed_stream"), count("listen_close")], [12, 60, 1]);
    }
}

#[test]
fn closes_and_deadlines_take_turns_without_a_budget() {
    const SILENT: usize = 10;
    let (network, mut now) = (Network::new(crate::support::sim::Cut::Whole, 7), Duration::ZERO);
    let mut b = Node::new(&network, B, |_| {});
    // As many to be closed as there are turns, before the first connection.
    for port in 1..=2 * SILENT as u16 + 1 {
        b.swarm.listen(B.at(port)).unwrap();
    }
    b.tick(now);
    let silent: Vec<_> = (0..SILENT).map(|_| RawDial::new(&network, C.0, &B.at(1))).collect();
    deliver(&network, &mut now);
    (0..4).for_each(|_| b.tick(now));
    now += secs(10);
    b.swarm.shutdown();
    for _ in 0..2 * SILENT + 1 {
        let _ = b.turn(now, 0);
    }
    let timed_out = b.swarm.refused(Refusal::HandshakeFailed) as usize;
    assert_eq!(timed_out, SILENT, "{:?}", b.log);
    assert!(b.log.iter().filter(|event| event.name() == "listen_close").count() <= SILENT + 1, "{:?}", b.log);
    drop(silent);
}

/// An owner's code panics whenever it is asked, and all is as if it had refused.
#[test]
fn a_budget_that_panics_loses_no_place_in_any_queue() {
    let run = |panics: bool| {
        let (network, mut a, mut b, dialed, mut now) = connected(6);
        let streams: Vec<_> = dialed.iter().map(|connection| a.open(*connection, ECHO)).collect();
        for stream in &streams {
            a.swarm.write(*stream, &[7; 3_000]).unwrap();
            a.swarm.finish(*stream).unwrap();
        }
        let mut turns = 0;
        while streams.iter().any(|stream| a.read.get(stream) != Some(&3_000)) {
            a.tick(now);
            deliver(&network, &mut now);
            let mut left = 2;
            let mut may = || match left {
                0 if panics => panic!("the owner's code"),
                0 => false,
                _ => {
                    left -= 1;
                    true
                }
            };
            let _ = catch_unwind(AssertUnwindSafe(|| b.swarm.turn(now, &mut may)));
            b.drain();
            // What a panic has cut off is done by the next turn.
            assert!(!b.swarm.has_pending() || b.swarm.poll_at() == Some(now));
            turns += 1;
            assert!(turns < 1_000, "something is lost");
        }
        b.log.iter().map(Event::name).collect::<Vec<_>>()
    };
    assert_eq!(run(true), run(false));
}
