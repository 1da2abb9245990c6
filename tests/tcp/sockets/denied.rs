//! Lists and gates over real sockets: who is refused, and what a change cuts.

use crate::support::net::{ECHO, IP4, Node, both, both_told, connect, one, open, peer_id, shut_down, socket_address};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::Failure;
use swarm_notify::swarm::{Config, Gate, Network, Refusal};

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

/// Two nodes, of which the first listens and waits for nobody.
fn nodes() -> (Node, Node) {
    let mut a = Node::new(1, Config::default());
    a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    (a, Node::new(2, Config::default()))
}

fn address(a: &Node) -> swarm_notify::swarm::Multiaddr {
    a.address(a.swarm.listeners().next().unwrap())
}

#[test]
fn a_socket_from_a_denied_address_is_closed_before_a_byte() {
    let (mut a, _) = nodes();
    a.swarm.lists_mut().deny_network(network("127.0.0.0/8")).unwrap();
    let to = socket_address(&address(&a));
    let caller = std::thread::spawn(move || {
        let mut socket = TcpStream::connect(to).unwrap();
        // It may be closed by now.
        let _ = socket.write_all(b"\x13/multistream/1.0.0\n");
        let mut said = Vec::new();
        match socket.read_to_end(&mut said) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        said
    });
    one(&mut a, |a| a.swarm.refused(Refusal::ConnectionDenied) == 1);
    assert_eq!(caller.join().unwrap(), b"");
    assert_eq!((a.swarm.inbound_handshakes(), a.swarm.counters().connections.inbound.without_id), (0, 1));
    a.shut_down();
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);
}

#[test]
fn a_denied_peer_is_closed_after_its_authentication() {
    let (mut a, mut b) = nodes();
    a.swarm.lists_mut().deny_peer(peer_id(2)).unwrap();
    let address = address(&a);
    b.dial(&address);
    // A dialer that has said its last message takes the connection for open, until its socket ends.
    both_told(&mut a, &mut b, 1, 2);
    assert_eq!(a.swarm.refused(Refusal::ConnectionDenied), 1);
    let inbound = a.swarm.counters().connections.inbound;
    assert_eq!((inbound.without_id, inbound.failed, inbound.opened), (1, 0, 0));
    assert_eq!(b.log[0], "connected c0.1 outbound");
    assert!(b.log[1].starts_with("disconnected c0.1 "), "{:?}", b.log);
    a.swarm.lists_mut().forget_peer(peer_id(2));
    b.dial(&address);
    both(&mut a, &mut b, |a, _| a.log.len() == 2);
    shut_down(&mut a, &mut b);
}

#[test]
fn a_list_that_changes_cuts_what_is_open() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    open(&mut a, &mut b, connections);
    a.swarm.lists_mut().deny_peer(peer_id(2)).unwrap();
    both(&mut a, &mut b, |a, b| a.log.len() == 5 && b.log.len() == 4);
    // The same by the address, for who comes again.
    let address = address(&a);
    a.swarm.lists_mut().forget_peer(peer_id(2));
    b.dial(&address);
    both(&mut a, &mut b, |a, b| a.log.len() == 6 && b.log.len() == 5);
    a.swarm.lists_mut().deny_network(network("127.0.0.1")).unwrap();
    both(&mut a, &mut b, |a, b| a.log.len() == 7 && b.log.len() == 6);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 denied",
        "connected c0.2 inbound",
        "disconnected c0.2 denied",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "connected c0.2 outbound",
        "disconnected c0.2 remote(go_away(0))",
    ]);
}

#[test]
fn a_dial_to_what_is_denied_fails_and_sends_nothing() {
    let (mut a, mut b) = nodes();
    let address = address(&a);
    b.swarm.lists_mut().deny_peer(peer_id(1)).unwrap();
    b.dial(&address);
    both_told(&mut a, &mut b, 1, 1);
    b.swarm.lists_mut().forget_peer(peer_id(1));
    b.swarm.lists_mut().deny_network(network("127.0.0.0/8")).unwrap();
    b.dial(&address);
    both_told(&mut a, &mut b, 1, 2);
    b.assert_log(["connect_failed c0.1 denied", "connect_failed c0.2 denied"]);
    assert_eq!(a.swarm.inbound_handshakes(), 0);
    shut_down(&mut a, &mut b);
    a.assert_log(["listen l0.1", "listen_close l0.1 shutdown"]);
    assert_eq!(a.failed_handshakes(), 0, "nobody has come");
}

#[cfg(feature = "dns")]
mod names {
    use super::*;
    use crate::support::net::identity;
    use swarm_notify::swarm::{Multiaddr, multiaddr};
    use swarm_notify::tcp;

    /// A node for which every name leads to this machine.
    fn naming() -> Node {
        let mut b = Node::new(2, Config::default());
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let transport = transport.with_resolver(|_, port| Ok(vec![([127, 0, 0, 1], port).into()]));
        b.swarm = tcp::Swarm::with_events(reactor, transport, &identity(2), [2; 32], Config::default()).unwrap();
        b
    }

    fn by_name(address: &Multiaddr) -> Multiaddr {
        let port = socket_address(address).port();
        Multiaddr::empty().with(multiaddr::Protocol::Dns("example.org".into())).with(multiaddr::Protocol::Tcp(port))
    }

    #[test]
    fn a_name_that_leads_to_a_denied_address_fails_before_a_byte() {
        let ((mut a, _), mut b) = (nodes(), naming());
        let name = by_name(&address(&a));
        b.swarm.lists_mut().deny_network(network("127.0.0.0/8")).unwrap();
        b.dial(&name);
        both_told(&mut a, &mut b, 1, 1);
        assert_eq!(b.log, ["connect_failed c0.1 denied"]);
        both(&mut a, &mut b, |a, _| a.failed_handshakes() == 1);
        // Where permission is needed, the address that a name leads to is what has it.
        let lists = b.swarm.lists_mut();
        assert!(lists.forget_network(network("127.0.0.0/8")));
        lists.deny_unlisted_addresses(true);
        lists.allow_network(network("127.0.0.1")).unwrap();
        b.dial(&name);
        both_told(&mut a, &mut b, 2, 2);
        assert_eq!(b.log[1], "connected c0.2 outbound");
        // An open one is judged by that address, too.
        assert!(b.swarm.lists_mut().forget_network(network("127.0.0.1")));
        both_told(&mut a, &mut b, 3, 3);
        assert_eq!(b.log[2], "disconnected c0.2 denied");
        shut_down(&mut a, &mut b);
    }
}

/// Nobody may speak echo.
struct NoEcho;

impl Gate for NoEcho {
    fn may_speak(&mut self, _peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
        *protocol != ECHO
    }
}

#[test]
fn a_gate_denies_a_protocol_and_the_connection_goes_on() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    a.swarm.set_gate(Some(Box::new(NoEcho)));
    let failed = b.open(connections.1);
    both(&mut a, &mut b, |a, b| a.log.len() == 3 && b.log.len() == 2);
    assert_eq!(b.log[1], format!("stream_failed {failed} {}", Failure::Unsupported));
    assert_eq!(a.log[2], format!("stream_failed s0.1 {}", Failure::Denied));
    assert_eq!(a.swarm.refused_at(connections.0, Refusal::StreamDenied), 1);
    a.swarm.set_gate(None);
    open(&mut a, &mut b, connections);
    shut_down(&mut a, &mut b);
}
