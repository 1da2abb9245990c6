//! A peer that says whatever frames it likes, before and after its go-away, beside an owner who gives any command.

use crate::simulated::{millis, secs};
use crate::support::pipe::Random;
use crate::support::raw_frames::Frame;
use crate::support::sim::{
    ACK, Cut, ECHO, ECHO_LINES, FIN, GO_AWAY, Mode, PING, Pair, Raw, SYN, Shape, UPDATE, data, frame,
};
use std::time::Duration;
use swarm_notify::lifecycle::{Event, StreamId};

const RST: u16 = 8;

/// A frame that breaks no rule most of the time. `next` is the peer's next stream.
fn any_frame(random: &mut Random, next: &mut u32) -> Vec<u8> {
    let theirs = 1 + 2 * random.below((*next as usize).div_ceil(2)) as u32;
    let ours = 2 + 2 * random.below(14) as u32;
    let id = if random.below(2) == 0 { theirs } else { ours };
    match random.below(40) {
        0..=7 => {
            *next += 2;
            let lines = [ECHO_LINES, &ECHO_LINES[..20], b"\x13/multistream/1.0.0\n\x03ls\n", b""][random.below(4)];
            data(SYN | [0, 0, 0, FIN][random.below(4)], *next - 2, lines)
        }
        8..=14 => data(ACK, ours, [ECHO_LINES, ECHO_LINES, b"\x13/multistream/1.0.0\n\x03na\n", b""][random.below(4)]),
        15..=20 => data(0, id, &[7; 300][..[0, 1, 40, 300][random.below(4)]]),
        21..=24 => data(FIN, id, b""),
        25..=26 => frame(UPDATE, RST, id, 0),
        27..=30 => frame(UPDATE, [0, ACK][random.below(2)], id, [0, 1, 1000][random.below(3)]),
        31..=33 => frame(PING, [SYN, ACK, 0, 0x40][random.below(4)], 0, random.below(3) as u32),
        34..=35 => data(0, id, ECHO_LINES),
        36 => frame(GO_AWAY, 0, 0, 0),
        37 => frame(UPDATE, 0x70, id, 0),
        38 if random.below(8) == 0 => frame(GO_AWAY, 0, 0, 2),
        39 if random.below(8) == 0 => data(SYN, id, ECHO_LINES),
        _ => frame(UPDATE, ACK | FIN, id, 0),
    }
}

fn run<const EVENTS: usize>(seed: u64) {
    let mut random = Random(seed);
    let cut = [Cut::Whole, Cut::Random][random.below(2)];
    let mode = [Mode::Sleep, Mode::Tick, Mode::Turns(random.below(4))][random.below(3)];
    println!("seed {seed}, {EVENTS} events, {cut:?}, {mode:?}");
    let change = |config: &mut swarm_notify::swarm::Config| {
        config.limits.streams_per_connection = [6, 100][seed as usize % 2];
        config.connection.half_open_grace = [millis(500), secs(60)][seed as usize / 2 % 2];
        config.connection.half_open_timeout = [None, Some(secs(3)), Some(Duration::MAX)][seed as usize / 4 % 3];
        config.connection.yamux.ack_backlog = [2, 256][seed as usize / 12 % 2];
        config.connection.yamux.early_streams = [0, 2, 8][seed as usize / 24 % 3];
        config.connection.yamux.max_control = [100, 65_536][seed as usize / 72 % 2];
        config.connection.inbound_backlog = [3, 256][seed as usize / 144 % 2];
    };
    let mut pair = Pair::<EVENTS>::with(Shape { cut, mode, swapped: false }, change, |_| {});
    if random.below(4) > 0 {
        pair.a.invite(seed);
        let mut random = Random(seed);
        // P8: a command to the stream that the owner is told of.
        pair.a.react = Some(Box::new(move |swarm, checker, event| match (random.below(12), event) {
            (0, Event::OpenedStream { stream, .. }) => drop(swarm.reset(stream)),
            (1, Event::OpenedStream { stream, .. }) => drop(swarm.close_stream(stream)),
            (2, Event::OpenedStream { stream, .. }) => drop(swarm.finish(stream)),
            (3, Event::StreamFailed { connection, .. } | Event::ClosedStream { connection, .. }) => {
                if let Ok(id) = swarm.open_stream(connection, &[ECHO]) {
                    checker.begins(id.into(), Some(connection));
                }
            }
            _ => {}
        }));
    }
    let (mut raw, connection) = Raw::connect(&mut pair);
    let mut next = 1;
    for _ in 0..120 {
        let streams: Vec<StreamId> = pair.a.swarm.streams_of(connection).collect();
        let stream = (!streams.is_empty()).then(|| streams[random.below(streams.len())]);
        match random.below(24) {
            0..=8 => {
                let frames: Vec<_> = (0..1 + random.below(4)).map(|_| any_frame(&mut random, &mut next)).collect();
                raw.try_say(&frames);
            }
            9 => pair.wait(millis([0, 1, 10, 100, 900, 4_000][random.below(6)])),
            10 => drop(raw.hear()),
            11..=13 => drop(pair.a.try_open(connection, &[ECHO])),
            14 => {
                if let Some(id) = stream {
                    pair.a.try_write(id, &[9; 2_000][..[1, 100, 2_000][random.below(3)]]);
                }
            }
            15 | 16 => drop(stream.map(|id| pair.a.swarm.finish(id))),
            17 => drop(stream.map(|id| pair.a.swarm.close_stream(id))),
            18 => drop(stream.map(|id| pair.a.swarm.reset(id))),
            19 => {
                let time = [None, Some(Duration::ZERO), Some(secs(2)), Some(Duration::MAX)][random.below(4)];
                let _ = stream.map(|id| pair.a.swarm.set_half_open_timeout(id, time));
            }
            20 => pair.a.drains = [0, 1, usize::MAX][random.below(3)],
            23 => {
                let stalled = random.below(3) == 0;
                pair.network.set(|knobs| knobs.stall(0, [0, 1][random.below(2)], stalled));
            }
            21 => pair.a.reads = !pair.a.reads,
            22 if random.below(30) == 0 => drop(pair.a.swarm.close_connection(connection)),
            22 if random.below(60) == 0 => raw.end(),
            _ => pair.settle(),
        }
    }
    (pair.a.drains, pair.a.reads) = (usize::MAX, true);
    pair.a.something_to_drain();
    pair.network.set(|knobs| (0..2).for_each(|end| knobs.stall(0, end, false)));
    pair.settle();
    raw.hear();
    raw.try_say(&[frame(GO_AWAY, 0, 0, 0)]);
    pair.settle();
    let begins = |frame: &Frame| frame.flags & SYN != 0 && frame.id != 0;
    assert!(!raw.hear().iter().any(begins), "a stream begins at a peer that leaves\n{}", pair.logs());
    // The last streams may stand still for five seconds, and the peer's end is waited for as long.
    pair.wait(secs(11));
    assert!(pair.a.swarm.connection(connection).is_none(), "nothing moves, and it lives\n{}", pair.logs());
    pair.a.checker.assert_all_begun_told();
    drop(raw);
    pair.end_quietly();
}

#[test]
fn the_promises_hold_whatever_frames_come_around_go_away() {
    let seeds = std::env::var("SEEDS").ok().map_or(0..60, |range| {
        let (from, to) = range.split_once('-').expect("SEEDS is a range such as 0-1000");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    for seed in seeds {
        run::<1>(seed);
        run::<3>(1_000_000 + seed);
        run::<64>(2_000_000 + seed);
    }
}
