//! Random commands, faults and drains on both sides, inside notifications, too: whatever happens, the promises hold,
//! each notifee is told all, what arrives is what was sent, the peer is told of no stream that was not announced, whoever
//! flushes is told, and everything ends.

use crate::simulated::{millis, secs};
use crate::support::audience::Seen;
use crate::support::pipe::Random;
use crate::support::sim::checker::Checker;
use crate::support::sim::{A, B, Cut, ECHO, Mode, Pair, SINK, Shape, Side, SimSwarm, SimTransport, UNKNOWN};
use libp2p_core::Multiaddr;
use std::cell::Cell;
use std::rc::Rc;
use swarm_notify::lifecycle::{ConnectionId, Event, Id, State, StreamId};

/// What a stream says: where it comes from, and then a count, so that any prefix can be recognised.
fn content(tag: u8, from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(|n| tag.wrapping_add((n * 7 % 251) as u8)).collect()
}

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> Option<T> {
    (!all.is_empty()).then(|| all[random.below(all.len())])
}

fn act<const EVENTS: usize>(
    random: &mut Random,
    side: &mut Side<SimTransport, EVENTS>,
    polite: bool,
    own: &[Multiaddr; 2],
    other: &[Multiaddr; 2],
) {
    let connections: Vec<ConnectionId> = side.swarm.connections().collect();
    let streams: Vec<StreamId> = connections.iter().flat_map(|id| side.swarm.streams_of(*id)).collect();
    let tag = if side.name == "a" { 0 } else { 100 };
    let connection = pick(random, &connections);
    let stream = pick(random, &streams);
    match random.below(40) {
        0..=1 => {
            if let Ok(id) = side.swarm.listen(own[random.below(2)].clone()) {
                side.checker.begins(id.into(), None);
            }
        }
        2..=4 => {
            // Now and then an address that may be its own.
            let to = if random.below(4) == 0 { own } else { other };
            if let Ok(id) = side.swarm.dial(to[random.below(2)].clone()) {
                side.checker.begins(id.into(), None);
            }
        }
        5..=14 => {
            let mut protocols = vec![SINK, ECHO];
            protocols.truncate(1 + random.below(2));
            if random.below(3) == 0 {
                protocols.insert(0, UNKNOWN);
                protocols.truncate(1 + random.below(2));
            }
            if let Some(connection) = connection {
                let _ = side.try_open(connection, &protocols);
            }
        }
        15..=22 => {
            if let Some(id) = stream {
                let from = side.swarm.stream(id).unwrap().sent;
                side.try_write(id, &content(tag, from, [1, 40, 3_000][random.below(3)]));
                if random.below(2) == 0 {
                    let _ = side.flush(id);
                }
            }
        }
        23..=24 => drop(stream.map(|id| side.swarm.finish(id))),
        25 => drop(stream.map(|id| side.flush(id))),
        26 => drop(stream.map(|id| side.swarm.close_stream(id))),
        27..=28 => drop(stream.map(|id| side.swarm.reset(id))),
        29 => {
            if polite || random.below(3) == 0 {
                let _ = connection.map(|id| side.swarm.close_connection(id));
            }
        }
        30 => {
            if random.below(4) == 0 {
                let _ = connection.map(|id| side.swarm.abort_connection(id));
            }
        }
        31..=34 => side.drains = [0, 0, 1, usize::MAX, usize::MAX][random.below(5)],
        35 => {
            side.reads = !side.reads;
            let peer = connection.and_then(|id| side.swarm.connection(id)?.peer);
            if let Some(peer) = peer {
                match random.below(2) {
                    0 => side.swarm.protect(peer, "friend").expect("there are few"),
                    _ => assert!(!side.swarm.unprotect(peer, "friend")),
                }
            }
        }
        36 => {
            let known = side.listening.clone();
            if let (Some(id), 0) = (pick(random, &known), random.below(3)) {
                let _ = side.swarm.close_listener(id);
            }
        }
        _ => streams.iter().for_each(|id| {
            if side.swarm.stream(*id).is_some_and(|view| view.state != State::Opening) {
                side.read_all(*id);
            }
        }),
    }
}

/// A command to what an owner is told of, while it is told.
fn react<const EVENTS: usize>(
    random: &mut Random,
    swarm: &mut SimSwarm<SimTransport, EVENTS>,
    checker: &mut Checker,
    event: Event,
    places: &[Multiaddr],
) {
    let connection = match event {
        Event::Connected { connection }
        | Event::Disconnected { connection, .. }
        | Event::OpenedStream { connection, .. }
        | Event::StreamFailed { connection, .. }
        | Event::ClosedStream { connection, .. } => Some(connection),
        Event::Listen { .. } | Event::ListenFailed { .. } | Event::ListenClose { .. } | Event::ConnectFailed { .. } => {
            None
        }
    };
    match (random.below(24), event.id(), connection) {
        (0..=2, _, Some(connection)) => {
            if let Ok(id) = swarm.open_stream(connection, &[[ECHO, SINK, UNKNOWN][random.below(3)].clone()]) {
                checker.begins(id.into(), Some(connection));
            }
        }
        (3, Id::Stream(id), _) => drop(swarm.reset(id)),
        (4, Id::Stream(id), _) => drop(swarm.close_stream(id)),
        (5, Id::Stream(id), _) => drop(swarm.finish(id)),
        (6, _, Some(connection)) if random.below(6) == 0 => drop(swarm.close_connection(connection)),
        (7, _, Some(connection)) if random.below(12) == 0 => drop(swarm.abort_connection(connection)),
        (8, Id::Listener(id), _) => drop(swarm.close_listener(id)),
        (9, ..) => {
            if let Ok(id) = swarm.dial(places[random.below(places.len())].clone()) {
                checker.begins(id.into(), None);
            }
        }
        _ => {}
    }
}

fn run<const EVENTS: usize>(seed: u64) -> Seen {
    let mut random = Random(seed);
    let cut = [Cut::Whole, Cut::Random, Cut::One][random.below(3)];
    let mode = [Mode::Sleep, Mode::Tick, Mode::Turns(random.below(4))][random.below(3)];
    println!("seed {seed}, {EVENTS} events, {cut:?}, {mode:?}");
    let change = |config: &mut swarm_notify::swarm::Config| {
        config.limits.connections = 6;
        config.limits.streams_per_connection = 12;
        config.connection.inbound_backlog = 4;
        config.connection.yamux.ack_backlog = [1, 6][seed as usize % 2];
        config.reads_per_poll = [1, 8][seed as usize / 2 % 2];
        config.connection.idle_timeout = [None, Some(secs(3))][seed as usize / 4 % 2];
        (config.inbound_handshakes, config.outbound_handshakes) = [(1, 2), (128, 128)][seed as usize / 8 % 2];
        if (seed / 2).is_multiple_of(2) {
            (config.high_water, config.low_water, config.trim_grace) = (Some(2), Some(1), secs(1));
        }
    };
    let mut pair = Pair::<EVENTS>::with(Shape { cut, mode, swapped: false }, change, change);
    if random.below(2) == 0 {
        pair.network.set(|knobs| knobs.closes_late());
    }
    if random.below(4) == 0 {
        pair.network.set(|knobs| knobs.capacity(200));
    }
    let polite = random.below(3) == 0;
    let (at_a, at_b) = ([A.at(1), A.at(2)], [B.at(1), B.at(2)]);
    let acts = Rc::new(Cell::new(true));
    // Some owners drain by hand, and give no commands meanwhile.
    if random.below(4) > 0 {
        for (n, side) in [&mut pair.a, &mut pair.b].into_iter().enumerate() {
            let seed = seed.wrapping_mul(2) + n as u64;
            side.invite(seed);
            let (mut random, acts, places) = (Random(seed), acts.clone(), [at_a.clone(), at_b.clone()].concat());
            side.react = Some(Box::new(move |swarm, checker, event| {
                if acts.get() {
                    react(&mut random, swarm, checker, event, &places);
                }
            }));
        }
    }
    pair.a.listen(&at_a[0]);
    pair.b.listen(&at_b[0]);
    for _ in 0..400 {
        match random.below(8) {
            0..=2 => act(&mut random, &mut pair.a, polite, &at_a, &at_b),
            3..=5 => act(&mut random, &mut pair.b, polite, &at_b, &at_a),
            6 => {
                let time = [0, 1, 3, 10, 10, 50, 700, 9_000][random.below(8)];
                pair.wait(millis(time));
            }
            _ => fault(&mut random, &pair),
        }
        for (opener, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            let (told, announced) = (opener.swarm.counters().streams.outbound, other.swarm.counters().streams.inbound);
            assert!(told.opened <= announced.opened, "the peer was told of a stream before us\n{}", pair.logs());
        }
    }
    acts.set(false);
    for side in [&mut pair.a, &mut pair.b] {
        (side.drains, side.reads) = (usize::MAX, true);
        side.something_to_drain();
    }
    for pipe in 0..pair.network.pipes() {
        pair.network.set(|knobs| (0..2).for_each(|end| knobs.stall(pipe, end, false)));
    }
    pair.settle();
    for side in [&pair.a, &pair.b] {
        let streams = side.swarm.connections().flat_map(|id| side.swarm.streams_of(id));
        let mut open = streams.filter(|id| side.swarm.stream(*id).unwrap().state == State::Open);
        assert!(!open.any(|id| side.flushes(id)), "{}: a flush was forgotten\n{}", side.name, pair.logs());
    }
    // Longer than any time-out of what is opening.
    pair.wait(secs(60));
    for side in [&pair.a, &pair.b] {
        side.checker.assert_all_begun_told();
        let streams = side.swarm.connections().flat_map(|id| side.swarm.streams_of(id));
        let waiting: Vec<_> = streams.filter(|id| side.swarm.stream(*id).unwrap().state == State::Opening).collect();
        assert_eq!(waiting, [], "{}: neither opened nor failed\n{}", side.name, pair.logs());
    }
    for (side, tag) in [(&pair.a, 100), (&pair.b, 0)] {
        for received in side.all_received() {
            assert_eq!(received, content(tag, 0, received.len()), "what has arrived is what was sent");
        }
    }
    acts.set(true);
    pair.end_quietly()
}

fn fault<const EVENTS: usize>(random: &mut Random, pair: &Pair<EVENTS>) {
    let pipes = pair.network.pipes();
    if pipes == 0 {
        return;
    }
    let pipe = random.below(pipes);
    match random.below(20) {
        0 => pair.network.set(|knobs| knobs.reset(pipe)),
        1 => pair.network.set(|knobs| knobs.black_hole(pipe)),
        2..=4 => {
            let (end, stalled) = (random.below(2), random.below(3) == 0);
            pair.network.set(|knobs| knobs.stall(pipe, end, stalled));
        }
        _ => {}
    }
}

/// A range of seeds of your own, as `SEEDS=0-10000`, makes a long run of it.
#[test]
fn the_promises_hold_whatever_happens() {
    let seeds = std::env::var("SEEDS").ok().map_or(0..20, |range| {
        let (from, to) = range.split_once('-').expect("SEEDS is a range such as 0-1000");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    let (is_whole, mut seen) = (seeds.end - seeds.start >= 20, Seen::default());
    for seed in seeds {
        seen += run::<1>(seed);
        seen += run::<3>(1_000_000 + seed);
        seen += run::<64>(2_000_000 + seed);
    }
    println!("{seen:?}");
    assert!(!is_whole || seen.is_rich(), "{seen:?}");
}
