//! Readiness: within a stream's life, once for however much happens, and again only after a short read or write. (That
//! much every scenario checks; here are the cases that have to come about on purpose.)

use crate::support::sim::{ECHO, Pair, Shape, everywhere};
use swarm_notify::connection::{ReadError, WriteError};
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::Readiness;

everywhere! {
    told_once_until_a_short_read,
    told_once_after_a_short_write,
    not_before_the_opening_is_drained,
    not_after_the_last_event,
    the_end_is_told_behind_the_last_bytes,
}

fn told_once_until_a_short_read<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    let readable = Readiness::Stream { stream: link.sb, readable: true, writable: false };
    for _ in 0..3 {
        pair.a.send(link.sa, b"data");
        pair.settle();
    }
    assert_eq!(std::mem::take(&mut pair.b.ready), [readable]);
    // A read that is not short leaves it at that.
    assert_eq!(pair.b.swarm.read(link.sb, &mut [0; 6]), Ok(6));
    pair.a.send(link.sa, b"more");
    pair.settle();
    assert_eq!(pair.b.ready, []);
    assert_eq!(pair.b.swarm.read(link.sb, &mut [0; 10]), Ok(10));
    pair.b.read_all(link.sb);
    pair.settle();
    assert_eq!(pair.b.ready, []);
    pair.a.send(link.sa, b"data");
    pair.settle();
    assert_eq!(std::mem::take(&mut pair.b.ready), [readable]);
    pair.end_quietly();
}

fn told_once_after_a_short_write<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    let mut written = 0;
    while let Ok(n @ 1..) = pair.a.swarm.write(link.sa, &[7; 100_000]) {
        written += n;
        pair.settle();
    }
    assert_eq!(pair.a.swarm.write(link.sa, b"no"), Err(WriteError::Blocked));
    assert_eq!(pair.a.swarm.stream(link.sa).unwrap().sent, written as u64);
    pair.a.ready.clear();
    pair.settle();
    assert_eq!(pair.a.ready, []);
    // So that the owner in the test knows, too.
    pair.a.send(link.sa, b"yes");
    pair.b.read_all(link.sb);
    pair.settle();
    assert_eq!(pair.a.ready, [Readiness::Stream { stream: link.sa, readable: false, writable: true }]);
    pair.b.reads = true;
    pair.b.read_all(link.sb);
    pair.settle();
    assert_eq!(pair.b.received(link.sb).len(), written + 3);
    pair.end_quietly();
}

fn not_before_the_opening_is_drained<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.b.drains = 0;
    let sa = pair.a.open(ca, &[ECHO]);
    pair.a.send(sa, b"early");
    pair.settle();
    pair.a.send(sa, b" and late");
    pair.settle();
    assert_eq!((pair.b.ready.len(), pair.b.swarm.next_ready()), (0, None));
    pair.b.drains = 1;
    pair.b.drain(pair.now);
    assert_eq!(pair.b.ready.len(), 1);
    pair.end_quietly();
}

fn not_after_the_last_event<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"data");
    pair.wait(crate::simulated::millis(9));
    pair.a.swarm.reset(link.sa).unwrap();
    // Delivered to the swarm, and nothing is drained: neither events nor readiness.
    while pair.network.next_arrival().is_some() {
        pair.now = pair.network.next_arrival().unwrap();
        pair.network.advance_to(pair.now);
        pair.a.turn(pair.now);
        while pair.network.deliver(pair.now) {}
        pair.b.swarm.tick(pair.now);
    }
    assert!(matches!(pair.b.next_event(pair.now), Some(Event::ClosedStream { .. })));
    assert_eq!(pair.b.swarm.next_ready(), None);
    assert_eq!(pair.b.swarm.read(link.sb, &mut [0; 8]), Err(ReadError::Ended));
    assert_eq!(pair.b.received(link.sb), b"data");
    pair.end_quietly();
}

fn the_end_is_told_behind_the_last_bytes<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"data");
    pair.a.finish(link.sa);
    pair.settle();
    pair.b.ready.clear();
    // A short read of the bytes; the end is behind it, and told.
    assert_eq!(pair.b.swarm.read(link.sb, &mut [0; 8]), Ok(4));
    assert_eq!(pair.b.swarm.next_ready(), Some(Readiness::Stream { stream: link.sb, readable: true, writable: false }));
    assert_eq!(pair.b.swarm.read(link.sb, &mut [0; 8]), Ok(0));
    assert_eq!(pair.b.swarm.next_ready(), None);
    pair.end_quietly();
}
