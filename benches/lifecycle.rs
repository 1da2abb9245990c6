//! A stream's whole record: begin, opened, closed, and both events drained to an observer behind `dyn`. Beside it, what
//! one would write without the crate: a map from ids to states.

mod support;

use std::collections::HashMap;
use std::hint::black_box;
use support::{allocations, amount, compare, rival};
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, Lifecycle, Limits, StreamEnd, StreamId};

trait Observer {
    fn event(&mut self, event: Event);
}

/// Counts what it is told of.
#[derive(Default)]
struct Count {
    opened: usize,
    closed: usize,
}

impl Observer for Count {
    /// With branches, as observers have them. Without any, the compiler reads 16 bytes of an event that was just written
    /// in pieces, and the wait for those would be half of what is measured.
    fn event(&mut self, event: Event) {
        if let Event::OpenedStream { .. } = event {
            *black_box(&mut self.opened) += 1;
        } else if let Event::ClosedStream { .. } = event {
            *black_box(&mut self.closed) += 1;
        }
    }
}

fn open() -> (Lifecycle, ConnectionId) {
    let mut lifecycle = Lifecycle::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    lifecycle.next_event();
    (lifecycle, connection)
}

/// One stream after the other.
fn ours(lifecycle: &mut Lifecycle, connection: ConnectionId, observer: &mut dyn Observer, units: usize) {
    for _ in 0..units {
        let stream = lifecycle.begin_stream(black_box(connection), Direction::Inbound).unwrap();
        lifecycle.opened(stream).unwrap();
        while let Some(event) = lifecycle.next_event() {
            observer.event(event);
        }
        lifecycle.end_stream(black_box(stream), StreamEnd::Finished).unwrap();
        while let Some(event) = lifecycle.next_event() {
            observer.event(event);
        }
    }
}

/// Streams that all live at the same time.
fn batch(
    lifecycle: &mut Lifecycle,
    connection: ConnectionId,
    observer: &mut dyn Observer,
    streams: &mut Vec<StreamId>,
) {
    for _ in 0..100 {
        let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
        lifecycle.opened(stream).unwrap();
        streams.push(stream);
    }
    for stream in streams.drain(..) {
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
    }
    while let Some(event) = lifecycle.next_event() {
        observer.event(event);
    }
}

/// The state, direction and connection of each stream in a map, told of at once.
#[derive(Default)]
struct Map {
    streams: HashMap<u64, (bool, u8, u64)>,
    next: u64,
}

fn map(map: &mut Map, observer: &mut dyn Observer, (connection, stream): (ConnectionId, StreamId), units: usize) {
    for _ in 0..units {
        let id = map.next;
        map.next += 1;
        map.streams.insert(black_box(id), (false, 0, 7));
        map.streams.get_mut(&id).unwrap().0 = true;
        observer.event(Event::OpenedStream { connection, stream });
        let (was_open, ..) = map.streams.remove(&black_box(id)).unwrap();
        assert!(was_open);
        observer.event(Event::ClosedStream { connection, stream, reason: StreamEnd::Finished });
    }
}

fn main() {
    let units = amount(2_000_000);
    let ((mut one, on_one), (mut many, on_many)) = (open(), open());
    let (mut told, mut told_many, mut told_map) = (Count::default(), Count::default(), Count::default());
    let (mut streams, mut tracked) = (Vec::new(), Map::default());
    let ids = (on_many, many.begin_stream(on_many, Direction::Inbound).unwrap());
    many.end_stream(ids.1, StreamEnd::Finished).unwrap();
    let rivals = vec![
        rival("lifecycle, one at a time", |n| ours(&mut one, on_one, black_box(&mut told), n)),
        rival("lifecycle, 100 at a time", |n| {
            for _ in 0..n / 100 {
                batch(&mut many, on_many, black_box(&mut told_many), &mut streams);
            }
        }),
        rival("HashMap, one at a time", |n| map(&mut tracked, black_box(&mut told_map), ids, n)),
    ];
    compare("stream record", units, rivals);
    assert_eq!((told.opened, told_many.opened), (told.closed, told_many.closed));

    // At the high-water mark nothing is allocated, exactly.
    let (mut lifecycle, connection) = open();
    let (mut told, mut streams) = (Count::default(), Vec::new());
    batch(&mut lifecycle, connection, &mut told, &mut streams);
    let before = allocations();
    for _ in 0..100 {
        batch(&mut lifecycle, connection, &mut told, &mut streams);
    }
    let allocated = allocations() - before;
    println!("10 000 stream records at the high-water mark: {allocated} allocations");
    assert_eq!(allocated, 0);
}
