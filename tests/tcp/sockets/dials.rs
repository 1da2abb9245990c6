//! Connections that never open: what was wrong is told, once, by whichever side was there to see it.

use crate::support::net::{IP4, LIMIT, Node, both, both_told, multiaddr_of, one, peer_id, shut_down, socket_address};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{Event, Failure};
use swarm_notify::swarm::{Config, Swarm, multiaddr};
use swarm_notify::tcp;

/// Reads until the other side ends or resets the connection.
fn read_to_the_end(mut socket: &TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut read = Vec::new();
    match socket.read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    read
}

/// Accepts what `b` dials, once it has said its first words.
fn accept(b: &mut Node<1>, listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    // It is woken when it is connected; what it writes then is here at once.
    one(b, |_| {
        accepted = accepted.take().or_else(|| listener.accept().ok());
        let socket = accepted.as_ref().map(|(socket, _): &(TcpStream, SocketAddr)| socket);
        socket.is_some_and(|socket| socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0])).is_ok())
    });
    let (socket, _) = accepted.unwrap();
    socket.set_nonblocking(false).unwrap();
    socket
}

fn impatient() -> Config {
    let mut config = Config::default();
    config.connection.handshake_timeout = Duration::from_millis(50);
    config
}

#[test]
fn a_dial_to_a_closed_port_is_refused() {
    let mut b = Node::<1>::new(2, Config::default());
    // Bound, so that nobody else can listen there, and not listening.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    b.dial(&multiaddr_of(nobody.local_addr().unwrap().as_socket().unwrap()));
    one(&mut b, |b| b.log.len() == 1);
    b.shut_down();
    b.assert_log(["connect_failed c0.1 refused"]);
}

#[test]
fn a_dial_that_nobody_answers_times_out_and_closes_its_socket() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = Node::<1>::new(2, Config::default());
    b.dial(&multiaddr_of(silent.local_addr().unwrap()));
    let socket = accept(&mut b, &silent);
    b.skip(Duration::from_secs(10));
    one(&mut b, |b| b.log.len() == 1);
    assert!(!read_to_the_end(&socket).is_empty(), "it had begun to speak");
    b.shut_down();
    b.assert_log(["connect_failed c0.1 timeout"]);
}

#[test]
fn addresses_that_cannot_be_dialed_are_told() {
    let mut b = Node::<1>::new(2, Config::default());
    for address in ["/dnsaddr/localhost/tcp/1", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/1"] {
        b.dial(&address.parse().unwrap());
    }
    one(&mut b, |b| b.log.len() == 3);
    b.shut_down();
    b.assert_log([
        "connect_failed c0.1 unsupported",
        "connect_failed c1.1 unsupported",
        "connect_failed c2.1 unsupported",
    ]);
}

#[test]
fn the_text_of_an_unsupported_address_says_what_is_wrong() {
    let key = Keypair::ed25519_from_bytes([2; 32]).unwrap();
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = Swarm::with_reactor(reactor, transport, &key, [2; 32], Config::default()).unwrap();
    let connection = swarm.dial(format!("/p2p/{}", peer_id(3)).parse().unwrap()).unwrap();
    let reason = Failure::Unsupported;
    assert_eq!(swarm.next_event(), Some(Event::ConnectFailed { connection, reason }));
    let text = swarm.connection(connection).unwrap().error;
    assert_eq!(text, Some("the address says nothing but who the peer is"));
    let listener = swarm.listen("/memory/7".parse().unwrap()).unwrap();
    swarm.tick(Duration::ZERO);
    assert_eq!(swarm.next_event(), Some(Event::ListenFailed { listener, reason }));
    assert_eq!(swarm.listener(listener).unwrap().error, Some("the transport does not support /memory/7"));
}

#[test]
fn another_peer_than_the_one_dialed_is_not_accepted() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let plain = multiaddr_of(socket_address(&a.address(listener)));
    b.dial(&plain.with(multiaddr::Protocol::P2p(peer_id(3))));
    both(&mut a, &mut b, |a, b| a.failed_handshakes() == 1 && b.log.len() == 1);
    shut_down(&mut a, &mut b);
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);
    b.assert_log(["connect_failed c0.1 wrong_peer"]);
}

#[test]
fn a_dial_of_ourselves_fails_and_its_accepted_end_only_counts() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = a.address(listener);
    let plain = multiaddr_of(socket_address(&address));
    a.dial(&plain);
    one(&mut a, |a| a.log.len() == 2 && a.swarm.counters().connections.inbound.without_id == 1);
    // With our peer id in the address, no connection is made.
    a.dial(&address);
    one(&mut a, |a| a.log.len() == 3);
    b.dial(&address);
    both_told(&mut a, &mut b, 4, 1);
    shut_down(&mut a, &mut b);
    let connected = a.log[3].clone();
    assert!(connected.starts_with("connected c") && connected.ends_with("inbound"), "{connected}");
    assert_eq!(a.failed_handshakes(), 1);
    assert_eq!(a.log[1].split(' ').nth(2), Some("local_peer"));
    a.assert_log([
        "listen l0.1",
        "connect_failed c0.1 local_peer",
        "connect_failed c0.2 local_peer",
        &connected,
        &connected.replace("connected", "disconnected").replace("inbound", "remote(go_away(0))"),
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 shutdown"]);
}

#[test]
fn a_process_with_our_identity_is_ourselves_too() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(1, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    b.dial(&multiaddr_of(socket_address(&a.address(listener))));
    // It ends before it has said who it is.
    both(&mut a, &mut b, |a, b| a.failed_handshakes() == 1 && b.log.len() == 1);
    shut_down(&mut a, &mut b);
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);
    b.assert_log(["connect_failed c0.1 local_peer"]);
}

#[test]
fn an_answer_of_garbage_is_a_protocol_failure() {
    let liar = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = Node::<1>::new(2, Config::default());
    b.dial(&multiaddr_of(liar.local_addr().unwrap()));
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = liar.accept().unwrap();
        socket
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nBad Request")
            .unwrap();
        read_to_the_end(&socket);
    });
    one(&mut b, |b| b.log.len() == 1);
    thread.join().unwrap();
    b.shut_down();
    b.assert_log(["connect_failed c0.1 protocol"]);
}

#[test]
fn garbage_into_a_listener_is_counted_and_the_listener_goes_on() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = a.address(listener);
    for (told, garbage) in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: somebody else\r\nAccept: */*\r\n\r\n"[..],
        &[0xFF; 4096],
        &[0; 64],
    ]
    .into_iter()
    .enumerate()
    {
        let mut socket = TcpStream::connect(socket_address(&address)).unwrap();
        socket.write_all(garbage).unwrap();
        one(&mut a, |a| a.failed_handshakes() == told as u64 + 1);
        read_to_the_end(&socket);
    }
    b.dial(&address);
    both_told(&mut a, &mut b, 2, 1);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 shutdown"]);
}

#[test]
fn a_peer_that_connects_and_leaves_is_counted() {
    let mut a = Node::<1>::new(1, Config::default());
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    drop(TcpStream::connect(socket_address(&a.address(listener))).unwrap());
    one(&mut a, |a| a.failed_handshakes() == 1);
    a.shut_down();
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);
}

#[test]
fn a_slow_handshake_times_out_on_either_side() {
    let mut a = Node::<1>::new(1, impatient());
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let mut slow = TcpStream::connect(socket_address(&a.address(listener))).unwrap();
    slow.write_all(&[19]).unwrap();
    one(&mut a, |a| a.failed_handshakes() == 1);
    read_to_the_end(&slow);
    a.shut_down();
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);

    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = Node::<1>::new(2, Config::default());
    b.dial(&multiaddr_of(slow.local_addr().unwrap()));
    let mut socket = accept(&mut b, &slow);
    socket.write_all(&[19]).unwrap();
    b.skip(Duration::from_secs(10));
    one(&mut b, |b| b.log.len() == 1);
    read_to_the_end(&socket);
    b.shut_down();
    b.assert_log(["connect_failed c0.1 timeout"]);
}

#[test]
fn a_dial_that_is_closed_by_its_owner_has_failed_of_that() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = Node::<1>::new(2, Config::default());
    let (first, second) = {
        let address = multiaddr_of(silent.local_addr().unwrap());
        (b.dial(&address), b.dial(&address))
    };
    b.swarm.close_connection(first).unwrap();
    b.swarm.abort_connection(second).unwrap();
    one(&mut b, |b| b.log.len() == 2);
    b.shut_down();
    b.assert_log(["connect_failed c0.1 requested", "connect_failed c1.1 requested"]);
}

#[test]
fn dials_beyond_the_limit_are_refused_and_change_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = multiaddr_of(silent.local_addr().unwrap());
    let mut config = Config::default();
    config.outbound_handshakes = 2;
    let mut b = Node::<1>::new(2, config);
    b.dial(&address);
    b.dial(&address);
    assert_eq!(b.swarm.dial(address.clone()), Err(swarm_notify::swarm::DialError::Limit));
    b.shut_down();
    b.assert_log(["connect_failed c0.1 shutdown", "connect_failed c1.1 shutdown"]);
}

#[test]
fn a_connection_beyond_the_limit_is_closed_and_never_told() {
    let mut config = Config::default();
    config.limits.connections = 1;
    let (mut a, mut b) = (Node::<256>::new(1, config), Node::<256>::new(2, Config::default()));
    crate::support::net::connect(&mut a, &mut b, IP4);
    let listener = a.swarm.connection(a.swarm.connections().next().unwrap()).unwrap().listener.unwrap();
    b.dial(&a.address(listener));
    both_told(&mut a, &mut b, 2, 2);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    // The refusal finds its first words unread, or it does not.
    let failure = b.log[1].clone();
    assert!(["connect_failed c1.1 eof", "connect_failed c1.1 reset(remote)"].contains(&failure.as_str()), "{failure}");
    b.assert_log(["connected c0.1 outbound", &failure, "disconnected c0.1 shutdown"]);
}
