//! Shutdown, whatever is open.

use crate::support::net::{ECHO, IP4, LIMIT, Node, both, both_told, connect, multiaddr_of, open, socket_address};
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use swarm_notify::lifecycle::StreamId;
use swarm_notify::swarm::{Config, DialError, ListenError, OpenStreamError};

/// Listeners, connections of both directions, streams of both directions, a dial, an accepted socket that says nothing.
fn everything_open_at_shutdown<const E: usize>() {
    let (mut a, mut b) = (Node::<E>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let first = connect(&mut a, &mut b, IP4);
    a.listen(IP4);
    both_told(&mut a, &mut b, 3, 1);
    let (_, _): (StreamId, StreamId) = open(&mut a, &mut b, first);
    a.open(first.0);
    both_told(&mut a, &mut b, 5, 3);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    a.dial(&multiaddr_of(silent.local_addr().unwrap()));
    let listener = a.swarm.connection(first.0).unwrap().listener.unwrap();
    let mut mute = TcpStream::connect(socket_address(&a.address(listener))).unwrap();
    both(&mut a, &mut b, |a, _| a.swarm.connections().count() == 2 && a.swarm.inbound_handshakes() == 1);
    let waiting = a.swarm.listen(IP4.parse().unwrap()).unwrap();
    assert!(a.swarm.listener(waiting).is_some());

    a.swarm.shutdown();
    a.swarm.shutdown();
    assert_eq!(a.swarm.listen(IP4.parse().unwrap()), Err(ListenError::Closing));
    assert_eq!(a.swarm.dial(IP4.parse().unwrap()), Err(DialError::Closing));
    assert_eq!(a.swarm.open_stream(first.0, &[ECHO]), Err(OpenStreamError::Closing));
    both(&mut a, &mut b, |a, b| a.swarm.is_shut_down() && b.log.len() == 6);
    mute.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(mute.read(&mut [0]).unwrap(), 0, "its socket is closed");
    assert_eq!(a.swarm.counters().connections.inbound.without_id, 1);
    b.shut_down();
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "listen l1.1",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "listen_failed l2.1 shutdown",
        "connect_failed c1.1 shutdown",
        "listen_close l0.1 shutdown",
        "listen_close l1.1 shutdown",
        "closed_stream s0.1 connection_closed",
        "closed_stream s1.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "closed_stream s1.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
    ]);
}

#[test]
fn shutdown_tells_the_end_of_everything_that_lives() {
    everything_open_at_shutdown::<256>();
}

#[test]
fn shutdown_tells_the_end_of_everything_with_room_for_one_event() {
    everything_open_at_shutdown::<1>();
}

#[test]
fn shutdown_of_nothing_is_over_with_the_first_poll() {
    let mut a = Node::<1>::new(1, Config::default());
    assert!(!a.swarm.is_shut_down());
    a.shut_down();
    a.assert_log([""; 0]);
}
