//! Answering peers that ask well, and peers that do not.

use crate::ping::{on_demand, secs};
use crate::support::services::{Both, read};
use crate::support::sim::{Shape, everywhere};
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::protocols::ping::{Config, PROTOCOL, Ping};

everywhere! {
    each_payload_comes_back_and_then_the_end,
    a_payload_cut_by_the_end_is_a_reset,
    nothing_comes_back_before_a_payload_is_whole,
    a_peer_that_does_not_read_is_not_read_from,
    one_stream_too_many_costs_the_one_that_was_silent_longest,
    a_stream_from_before_the_service_is_answered,
}

/// A pair of which `b` answers; `a` has nobody, the test asks itself.
fn asks<const EVENTS: usize>(shape: Shape, config: Config) -> (Both<EVENTS>, ConnectionId, ConnectionId) {
    let mut both = Both::<EVENTS>::new(shape);
    both.b.install(Ping::new([3; 32], config));
    let (ca, cb) = both.connect(shape);
    both.settle();
    (both, ca, cb)
}

fn answers() -> Config {
    let mut config = Config::default();
    config.interval = None;
    config
}

fn open<const EVENTS: usize>(both: &mut Both<EVENTS>, connection: ConnectionId) -> StreamId {
    let stream = both.a.swarm.open_stream(connection, &[PROTOCOL]).unwrap();
    both.settle();
    stream
}

fn each_payload_comes_back_and_then_the_end<const EVENTS: usize>(shape: Shape) {
    let (mut both, ca, cb) = asks::<EVENTS>(shape, answers());
    let stream = open(&mut both, ca);
    let payload: Vec<u8> = (0..96).collect();
    // In pieces, and two at once.
    for piece in [0..1, 1..20, 20..32, 32..96] {
        both.a.swarm.write(stream, &payload[piece]).unwrap();
        both.settle();
    }
    assert_eq!(read(&mut both.a.swarm, stream), (payload, false));
    both.a.swarm.write(stream, &[7; 32]).unwrap();
    both.a.swarm.finish(stream).unwrap();
    both.settle();
    assert_eq!(read(&mut both.a.swarm, stream), (vec![7; 32], true));
    both.settle();
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    assert_eq!(both.a.swarm.counters().streams.outbound.closed, 1);
    both.end();
}

fn a_payload_cut_by_the_end_is_a_reset<const EVENTS: usize>(shape: Shape) {
    let (mut both, ca, cb) = asks::<EVENTS>(shape, answers());
    let stream = open(&mut both, ca);
    both.a.swarm.write(stream, &[7; 31]).unwrap();
    both.a.swarm.finish(stream).unwrap();
    both.settle();
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    both.end();
}

fn nothing_comes_back_before_a_payload_is_whole<const EVENTS: usize>(shape: Shape) {
    let (mut both, ca, _) = asks::<EVENTS>(shape, answers());
    let stream = open(&mut both, ca);
    both.a.swarm.write(stream, &[7; 31]).unwrap();
    both.wait(secs(100));
    assert_eq!(read(&mut both.a.swarm, stream), (vec![], false));
    both.a.swarm.write(stream, &[7]).unwrap();
    both.settle();
    assert_eq!(read(&mut both.a.swarm, stream), (vec![7; 32], false));
    both.end();
}

fn a_peer_that_does_not_read_is_not_read_from<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut both, ca, _) = asks::<EVENTS>(shape, answers());
    let stream = open(&mut both, ca);
    let mut written = 0;
    while let Ok(n @ 1..) = both.a.swarm.write(stream, &[7; 64 * 1024]) {
        written += n;
        both.settle();
    }
    // What the peer's window takes, what ours does, and what is in between.
    assert!((256 * 1024..=3 * 256 * 1024).contains(&written), "{written}");
    let mut back = 0;
    loop {
        let (bytes, _) = read(&mut both.a.swarm, stream);
        assert!(bytes.iter().all(|byte| *byte == 7));
        back += bytes.len();
        both.settle();
        if bytes.is_empty() {
            break;
        }
    }
    assert_eq!(back, written / 32 * 32);
    both.end();
}

fn one_stream_too_many_costs_the_one_that_was_silent_longest<const EVENTS: usize>(shape: Shape) {
    let mut config = answers();
    config.inbound_streams = 2;
    let (mut both, ca, cb) = asks::<EVENTS>(shape, config);
    let (first, second) = (open(&mut both, ca), open(&mut both, ca));
    both.wait(secs(1));
    both.a.swarm.write(first, &[1; 32]).unwrap();
    both.wait(secs(1));
    let third = open(&mut both, ca);
    assert!(both.a.swarm.stream(second).is_none(), "it was reset");
    assert_eq!(both.b.streams(cb), 2);
    both.a.swarm.write(third, &[3; 32]).unwrap();
    both.settle();
    assert_eq!(read(&mut both.a.swarm, first), (vec![1; 32], false));
    assert_eq!(read(&mut both.a.swarm, third), (vec![3; 32], false));
    both.end();
}

fn a_stream_from_before_the_service_is_answered<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    both.b.swarm.register_protocol(PROTOCOL);
    let (ca, _) = both.connect(shape);
    let stream = open(&mut both, ca);
    both.a.swarm.write(stream, &[1; 32]).unwrap();
    both.settle();
    both.b.install(on_demand());
    both.settle();
    assert_eq!(read(&mut both.a.swarm, stream), (vec![1; 32], false));
    both.end();
}
