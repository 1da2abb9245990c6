//! [`Pair`]: two swarms on one simulated network, driven to the end of what happens.

use super::super::audience::Seen;
use super::network::{Cut, Network};
use super::side::{Mode, Side};
use super::transport::{SimTransport, address, place};
use libp2p_core::Multiaddr;
use libp2p_identity::Keypair;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, StreamId};
use swarm_notify::swarm::{Config, Swarm};

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const SINK: Protocol = Protocol::from_static("/sink/1.0.0");
pub(crate) const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");

/// More turns than any scenario needs while time stands still: beyond it, somebody spins.
const MOST_TURNS: usize = 2_000_000;

/// How bytes are cut, and how owners drive.
const SHAPES: [(Cut, Mode); 4] =
    [(Cut::Whole, Mode::Sleep), (Cut::One, Mode::Sleep), (Cut::Random, Mode::Tick), (Cut::Random, Mode::Turns(1))];

/// The circumstances of a run, which change nothing of what is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) cut: Cut,
    pub(crate) mode: Mode,
    /// `b` dials `a`, instead of `a` dialing `b`.
    pub(crate) swapped: bool,
}

impl Shape {
    /// The same for a scenario in which much is sent, which would take long byte by byte.
    pub(crate) fn for_much(self) -> Self {
        let cut = if self.cut == Cut::One { Cut::Random } else { self.cut };
        Self { cut, ..self }
    }

    /// Runs a scenario under all circumstances.
    pub(crate) fn each(run: impl Fn(Self)) {
        for swapped in [false, true] {
            for (cut, mode) in SHAPES {
                let shape = Self { cut, mode, swapped };
                println!("{shape:?}");
                run(shape);
            }
        }
    }
}

/// Makes a test of each scenario: at each size of the event queue, under all circumstances.
macro_rules! everywhere {
    ($($name:ident,)*) => {
        mod everywhere {
            $(
                #[test]
                fn $name() {
                    $crate::support::sim::Shape::each(|shape| {
                        super::$name::<1>(shape);
                        super::$name::<8>(shape);
                        super::$name::<256>(shape);
                    });
                }
            )*
        }
    };
}
pub(crate) use everywhere;

/// Two swarms and the network between them.
pub(crate) struct Pair<const EVENTS: usize> {
    pub(crate) a: Side<SimTransport, EVENTS>,
    pub(crate) b: Side<SimTransport, EVENTS>,
    pub(crate) network: Network,
    pub(crate) now: Duration,
    pub(crate) shape: Shape,
    turns: usize,
}

pub(crate) const A: Host = Host(1);
pub(crate) const B: Host = Host(2);

/// One of the two hosts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) u8);

impl Host {
    /// An address here; port 0 is any.
    pub(crate) fn at(self, port: u16) -> Multiaddr {
        address((self.0, port))
    }

    fn keypair(self) -> Keypair {
        Keypair::ed25519_from_bytes([self.0; 32]).expect("32 bytes are a key")
    }
}

impl<const EVENTS: usize> Pair<EVENTS> {
    /// Two swarms with the default bounds, which speak echo and sink.
    pub(crate) fn new(shape: Shape) -> Self {
        Self::with(shape, |_| {}, |_| {})
    }

    /// Two swarms with bounds of their own.
    pub(crate) fn with(shape: Shape, a: impl FnOnce(&mut Config), b: impl FnOnce(&mut Config)) -> Self {
        let network = Network::new(shape.cut, 7);
        let side = |name, host: Host, change: &mut dyn FnMut(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let (poller, transport) = (network.poller(host.0), SimTransport::new(&network, host.0));
            Side::new(name, shape.mode, poller, |reactor| {
                let swarm = Swarm::with_events(reactor, transport, &host.keypair(), [host.0; 32], config);
                let mut swarm = swarm.expect("the key can sign");
                swarm.register_protocol(ECHO);
                swarm.register_protocol(SINK);
                swarm
            })
        };
        let (mut change_a, mut change_b) = (Some(a), Some(b));
        let a = side("a", A, &mut |config| change_a.take().expect("once")(config));
        let b = side("b", B, &mut |config| change_b.take().expect("once")(config));
        Self { a, b, network, now: Duration::ZERO, shape, turns: 0 }
    }

    /// Everything that can happen before `until` happens next. `false`: nothing can.
    fn step(&mut self, until: Option<Duration>) -> bool {
        let mut turned = false;
        for side in [&mut self.a, &mut self.b] {
            if side.is_due(self.now) {
                side.turn(self.now);
                self.turns += 1;
                turned = true;
            }
        }
        assert!(self.turns < MOST_TURNS, "somebody spins\n{}", self.logs());
        if turned {
            return true;
        }
        if self.network.deliver(self.now) {
            self.a.something_happened();
            self.b.something_happened();
            return true;
        }
        let arrival = self.network.next_arrival();
        let deadlines = [self.a.swarm.next_deadline(), self.b.swarm.next_deadline()];
        let next = deadlines.into_iter().chain([arrival]).flatten().min();
        match (next, until, arrival) {
            (Some(next), Some(until), _) if next <= until => self.now = next,
            // Without an end in sight, deadlines are waited for only as long as something is under way.
            (Some(next), None, Some(_)) => self.now = next,
            _ => return false,
        }
        self.network.advance_to(self.now);
        self.turns = 0;
        true
    }

    /// Lets the next thing happen that is under way: a turn of each that has a reason, or an arrival.
    pub(crate) fn one_step(&mut self) {
        self.step(None);
    }

    /// Lets everything happen that is under way.
    pub(crate) fn settle(&mut self) {
        while self.step(None) {}
    }

    /// Lets time pass, and everything happen in it.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(Some(until)) {}
        self.now = until;
        self.network.advance_to(until);
    }

    /// Goes on until `awaited`; with nothing left to happen in the next hour, that is a stall.
    #[track_caller]
    pub(crate) fn run_until(&mut self, awaited: impl Fn(&Self) -> bool) {
        let until = self.now + Duration::from_secs(3600);
        while !awaited(self) {
            assert!(self.step(Some(until)), "stalled at {:?}\n{}", self.now, self.logs());
        }
    }

    pub(crate) fn logs(&self) -> String {
        format!("{}{}", self.a.whole_log(), self.b.whole_log())
    }

    /// The address at which `b` accepts (or `a`, in swapped roles), once it listens.
    pub(crate) fn listens(&mut self) -> Multiaddr {
        let (side, host) = if self.shape.swapped { (&mut self.a, A) } else { (&mut self.b, B) };
        let id = side.listen(&host.at(4000));
        self.settle();
        let side = if self.shape.swapped { &mut self.a } else { &mut self.b };
        side.expect(&[format!("listen {id}")]);
        assert_eq!(side.swarm.listener(id).expect("it listens").addresses, [host.at(4000)]);
        host.at(4000)
    }

    /// Connects the two, and gives each side's id.
    pub(crate) fn connected(&mut self) -> (ConnectionId, ConnectionId) {
        let address = self.listens();
        self.connected_at(&address)
    }

    /// Connects the two once more.
    pub(crate) fn connected_at(&mut self, address: &Multiaddr) -> (ConnectionId, ConnectionId) {
        let dialed = if self.shape.swapped { self.b.dial(address) } else { self.a.dial(address) };
        self.settle();
        let (dialer, listener) =
            if self.shape.swapped { (&mut self.b, &mut self.a) } else { (&mut self.a, &mut self.b) };
        dialer.expect(&[format!("connected {dialed} outbound")]);
        let accepted = listener.swarm.connections().last().expect("it was accepted");
        listener.expect(&[format!("connected {accepted} inbound")]);
        assert_eq!(dialer.swarm.connection(dialed).unwrap().peer, Some(listener.swarm.local_peer()));
        assert_eq!(listener.swarm.connection(accepted).unwrap().peer, Some(dialer.swarm.local_peer()));
        assert_eq!(listener.swarm.connection(accepted).unwrap().direction, Direction::Inbound);
        if self.shape.swapped { (accepted, dialed) } else { (dialed, accepted) }
    }

    /// The pipe's end that a side has: the dialer's is 0.
    pub(crate) fn end_of(&self, host: Host) -> usize {
        usize::from((host == A) == self.shape.swapped)
    }

    /// Opens a stream from `a`, and gives each side's id.
    pub(crate) fn stream(&mut self, (on_a, on_b): (ConnectionId, ConnectionId)) -> (StreamId, StreamId) {
        let opened = self.a.open(on_a, &[ECHO]);
        self.settle();
        self.a.expect(&[format!("opened_stream {on_a}/{opened} outbound /echo/1.0.0")]);
        let accepted = self.b.swarm.streams_of(on_b).last().expect("it was accepted");
        self.b.expect(&[format!("opened_stream {on_b}/{accepted} inbound /echo/1.0.0")]);
        (opened, accepted)
    }

    /// A connection and a stream on it, opened by `a`.
    pub(crate) fn with_stream(shape: Shape) -> (Self, Link) {
        let mut pair = Self::new(shape);
        let link = pair.link();
        (pair, link)
    }

    /// A connection, and a stream on it that `a` opened.
    pub(crate) fn link(&mut self) -> Link {
        let (ca, cb) = self.connected();
        let (sa, sb) = self.stream((ca, cb));
        Link { ca, cb, sa, sb }
    }

    /// Shuts both down; what is still told is this and nothing else, and nothing is left.
    #[track_caller]
    pub(crate) fn end<S: AsRef<str>, R: AsRef<str>>(mut self, a: &[S], b: &[R]) {
        self.a.swarm.shutdown();
        self.run_until(|pair| pair.a.swarm.is_shut_down());
        self.settle();
        self.b.swarm.shutdown();
        self.run_until(|pair| pair.b.swarm.is_shut_down());
        self.settle();
        self.a.expect(a);
        self.b.expect(b);
        self.assert_no_leaks();
    }

    /// The same without a word about what is told. Gives what the audiences have seen, where there are any.
    #[track_caller]
    pub(crate) fn end_quietly(mut self) -> Seen {
        self.a.swarm.shutdown();
        self.b.swarm.shutdown();
        self.run_until(|pair| pair.a.swarm.is_shut_down() && pair.b.swarm.is_shut_down());
        self.settle();
        self.assert_no_leaks();
        let mut seen = self.a.seen();
        seen += self.b.seen();
        seen
    }

    #[track_caller]
    fn assert_no_leaks(&mut self) {
        self.a.assert_no_leaks();
        self.b.assert_no_leaks();
        assert!(self.network.is_empty(), "a socket is left open");
    }

    /// The lines of the end when only the listener of [`listens`](Self::listens) is left, for each side.
    pub(crate) fn only_listener(&self) -> (&'static [&'static str], &'static [&'static str]) {
        const CLOSE: &[&str] = &["listen_close l0.1 shutdown"];
        if self.shape.swapped { (CLOSE, &[]) } else { (&[], CLOSE) }
    }

    /// Shuts both down when only that is left.
    #[track_caller]
    pub(crate) fn end_with_listener(self) {
        let (a, b) = self.only_listener();
        self.end(a, b);
    }

    /// Where in the network an address is.
    pub(crate) fn place(address: &Multiaddr) -> (u8, u16) {
        place(address).expect("a plain address")
    }
}

/// Each side's ids of a connection and a stream on it.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) ca: ConnectionId,
    pub(crate) cb: ConnectionId,
    pub(crate) sa: StreamId,
    pub(crate) sb: StreamId,
}
