//! Peers that shake hands and then misbehave.

use crate::support::net::{IP4, Node, one, socket_address};
use crate::support::raw_peer::RawPeer;
use std::io::Write as _;
use std::time::Duration;
use swarm_notify::swarm::Config;

/// A node, and a peer that is connected to it.
fn connected() -> (Node<1>, RawPeer) {
    let mut a = Node::new(1, Config::default());
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = socket_address(&a.address(listener));
    let peer = std::thread::spawn(move || RawPeer::dial(address).shake_hands());
    one(&mut a, |a| a.log.len() == 2);
    (a, peer.join().unwrap())
}

#[test]
fn garbage_on_an_open_connection_ends_it_as_a_protocol_fault() {
    let (mut a, mut peer) = connected();
    peer.socket.write_all(&[0, 4, 1, 2, 3, 4]).unwrap();
    one(&mut a, |a| a.log.len() == 3);
    peer.read_to_the_end();
    a.shut_down();
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 failed(protocol)",
        "listen_close l0.1 shutdown",
    ]);
}

#[test]
fn a_close_without_an_answer_is_cut_and_its_socket_closed() {
    let (mut a, mut peer) = connected();
    let connection = a.swarm.connections().next().unwrap();
    a.swarm.close_connection(connection).unwrap();
    one(&mut a, |_| true);
    assert_eq!(a.log.len(), 2, "it is polite");
    a.skip(Duration::from_secs(5));
    one(&mut a, |a| a.log.len() == 3);
    peer.read_to_the_end();
    a.shut_down();
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 requested",
        "listen_close l0.1 shutdown",
    ]);
}

#[test]
fn an_abort_closes_the_socket_before_it_returns() {
    let (mut a, mut peer) = connected();
    let connection = a.swarm.connections().next().unwrap();
    a.swarm.abort_connection(connection).unwrap();
    // Nobody polls.
    peer.read_to_the_end();
    a.shut_down();
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 requested",
        "listen_close l0.1 shutdown",
    ]);
}

#[test]
fn a_peer_that_says_nothing_is_pinged_and_given_up() {
    let (mut a, mut peer) = connected();
    a.skip(Duration::from_secs(30));
    one(&mut a, |_| true);
    a.skip(Duration::from_secs(15));
    one(&mut a, |a| a.log.len() == 3);
    peer.read_to_the_end();
    a.shut_down();
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 failed(timeout)",
        "listen_close l0.1 shutdown",
    ]);
}
