//! Tests of situations that a test from outside cannot cause: a listening socket that breaks or whose descriptor has a copy,
//! and the rarer errors of accept.

use super::listener::{AcceptError, verdict};
use super::{Config, Reactor, Transport};
use crate::swarm::Reactor as _;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use libp2p_core::Transport as _;
use libp2p_core::transport::{ListenerId, TransportEvent};
use std::io;
use std::net::{Shutdown, TcpStream};
#[cfg(target_os = "linux")]
use std::os::fd::AsFd as _;

/// Creates a reactor, and a transport whose sockets it wakes.
fn transport() -> (Reactor, Transport) {
    let reactor = Reactor::new().unwrap();
    let transport = Transport::new(reactor.handle(), Config::default());
    (reactor, transport)
}

#[test]
#[cfg(target_os = "linux")]
fn a_broken_listener_closes_with_its_reason_and_others_go_on() {
    let (mut reactor, mut transport) = transport();
    let [broken, sound] = [(); 2].map(|()| {
        let id = ListenerId::next();
        transport.listen_on(id, "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        id
    });
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..2 {
        let reported = Pin::new(&mut transport).poll(cx);
        assert!(matches!(reported, Poll::Ready(TransportEvent::NewAddress { .. })));
    }
    socket2::SockRef::from(&transport.listeners[0].socket.socket).shutdown(Shutdown::Both).unwrap();
    reactor.poll(Some(Duration::ZERO)).unwrap();
    let Poll::Ready(TransportEvent::ListenerClosed { listener_id, reason: Err(error) }) =
        Pin::new(&mut transport).poll(cx)
    else {
        panic!("the broken listener was not reported");
    };
    assert_eq!((listener_id, error.kind()), (broken, io::ErrorKind::InvalidInput));
    assert!(Pin::new(&mut transport).poll(cx).is_pending());
    assert!(!transport.remove_listener(broken));
    assert!(transport.remove_listener(sound));
}

#[test]
#[cfg(target_os = "linux")]
fn a_removed_listener_is_gone_though_its_descriptor_has_a_copy() {
    let (_reactor, mut transport) = transport();
    let id = ListenerId::next();
    transport.listen_on(id, "/ip4/127.0.46.1/tcp/0".parse().unwrap()).unwrap();
    // A child process has such a copy between fork and exec.
    let copy = transport.listeners[0].socket.socket.as_fd().try_clone_to_owned().unwrap();
    let copy = std::net::TcpListener::from(copy);
    let address = copy.local_addr().unwrap();
    assert!(transport.remove_listener(id));
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    transport.listen_on(ListenerId::next(), super::address::to_multiaddr(address)).unwrap();
    TcpStream::connect(address).unwrap();
    drop(copy);
}

#[test]
#[cfg(target_os = "linux")]
fn accept_skips_dead_connections_and_pauses_without_resources() {
    let einval = 22;
    let (eintr, enetdown, enetunreach, econnaborted, econnreset, etimedout, ehostunreach) =
        (4, 100, 101, 103, 104, 110, 113);
    let (eperm, enomem, enfile, emfile, enospc, eproto, enobufs) = (1, 12, 23, 24, 28, 71, 105);
    let sorted = |code| verdict(&io::Error::from_raw_os_error(code));
    assert_eq!(sorted(einval), AcceptError::Broken);
    for code in [eintr, enetdown, enetunreach, econnaborted, econnreset, etimedout, ehostunreach] {
        assert_eq!(sorted(code), AcceptError::PassOver, "error {code}");
    }
    for code in [eperm, enomem, enfile, emfile, enospc, eproto, enobufs] {
        assert_eq!(sorted(code), AcceptError::AcceptPause, "error {code}");
    }
}

#[test]
fn interfaces_are_looked_at_only_for_wildcard_listeners() {
    let (_reactor, mut transport) = transport();
    let cx = &mut Context::from_waker(Waker::noop());
    let drain =
        |transport: &mut Transport, cx: &mut Context<'_>| while Pin::new(&mut *transport).poll(cx).is_ready() {};
    let [single, wildcard] = ["/ip4/127.0.0.1/tcp/0", "/ip4/0.0.0.0/tcp/0"].map(|address| {
        assert!(transport.interfaces.is_resting());
        let id = ListenerId::next();
        transport.listen_on(id, address.parse().unwrap()).unwrap();
        drain(&mut transport, cx);
        id
    });
    assert!(!transport.interfaces.is_resting());
    assert!(transport.remove_listener(single));
    drain(&mut transport, cx);
    assert!(!transport.interfaces.is_resting());
    assert!(transport.remove_listener(wildcard));
    drain(&mut transport, cx);
    assert!(transport.interfaces.is_resting());
}

/// A waker that, when the reactor calls it, wakes the reactor in turn. If the second field is `true`, it wakes the reactor
/// from another thread.
struct WakesBack(core::task::Waker, bool);

impl std::task::Wake for WakesBack {
    fn wake(self: std::sync::Arc<Self>) {
        let waker = self.0.clone();
        match self.1 {
            true => std::thread::spawn(move || waker.wake()).join().unwrap(),
            false => waker.wake(),
        }
    }
}

#[test]
#[cfg(unix)]
fn a_wake_of_another_thread_is_heard_while_wakers_are_called() {
    use rustix::event::{PollFd, PollFlags, Timespec};
    for is_elsewhere in [false, true] {
        let mut reactor = Reactor::new().unwrap();
        let mut transport = Transport::new(reactor.handle(), super::Config::default());
        transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let waker = Waker::from(std::sync::Arc::new(WakesBack(reactor.waker(), is_elsewhere)));
        let Poll::Ready(TransportEvent::NewAddress { listen_addr, .. }) =
            Pin::new(&mut transport).poll(&mut Context::from_waker(&waker))
        else {
            panic!("the address comes first");
        };
        assert!(Pin::new(&mut transport).poll(&mut Context::from_waker(&waker)).is_pending());
        let _client = TcpStream::connect(super::address::from_multiaddr(&listen_addr).unwrap()).unwrap();
        reactor.poll(None).unwrap();
        let mut descriptors = [PollFd::new(&reactor, PollFlags::IN)];
        let readable = rustix::event::poll(&mut descriptors, Some(&Timespec::default())).unwrap();
        assert_eq!(readable == 1, is_elsewhere, "the thread that polls looks for itself");
    }
}
