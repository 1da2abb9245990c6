//! What a listener says of its address is true, and addresses that cannot be served or dialed are refused.

use super::{Seen, Turned, alone, assert_nothing_to_report, dial, has_ipv6, listen, multiaddr, next, next_incoming};
use super::{refusal, socket_address, try_listen};
use libp2p_core::Multiaddr;
use libp2p_core::transport::{ListenerId, Transport as _, TransportError};
use std::io;
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};

fn a_listener_tells_the_truth_of_its_address(address: &str, ip: IpAddr) {
    let mut transport = Turned::default();
    let (id, bound) = listen(&mut transport, address);
    assert_eq!(bound.ip(), ip);
    assert_ne!(bound.port(), 0);
    let client = TcpStream::connect(bound).unwrap();
    match next(&mut transport) {
        Seen::Incoming { listener, local, remote, .. } => {
            assert_eq!(listener, id);
            assert_eq!(local, bound);
            assert_eq!(remote, client.local_addr().unwrap());
        }
        other @ (Seen::Address(..) | Seen::Expired(..) | Seen::Closed(..) | Seen::Error(..)) => panic!("{other:?}"),
    }
    assert_nothing_to_report(&mut transport);
}

#[test]
fn an_ipv4_listener_tells_the_truth_of_its_address() {
    a_listener_tells_the_truth_of_its_address("/ip4/127.0.0.1/tcp/0", [127, 0, 0, 1].into());
}

#[test]
fn an_ipv6_listener_tells_the_truth_of_its_address() {
    if has_ipv6() {
        a_listener_tells_the_truth_of_its_address("/ip6/::1/tcp/0", Ipv6Addr::LOCALHOST.into());
    }
}

#[test]
fn a_connection_succeeds_as_soon_as_listen_on_has_returned() {
    let probe = TcpListener::bind(socket_address(&alone(5).parse().unwrap())).unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let mut transport = Turned::default();
    let id = ListenerId::next();
    transport.listen_on(id, multiaddr(address)).unwrap();
    let _client = TcpStream::connect(address).unwrap();
    assert!(matches!(next(&mut transport), Seen::Address(listener, bound) if (listener, bound) == (id, address)));
    assert_eq!(next_incoming(&mut transport).0, id);
}

#[test]
fn the_wildcards_of_both_families_share_a_port() {
    if !has_ipv6() {
        return;
    }
    // Another process may hold the port in the other family by chance, hence more than one attempt.
    let shared = (0..16).any(|_| {
        let mut transport = Turned::default();
        let (_, bound) = listen(&mut transport, "/ip4/0.0.0.0/tcp/0");
        try_listen(&mut transport, &format!("/ip6/::/tcp/{}", bound.port())).is_ok()
    });
    assert!(shared, "an IPv6 wildcard socket takes the IPv4 port, too");
}

#[test]
fn a_port_that_is_taken_is_refused_as_in_use_with_no_change() {
    let mut transport = Turned::default();
    let (id, bound) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let taken = multiaddr(bound).to_string();
    assert_eq!(refusal(try_listen(&mut transport, &taken)), io::ErrorKind::AddrInUse);
    assert_eq!(refusal(try_listen(&mut Turned::default(), &taken)), io::ErrorKind::AddrInUse);
    assert_nothing_to_report(&mut transport);
    let _client = TcpStream::connect(bound).unwrap();
    assert_eq!(next_incoming(&mut transport).0, id);
}

#[test]
fn an_address_of_another_machine_is_refused_as_not_available() {
    let mut transport = Turned::default();
    let refused = refusal(try_listen(&mut transport, "/ip4/192.0.2.1/tcp/0"));
    assert_eq!(refused, io::ErrorKind::AddrNotAvailable);
    assert_nothing_to_report(&mut transport);
}

#[test]
fn an_id_that_is_in_use_is_refused_until_its_end_is_reported() {
    let mut transport = Turned::default();
    let (id, _) = listen(&mut transport, "/ip4/127.0.0.1/tcp/0");
    let any: Multiaddr = "/ip4/127.0.0.1/tcp/0".parse().unwrap();
    let again = |transport: &mut Turned| transport.listen_on(id, any.clone()).map(|()| id);
    assert_eq!(refusal(again(&mut transport)), io::ErrorKind::AlreadyExists);
    assert!(transport.remove_listener(id));
    assert_eq!(refusal(again(&mut transport)), io::ErrorKind::AlreadyExists);
    assert!(matches!(next(&mut transport), Seen::Closed(closed, Ok(())) if closed == id));
    assert!(again(&mut transport).is_ok());
}

#[test]
fn addresses_that_are_not_plain_tcp_are_not_supported() {
    let peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    let mut transport = Turned::default();
    for address in [
        "/ip4/127.0.0.1",
        "/tcp/4001",
        "/ip4/127.0.0.1/udp/4001",
        #[cfg(not(feature = "dns"))]
        "/dns4/localhost/tcp/4001",
        "/ip4/127.0.0.1/tcp/4001/ws",
        "/memory/1",
        &format!("/p2p/{peer}"),
        &format!("/ip4/127.0.0.1/tcp/4001/p2p/{peer}/p2p-circuit"),
        "",
    ] {
        let address: Multiaddr = address.parse().unwrap();
        let refused = transport.listen_on(ListenerId::next(), address.clone());
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(named)) if named == address));
        let refused = dial(&mut transport, &address);
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(named)) if named == address));
    }
    for nowhere in ["/ip4/127.0.0.1/tcp/0", "/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001"] {
        let refused = dial(&mut transport, &nowhere.parse().unwrap());
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(_))), "{nowhere} cannot be dialed");
    }
}

#[test]
fn a_peer_at_the_end_of_an_address_is_passed_over() {
    let peer = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    let mut transport = Turned::default();
    let (_, bound) = listen(&mut transport, &format!("/ip4/127.0.0.1/tcp/0{peer}"));
    let address = format!("{}{peer}", multiaddr(bound)).parse().unwrap();
    let dial = dial(&mut transport, &address).unwrap();
    transport.block_on(dial).unwrap();
    next_incoming(&mut transport);
}
