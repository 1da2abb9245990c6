//! The work that `benches/instructions.sh` counts the instructions of: `instructions UNIT N` does it N times.
//!
//! No clock, no thread and no randomness: each run takes the same instructions. What is done once, like building a
//! world, counts nowhere, since the script subtracts a run of N from one of 2 N.

#[path = "support/smallest.rs"]
mod smallest;
#[allow(dead_code, reason = "its calls are counted elsewhere")]
#[path = "../tests/support/wire.rs"]
mod wire;

use smallest::{Count, Ring, open};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::task::Waker;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, Direction, Event, StreamEnd, StreamId};
use swarm_notify::notifee::{Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::swarm::{Config, Network, Readiness, Refusal, Swarm};
use wire::Wire;

/// A unit's name, and its work, done so many times.
type Unit = (&'static str, fn(usize));

const UNITS: [Unit; 9] = [
    ("event-to-1", |n| event_to(1, n)),
    ("event-to-8", |n| event_to(8, n)),
    ("event-to-200", |n| event_to(200, n)),
    ("stream-record", stream_record),
    ("stream-64-at-a-time", streams_64_at_a_time),
    ("refused-accept", refused_accept),
    ("handshake", handshakes),
    ("leaving-by-itself", leaving_by_itself),
    ("leaving-by-the-owner", leaving_by_the_owner),
];

/// The event of an opening stream.
fn event() -> Event {
    let (mut lifecycle, connection) = open();
    let stream = lifecycle.begin_stream(connection, Direction::Inbound).expect("there is place");
    Event::OpenedStream { connection, stream }
}

/// One event that is told to so many notifees.
fn event_to(notifees: usize, n: usize) {
    let (mut ring, event, mut registry) = (Ring::default(), event(), Notifees::new());
    let ids: Vec<_> = (0..notifees).map(|_| registry.register(Count::default())).collect();
    for _ in 0..n {
        ring.events.push_back(black_box(event)).expect("it is empty");
        registry.dispatch(&mut ring);
    }
    for id in ids {
        assert_eq!(registry.get(id).map(|count| count.opened), Some(n));
    }
}

/// A stream begins, opens and ends in the lifecycle, and one notifee is told of both events.
fn stream_record(n: usize) {
    let ((mut lifecycle, connection), mut registry) = (open(), Notifees::new());
    let id = registry.register(Count::default());
    for _ in 0..n {
        let stream = lifecycle.begin_stream(black_box(connection), Direction::Inbound).expect("there is place");
        lifecycle.opened(stream).expect("it is being opened");
        registry.dispatch(&mut lifecycle);
        lifecycle.end_stream(black_box(stream), StreamEnd::Finished).expect("it is open");
        registry.dispatch(&mut lifecycle);
    }
    let count = registry.get(id).expect("it is registered");
    assert_eq!((count.opened, count.closed), (n, n));
}

const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

/// A swarm, and the notifee that counts its streams.
struct Side {
    swarm: Swarm<Wire>,
    notifees: Notifees<Swarm<Wire>>,
    count: NotifeeId<Count>,
}

impl Side {
    fn new(seed: u8, wire: Wire) -> Self {
        let identity = Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a key");
        let mut swarm = Swarm::new(wire, &identity, [seed; 32], Config::default()).expect("the key can sign");
        swarm.register_protocol(SINK);
        let mut notifees = Notifees::new();
        let count = notifees.register(Count::default());
        Self { swarm, notifees, count }
    }

    /// Takes a turn, reads what has come, and answers the end of a stream with its own.
    fn turn(&mut self) {
        let _ = self.swarm.poll(&mut std::task::Context::from_waker(Waker::noop()), Duration::ZERO);
        self.notifees.dispatch(&mut self.swarm);
        while let Some(ready) = self.swarm.next_ready() {
            let Readiness::Stream { stream, .. } = ready else { continue };
            while let Ok(read) = self.swarm.read(stream, &mut [0; 64]) {
                if read == 0 {
                    let _ = self.swarm.finish(stream);
                    break;
                }
            }
        }
    }

    fn closed(&self) -> usize {
        self.notifees.get(self.count).map_or(0, |count| count.closed)
    }
}

/// Streams are opened and negotiated, carry a byte and close, 64 at a time, between two swarms of this process.
fn streams_64_at_a_time(n: usize) {
    let (at_a, at_b) = wire::wire();
    let (mut a, mut b) = (Side::new(1, at_a), Side::new(2, at_b));
    b.swarm.listen(wire::address()).expect("there is place");
    b.turn();
    let connection = a.swarm.dial(wire::address()).expect("there is place");
    while a.swarm.counters().connections.outbound.open == 0 || b.swarm.counters().connections.inbound.open == 0 {
        a.turn();
        b.turn();
    }
    let mut begun = 0;
    while begun < n {
        let batch = 64.min(n - begun);
        for _ in 0..batch {
            let stream = a.swarm.open_stream(connection, &[SINK]).expect("there is place");
            // The first ones wait for the peer's first frame.
            while a.swarm.write(stream, &[7]).is_err() {
                a.turn();
                b.turn();
            }
            a.swarm.finish(stream).expect("it is open");
        }
        begun += batch;
        while a.closed() < begun || b.closed() < begun {
            a.turn();
            b.turn();
        }
    }
}

/// So many sockets come in at a time.
const SOCKETS: usize = 32;

/// A socket comes from a denied address and is closed. The lists have 1 000 networks with prefixes of 8 lengths, and the one
/// that denies it is the widest. The transport and the pipe are in memory, and count.
fn refused_accept(n: usize) {
    let (client, at_server) = wire::wire();
    let mut server = Side::new(1, at_server);
    let lists = server.swarm.lists_mut();
    for prefix in [8, 12, 16, 20, 22, 24, 28, 32] {
        for net in 0..125_u32 {
            let ip = Ipv4Addr::from_bits(((10 + net) << 24) | (0x0008_8888 * u32::from(prefix > 8)));
            lists.deny_network(Network::new(ip.into(), prefix).expect("it is one")).expect("there is place");
        }
    }
    assert_eq!(lists.networks().count(), 1_000);
    client.seen_as("/ip4/10.1.2.3/tcp/4001".parse().expect("an address"));
    server.swarm.listen(wire::address()).expect("there is place");
    server.turn();
    for _ in 0..n / SOCKETS {
        let sockets: Vec<_> = (0..SOCKETS).map(|_| client.connect()).collect();
        server.turn();
        drop(black_box(sockets));
    }
    assert_eq!(server.swarm.refused(Refusal::ConnectionDenied), n as u64);
}

/// A connection is dialed, and both ends shake hands, open it and close it: what a socket costs that is let in.
fn handshakes(n: usize) {
    let (at_a, at_b) = wire::wire();
    let (mut a, mut b) = (Side::new(1, at_a), Side::new(2, at_b));
    b.swarm.listen(wire::address()).expect("there is place");
    b.turn();
    for _ in 0..n {
        let connection = a.swarm.dial(wire::address()).expect("there is place");
        while a.swarm.counters().connections.outbound.open == 0 || b.swarm.counters().connections.inbound.open == 0 {
            a.turn();
            b.turn();
        }
        a.swarm.abort_connection(connection).expect("it is open");
        while a.swarm.connections().next().is_some() || b.swarm.connections().next().is_some() {
            a.turn();
            b.turn();
        }
    }
}

/// So many leave at a time.
const LEAVING: usize = 1_000;

/// Unregisters itself.
struct Leaves;

impl<N> Notifee<N> for Leaves {
    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId) {
        let this = cx.this();
        cx.unregister(this);
    }
}

/// A notifee is registered and unregisters itself, in one event with 999 others.
fn leaving_by_itself(n: usize) {
    let (mut ring, event, mut registry) = (Ring::default(), event(), Notifees::new());
    for _ in 0..n / LEAVING {
        (0..LEAVING).for_each(|_| _ = registry.register(Leaves));
        ring.events.push_back(black_box(event)).expect("it is empty");
        registry.dispatch(&mut ring);
        assert!(registry.is_empty());
    }
}

/// A notifee is registered, and its owner unregisters it while there are up to 999 others.
fn leaving_by_the_owner(n: usize) {
    let mut registry = Notifees::<Ring>::new();
    for _ in 0..n / LEAVING {
        let ids: Vec<_> = (0..LEAVING).map(|_| registry.register(Leaves)).collect();
        for id in ids {
            assert!(registry.unregister(black_box(id)));
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let work = match &arguments[..] {
        [unit, n] => UNITS.iter().find(|(name, _)| name == unit).zip(n.parse().ok()),
        _ => None,
    };
    let Some(((_, work), n)) = work else {
        let units: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
        eprintln!("instructions {} N", units.join("|"));
        std::process::exit(2);
    };
    work(n);
}
