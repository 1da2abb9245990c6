//! How an event gets to 1, 8 and 200 notifees, and a stream's whole record to one.
//!
//! Beside it the least that could be done, a ring and a call behind `dyn` for each observer, and a channel that
//! everybody listens to.

#[path = "support/smallest.rs"]
mod smallest;
mod support;

use heapless::Deque;
use libp2p_core::transport::MemoryTransport;
use smallest::{Count, Ring, open};
use std::hint::black_box;
use std::time::Duration;
use support::{allocations, amount, compare, rival};
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, EventSource, Lifecycle, StreamEnd};
use swarm_notify::notifee::{HasNode, Interest, Network, Node, Notifee, Notifees, subscription};
use swarm_notify::swarm::{Config, Swarm};
use tokio::sync::broadcast;

trait Observer {
    fn event(&mut self, event: &Event);
}

impl Observer for Count {
    /// With branches, as observers have them. Without any, the compiler reads 16 bytes of an event that was just written
    /// in pieces, and the wait for those would be half of what is measured.
    fn event(&mut self, event: &Event) {
        if let Event::OpenedStream { .. } = event {
            *black_box(&mut self.opened) += 1;
        } else if let Event::ClosedStream { .. } = event {
            *black_box(&mut self.closed) += 1;
        }
    }
}

/// One event to so many.
fn to_all(event: Event, listeners: usize, title: &str) {
    let units = amount(20_000_000 / (listeners + 4));
    let (mut ring, mut notifees) = (Ring::default(), Notifees::new());
    let first = notifees.register(Count::default());
    for _ in 1..listeners {
        notifees.register(Count::default());
    }
    // Those without interest cost nothing.
    notifees.register(NoInterest);
    let mut floor: Deque<Event, 256> = Deque::new();
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    for _ in 0..listeners {
        observers.push(Box::new(Count::default()));
    }
    let (sender, receiver) = broadcast::channel(256);
    let mut receivers: Vec<_> = (1..listeners).map(|_| sender.subscribe()).collect();
    receivers.push(receiver);
    let mut count = Count::default();
    let rivals = vec![
        rival("Notifees", |n| {
            for _ in 0..n {
                ring.events.push_back(black_box(event)).unwrap();
                notifees.dispatch(&mut ring);
            }
        }),
        rival("a ring and a call behind dyn", |n| {
            for _ in 0..n {
                floor.push_back(black_box(event)).unwrap();
                while let Some(event) = floor.pop_front() {
                    for observer in &mut observers {
                        observer.event(&event);
                    }
                }
            }
        }),
        rival("tokio broadcast", |n| {
            for _ in 0..n {
                sender.send(black_box(event)).unwrap();
                for receiver in &mut receivers {
                    Observer::event(&mut count, &receiver.try_recv().unwrap());
                }
            }
        }),
    ];
    compare(title, units, rivals);
    assert_eq!(notifees.get::<Count>(first).unwrap().closed, 0);
}

struct NoInterest;

impl<N> Notifee<N> for NoInterest {
    fn interest(&self) -> Interest {
        Interest::NONE
    }
}

/// One stream after the other: begin, opened, closed, both events told to one notifee.
fn record(lifecycle: &mut Lifecycle, on: ConnectionId, mut tell: impl FnMut(&mut Lifecycle), units: usize) {
    for _ in 0..units {
        let stream = lifecycle.begin_stream(black_box(on), Direction::Inbound).unwrap();
        lifecycle.opened(stream).unwrap();
        tell(lifecycle);
        lifecycle.end_stream(black_box(stream), StreamEnd::Finished).unwrap();
        tell(lifecycle);
    }
}

/// A swarm with a stream, whose events come from a ring, as often as one likes.
struct Replayed {
    ring: Ring,
    swarm: Swarm<MemoryTransport>,
}

impl Network for Replayed {
    fn event_source(&self) -> &dyn EventSource {
        &self.ring
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        &mut self.ring
    }
}

impl HasNode for Replayed {
    fn node(&self) -> &dyn Node {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut self.swarm
    }
}

/// Two swarms, the second with a stream to the first; and the event of it.
fn with_stream() -> ([Swarm<MemoryTransport>; 2], Event) {
    const SINK: Protocol = Protocol::from_static("/sink/1.0.0");
    let mut both = [1, 2].map(|n| {
        let key = Keypair::ed25519_from_bytes([n; 32]).unwrap();
        Swarm::new(MemoryTransport::new(), &key, [n; 32], Config::default()).unwrap()
    });
    both[0].register_protocol(SINK);
    both[0].listen("/memory/71".parse().unwrap()).unwrap();
    both[0].tick(Duration::ZERO);
    both[1].dial("/memory/71".parse().unwrap()).unwrap();
    loop {
        for swarm in &mut both {
            swarm.tick(Duration::ZERO);
        }
        while both[0].next_event().is_some() {}
        match both[1].next_event() {
            Some(Event::Connected { connection }) => _ = both[1].open_stream(connection, &[SINK]).unwrap(),
            Some(event @ Event::OpenedStream { .. }) => return (both, event),
            Some(event) => panic!("{event:?}"),
            None => {}
        }
    }
}

/// One event to a subscription, and out of it again.
fn to_a_subscription() {
    let ([_server, swarm], event) = with_stream();
    let (mut world, mut notifees) = (Replayed { ring: Ring::default(), swarm }, Notifees::new());
    let (subscriber, mut notices) = subscription(16);
    notifees.register(subscriber);
    notifees.drive(&mut world, Duration::ZERO);
    notices.try_recv().unwrap();
    world.ring.events.push_back(event).unwrap();
    notifees.dispatch(&mut world);
    let notice = notices.try_recv().unwrap();
    let (sender, receiver) = async_channel::bounded(16);
    let rivals = vec![
        rival("Subscription", |n| {
            for _ in 0..n {
                world.ring.events.push_back(black_box(event)).unwrap();
                notifees.dispatch(&mut world);
                black_box(notices.try_recv().unwrap());
            }
        }),
        rival("async-channel, a clone of it", |n| {
            for _ in 0..n {
                sender.try_send(black_box(&notice).clone()).unwrap();
                black_box(receiver.try_recv().unwrap());
            }
        }),
    ];
    compare("one event to a subscription", amount(2_000_000), rivals);
}

fn main() {
    let (mut lifecycle, connection) = open();
    let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    let event = Event::OpenedStream { connection, stream };
    to_all(event, 1, "one event to 1 notifee");
    to_all(event, 8, "one event to 8 notifees");
    to_all(event, 200, "one event to 200 notifees");

    let units = amount(2_000_000);
    let ((mut ours, on_ours), (mut plain, on_plain)) = (open(), open());
    let mut notifees = Notifees::new();
    let count = notifees.register(Count::default());
    let mut observer: Box<dyn Observer> = Box::<Count>::default();
    let rivals = vec![
        rival("Notifees", |n| record(&mut ours, on_ours, |lifecycle| _ = notifees.dispatch(lifecycle), n)),
        rival("drained by hand, dyn call", |n| {
            let drain = |lifecycle: &mut Lifecycle| {
                while let Some(event) = lifecycle.next_event() {
                    observer.event(&event);
                }
            };
            record(&mut plain, on_plain, drain, n);
        }),
    ];
    compare("a stream's record to one", units, rivals);
    let told = notifees.get::<Count>(count).unwrap();
    assert_eq!(told.opened, told.closed);

    to_a_subscription();

    // From the transition to 200 notifees nothing is allocated, exactly.
    let (mut lifecycle, connection) = open();
    let mut notifees = Notifees::new();
    for _ in 0..200 {
        notifees.register(Count::default());
    }
    let mut run = |units| record(&mut lifecycle, connection, |lifecycle| _ = notifees.dispatch(lifecycle), units);
    run(10);
    let before = allocations();
    run(10_000);
    let allocated = allocations() - before;
    println!("10 000 stream records to 200 notifees: {allocated} allocations");
    assert_eq!(allocated, 0);
}
