//! Open connections and their ends.

use crate::support::net::{
    IP4, Node, both, both_told, connect, one, open, shut_down, socket_address, wait_until_unread,
};
use std::time::Duration;
use swarm_notify::swarm::Config;

fn pair() -> (Node, Node) {
    (Node::new(1, Config::default()), Node::new(2, Config::default()))
}

/// What the dialer's end of a connection calls local is what the other end calls remote, and the other way round.
fn agree_on_addresses(listens_on: &str) {
    let (mut a, mut b) = pair();
    let listener = a.listen(listens_on);
    one(&mut a, |a| !a.log.is_empty());
    let address = a.address(listener);
    // Two at once, beside one that fails: each has its own port.
    let dials = [b.dial(&address), b.dial(&"/ip4/127.0.0.1/tcp/1".parse().unwrap()), b.dial(&address)];
    assert!(dials.iter().all(|id| b.swarm.connection(*id).unwrap().local.is_none()), "there is no socket yet");
    both_told(&mut a, &mut b, 3, 3);
    let ends_at_a: Vec<_> = a.swarm.connections_of(b.swarm.local_peer()).collect();
    let mut at_a: Vec<_> = ends_at_a.iter().map(|id| a.swarm.connection(*id).unwrap()).collect();
    let mut at_b: Vec<_> = [dials[0], dials[2]].iter().map(|id| b.swarm.connection(*id).unwrap()).collect();
    at_a.sort_by_key(|view| view.remote.to_string());
    at_b.sort_by_key(|view| view.local.unwrap().to_string());
    assert_eq!(at_a.len(), at_b.len());
    for (at_a, at_b) in at_a.iter().zip(&at_b) {
        assert_eq!(Some(at_a.remote), at_b.local);
        assert_eq!(at_a.local.map(socket_address), Some(socket_address(at_b.remote)));
        assert!(at_a.round_trip.is_some() && at_b.round_trip.is_some());
    }
    assert_ne!(at_b[0].local, at_b[1].local);
    shut_down(&mut a, &mut b);
}

#[test]
fn both_ends_agree_on_the_addresses_of_a_connection() {
    agree_on_addresses(IP4);
}

#[test]
fn behind_a_wildcard_both_ends_agree_on_the_addresses_too() {
    agree_on_addresses("/ip4/0.0.0.0/tcp/0");
}

#[test]
fn the_dialer_disconnects() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    open(&mut a, &mut b, connections);
    b.swarm.close_connection(connections.1).unwrap();
    b.swarm.close_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 5, 4);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 requested",
    ]);
}

#[test]
fn the_listener_disconnects() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    open(&mut a, &mut b, connections);
    a.swarm.close_connection(connections.0).unwrap();
    both_told(&mut a, &mut b, 5, 4);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 requested",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
    ]);
}

#[test]
fn both_sides_disconnect_at_once_and_each_is_told_that_it_asked() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    a.swarm.close_connection(connections.0).unwrap();
    b.swarm.close_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 3, 2);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 requested",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 requested"]);
}

#[test]
fn an_abort_is_an_end_without_a_word() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    open(&mut a, &mut b, connections);
    b.swarm.abort_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 5, 4);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(eof)",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 requested",
    ]);
}

#[test]
fn two_connections_to_one_peer_live_and_end_each_for_itself() {
    let (mut a, mut b) = pair();
    let first = connect(&mut a, &mut b, IP4);
    let listener = a.swarm.connection(first.0).unwrap().listener.unwrap();
    let at_b = b.dial(&a.address(listener));
    both_told(&mut a, &mut b, 3, 2);
    let peers = |node: &Node, of: &Node| node.swarm.connections_of(of.swarm.local_peer()).collect::<Vec<_>>();
    let at_a = peers(&a, &b)[1];
    assert_eq!(peers(&b, &a), [first.1, at_b]);
    open(&mut a, &mut b, first);
    open(&mut a, &mut b, (at_a, at_b));
    b.swarm.close_connection(first.1).unwrap();
    both_told(&mut a, &mut b, 7, 6);
    assert_eq!((peers(&a, &b), peers(&b, &a)), (vec![at_a], vec![at_b]));
    // The other one goes on, in both directions.
    let streams = (a.streams(at_a)[0], b.streams(at_b)[0]);
    a.write(streams.0, b"still");
    b.write(streams.1, b"here");
    both(&mut a, &mut b, |a, b| a.has_received(streams.0, b"here") && b.has_received(streams.1, b"still"));
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "connected c1.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "opened_stream s1.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "closed_stream s1.1 connection_closed",
        "disconnected c1.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "connected c1.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 requested",
        "closed_stream s1.1 connection_closed",
        "disconnected c1.1 shutdown",
    ]);
}

#[test]
fn what_was_written_before_a_polite_close_arrives() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    let (at_a, at_b) = open(&mut a, &mut b, connections);
    let data = vec![7; 200_000];
    b.write(at_b, &data);
    b.swarm.close_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 5, 4);
    assert!(a.received[&at_a] == data);
    shut_down(&mut a, &mut b);
}

/// All that the dialer has to say waits in the listener's socket, its end as well, when that reads the last message of
/// the handshake.
#[test]
fn a_peer_that_leaves_as_soon_as_it_is_connected_was_connected() {
    let (mut a, mut b) = pair();
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let connection = b.dial(&a.address(listener));
    // It is `b` that is driven last.
    both(&mut a, &mut b, |_, b| b.log.len() == 1);
    assert_eq!(a.log.len(), 1);
    b.swarm.close_connection(connection).unwrap();
    one(&mut b, |_| true);
    both_told(&mut a, &mut b, 3, 2);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 requested"]);
}

/// As many streams as a connection may have, and a queue that holds eight events.
#[test]
fn ten_thousand_streams_end_with_their_connection_in_order() {
    const STREAMS: usize = 10_000;
    let mut config = Config::default();
    (config.limits.streams_per_connection, config.streams_per_peer) = (STREAMS as u32, STREAMS as u32);
    let (mut a, mut b) = (Node::<8>::new(1, config.clone()), Node::<8>::new(2, config));
    let connections = connect(&mut a, &mut b, IP4);
    for _ in 0..STREAMS {
        b.open(connections.1);
    }
    both_told(&mut a, &mut b, 2 + STREAMS, 1 + STREAMS);
    b.swarm.close_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 3 + 2 * STREAMS, 2 + 2 * STREAMS);
    shut_down(&mut a, &mut b);
    let lines = |line: fn(usize) -> String| (0..STREAMS).map(line);
    let one = |line: &str| std::iter::once(line.to_owned());
    a.assert_log(
        one("listen l0.1")
            .chain(one("connected c0.1 inbound"))
            .chain(lines(|n| format!("opened_stream s{n}.1 inbound /echo/1.0.0")))
            .chain(lines(|n| format!("closed_stream s{n}.1 connection_closed")))
            .chain(one("disconnected c0.1 remote(go_away(0))"))
            .chain(one("listen_close l0.1 shutdown")),
    );
    b.assert_log(
        one("connected c0.1 outbound")
            .chain(lines(|n| format!("opened_stream s{n}.1 outbound /echo/1.0.0")))
            .chain(lines(|n| format!("closed_stream s{n}.1 connection_closed")))
            .chain(one("disconnected c0.1 requested")),
    );
}

#[test]
fn a_connection_without_streams_is_closed_when_it_has_been_idle() {
    let mut idle = Config::default();
    idle.connection.idle_timeout = Some(Duration::from_secs(1000));
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, idle));
    let connections = connect(&mut a, &mut b, IP4);
    b.skip(Duration::from_secs(1000));
    both_told(&mut a, &mut b, 3, 2);
    assert_eq!(b.swarm.connection(connections.1).map(|view| view.streams), None);
    one(&mut a, |a| a.swarm.connections().next().is_none());
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log(["connected c0.1 outbound", "disconnected c0.1 idle"]);
}

/// An owner's loop may sleep for hours and then close something.
#[test]
fn time_outs_of_a_command_count_from_the_next_poll() {
    let (mut a, mut b) = pair();
    a.skip(Duration::from_secs(100_000));
    b.skip(Duration::from_secs(100_000));
    let connections = connect(&mut a, &mut b, IP4);
    let held_up = Duration::from_secs(20);
    b.open(connections.1);
    b.skip(held_up);
    both_told(&mut a, &mut b, 3, 2);
    let stream = b.streams(connections.1)[0];
    b.write(stream, b"all of it");
    b.swarm.close_connection(connections.1).unwrap();
    b.skip(held_up);
    both_told(&mut a, &mut b, 5, 4);
    shut_down(&mut a, &mut b);
    assert_eq!(a.received.into_values().collect::<Vec<_>>(), [b"all of it"]);
    assert_eq!(a.log[4], "disconnected c0.1 remote(go_away(0))");
    assert_eq!(b.log[3], "disconnected c0.1 requested");
}

/// The answer to a ping waits in the socket while the owner's loop is held up.
#[test]
fn what_a_peer_said_in_time_counts_however_late_the_poll() {
    let (mut a, mut b) = pair();
    let connections = connect(&mut a, &mut b, IP4);
    let (at_a, at_b) = open(&mut a, &mut b, connections);
    // The ping leaves, and the data behind it.
    b.skip(Duration::from_secs(30));
    b.write(at_b, b"and a ping");
    both(&mut a, &mut b, |_, _| true);
    // Once the data has been read, the ping has been answered.
    one(&mut a, |a| a.has_received(at_a, b"and a ping"));
    wait_until_unread(&a, connections.0);
    b.skip(Duration::from_secs(15));
    both(&mut a, &mut b, |_, _| true);
    shut_down(&mut a, &mut b);
    assert_eq!(b.log[2..], ["closed_stream s0.1 connection_closed", "disconnected c0.1 shutdown"]);
}
