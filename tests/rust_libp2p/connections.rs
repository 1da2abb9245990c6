//! Connections that end, are cut, lead to somebody else, or are two.

use super::node::Node;
use super::ours::{ECHO, Ours, Serve, account, pattern};
use super::{BY_US, Inbound, Outbound, Pair, established, opening};
use libp2p_identity::Keypair;
use swarm_notify::lifecycle::Direction;
use swarm_notify::swarm::Config;

const BOTH: [Direction; 2] = [Outbound, Inbound];

/// The log of streams that are open when their connection ends, so many opened by us and then by the node.
fn log(dialed: Direction, ours: usize, theirs: usize, end: &str) -> Vec<String> {
    let mut log = opening(dialed);
    for n in 0..ours + theirs {
        let opened = if n < ours { Outbound } else { Inbound };
        log.push(format!("opened_stream c0.1 s{n}.1 {opened} /echo/1.0.0"));
    }
    log.extend((0..ours + theirs).map(|n| format!("closed_stream c0.1 s{n}.1 connection_closed")));
    log.push(format!("disconnected c0.1 {end}"));
    if dialed == Inbound {
        log.push("listen_close l0.1 shutdown".into());
    }
    log
}

/// A pair with streams of both sides open.
fn with_streams(dialed: Direction, each: usize) -> (Pair, Vec<libp2p::swarm::Stream>) {
    let mut pair = Pair::new(dialed, Serve::Hold);
    let mut streams: Vec<_> = (0..each).map(|_| pair.stream(Outbound).1).collect();
    streams.extend((0..each).map(|_| pair.stream(Inbound).1));
    (pair, streams)
}

#[test]
fn closed_by_us_is_told_once_on_both_sides() {
    for dialed in BOTH {
        let (Pair { mut ours, mut node, connection, .. }, streams) = with_streams(dialed, 3);
        ours.swarm.close_connection(connection).unwrap();
        assert_eq!(ours.during("the node's word of the end", node.told()), BY_US);
        ours.until_told("disconnected", 1);
        assert_eq!(ours.end(), log(dialed, 3, 3, "requested"));
        assert_eq!(node.kill(), [established(dialed), BY_US]);
        drop(streams);
    }
}

#[test]
fn cut_off_by_us_is_told_once_on_both_sides() {
    for dialed in BOTH {
        let (Pair { mut ours, mut node, connection, .. }, streams) = with_streams(dialed, 3);
        ours.swarm.abort_connection(connection).unwrap();
        let end = ours.during("the node's word of the end", node.told());
        ours.until_told("disconnected", 1);
        assert_eq!(ours.end(), log(dialed, 3, 3, "requested"));
        assert_eq!(node.kill(), [established(dialed), &end]);
        assert_eq!(end, BY_US);
        drop(streams);
    }
}

#[test]
fn closed_by_rust_libp2p_is_told_once_on_both_sides() {
    for dialed in BOTH {
        let (Pair { mut ours, mut node, .. }, streams) = with_streams(dialed, 3);
        node.disconnect(ours.peer());
        ours.until_told("disconnected", 1);
        assert_eq!(ours.during("the node's word of the end", node.told()), "closed by us");
        assert_eq!(ours.end(), log(dialed, 3, 3, "remote(go_away(0))"));
        assert_eq!(node.kill(), [established(dialed), "closed by us"]);
        drop(streams);
    }
}

#[test]
fn a_killed_node_with_a_hundred_streams_open_is_told_of_each() {
    for dialed in BOTH {
        let (Pair { mut ours, node, .. }, streams) = with_streams(dialed, 50);
        assert_eq!(node.kill(), [established(dialed)]);
        ours.until_told("disconnected", 1);
        assert_eq!(ours.end(), log(dialed, 50, 50, "remote(eof)"));
        drop(streams);
    }
}

#[test]
fn whoever_is_not_the_peer_that_we_dialed_is_not_accepted() {
    let mut ours = Ours::new(Config::default(), Serve::Echo);
    let mut node = Node::start();
    let somebody = Keypair::generate_ed25519().public().to_peer_id();
    let mut address = node.address.clone();
    address.pop();
    ours.swarm.dial(address.with_p2p(somebody).unwrap()).unwrap();
    ours.until_told("connect_failed", 1);
    assert_eq!(ours.during("the node's word", node.told()), "accept failed");
    assert_eq!(ours.end(), ["connect_failed c0.1 wrong_peer"]);
    assert_eq!(node.kill(), ["accept failed"]);
}

#[test]
fn a_node_that_dialed_somebody_else_leaves_again() {
    let mut ours = Ours::new(Config::default(), Serve::Echo);
    let mut node = Node::start();
    let somebody = Keypair::generate_ed25519().public().to_peer_id();
    let mut address = ours.listen();
    address.pop();
    node.dial(address.with_p2p(somebody).unwrap());
    assert_eq!(ours.during("the node's word", node.told()), "wrong peer");
    // It looks at who we are only when all is agreed; its goodbye comes in the same breath as its last handshake
    // message.
    ours.until_told("disconnected", 1);
    assert_eq!(node.kill(), ["wrong peer"]);
    let ends = ["disconnected c0.1 remote(go_away(0))", "listen_close l0.1 shutdown"];
    assert_eq!(ours.end(), [&["listen l0.1", "connected c0.1 inbound"], &ends[..]].concat());
}

#[test]
fn two_connections_to_one_peer_live_and_end_by_themselves() {
    for dialed in BOTH {
        let mut pair = Pair::new(dialed, Serve::Echo);
        pair.node.serve_echo();
        match dialed {
            Outbound => drop(pair.ours.swarm.dial(pair.node.address.clone()).unwrap()),
            Inbound => {
                let listener = pair.ours.swarm.connection(pair.connection).unwrap().listener.unwrap();
                let address = pair.ours.swarm.listener(listener).unwrap().addresses[0].clone();
                pair.node.dial_again(pair.ours.peer(), address);
            }
        }
        pair.ours.until_told("connected", 2);
        assert_eq!(pair.ours.during("the node's word", pair.node.told()), established(dialed));
        let both: Vec<_> = pair.ours.swarm.connections_of(pair.node.peer).collect();
        assert_eq!(both.len(), 2);
        for (n, connection) in both.iter().enumerate() {
            pair.ours.exchange(*connection, &[ECHO], pattern(n, 10_000), false);
        }
        pair.ours.until("the streams' end", |ours| ours.jobs.is_empty());
        pair.ours.swarm.close_connection(both[0]).unwrap();
        assert_eq!(pair.ours.during("the node's word of the end", pair.node.told()), BY_US);
        pair.ours.until_told("disconnected", 1);
        assert_eq!(pair.ours.swarm.connections_of(pair.node.peer).collect::<Vec<_>>(), [both[1]]);
        pair.ours.exchange(both[1], &[ECHO], pattern(2, 10_000), true);
        pair.ours.until("the stream's end", |ours| ours.jobs.is_empty());
        assert_eq!(pair.ours.right, 3);
        pair.node.disconnect(pair.ours.peer());
        assert_eq!(pair.ours.during("the node's word of the end", pair.node.told()), "closed by us");
        pair.ours.until_told("disconnected", 2);
        assert_eq!(pair.node.kill(), [established(dialed), established(dialed), BY_US, "closed by us"]);
        let mut expected = vec![
            (format!("connected {dialed}"), 2),
            ("opened_stream outbound /echo/1.0.0".into(), 3),
            ("closed_stream finished".into(), 3),
            ("disconnected requested".into(), 1),
            ("disconnected remote(go_away(0))".into(), 1),
        ];
        if dialed == Inbound {
            expected.extend([("listen".into(), 1), ("listen_close shutdown".into(), 1)]);
        }
        assert_eq!(account(&pair.ours.end()), expected.into_iter().collect());
    }
}
