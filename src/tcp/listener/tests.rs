//! Tests of accepted sockets that fail at once. A test from outside cannot cause such failures on every system.

use super::super::Reactor;
use super::*;
use crate::swarm::Reactor as _;
use alloc::vec::Vec;
use core::task::Waker;
use std::io::Read as _;

/// Creates a listener on loopback. Returns the reactor that wakes the listener, the listener, and the listener's address.
fn listening() -> (Reactor, ListeningSocket, SocketAddr) {
    let reactor = Reactor::new().unwrap();
    let any = ([127, 0, 0, 1], 0).into();
    let listener = ListeningSocket::bind(ListenerId::next(), any, &reactor.handle(), &Config::default()).unwrap();
    let address = listener.socket.socket.local_addr().unwrap();
    (reactor, listener, address)
}

fn connect<const N: usize>(address: SocketAddr) -> [std::net::TcpStream; N] {
    [(); N].map(|()| std::net::TcpStream::connect(address).unwrap())
}

/// Accepts the next connection in the way that a poll of the listener does, except that the first `failing` accepted sockets
/// fail.
fn accept(reactor: &mut Reactor, listener: &mut ListeningSocket, failing: &mut usize) -> Poll<ListenerPoll> {
    let (handle, config) = (reactor.handle(), Config::default());
    reactor.poll(Some(Duration::ZERO)).unwrap();
    listener.accept(&mut Context::from_waker(Waker::noop()), &handle, &config, |stream| match failing {
        0 => pipe_of(stream, &handle, &config),
        // Some systems return this error for a connection that was reset before it was accepted. From the listening
        // socket, the same error would mean that the listener is broken.
        _ => {
            *failing -= 1;
            Err(io::ErrorKind::InvalidInput.into())
        }
    })
}

#[test]
fn an_accepted_socket_that_fails_costs_its_connection_only() {
    let (mut reactor, mut listener, address) = listening();
    let mut clients = connect::<4>(address);
    let mut failing = 2;
    let mut accepted = Vec::new();
    while let Poll::Ready(outcome) = accept(&mut reactor, &mut listener, &mut failing) {
        let ListenerPoll::Event(TransportEvent::Incoming { upgrade, send_back_addr, .. }) = outcome else {
            panic!("the listener has failed");
        };
        accepted.push((upgrade.into_inner().unwrap(), send_back_addr));
    }
    let remotes: Vec<_> = accepted.iter().map(|(_, remote)| remote.clone()).collect();
    let sound = clients[2..].iter().map(|client| address::to_multiaddr(client.local_addr().unwrap()));
    assert_eq!(remotes, sound.collect::<Vec<_>>());
    for failed in &mut clients[..2] {
        assert!(matches!(failed.read(&mut [0]), Ok(0) | Err(_)), "it is closed");
    }
    let [last] = connect(address);
    let Poll::Ready(ListenerPoll::Event(TransportEvent::Incoming { send_back_addr, .. })) =
        accept(&mut reactor, &mut listener, &mut failing)
    else {
        panic!("the listener goes on");
    };
    assert_eq!(send_back_addr, address::to_multiaddr(last.local_addr().unwrap()));
}

#[test]
fn many_sockets_that_fail_make_the_listener_pause() {
    let (mut reactor, mut listener, address) = listening();
    let _clients = connect::<{ MAX_PASSED_OVER + 2 }>(address);
    let mut failing = usize::MAX;
    let outcome = accept(&mut reactor, &mut listener, &mut failing);
    assert!(matches!(outcome, Poll::Ready(ListenerPoll::Event(TransportEvent::ListenerError { .. }))));
    assert_eq!(usize::MAX - failing, MAX_PASSED_OVER + 1);
    assert!(reactor.poll_at().is_some(), "it rests");
}
