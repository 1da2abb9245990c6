//! Swarms on real sockets that write down everything they are told: complete logs, to be compared as a whole.
//!
//! A [`Node`] is a swarm with its log. [`both`] and [`one`] drive nodes on this thread until a condition holds: they
//! sleep until a socket, a deadline or the overall limit wakes them, and a test that is not over by [`LIMIT`] fails
//! with all logs.

use super::sleep::{Sleeper, sleep};
use libp2p_identity::{Keypair, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, ListenerId, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Readiness, Refusal, multiaddr};
use swarm_notify::tcp;

/// Nothing in these tests takes as long; it is what a hang costs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How long a loop that [ticks](Node::ticks) sleeps between two frames.
const FRAME: Duration = Duration::from_millis(1);

/// More turns than any node takes at a stretch: beyond it, it spins.
const MOST_TURNS: usize = 100_000;

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const IP4: &str = "/ip4/127.0.0.1/tcp/0";

/// What a node does with what can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// Reads it into [`Node::received`].
    Keep,
    /// Writes it back, and ends its side when the other has.
    Echo,
    /// Leaves it where it is.
    Leave,
}

/// A swarm, what it was told, and what it has read.
pub(crate) struct Node<const E: usize = 256> {
    pub(crate) swarm: tcp::Swarm<E>,
    /// Every event, in order: `name id`, what it is (for openings) or the reason.
    pub(crate) log: Vec<String>,
    pub(crate) received: BTreeMap<StreamId, Vec<u8>>,
    /// Streams whose end has been read.
    pub(crate) ended: BTreeSet<StreamId>,
    pub(crate) reading: Reading,
    /// Events are left in the queue.
    pub(crate) is_paused: bool,
    /// It takes one turn a frame, and sleeps in between whatever comes, as a game's loop does.
    pub(crate) ticks: bool,
    /// How far its clock is ahead.
    skew: Duration,
    start: Instant,
    echoes: BTreeMap<StreamId, Vec<u8>>,
}

pub(crate) fn identity(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key")
}

pub(crate) fn peer_id(number: u8) -> PeerId {
    identity(number).public().to_peer_id()
}

/// A swarm on a reactor of its own.
fn tcp_swarm<const E: usize>(number: u8, config: Config) -> tcp::Swarm<E> {
    let reactor = tcp::Reactor::new().expect("there are descriptors");
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let swarm = tcp::Swarm::with_events(reactor, transport, &identity(number), [number; 32], config);
    swarm.expect("an Ed25519 key signs")
}

impl<const E: usize> Node<E> {
    /// A node with an identity of its number, that speaks echo. It judges deadlines when it finds them, since it
    /// [skips](Self::skip) time.
    pub(crate) fn new(number: u8, mut config: Config) -> Self {
        config.lateness = Duration::ZERO;
        let mut swarm = tcp_swarm(number, config);
        swarm.register_protocol(ECHO);
        Self {
            swarm,
            log: Vec::new(),
            received: BTreeMap::new(),
            ended: BTreeSet::new(),
            reading: Reading::Keep,
            is_paused: false,
            ticks: false,
            skew: Duration::ZERO,
            start: Instant::now(),
            echoes: BTreeMap::new(),
        }
    }

    /// Moves its clock.
    pub(crate) fn skip(&mut self, time: Duration) {
        self.skew += time;
    }

    fn now(&self) -> Duration {
        self.start.elapsed() + self.skew
    }

    #[track_caller]
    pub(crate) fn listen(&mut self, address: &str) -> ListenerId {
        self.swarm.listen(address.parse().unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn dial(&mut self, address: &Multiaddr) -> ConnectionId {
        self.swarm.dial(address.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn open(&mut self, connection: ConnectionId) -> StreamId {
        self.swarm.open_stream(connection, &[ECHO]).unwrap()
    }

    /// Writes all of it, for which there has to be place.
    #[track_caller]
    pub(crate) fn write(&mut self, stream: StreamId, data: &[u8]) {
        assert_eq!(self.swarm.write(stream, data), Ok(data.len()));
    }

    /// Where a listener listens, with our peer id.
    #[track_caller]
    pub(crate) fn address(&self, listener: ListenerId) -> Multiaddr {
        let view = self.swarm.listener(listener).expect("it lives");
        view.addresses[0].clone().with(multiaddr::Protocol::P2p(self.swarm.local_peer()))
    }

    pub(crate) fn has_received(&self, stream: StreamId, data: &[u8]) -> bool {
        self.received.get(&stream).is_some_and(|received| received == data)
    }

    /// The number of accepted connections that have ended before their peers were authenticated. None of them has an id.
    #[track_caller]
    pub(crate) fn failed_handshakes(&self) -> u64 {
        let failed = self.swarm.refused(Refusal::HandshakeFailed);
        let inbound = self.swarm.counters().connections.inbound;
        assert_eq!((inbound.without_id, inbound.failed), (failed, 0));
        failed
    }

    /// The streams of a connection, in order of their ids.
    pub(crate) fn streams(&self, connection: ConnectionId) -> Vec<StreamId> {
        let mut streams: Vec<_> = self.swarm.streams_of(connection).collect();
        streams.sort();
        streams
    }

    /// Takes turns, and handles what there is, until there is nothing more to do for now; one turn if it
    /// [ticks](Self::ticks).
    fn turn(&mut self) {
        for _ in 0..MOST_TURNS {
            self.swarm.tick(self.now());
            while let Some(event) = if self.is_paused { None } else { self.swarm.next_event() } {
                self.told(event);
            }
            while let Some(ready) = self.swarm.next_ready() {
                self.ready(ready);
            }
            self.swarm.flush_all(self.now());
            if self.ticks || self.left() != Some(Duration::ZERO) {
                return;
            }
        }
        panic!("it spins; told: {:#?}", self.log);
    }

    /// Sleeps until the next turn. `false`: it is over the limit.
    fn sleep(&mut self, limit: Instant) -> bool {
        if self.ticks {
            return frame(limit);
        }
        if self.is_paused {
            // The swarm would not wait while events are left in the queue.
            return sleep(&[self], limit);
        }
        let most = limit.saturating_duration_since(Instant::now());
        self.swarm.wait(self.now(), Some(most)).expect("it can wait");
        Instant::now() < limit
    }

    /// Writes an event down, with what can be looked up of it.
    fn told(&mut self, event: Event) {
        let name = event.name();
        let line = match event {
            Event::Listen { listener } => format!("{name} {listener}"),
            Event::ListenFailed { listener, reason } => format!("{name} {listener} {reason}"),
            Event::ListenClose { listener, reason } => format!("{name} {listener} {reason}"),
            Event::Connected { connection } => {
                let view = self.swarm.connection(connection).expect("it has just opened");
                format!("{name} {connection} {}", view.direction)
            }
            Event::ConnectFailed { connection, reason } => format!("{name} {connection} {reason}"),
            Event::Disconnected { connection, reason } => format!("{name} {connection} {reason}"),
            Event::OpenedStream { stream, .. } => {
                let view = self.swarm.stream(stream).expect("it has just opened");
                let protocol = view.protocol.expect("its protocol is agreed");
                format!("{name} {stream} {} {protocol}", view.direction)
            }
            Event::StreamFailed { stream, reason, .. } => format!("{name} {stream} {reason}"),
            Event::ClosedStream { stream, reason, .. } => {
                // What had arrived and was not read is handed over now or never.
                let unread = self.swarm.take_unread(stream);
                if !unread.is_empty() {
                    self.received.entry(stream).or_default().extend(unread);
                }
                format!("{name} {stream} {reason}")
            }
        };
        self.log.push(line);
    }

    fn ready(&mut self, ready: Readiness) {
        if let Readiness::Refused { .. } = ready {
            return;
        }
        let Readiness::Stream { stream, .. } = ready else { panic!("{ready:?}: our addresses do not change") };
        match self.reading {
            Reading::Leave => {}
            Reading::Keep => {
                let mut buffer = [0; 16 * 1024];
                while let Ok(n) = self.swarm.read(stream, &mut buffer) {
                    if n == 0 {
                        self.ended.insert(stream);
                        return;
                    }
                    self.received.entry(stream).or_default().extend_from_slice(&buffer[..n]);
                }
            }
            Reading::Echo => self.echo(stream),
        }
    }

    fn echo(&mut self, stream: StreamId) {
        let pending = self.echoes.entry(stream).or_default();
        let mut buffer = [0; 16 * 1024];
        loop {
            while !pending.is_empty() {
                match self.swarm.write(stream, pending) {
                    Ok(n) => drop(pending.drain(..n)),
                    Err(WriteError::Blocked | WriteError::Ended | WriteError::Stale) => return,
                    Err(error) => panic!("{stream}: {error}"),
                }
            }
            match self.swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    self.ended.insert(stream);
                    let _ = self.swarm.finish(stream);
                    return;
                }
                Ok(n) => pending.extend_from_slice(&buffer[..n]),
                Err(_) => return,
            }
        }
    }

    /// Shuts down, and waits until that is over.
    #[track_caller]
    pub(crate) fn shut_down(&mut self) {
        self.swarm.shutdown();
        one(self, |node| node.swarm.is_shut_down());
    }

    /// Compares the whole log.
    #[track_caller]
    pub(crate) fn assert_log<S: AsRef<str>>(&self, expected: impl IntoIterator<Item = S>) {
        let expected: Vec<_> = expected.into_iter().collect();
        let expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
        let first = self.log.iter().zip(&expected).take_while(|(told, expected)| told == *expected).count();
        assert!(
            self.log.len() == expected.len() && first == expected.len(),
            "told {:#?}\ninstead of {:#?}\n({} and {} lines, from line {first} on)",
            self.log.iter().skip(first).take(40).collect::<Vec<_>>(),
            expected.iter().skip(first).take(40).collect::<Vec<_>>(),
            self.log.len(),
            expected.len(),
        );
    }
}

impl<const E: usize> Sleeper for Node<E> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let next = if self.is_paused { self.swarm.next_deadline() } else { self.swarm.poll_at() };
        next.map(|at| at.saturating_sub(self.now()))
    }
}

/// Sleeps for a frame. `false`: it is over the limit.
fn frame(limit: Instant) -> bool {
    std::thread::sleep(FRAME);
    Instant::now() < limit
}

/// Drives one node until `done`.
#[track_caller]
pub(crate) fn one<const A: usize>(a: &mut Node<A>, mut done: impl FnMut(&mut Node<A>) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        a.turn();
        if done(a) {
            return;
        }
        assert!(a.sleep(limit), "it takes too long; told: {:#?}", a.log);
    }
}

/// Drives two nodes until `done`.
#[track_caller]
pub(crate) fn both<const A: usize, const B: usize>(
    a: &mut Node<A>,
    b: &mut Node<B>,
    mut done: impl FnMut(&mut Node<A>, &mut Node<B>) -> bool,
) {
    let limit = Instant::now() + LIMIT;
    loop {
        a.turn();
        b.turn();
        if done(a, b) {
            return;
        }
        let in_time = if a.ticks || b.ticks { frame(limit) } else { sleep(&[a, b], limit) };
        assert!(in_time, "it takes too long; a was told: {:#?}, b: {:#?}", a.log, b.log);
    }
}

/// Drives two nodes until they have been told so many events in all.
#[track_caller]
pub(crate) fn both_told<const A: usize, const B: usize>(a: &mut Node<A>, b: &mut Node<B>, of_a: usize, of_b: usize) {
    both(a, b, |a, b| a.log.len() >= of_a && b.log.len() >= of_b);
}

/// Has `a` listen and `b` dial it: the connection at `a`, and the one at `b`.
#[track_caller]
pub(crate) fn connect<const A: usize, const B: usize>(
    a: &mut Node<A>,
    b: &mut Node<B>,
    address: &str,
) -> (ConnectionId, ConnectionId) {
    let listener = a.listen(address);
    one(a, |a| !a.log.is_empty());
    let address = a.address(listener);
    let at_b = b.dial(&address);
    both_told(a, b, 2, 1);
    let at_a = a.swarm.connections_of(b.swarm.local_peer()).next().expect("it is connected");
    (at_a, at_b)
}

/// Opens an echo stream from `b` and waits until both sides have been told: the stream at `a`, and the one at `b`.
#[track_caller]
pub(crate) fn open<const A: usize, const B: usize>(
    a: &mut Node<A>,
    b: &mut Node<B>,
    (at_a, at_b): (ConnectionId, ConnectionId),
) -> (StreamId, StreamId) {
    let before = a.streams(at_a);
    let stream = b.open(at_b);
    let (of_a, of_b) = (a.log.len() + 1, b.log.len() + 1);
    both_told(a, b, of_a, of_b);
    let opened = a.streams(at_a).into_iter().find(|stream| !before.contains(stream)).expect("it has opened");
    (opened, stream)
}

/// Shuts `b` down, then `a`, so that nothing can come that is not in the logs.
#[track_caller]
pub(crate) fn shut_down<const A: usize, const B: usize>(a: &mut Node<A>, b: &mut Node<B>) {
    b.swarm.shutdown();
    both(a, b, |a, b| b.swarm.is_shut_down() && a.swarm.connections().next().is_none());
    a.shut_down();
}

/// An IPv4 address to listen on that no other test uses, for those that count on a port staying free once they have
/// freed it: the system hands freed ports to whoever asks next.
pub(crate) fn alone(number: u8) -> String {
    let ip = if cfg!(target_os = "linux") { format!("127.0.48.{number}") } else { "127.0.0.1".to_owned() };
    format!("/ip4/{ip}/tcp/0")
}

/// The socket address in a multiaddr.
#[track_caller]
pub(crate) fn socket_address(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<_> = address.iter().take(2).collect();
    match parts[..] {
        [multiaddr::Protocol::Ip4(ip), multiaddr::Protocol::Tcp(port)] => SocketAddr::from((ip, port)),
        [multiaddr::Protocol::Ip6(ip), multiaddr::Protocol::Tcp(port)] => SocketAddr::from((ip, port)),
        _ => panic!("{address} is not a TCP address"),
    }
}

/// How the system's list of sockets names a connection that is open.
const ESTABLISHED: &str = "01";

/// Waits until something that nobody has read lies in the socket that `a` is connected to: what was written to a socket
/// of this machine is there soon, but not at once. Where the system does not say, it is taken to be there.
#[track_caller]
pub(crate) fn wait_until_unread<const A: usize>(a: &Node<A>, connection: ConnectionId) {
    let remote = socket_address(a.swarm.connection(connection).unwrap().remote);
    let SocketAddr::V4(remote) = remote else { panic!("{remote}: this looks at IPv4 sockets only") };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(remote.ip().octets()), remote.port());
    let began = Instant::now();
    while let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") {
        // Connections of other tests that have ended may have had the same port of ours.
        let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut open = fields.filter(|line| line.get(1) == Some(&local.as_str()) && line[3] == ESTABLISHED).peekable();
        assert!(open.peek().is_some(), "the socket is open");
        if open.any(|line| !line[4].ends_with(":00000000")) {
            return;
        }
        assert!(began.elapsed() < LIMIT, "nothing comes");
        std::thread::yield_now();
    }
}

/// A socket address as a multiaddr.
pub(crate) fn multiaddr_of(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(multiaddr::Protocol::Tcp(address.port()))
}
