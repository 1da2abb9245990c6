//! Two of our swarms, connected over TCP on loopback and polled in one loop on one thread: on our own transport, whose
//! reactor is async-io, or on tokio's sockets, as the rivals are. Their byte pipes count how often they are read, with
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
use std::time::Instant;
use swarm_notify::connection::{Protocol, ReadError, WriteError};
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Ready, Swarm};
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

/// A TCP transport, and how its owner waits for it.
pub(crate) trait Sockets:
    Transport<
        Output: AsyncRead + AsyncWrite + Unpin,
        Error: Send + Sync + 'static,
        Dial: Send + 'static,
        ListenerUpgrade: Send + 'static,
    > + Default
    + Unpin
{
    /// Whose waker it registers.
    type Reactor;
    fn reactor() -> Self::Reactor;
    /// Polls until it is over.
    fn wait(reactor: &Self::Reactor, poll: impl FnMut(&mut Context<'_>) -> Poll<()>);
}

impl Sockets for tcp::Transport {
    type Reactor = ();

    fn reactor() {}

    fn wait((): &(), poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        async_io::block_on(poll_fn(poll));
    }
}

/// On a runtime of tokio's, whose reactor waits by one system call where async-io takes six.
impl Sockets for tokio::Transport {
    type Reactor = Runtime;

    fn reactor() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn wait(runtime: &Runtime, poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        runtime.block_on(poll_fn(poll));
    }
}

pub(crate) type Node<S> =
    Swarm<Map<S, fn(<S as Transport>::Output, ConnectedPoint) -> Counted<<S as Transport>::Output>>>;

/// What an owner does with what its swarm says. `true` from `is_over` ends the run.
pub(crate) trait Work {
    /// Once, before anything else.
    fn begin<S: Sockets>(&mut self, dialer: &mut Node<S>);
    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Ready>);
    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Ready>);
    fn is_over(&self) -> bool;
}

pub(crate) struct Pair<S: Sockets = tcp::Transport> {
    pub(crate) dialer: Node<S>,
    pub(crate) listener: Node<S>,
    pub(crate) address: Multiaddr,
    began: Instant,
    reactor: S::Reactor,
}

fn node<S: Sockets>(n: u8) -> Node<S> {
    let mut config = Config::default();
    config.limits.streams_per_connection = 16_384;
    config.connection.idle_timeout = None;
    let identity = Keypair::ed25519_from_bytes([n; 32]).unwrap();
    let transport = S::default().map((|io, _| Counted(io)) as fn(S::Output, ConnectedPoint) -> Counted<S::Output>);
    Swarm::new(transport, &identity, [n; 32], config).unwrap()
}

impl<S: Sockets> Pair<S> {
    /// A listener, and a dialer that knows its address.
    pub(crate) fn new() -> Self {
        let (dialer, mut listener) = (node(1), node(2));
        let reactor = S::reactor();
        listener.register_protocol(CHURN);
        let id = listener.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let mut pair = Self { dialer, listener, address: Multiaddr::empty(), began: Instant::now(), reactor };
        pair.run(&mut Until(|event| matches!(event, Event::Listen { .. }), 1));
        pair.address = pair.listener.listener(id).unwrap().addresses[0].clone();
        pair
    }

    /// One more connection, which both sides have been told of.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let id = self.dialer.dial(self.address.clone()).unwrap();
        self.run(&mut Until(|event| matches!(event, Event::Connected { .. }), 2));
        id
    }

    /// Closes a connection, until both sides have been told.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        self.dialer.close_connection(id).unwrap();
        self.run(&mut Until(|event| matches!(event, Event::Disconnected { .. }), 2));
    }

    /// Polls both swarms until the work is over.
    pub(crate) fn run(&mut self, work: &mut impl Work) {
        work.begin(&mut self.dialer);
        S::wait(&self.reactor, |cx| {
            loop {
                let now = self.began.elapsed();
                let mut happened = self.dialer.poll(cx, now).is_ready();
                while let Some(event) = self.dialer.next_event() {
                    work.dialer(&mut self.dialer, Some(event), None);
                }
                while let Some(ready) = self.dialer.next_ready() {
                    work.dialer(&mut self.dialer, None, Some(ready));
                }
                happened |= self.listener.poll(cx, now).is_ready();
                while let Some(event) = self.listener.next_event() {
                    work.listener(&mut self.listener, Some(event), None);
                }
                while let Some(ready) = self.listener.next_ready() {
                    work.listener(&mut self.listener, None, Some(ready));
                }
                if work.is_over() {
                    return Poll::Ready(());
                }
                if !happened {
                    return Poll::Pending;
                }
            }
        });
    }
}

/// Waits until so many such events were told, on either side.
struct Until(fn(Event) -> bool, usize);

impl Work for Until {
    fn begin<S: Sockets>(&mut self, _: &mut Node<S>) {}

    fn dialer<S: Sockets>(&mut self, _: &mut Node<S>, event: Option<Event>, _: Option<Ready>) {
        self.1 -= usize::from(event.is_some_and(self.0));
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Ready>) {
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

    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Ready>) {
        if let Some(Event::ClosedStream { .. }) = event {
            self.live -= 1;
            self.open(node);
        }
        if let Some(Ready::Stream { stream, readable: true, .. }) = ready {
            assert_eq!(node.read(stream, &mut [0; 16]), Ok(0));
        }
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, _: Option<Event>, ready: Option<Ready>) {
        if let Some(Ready::Stream { stream, readable: true, .. }) = ready
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
