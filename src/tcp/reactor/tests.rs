//! Tests of the reactor: the times at which its descriptor is readable, the sockets for which the system reports that they
//! are writable, and the tokens of sockets.

use super::super::registered::Registered;
use super::super::{Config, Stream, Transport};
use super::*;
use crate::swarm::Reactor as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use futures_lite::io::AsyncWrite as _;
use libp2p_core::Transport as _;
use libp2p_core::transport::{ListenerId, TransportEvent};
use rustix::event::{PollFd, PollFlags};
use std::io::Read as _;
use std::net::TcpStream;

/// A timeout that no wait in these tests reaches.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// Creates a transport that listens on loopback, its reactor, and a client that has connected to the transport and is not
/// accepted yet.
fn connecting() -> (Reactor, Transport, TcpStream) {
    let reactor = Reactor::new().unwrap();
    let mut transport = Transport::new(reactor.handle(), Config::default());
    transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = transport.listeners[0].socket.socket.local_addr().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut transport).poll(&mut cx).is_ready(), "its address is reported first");
    (reactor, transport, TcpStream::connect(address).unwrap())
}

fn accept(reactor: &mut Reactor, transport: &mut Transport) -> Stream {
    reactor.poll(LONG).unwrap();
    let polled = Pin::new(transport).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(TransportEvent::Incoming { upgrade, .. }) = polled else { panic!("nobody came") };
    upgrade.into_inner().unwrap()
}

fn is_readable(reactor: &Reactor) -> bool {
    let mut descriptors = [PollFd::new(reactor, PollFlags::IN)];
    rustix::event::poll(&mut descriptors, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn a_wake_rings_unless_the_poll_itself_causes_it() {
    let (mut reactor, mut transport, _client) = connecting();
    let waker = reactor.waker();
    // The listener now waits for the next connection and will wake the reactor's own waker. This is also the state of a
    // swarm between two turns.
    let _first = accept(&mut reactor, &mut transport);
    let address = transport.listeners[0].socket.socket.local_addr().unwrap();
    assert!(Pin::new(&mut transport).poll(&mut Context::from_waker(&waker)).is_pending());
    let _second = TcpStream::connect(address).unwrap();
    assert!(is_readable(&reactor));
    reactor.poll(LONG).unwrap();
    assert!(!is_readable(&reactor), "the poll's own wake has rung");
    waker.wake_by_ref();
    assert!(is_readable(&reactor));
    reactor.poll(LONG).unwrap();
    assert!(!is_readable(&reactor));
}

#[test]
fn writability_is_reported_only_after_a_write_was_pending() {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }
    let (mut reactor, mut transport, mut client) = connecting();
    let mut stream = accept(&mut reactor, &mut transport);
    assert!(!is_readable(&reactor), "nothing has come, and nothing waits for a place to write");
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    let mut sent = 0;
    while let Poll::Ready(written) = Pin::new(&mut stream).poll_write(&mut Context::from_waker(&waker), &[0; 64 * 1024])
    {
        sent += written.unwrap();
    }
    assert!(!flag.0.load(Ordering::Acquire));
    std::io::copy(&mut client.by_ref().take(sent as u64), &mut std::io::sink()).unwrap();
    reactor.poll(LONG).unwrap();
    assert!(flag.0.load(Ordering::Acquire), "there is place, and nobody was woken");
}

#[test]
fn a_poll_with_a_full_buffer_says_that_more_may_wait() {
    let mut reactor = Reactor::new().unwrap();
    reactor.events = Events::with_capacity(2);
    let mut transport = Transport::new(reactor.handle(), Config::default());
    let mut cx = Context::from_waker(Waker::noop());
    let _clients: Vec<_> = (0..3)
        .map(|n| {
            transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
            assert!(Pin::new(&mut transport).poll(&mut cx).is_ready(), "its address");
            TcpStream::connect(transport.listeners[n].socket.socket.local_addr().unwrap()).unwrap()
        })
        .collect();
    // A connection to this machine is in the listener's backlog once `connect` has returned.
    assert!(reactor.poll(LONG).unwrap(), "there is a third");
    assert!(!reactor.poll(LONG).unwrap());
}

#[test]
fn a_token_of_a_closed_socket_names_no_other() {
    let reactor = Reactor::new().unwrap();
    let listen = || {
        let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Registered::new(&reactor.handle(), listener, Interest::READABLE).unwrap()
    };
    let tokens = || {
        let sources = lock(&reactor.shared.sources);
        let token = |(index, generation): (usize, u16)| Token(index | usize::from(generation) << INDEX_BITS);
        sources.slab.iter().map(|(index, (generation, _))| token((index, *generation))).collect::<Vec<_>>()
    };
    let first = listen();
    let old = tokens()[0];
    drop(first);
    let _second = listen();
    assert_eq!((tokens().len(), reactor.shared.sources.lock().unwrap().slab.contains(0)), (1, true), "the same place");
    assert_ne!(tokens()[0], old);
    assert!(reactor.shared.source(old).is_none() && reactor.shared.source(tokens()[0]).is_some());
}

#[test]
fn the_memory_of_closed_sockets_is_given_back() {
    const MANY: usize = 10_000;
    let mut sources = Sources::default();
    let insert = |sources: &mut Sources| sources.insert(Arc::default()).unwrap();
    let stays = insert(&mut sources);
    let many: Vec<_> = (0..MANY).map(|_| insert(&mut sources)).collect();
    assert!(sources.slab.capacity() > MANY);
    many.iter().for_each(|(index, _)| drop(sources.remove(*index)));
    assert!(sources.slab.capacity() <= 2 * FEW, "{} places", sources.slab.capacity());
    // A socket that is registered later gets a token that no earlier socket had.
    let again = insert(&mut sources);
    assert!(again != stays && many.iter().all(|(_, token)| *token != again.1));
    sources.remove(stays.0);
    assert_eq!(sources.slab.len(), 1);
}
