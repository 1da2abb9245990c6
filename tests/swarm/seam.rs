//! Errors of the system behind the transport's seam, by the numbers that it gives them: each is told, costs what it has to,
//! and the next that comes goes on without a restart.

use futures::io::{AsyncRead, AsyncWrite};
use libp2p_core::Multiaddr;
use libp2p_core::transport::{DialOpts, ListenerId, MemoryTransport, TransportError, TransportEvent};
use libp2p_identity::Keypair;
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Event, Failure, Fault, Reason, Side, StreamId};
use swarm_notify::swarm::{Config, Readiness, Refusal, Swarm, Transport};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// The errors that come next, each once.
#[derive(Default)]
struct Faults {
    accepts: VecDeque<Errno>,
    dials: VecDeque<Errno>,
    reads: VecDeque<Errno>,
    writes: VecDeque<Errno>,
    /// The listener that they are of.
    listener: Option<ListenerId>,
}

type Shared = Rc<RefCell<Faults>>;

/// The error that comes next, if one does.
fn next(faults: &Shared, of: impl Fn(&mut Faults) -> &mut VecDeque<Errno>) -> Option<io::Error> {
    of(&mut faults.borrow_mut()).pop_front().map(|errno| io::Error::from_raw_os_error(errno.raw_os_error()))
}

/// Memory, with errors in between.
struct Failing(MemoryTransport, Shared);

struct Pipe(<MemoryTransport as Transport>::Output, Shared);

type Opening<F> = Pin<Box<dyn Future<Output = Result<Pipe, F>>>>;

fn opening<E: Error + 'static>(
    inner: impl Future<Output = Result<<MemoryTransport as Transport>::Output, E>> + 'static,
    faults: Shared,
) -> Opening<io::Error> {
    Box::pin(
        async move { inner.await.map(|pipe| Pipe(pipe, faults)).map_err(|error| io::Error::other(error.to_string())) },
    )
}

impl Transport for Failing {
    type Output = Pipe;
    type Error = io::Error;
    type ListenerUpgrade = Opening<io::Error>;
    type Dial = Opening<io::Error>;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.1.borrow_mut().listener = Some(id);
        self.0.listen_on(id, addr).map_err(|error| TransportError::Other(io::Error::other(error.to_string())))
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, addr: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        if let Some(error) = next(&self.1, |faults| &mut faults.dials) {
            return Ok(Box::pin(async { Err(error) }));
        }
        let dial = self.0.dial(addr, opts);
        let dial = dial.map_err(|error| TransportError::Other(io::Error::other(error.to_string())))?;
        Ok(opening(dial, self.1.clone()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        if let Some(error) = next(&self.1, |faults| &mut faults.accepts) {
            let listener_id = self.1.borrow().listener.expect("one listens");
            return Poll::Ready(TransportEvent::ListenerError { listener_id, error });
        }
        let faults = self.1.clone();
        let said = Pin::new(&mut self.0).poll(cx);
        said.map(|event| {
            event.map_upgrade(|pipe| opening(pipe, faults)).map_err(|error| io::Error::other(error.to_string()))
        })
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match next(&self.1, |faults| &mut faults.reads) {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.0).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match next(&self.1, |faults| &mut faults.writes) {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.0).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A server on a machine with faults, and a client that echoes nothing and says much.
struct Machine {
    server: Swarm<Failing>,
    client: Swarm<MemoryTransport>,
    faults: Shared,
    address: Multiaddr,
    now: Duration,
    /// What the server was told.
    events: Vec<Event>,
    refused: u64,
    received: Vec<u8>,
}

fn key(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).unwrap()
}

impl Machine {
    fn new() -> Self {
        let faults = Shared::default();
        let transport = Failing(MemoryTransport::new(), faults.clone());
        let mut server = Swarm::new(transport, &key(1), [1; 32], Config::default()).unwrap();
        let client = Swarm::new(MemoryTransport::new(), &key(2), [2; 32], Config::default()).unwrap();
        server.register_protocol(ECHO);
        let listener = server.listen("/memory/0".parse().unwrap()).unwrap();
        let mut machine = Self {
            server,
            client,
            faults,
            address: Multiaddr::empty(),
            now: Duration::ZERO,
            events: Vec::new(),
            refused: 0,
            received: Vec::new(),
        };
        machine.drive();
        machine.address = machine.server.listener(listener).unwrap().addresses[0].clone();
        machine
    }

    /// Lets everything happen, for a second.
    fn drive(&mut self) {
        for _ in 0..100 {
            self.now += Duration::from_millis(10);
            self.client.tick(self.now);
            while self.client.next_event().is_some() {}
            while self.client.next_ready().is_some() {}
            self.client.flush_all(self.now);
            self.server.tick(self.now);
            self.events.extend(std::iter::from_fn(|| self.server.next_event()));
            while let Some(ready) = self.server.next_ready() {
                match ready {
                    Readiness::Refused { kind: Refusal::AcceptFailed, count, .. } => self.refused += count,
                    Readiness::Stream { stream, readable: true, .. } => {
                        let mut buffer = [0; 4_096];
                        while let Ok(n @ 1..) = self.server.read(stream, &mut buffer) {
                            self.received.extend_from_slice(&buffer[..n]);
                        }
                    }
                    Readiness::Stream { .. } | Readiness::Addresses { .. } | Readiness::Refused { .. } | _ => {}
                }
            }
            self.server.flush_all(self.now);
        }
    }

    /// The client connects, and its stream comes through.
    #[track_caller]
    fn is_served(&mut self) -> (ConnectionId, StreamId) {
        let connection = self.client.dial(self.address.clone()).unwrap();
        self.drive();
        let stream = self.client.open_stream(connection, &[ECHO]).expect("it is connected");
        self.says(stream, b"hello");
        (connection, stream)
    }

    #[track_caller]
    fn says(&mut self, stream: StreamId, words: &[u8]) {
        self.received.clear();
        assert_eq!(self.client.write(stream, words), Ok(words.len()));
        self.drive();
        assert_eq!(self.received, words);
    }
}

#[test]
fn a_listener_that_cannot_accept_is_told_and_goes_on() {
    let mut machine = Machine::new();
    machine.is_served();
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::CONNABORTED, Errno::INTR];
    for (before, errno) in (0..).zip(lacks) {
        machine.faults.borrow_mut().accepts.push_back(errno);
        machine.is_served();
        machine.drive();
        assert_eq!(
            (machine.refused, machine.server.refused(Refusal::AcceptFailed)),
            (before + 1, before + 1),
            "{errno}"
        );
    }
    let listener = machine.server.listeners().next().unwrap();
    assert_eq!(machine.server.refused_at(listener, Refusal::AcceptFailed), 6);
    assert!(!machine.events.iter().any(|event| matches!(event, Event::Disconnected { .. })), "{:?}", machine.events);
}

#[test]
fn a_dial_that_the_system_refuses_has_failed_alone() {
    let mut machine = Machine::new();
    let there = {
        let listener = machine.client.listen("/memory/0".parse().unwrap()).unwrap();
        machine.drive();
        machine.client.listener(listener).unwrap().addresses[0].clone()
    };
    for (errno, failure) in [
        (Errno::ADDRNOTAVAIL, Failure::AddressNotAvailable),
        (Errno::MFILE, Failure::Io),
        (Errno::NOBUFS, Failure::Io),
        (Errno::NOMEM, Failure::Io),
        (Errno::NETDOWN, Failure::Io),
        (Errno::NETUNREACH, Failure::Unreachable),
        (Errno::CONNABORTED, Failure::Reset(Side::Remote)),
    ] {
        machine.faults.borrow_mut().dials.push_back(errno);
        machine.events.clear();
        let connection = machine.server.dial(there.clone()).unwrap();
        machine.drive();
        assert_eq!(machine.events, [Event::ConnectFailed { connection, reason: failure }], "{errno}");
        let connection = machine.server.dial(there.clone()).unwrap();
        machine.drive();
        assert_eq!(machine.events.pop(), Some(Event::Connected { connection }), "{errno}");
        machine.server.abort_connection(connection).unwrap();
        machine.drive();
    }
}

#[test]
fn interrupted_calls_lose_nothing() {
    let mut machine = Machine::new();
    let (connection, stream) = machine.is_served();
    for words in [b"one".as_slice(), &[7; 100_000]] {
        machine.faults.borrow_mut().reads.extend([Errno::INTR; 3]);
        machine.faults.borrow_mut().writes.extend([Errno::INTR; 3]);
        machine.says(stream, words);
    }
    assert!(machine.faults.borrow().reads.is_empty() && machine.client.connection(connection).is_some());
    // In a handshake, too.
    machine.faults.borrow_mut().reads.extend([Errno::INTR; 9]);
    machine.faults.borrow_mut().writes.extend([Errno::INTR; 9]);
    machine.is_served();
    assert!(!machine.events.iter().any(|event| matches!(event, Event::Disconnected { .. })), "{:?}", machine.events);
}

#[test]
fn a_socket_that_fails_costs_its_connection_and_no_other() {
    let mut machine = Machine::new();
    let (_, other) = machine.is_served();
    for (errno, fault) in [
        (Errno::NOBUFS, Fault::Io),
        (Errno::NOMEM, Fault::Io),
        (Errno::CONNABORTED, Fault::Reset),
        (Errno::NETDOWN, Fault::Io),
    ] {
        for is_read in [true, false] {
            let (_, stream) = machine.is_served();
            machine.events.clear();
            let mut faults = machine.faults.borrow_mut();
            // What is read first is this stream's.
            if is_read {
                faults.reads.push_back(errno)
            } else {
                faults.writes.push_back(errno)
            }
            drop(faults);
            let _ = machine.client.write(stream, b"does not come through");
            let _ = machine.client.finish(stream);
            if !is_read {
                let at_server = machine.server.connections().last().unwrap();
                let theirs = machine.server.streams_of(at_server).next().unwrap();
                machine.server.write(theirs, b"nor does this").unwrap();
            }
            machine.drive();
            let ends: Vec<_> = machine
                .events
                .iter()
                .filter_map(|event| match event.reason() {
                    Some(Reason::Connection(end)) => Some(end),
                    Some(Reason::Failed(_) | Reason::Listener(_) | Reason::Stream(_) | _) | None => None,
                })
                .collect();
            assert_eq!(ends, [ConnectionEnd::Failed(fault)], "{errno}, read {is_read}");
            machine.says(other, b"still here");
        }
    }
    machine.is_served();
}
