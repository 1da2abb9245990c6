//! Listeners: what their events promise of the port is true at the moment they are told.

use crate::support::net::{Node, alone, both_told, connect, one, open, shut_down, socket_address};
use std::io;
use std::net::{TcpListener, TcpStream};
use swarm_notify::swarm::Config;

#[test]
fn one_listener_of_several_closes_alone() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let listeners = [1, 2, 3].map(|n| a.listen(&alone(n)));
    one(&mut a, |a| a.log.len() == 3);
    let addresses = listeners.map(|listener| a.address(listener));
    // Its connections stay.
    b.dial(&addresses[1]);
    both_told(&mut a, &mut b, 4, 1);
    a.swarm.close_listener(listeners[1]).unwrap();
    a.swarm.close_listener(listeners[1]).unwrap();
    one(&mut a, |a| a.log.len() == 5);
    b.dial(&addresses[1]);
    both_told(&mut a, &mut b, 5, 2);
    b.dial(&addresses[2]);
    both_told(&mut a, &mut b, 6, 3);
    b.dial(&addresses[0]);
    both_told(&mut a, &mut b, 7, 4);
    // One after the other, so that their order is given.
    let connections: Vec<_> = a.swarm.connections().collect();
    for (n, connection) in connections.into_iter().enumerate() {
        a.swarm.close_connection(connection).unwrap();
        both_told(&mut a, &mut b, 8 + n, 5 + n);
    }
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "listen l1.1",
        "listen l2.1",
        "connected c0.1 inbound",
        "listen_close l1.1 requested",
        "connected c1.1 inbound",
        "connected c2.1 inbound",
        "disconnected c0.1 requested",
        "disconnected c1.1 requested",
        "disconnected c2.1 requested",
        "listen_close l0.1 shutdown",
        "listen_close l2.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "connect_failed c1.1 refused",
        "connected c1.2 outbound",
        "connected c2.1 outbound",
        "disconnected c0.1 remote(go_away(0))",
        "disconnected c1.2 remote(go_away(0))",
        "disconnected c2.1 remote(go_away(0))",
    ]);
}

#[test]
fn a_port_that_is_taken_is_told_and_the_others_serve() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let failing = a.listen(&format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()));
    let listener = a.listen("/ip4/127.0.0.1/tcp/0");
    one(&mut a, |a| a.log.len() == 2);
    assert!(a.swarm.listener(failing).is_none(), "it is vacated");
    let address = a.address(listener);
    b.dial(&address);
    both_told(&mut a, &mut b, 3, 1);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen_failed l0.1 address_in_use",
        "listen l1.1",
        "connected c0.1 inbound",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l1.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 shutdown"]);
}

#[test]
fn addresses_that_cannot_be_listened_on_are_told_with_reasons() {
    let mut a = Node::<1>::new(1, Config::default());
    a.listen("/ip4/192.0.2.1/tcp/0");
    a.listen("/dns4/localhost/tcp/0");
    a.listen("/memory/7");
    one(&mut a, |a| a.log.len() == 3);
    a.shut_down();
    a.assert_log([
        "listen_failed l0.1 address_not_available",
        "listen_failed l1.1 unsupported",
        "listen_failed l2.1 unsupported",
    ]);
}

#[test]
fn a_closed_listeners_port_refuses_and_is_bound_again_at_once() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, &alone(4));
    let (listener, address) = {
        let view = a.swarm.connection(connections.0).unwrap();
        let listener = view.listener.unwrap();
        (listener, a.address(listener))
    };
    let socket = socket_address(&address);
    // One that nobody has accepted.
    let _waiting = TcpStream::connect(socket).unwrap();
    a.swarm.close_listener(listener).unwrap();
    one(&mut a, |a| a.log.len() == 3);
    assert_eq!(TcpStream::connect(socket).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    // By another program,
    drop(TcpListener::bind(socket).unwrap());
    // and by this one, while a connection of the first life goes on.
    let again = a.listen(&format!("/ip4/{}/tcp/{}", socket.ip(), socket.port()));
    one(&mut a, |a| a.swarm.listener(again).is_some_and(|view| !view.addresses.is_empty()));
    assert_eq!(a.address(again), address);
    let told = a.log.len();
    open(&mut a, &mut b, connections);
    let second = b.dial(&address);
    both_told(&mut a, &mut b, told + 2, 3);
    b.swarm.abort_connection(second).unwrap();
    both_told(&mut a, &mut b, told + 3, 4);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "listen_close l0.1 requested",
        "listen l0.2",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "connected c1.1 inbound",
        "disconnected c1.1 remote(eof)",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.2 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "connected c1.1 outbound",
        "disconnected c1.1 requested",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
}

#[test]
fn a_listener_that_is_closed_before_it_is_bound_has_failed() {
    let mut a = Node::<1>::new(1, Config::default());
    let listener = a.listen(&alone(5));
    a.swarm.close_listener(listener).unwrap();
    a.shut_down();
    a.assert_log(["listen_failed l0.1 requested"]);
}

#[test]
fn shutdown_before_the_first_poll_binds_nothing() {
    let mut a = Node::<1>::new(1, Config::default());
    a.listen(&alone(6));
    a.shut_down();
    a.assert_log(["listen_failed l0.1 shutdown"]);
}
