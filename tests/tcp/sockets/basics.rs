//! The whole walk, from the listener to the shutdown: on both kinds of address, at several sizes of the event queue,
//! with a waker and by ticks.

use crate::support::net::{ECHO, IP4, Node, Reading, both, connect, open, shut_down};
use swarm_notify::swarm::Config;

const OF_A: [&str; 6] = [
    "listen l0.1",
    "connected c0.1 inbound",
    "opened_stream s0.1 inbound /echo/1.0.0",
    "closed_stream s0.1 finished",
    "disconnected c0.1 remote(go_away(0))",
    "listen_close l0.1 shutdown",
];

const OF_B: [&str; 4] = [
    "connected c0.1 outbound",
    "opened_stream s0.1 outbound /echo/1.0.0",
    "closed_stream s0.1 finished",
    "disconnected c0.1 shutdown",
];

fn walk<const A: usize, const B: usize>(mut a: Node<A>, mut b: Node<B>, address: &str) {
    a.reading = Reading::Echo;
    let connections = connect(&mut a, &mut b, address);
    let view = b.swarm.connection(connections.1).unwrap();
    assert_eq!((view.peer, view.listener), (Some(a.swarm.local_peer()), None));
    let view = a.swarm.connection(connections.0).unwrap();
    assert_eq!((view.peer, view.listener.is_some()), (Some(b.swarm.local_peer()), true));
    let (_, stream) = open(&mut a, &mut b, connections);
    assert_eq!(b.swarm.stream(stream).unwrap().protocol, Some(&ECHO));
    b.write(stream, b"hello");
    b.swarm.finish(stream).unwrap();
    both(&mut a, &mut b, |a, b| a.log.len() == 4 && b.log.len() == 3);
    assert_eq!(b.received[&stream], b"hello");
    shut_down(&mut a, &mut b);
    a.assert_log(OF_A);
    b.assert_log(OF_B);
}

#[test]
fn the_whole_walk_on_ipv4() {
    walk::<256, 256>(Node::new(1, Config::default()), Node::new(2, Config::default()), IP4);
}

#[test]
fn the_whole_walk_on_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return; // This machine has no IPv6.
    }
    walk::<256, 256>(Node::new(1, Config::default()), Node::new(2, Config::default()), "/ip6/::1/tcp/0");
}

#[test]
fn the_whole_walk_with_room_for_one_event() {
    walk::<1, 1>(Node::new(1, Config::default()), Node::new(2, Config::default()), IP4);
    walk::<1, 256>(Node::new(1, Config::default()), Node::new(2, Config::default()), IP4);
    walk::<256, 1>(Node::new(1, Config::default()), Node::new(2, Config::default()), IP4);
}

#[test]
fn the_whole_walk_by_ticks_without_a_waker() {
    let (mut a, mut b) = (Node::<8>::new(1, Config::default()), Node::<8>::new(2, Config::default()));
    (a.ticks, b.ticks) = (true, true);
    walk(a, b, IP4);
}

#[test]
fn a_megabyte_there_and_back_arrives_whole() {
    let (mut a, mut b) = (Node::<256>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    a.reading = Reading::Echo;
    let connections = connect(&mut a, &mut b, IP4);
    let (_, stream) = open(&mut a, &mut b, connections);
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let mut sent = 0;
    both(&mut a, &mut b, |_, b| {
        while sent < data.len() {
            match b.swarm.write(stream, &data[sent..]) {
                Ok(n) => sent += n,
                Err(_) => return false,
            }
        }
        b.received.get(&stream).is_some_and(|received| received.len() == data.len())
    });
    assert!(b.received[&stream] == data);
    b.swarm.finish(stream).unwrap();
    both(&mut a, &mut b, |a, b| a.log.len() == 4 && b.log.len() == 3);
    shut_down(&mut a, &mut b);
    a.assert_log(OF_A);
    b.assert_log(OF_B);
}
