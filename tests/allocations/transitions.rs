//! P7, counted: on the way from a transition to a notifee nothing is allocated once arenas have reached their
//! high-water mark.
//!
//! What the whole path of a stream allocates, commands, polls and reads on both sides included (what the transport
//! allocates comes on top):
//!
//! - one stream at a time: nothing, either. Slots, buffers and the queues of deadlines are used again.
//! - 64 at a time: less than a third of an allocation a stream. Two thirds of these are the growth of the buffer in
//!   which the frames of one poll are gathered: it is given back when it has been written, so that an idle connection
//!   has none.
//!
//! And what an idle stream, open with nothing unread, takes up in all: at most 200 bytes at each end where there are
//! thousands, spare room of tables and the swarm's buffers included.
//!
//! It is a program without a test harness, so that nothing else allocates while it counts.

use crate::support::heap;
use crate::support::wire;
use libp2p_identity::Keypair;
use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context as Task, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Lifecycle, Limits, ListenerEnd, ListenerId, StreamEnd,
    StreamId,
};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, Notifees, Occurrence};
use swarm_notify::swarm::{Config, Readiness, Swarm};
use wire::Wire;

pub(crate) const STREAMS: usize = 100_000;

/// Counts what it is told of.
struct Count(Rc<Cell<u64>>);

impl Count {
    fn told(&self) {
        self.0.set(self.0.get() + 1);
    }
}

impl<N> Notifee<N> for Count {
    fn listen(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId) {
        self.told();
    }

    fn listen_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId, _: Failure) {
        self.told();
    }

    fn listen_close(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId, _: ListenerEnd) {
        self.told();
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        self.told();
    }

    fn connect_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: Failure) {
        self.told();
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: ConnectionEnd) {
        self.told();
    }

    fn opened_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId) {
        self.told();
    }

    fn stream_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, _: Failure) {
        self.told();
    }

    fn closed_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, _: StreamEnd) {
        self.told();
    }
}

/// Counts any event, in the one method for all of them.
struct CountAny(Rc<Cell<u64>>);

impl<N> Notifee<N> for CountAny {
    fn event(&mut self, _: &mut NotifeeContext<'_, N>, _: Event) {
        self.0.set(self.0.get() + 1);
    }
}

/// Notifees of both kinds in turn.
fn notifees<N>(many: usize) -> (Notifees<N>, Rc<Cell<u64>>) {
    let (mut notifees, told) = (Notifees::new(), Rc::default());
    for n in 0..many {
        match n % 2 {
            0 => _ = notifees.register(Count(Rc::clone(&told))),
            _ => _ = notifees.register(CountAny(Rc::clone(&told))),
        }
    }
    (notifees, told)
}

/// Of a listener, a connection and its streams, so that each of the nine events is told: what they begin, open, fail
/// and close.
pub(crate) fn a_million_transitions_to_two_hundred_notifees() {
    let mut lifecycle = Lifecycle::<16>::new(Limits::default());
    let (mut notifees, told) = notifees(200);
    let mut round = || {
        let lifecycle = &mut lifecycle;
        let listeners = [0; 2].map(|_| lifecycle.begin_listener().unwrap());
        lifecycle.opened(listeners[0]).unwrap();
        lifecycle.fail(listeners[1], Failure::AddressInUse).unwrap();
        let connections = [0; 2].map(|_| lifecycle.begin_connection(Direction::Inbound).unwrap());
        lifecycle.opened(connections[0]).unwrap();
        lifecycle.fail(connections[1], Failure::Refused).unwrap();
        let streams = [0; 6].map(|_| lifecycle.begin_stream(connections[0], Direction::Outbound).unwrap());
        let told = notifees.dispatch(lifecycle);
        for stream in &streams[..5] {
            lifecycle.opened(*stream).unwrap();
        }
        lifecycle.fail(streams[5], Failure::Unsupported).unwrap();
        lifecycle.end_stream(streams[0], StreamEnd::Finished).unwrap();
        lifecycle.end_stream(streams[1], StreamEnd::Timeout).unwrap();
        // The other three end with their connection.
        lifecycle.end_connection(connections[0], ConnectionEnd::Requested).unwrap();
        lifecycle.end_listener(listeners[0], ListenerEnd::Requested).unwrap();
        told + notifees.dispatch(lifecycle)
    };
    // A beginning, and an opening or a failure, of ten; the end of the seven that opened.
    const TRANSITIONS: usize = 2 * 10 + 7;
    const EVENTS: usize = 10 + 7;
    const WARM_UP: usize = 3;
    // It warms up: what a round has closed is vacated in the next.
    (0..WARM_UP).for_each(|_| assert_eq!(round(), EVENTS));
    let rounds = 1_000_000_usize.div_ceil(TRANSITIONS);
    let before = heap::allocations();
    for _ in 0..rounds {
        round();
    }
    let allocated = heap::allocations() - before;
    assert_eq!(told.get(), ((rounds + WARM_UP) * EVENTS * 200) as u64);
    assert_eq!(allocated, 0, "by {rounds} rounds of {TRANSITIONS} transitions");
}

/// Emits what it is told of.
struct Emits;

impl<N> Notifee<N> for Emits {
    fn interest(&self) -> Interest {
        Interest::EVENTS | Interest::EMITTED
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId) {
        cx.emit(stream);
    }
}

/// Nobody but the one that emits hears emissions.
pub(crate) fn an_emission_that_nobody_hears_allocates_nothing() {
    let mut lifecycle = Lifecycle::<16>::new(Limits::default());
    let mut notifees = Notifees::new();
    notifees.register(Emits);
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    notifees.dispatch(&mut lifecycle);
    let mut round = || {
        let stream = lifecycle.begin_stream(connection, Direction::Outbound).unwrap();
        lifecycle.opened(stream).unwrap();
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
        assert_eq!(notifees.dispatch(&mut lifecycle), 2);
    };
    (0..3).for_each(|_| round());
    let before = heap::allocations();
    (0..1_000).for_each(|_| round());
    assert_eq!(heap::allocations() - before, 0);
}

const NOTIFEES: usize = 10;

const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

/// One swarm with its notifees, and what it has allocated: while it told them, and in all.
struct Side {
    swarm: Swarm<Wire>,
    notifees: Notifees<Swarm<Wire>>,
    told: Rc<Cell<u64>>,
    telling: usize,
    all: usize,
}

impl Side {
    fn new(seed: u8, wire: Wire) -> Self {
        let identity = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let mut config = Config::default();
        (config.limits.streams_per_connection, config.streams_per_peer) = (4_096, 4_096);
        // The other side takes all that come at once.
        config.connection.yamux.early_streams = u32::MAX;
        let mut swarm = Swarm::new(wire, &identity, [seed; 32], config).unwrap();
        swarm.register_protocol(SINK);
        let (notifees, told) = notifees(NOTIFEES);
        Self { swarm, notifees, told, telling: 0, all: 0 }
    }

    /// Polls, tells the notifees, and gives what is ready to its owner.
    fn turn(&mut self, mut ready: impl FnMut(&mut Swarm<Wire>, StreamId)) {
        let before = heap::allocations();
        let _ = self.swarm.poll(&mut Task::from_waker(Waker::noop()), Duration::ZERO);
        let telling = heap::allocations();
        self.notifees.dispatch(&mut self.swarm);
        self.telling += heap::allocations() - telling;
        while let Some(next) = self.swarm.next_ready() {
            let Readiness::Stream { stream, .. } = next else { continue };
            ready(&mut self.swarm, stream);
        }
        self.all += heap::allocations() - before;
    }
}

/// Two swarms and the connection between them, as the first names it.
fn connected() -> (Side, Side, ConnectionId) {
    let (at_a, at_b) = wire::wire();
    let (mut a, mut b) = (Side::new(1, at_a), Side::new(2, at_b));
    b.swarm.listen(wire::address()).unwrap();
    b.turn(|_, _| {});
    let connection = a.swarm.dial(wire::address()).unwrap();
    while a.told.get() == 0 || b.told.get() < 2 * NOTIFEES as u64 {
        a.turn(|_, _| {});
        b.turn(|_, _| {});
    }
    (a, b, connection)
}

/// What streams cost that are opened, read and then left alone: 64 at a time are on their way to that.
pub(crate) fn an_idle_stream_takes_at_most_200_bytes(streams: usize) {
    let (mut a, mut b, connection) = connected();
    let before = heap::bytes();
    let (mut left, mut read) = (streams, 0);
    while read < streams {
        for _ in 0..left.min(64) {
            let stream = a.swarm.open_stream(connection, &[SINK]).unwrap();
            assert_eq!(a.swarm.write(stream, b"x"), Ok(1));
            left -= 1;
        }
        while read < streams - left {
            a.turn(|_, _| {});
            b.turn(|swarm, stream| read += swarm.read(stream, &mut [0; 16]).unwrap());
        }
        a.turn(|_, _| {}); // b's word that they are open
    }
    let open = |side: &Side| side.swarm.connection(side.swarm.connections().next().unwrap()).unwrap().streams;
    assert_eq!((open(&a), open(&b)), (streams, streams));
    let each = (heap::bytes() - before) as f64 / (2 * streams) as f64;
    println!("{streams} idle streams: {each:.1} bytes for each end");
    assert!(each <= 200.0, "{each}");
}

/// Streams that are opened, written to, read, finished on both sides and told of to notifees on each. Gives what all of
/// it has allocated.
pub(crate) fn a_hundred_thousand_streams(at_a_time: usize) -> usize {
    let (mut a, mut b, connection) = connected();
    let mut open = |streams: usize| {
        let (mut left, mut live) = (streams, 0);
        let opening = (a.telling + b.telling, a.all + b.all);
        let told = a.told.get() + b.told.get();
        let mut commands = 0;
        while left + live > 0 {
            let before = heap::allocations();
            while left > 0 && live < at_a_time {
                let stream = a.swarm.open_stream(connection, &[SINK]).unwrap();
                assert_eq!(a.swarm.write(stream, &[7; 100]), Ok(100));
                a.swarm.finish(stream).unwrap();
                (left, live) = (left - 1, live + 1);
            }
            commands += heap::allocations() - before;
            a.turn(|swarm, stream| {
                if swarm.read(stream, &mut [0; 16]) == Ok(0) {
                    live -= 1;
                }
            });
            b.turn(|swarm, stream| {
                let mut buffer = [0; 256];
                while let Ok(n) = swarm.read(stream, &mut buffer) {
                    if n == 0 {
                        return swarm.finish(stream).unwrap();
                    }
                }
            });
        }
        // The last ends are told.
        a.turn(|_, _| {});
        b.turn(|_, _| {});
        let told = a.told.get() + b.told.get() - told;
        assert_eq!(told, (streams * 2 * 2 * NOTIFEES) as u64, "opened and closed, on both sides, to all");
        (a.telling + b.telling - opening.0, a.all + b.all - opening.1 + commands)
    };
    open(1_000);
    let (telling, all) = open(STREAMS);
    println!("{at_a_time} at a time: {:.4} allocations a stream", all as f64 / STREAMS as f64);
    assert_eq!(telling, 0, "from transition to notifee, {at_a_time} at a time");
    all
}

/// An owner who drives notifees and sees each event and readiness behind them, of streams that come one at a time.
pub(crate) fn an_owner_who_sees_each_event_allocates_nothing() {
    const ROUNDS: u64 = 1_000;
    let (mut a, mut b, connection) = connected();
    let (seen, mut allocated) = (Cell::new(0), 0);
    let turn = |side: &mut Side| {
        let _ = side.swarm.poll(&mut Task::from_waker(Waker::noop()), Duration::ZERO);
        let before = heap::allocations();
        side.notifees.drive_with_ready(&mut side.swarm, Duration::ZERO, |swarm, occurrence| match occurrence {
            Occurrence::Event(_) => seen.set(seen.get() + 1),
            Occurrence::Ready(Readiness::Stream { stream, .. }) => {
                while let Ok(n) = swarm.read(stream, &mut [0; 16]) {
                    if n == 0 {
                        // Ours is sent already on the side that has opened it.
                        let _ = swarm.finish(stream);
                        break;
                    }
                }
            }
            Occurrence::Ready(_) => {}
        });
        heap::allocations() - before
    };
    for round in 0..2 * ROUNDS {
        let (before, told) = (seen.get(), a.told.get());
        let stream = a.swarm.open_stream(connection, &[SINK]).unwrap();
        assert_eq!(a.swarm.write(stream, b"x"), Ok(1));
        a.swarm.finish(stream).unwrap();
        while seen.get() < before + 4 {
            let now = turn(&mut a) + turn(&mut b);
            // The first half warms up.
            allocated += if round < ROUNDS { 0 } else { now };
        }
        assert_eq!(
            (seen.get() - before, a.told.get() - told),
            (4, 2 * NOTIFEES as u64),
            "opened and closed, at both ends"
        );
    }
    assert_eq!(allocated, 0, "by {ROUNDS} streams");
}
