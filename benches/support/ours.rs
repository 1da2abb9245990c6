//! Two of our swarms, connected over TCP on loopback and driven in one loop on one thread: on our own transport, both
//! on one reactor, or on tokio's sockets, as the rivals are. Their byte pipes count how often they are read, with
//! success, and written.

use ::tokio::runtime::{Builder, Runtime};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p::tcp::tokio;
use libp2p_core::connection::ConnectedPoint;
use libp2p_core::transport::{Transport, map::Map};
use libp2p_identity::Keypair;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, ReadError, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Reactor as _, Readiness, Swarm};
use swarm_notify::tcp;

pub(crate) const CHURN: Protocol = Protocol::from_static("/churn/1.0.0");

/// How often bytes were read and written.
pub(crate) static READS: AtomicUsize = AtomicUsize::new(0);
pub(crate) static WRITES: AtomicUsize = AtomicUsize::new(0);

/// A byte pipe that counts.
pub(crate) struct Counted<Io>(Io);

impl<Io: AsyncRead + Unpin> AsyncRead for Counted<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        READS.fetch_add(usize::from(read.is_ready()), Relaxed);
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Counted<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        WRITES.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A TCP transport, and how the owner of two swarms waits for both.
pub(crate) trait Sockets:
    Transport<
        Output: AsyncRead + AsyncWrite + Unpin,
        Error: Send + Sync + 'static,
        Dial: Send + 'static,
        ListenerUpgrade: Send + 'static,
    > + Sized
    + Unpin
{
    /// What wakes the sockets of both swarms.
    type Reactor;
    fn reactor() -> Self::Reactor;
    fn transport(reactor: &Self::Reactor) -> Self;
    /// Takes one pass after the other until the work is over, and waits after one that leaves nothing to do.
    fn drive(reactor: &mut Self::Reactor, both: &mut Both<Self>, work: &mut impl Work);
}

impl Sockets for tcp::Transport {
    type Reactor = tcp::Reactor;

    fn reactor() -> tcp::Reactor {
        tcp::Reactor::new().unwrap()
    }

    fn transport(reactor: &tcp::Reactor) -> Self {
        Self::new(reactor.handle(), tcp::Config::default())
    }

    /// The owner drives the reactor here, since a swarm that did would not know that the other one sleeps on it, too.
    /// What the reactor has woken, and what a command has left, the swarm's `poll_at` tells.
    fn drive(reactor: &mut tcp::Reactor, both: &mut Both<Self>, work: &mut impl Work) {
        loop {
            let now = both.began.elapsed();
            reactor.advance(now);
            let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
            if is_due(both.dialer.poll_at()) {
                both.dialer.tick(now);
                both.serve_dialer(now, work);
            }
            if is_due(both.listener.poll_at()) {
                both.listener.tick(now);
                both.serve_listener(now, work);
            }
            if work.is_over() {
                return;
            }
            let deadlines = [both.dialer.poll_at(), both.listener.poll_at(), reactor.poll_at()];
            let until_due = deadlines.into_iter().flatten().min().map(|deadline| deadline.saturating_sub(now));
            reactor.poll(until_due).unwrap();
        }
    }
}

/// On a runtime of tokio's, whose sockets wake a waker.
impl Sockets for tokio::Transport {
    type Reactor = Runtime;

    fn reactor() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn transport(_: &Runtime) -> Self {
        Self::default()
    }

    fn drive(runtime: &mut Runtime, both: &mut Both<Self>, work: &mut impl Work) {
        runtime.block_on(poll_fn(|cx| {
            loop {
                let now = both.began.elapsed();
                let mut happened = both.dialer.poll(cx, now).is_ready();
                both.serve_dialer(now, work);
                happened |= both.listener.poll(cx, now).is_ready();
                both.serve_listener(now, work);
                if work.is_over() {
                    return Poll::Ready(());
                }
                if !happened {
                    return Poll::Pending;
                }
            }
        }));
    }
}

pub(crate) type Node<S> =
    Swarm<Map<S, fn(<S as Transport>::Output, ConnectedPoint) -> Counted<<S as Transport>::Output>>>;

/// What an owner does with what its swarm says. `true` from `is_over` ends the run.
pub(crate) trait Work {
    /// Once, before anything else.
    fn begin<S: Sockets>(&mut self, dialer: &mut Node<S>);
    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>);
    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>);
    fn is_over(&self) -> bool;
}

/// The two swarms.
pub(crate) struct Both<S: Transport> {
    dialer: Node<S>,
    listener: Node<S>,
    began: Instant,
}

impl<S: Sockets> Both<S> {
    /// Hands what the dialer says to the work, and sends what that answers.
    fn serve_dialer(&mut self, now: Duration, work: &mut impl Work) {
        loop {
            while let Some(event) = self.dialer.next_event() {
                work.dialer(&mut self.dialer, Some(event), None);
            }
            while let Some(ready) = self.dialer.next_ready() {
                work.dialer(&mut self.dialer, None, Some(ready));
            }
            self.dialer.flush_all(now);
            // What has been sent may have ended a stream, which needs no other turn to be told.
            if !self.dialer.has_pending() {
                return;
            }
        }
    }

    /// The same for the listener.
    fn serve_listener(&mut self, now: Duration, work: &mut impl Work) {
        loop {
            while let Some(event) = self.listener.next_event() {
                work.listener(&mut self.listener, Some(event), None);
            }
            while let Some(ready) = self.listener.next_ready() {
                work.listener(&mut self.listener, None, Some(ready));
            }
            self.listener.flush_all(now);
            // What has been sent may have ended a stream, which needs no other turn to be told.
            if !self.listener.has_pending() {
                return;
            }
        }
    }
}

pub(crate) struct Pair<S: Sockets = tcp::Transport> {
    both: Both<S>,
    address: Multiaddr,
    /// Dropped last: sockets leave it before it is gone.
    reactor: S::Reactor,
}

fn node<S: Sockets>(n: u8, reactor: &S::Reactor) -> Node<S> {
    let mut config = Config::default();
    (config.limits.streams_per_connection, config.streams_per_peer) = (16_384, 16_384);
    config.connections_per_peer = 16_384;
    config.connection.idle_timeout = None;
    // Work may begin with many streams at once, which the other side takes.
    config.connection.yamux.early_streams = u32::MAX;
    let identity = Keypair::ed25519_from_bytes([n; 32]).unwrap();
    let counted = (|io, _| Counted(io)) as fn(S::Output, ConnectedPoint) -> Counted<S::Output>;
    Swarm::new(S::transport(reactor).map(counted), &identity, [n; 32], config).unwrap()
}

impl<S: Sockets> Pair<S> {
    /// A listener, and a dialer that knows its address.
    pub(crate) fn new() -> Self {
        let reactor = S::reactor();
        let both = Both { dialer: node(1, &reactor), listener: node(2, &reactor), began: Instant::now() };
        let mut pair = Self { both, address: Multiaddr::empty(), reactor };
        pair.both.listener.register_protocol(CHURN);
        let id = pair.both.listener.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        pair.run(&mut Until(|event| matches!(event, Event::Listen { .. }), 1));
        pair.address = pair.both.listener.listener(id).unwrap().addresses[0].clone();
        pair
    }

    /// One more connection, which both sides have been told of.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let id = self.both.dialer.dial(self.address.clone()).unwrap();
        self.run(&mut Until(|event| matches!(event, Event::Connected { .. }), 2));
        id
    }

    /// Closes a connection, until both sides have been told.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        self.both.dialer.close_connection(id).unwrap();
        self.run(&mut Until(|event| matches!(event, Event::Disconnected { .. }), 2));
    }

    /// Drives both swarms until the work is over.
    pub(crate) fn run(&mut self, work: &mut impl Work) {
        work.begin(&mut self.both.dialer);
        S::drive(&mut self.reactor, &mut self.both, work);
    }
}

/// Waits until so many such events were told, on either side.
struct Until(fn(Event) -> bool, usize);

impl Work for Until {
    fn begin<S: Sockets>(&mut self, _: &mut Node<S>) {}

    fn dialer<S: Sockets>(&mut self, _: &mut Node<S>, event: Option<Event>, _: Option<Readiness>) {
        self.1 -= usize::from(event.is_some_and(self.0));
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>) {
        self.dialer(node, event, ready);
    }

    fn is_over(&self) -> bool {
        self.1 == 0
    }
}

/// Opens streams, so many at a time, each with a byte, and closes them; the listener reads to the end and closes too.
pub(crate) struct Churn {
    pub(crate) connection: ConnectionId,
    pub(crate) left: usize,
    pub(crate) at_a_time: usize,
    pub(crate) live: usize,
}

impl Churn {
    fn open<S: Sockets>(&mut self, node: &mut Node<S>) {
        while self.left > 0 && self.live < self.at_a_time {
            let stream = node.open_stream(self.connection, &[CHURN]).unwrap();
            assert_eq!(node.write(stream, b"x"), Ok(1));
            node.finish(stream).unwrap();
            (self.left, self.live) = (self.left - 1, self.live + 1);
        }
    }
}

impl Work for Churn {
    fn begin<S: Sockets>(&mut self, node: &mut Node<S>) {
        self.open(node);
    }

    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>) {
        if let Some(Event::ClosedStream { .. }) = event {
            self.live -= 1;
            self.open(node);
        }
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready {
            assert_eq!(node.read(stream, &mut [0; 16]), Ok(0));
        }
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, _: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready
            && drain(node, stream, &mut [0; 16])
        {
            node.finish(stream).unwrap();
        }
    }

    fn is_over(&self) -> bool {
        self.live == 0
    }
}

/// Reads all there is. `true`: the end was read.
pub(crate) fn drain<S: Sockets>(node: &mut Node<S>, stream: StreamId, buffer: &mut [u8]) -> bool {
    loop {
        match node.read(stream, buffer) {
            Ok(0) => return true,
            Ok(n) if n < buffer.len() => return false,
            Ok(_) => {}
            Err(ReadError::Blocked) => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes as much as there is place for.
pub(crate) fn fill<S: Sockets>(node: &mut Node<S>, stream: StreamId, chunk: &[u8], left: &mut usize) {
    while *left > 0 {
        let part = &chunk[..chunk.len().min(*left)];
        match node.write(stream, part) {
            Ok(n) => {
                *left -= n;
                if n < part.len() {
                    return;
                }
            }
            Err(WriteError::Blocked) => return,
            Err(error) => panic!("{error}"),
        }
    }
}
