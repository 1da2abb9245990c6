//! P10, counted: a poll costs what is ready, not what exists. One busy connection beside one idle connection, and
//! beside 10 000 of them: the same polls, the same calls of sockets, the same instructions.
//!
//! And notifees that leave, each for the same instructions, whether 1 000 leave or 10 000: [`leaving`].
#![cfg(feature = "swarm")]

mod leaving;
#[path = "../support/mod.rs"]
mod support;

use crate::support::{callgrind, wire};
use libp2p_identity::Keypair;
use std::task::{Context, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Readiness, Swarm};
use wire::{Calls, Wire};

const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

const MANY: usize = 10_000;

/// How many streams the busy connection has in all, one after the other.
const STREAMS: usize = 1_000;

/// What some work has cost.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Cost {
    /// Polls of both swarms until it was done.
    polls: u64,
    /// Reads and writes of all pipes.
    calls: u64,
    events: u64,
}

/// Two swarms, and what has been asked of them.
struct Pair {
    a: Swarm<Wire>,
    b: Swarm<Wire>,
    calls: Calls,
    cost: Cost,
}

impl Pair {
    /// With one connection that will be busy, and so many more that are idle.
    fn new(idle: usize) -> (Self, ConnectionId) {
        let (at_a, at_b) = wire::wire();
        let calls = at_a.calls();
        let swarm = |seed, wire| {
            let mut config = Config::default();
            config.limits.connections = 20_000;
            (config.connections_per_peer, config.connections_per_address) = (20_000, 20_000);
            config.connection.idle_timeout = None;
            let identity = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
            let mut swarm = Swarm::new(wire, &identity, [seed; 32], config).unwrap();
            swarm.register_protocol(SINK);
            swarm
        };
        let mut pair = Self { a: swarm(1, at_a), b: swarm(2, at_b), calls, cost: Cost::default() };
        pair.b.listen(wire::address()).unwrap();
        pair.turn(|_| {});
        let mut busy = None;
        while pair.a.counters().connections.outbound.open < idle as u32 + 1 {
            // In the middle of the others.
            let open = pair.a.counters().connections.outbound.open as usize;
            let batch = (idle + 1 - open).min(100);
            let dialed: Vec<_> = (0..batch).map(|_| pair.a.dial(wire::address()).unwrap()).collect();
            if (open..open + batch).contains(&(idle / 2)) {
                busy = Some(dialed[idle / 2 - open]);
            }
            for _ in 0..10 {
                pair.turn(|_| {});
            }
        }
        assert_eq!(pair.b.counters().connections.inbound.open, idle as u32 + 1);
        (pair, busy.expect("one of them is in the middle"))
    }

    /// Polls both, handles what they say, and gives the streams that have closed at `a`.
    fn turn(&mut self, mut closed: impl FnMut(StreamId)) {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut events = 0;
        for (swarm, is_a) in [(&mut self.a, true), (&mut self.b, false)] {
            let _ = swarm.poll(cx, Duration::ZERO);
            while let Some(event) = swarm.next_event() {
                events += 1;
                if let (Event::ClosedStream { stream, .. }, true) = (event, is_a) {
                    closed(stream);
                }
            }
            while let Some(ready) = swarm.next_ready() {
                let Readiness::Stream { stream, .. } = ready else { continue };
                while let Ok(n) = swarm.read(stream, &mut [0; 256]) {
                    if n == 0 {
                        let _ = swarm.finish(stream);
                        break;
                    }
                }
            }
        }
        self.cost.events += events;
        self.cost.polls += 2;
    }

    fn cost(&self) -> Cost {
        Cost { calls: self.calls.get(), ..self.cost }
    }

    /// Streams that are opened, used and closed on one connection.
    #[inline(never)]
    fn measured_work(&mut self, connection: ConnectionId) -> Cost {
        let before = self.cost();
        for _ in 0..STREAMS {
            let stream = self.a.open_stream(connection, &[SINK]).unwrap();
            assert_eq!(self.a.write(stream, &[7; 100]), Ok(100));
            self.a.finish(stream).unwrap();
            let mut open = true;
            while open {
                self.turn(|closed| open &= closed != stream);
            }
        }
        let after = self.cost();
        Cost {
            polls: after.polls - before.polls,
            calls: after.calls - before.calls,
            events: after.events - before.events,
        }
    }
}

/// A pair beside which so many are idle, warmed up, and what the work costs there.
fn beside(idle: usize) -> (Pair, Cost) {
    let (mut pair, busy) = Pair::new(idle);
    pair.measured_work(busy);
    let cost = pair.measured_work(busy);
    (pair, cost)
}

#[test]
fn a_busy_connection_costs_the_same_beside_10_000_idle_ones() {
    let (_, cost) = beside(1);
    assert!(cost.events >= 4 * STREAMS as u64 && cost.calls > cost.events, "{cost:?}");
    let (mut pair, beside_many) = beside(MANY);
    assert_eq!(beside_many, cost);
    // Polls of which nothing comes call no socket, however many there are.
    let before = pair.cost();
    for _ in 0..1_000 {
        pair.turn(|_| {});
    }
    let after = pair.cost();
    assert_eq!((after.calls, after.events), (before.calls, before.events));
}

/// Set in the processes that are measured.
const IDLE: &str = "SWARM_NOTIFY_IDLE";

/// Counts instructions: that nothing is walked through in memory, either.
///
/// ```text
/// cargo test --release --all-features --test proportional -- --ignored
/// ```
#[test]
#[ignore = "takes minutes, and needs valgrind"]
fn as_many_instructions_are_run_beside_10_000_idle_connections() {
    let instructions = |idle: usize| callgrind::instructions("child_works", "measured_work", (IDLE, &idle.to_string()));
    let (few, many) = (instructions(1), instructions(MANY));
    println!("instructions of {} streams: {few} beside one, {many} beside {MANY}", 2 * STREAMS);
    assert!(few > 1_000_000, "{few}");
    // The heap of deadlines and the allocator are a little deeper.
    assert!(many.abs_diff(few) * 50 < few, "{few} {many}");
}

#[test]
#[ignore = "run by its parent"]
fn child_works() {
    let Ok(idle) = std::env::var(IDLE) else { return };
    beside(idle.parse().unwrap());
}
