//! On real sockets: messages, and the scenarios that py-libp2p has for the notifee of its pub/sub, with exact counts.

#[cfg(feature = "subscription")]
mod channel;

use crate::floodsub::raw::{publishing, signed};
use crate::support::floodsub::drive::{Tcp, listen, node, node_with, shut_down, until};
use crate::support::floodsub::{FLOODSUB, Node, peer};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Fault};
use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext};
use swarm_notify::protocols::pubsub::{Config, Signing};
use swarm_notify::swarm::{Multiaddr, Refusal};

/// Two nodes that are not connected, and where the first one listens.
fn pair(config: Config) -> ([Tcp; 2], Multiaddr) {
    let mut nodes = [node(1, config), node(2, Config::default())];
    let address = listen(&mut nodes);
    (nodes, address)
}

/// Both have their stream to the other open.
fn both_streams(nodes: &mut [Tcp]) -> bool {
    nodes.iter().all(|node| node.streams() == (1, 1) && node.log.iter().any(|line| line.starts_with("added")))
}

/// Dials and waits until both sides are connected once more: the connection at the dialer.
fn connect(nodes: &mut [Tcp], address: &Multiaddr) -> ConnectionId {
    let before = nodes[0].swarm.connections().count();
    let connection = nodes[1].swarm.dial(address.clone()).unwrap();
    until(nodes, |nodes| {
        let (a, b) = (nodes[0].swarm.counters().connections, nodes[1].swarm.counters().connections);
        a.inbound.open as usize == before + 1 && b.outbound.open as usize == before + 1
    });
    connection
}

#[test]
fn two_nodes_exchange_signed_messages() {
    let (mut nodes, address) = pair(Config::default());
    nodes[0].subscribe("news");
    nodes[1].subscribe("news");
    connect(&mut nodes, &address);
    until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers_of("news").len() == 1));
    for node in &mut nodes {
        (0..3).for_each(|_| _ = node.publish("news", "hello"));
    }
    until(&mut nodes, |nodes| nodes.iter().all(|node| node.messages.len() == 3));
    nodes[0].unsubscribe("news");
    until(&mut nodes, |nodes| nodes[1].peers_of("news").is_empty());
    let told = |other: u8| {
        let mut lines = vec![format!("added {other}"), format!("subscribed {other} news")];
        lines.extend((1..=3).map(|n| format!("message news {other}#{n} hello via {other}")));
        lines
    };
    assert_eq!(nodes[0].take_log(), told(2));
    assert_eq!(nodes[1].take_log(), [told(1), vec!["unsubscribed 1 news".into()]].concat());
    shut_down(&mut nodes);
    nodes[0].expect(&["gone 2"]);
    nodes[1].expect(&["gone 1"]);
}

/// The attacker says five times as much as the node remembers, of one author or of many, and an old one in between.
#[test]
fn endless_messages_keep_out_no_other_and_repeat_no_old_one() {
    const ATTACKER: usize = 1;
    const HONEST: usize = 2;
    const AUTHORS: u64 = 250;
    for authors in [1, AUTHORS] {
        let mut config = Config::default();
        config.seen = 200;
        let mut nodes = [node(1, config), node(2, Config::default()), node(3, Config::default())];
        let address = listen(&mut nodes);
        nodes[0].subscribe("news");
        for dialer in [ATTACKER, HONEST] {
            nodes[dialer].swarm.dial(address.clone()).unwrap();
            until(&mut nodes, |nodes| nodes[dialer].peers_of("news") == [1]);
        }
        let connection = nodes[ATTACKER].swarm.connections().next().unwrap();
        let stream = nodes[ATTACKER].swarm.open_stream(connection, &[FLOODSUB]).unwrap();
        let by = |number: u64, data| signed(4 + u8::try_from(number % authors).unwrap(), number, "news", data);
        let (old, mut sent) = (by(0, b"old"), 0);
        for round in 0..20 {
            let messages = (1..=50).map(|n| by(50 * round + n, b"new")).chain([old.clone()]);
            let messages: Vec<_> = messages.collect();
            let bytes = publishing(&messages).to_frame();
            assert_eq!(nodes[ATTACKER].swarm.write(stream, &bytes), Ok(bytes.len()));
            sent += messages.len() as u64;
            nodes[HONEST].publish("news", &format!("honest {round}"));
            until(&mut nodes, |nodes| {
                let counters = nodes[0].floodsub().counters();
                let refused = counters.author_over_share + counters.sender_over_share;
                counters.received + counters.duplicates + refused == sent + round + 1
            });
        }
        let told = |data: &[u8]| nodes[0].messages.iter().filter(|(message, _)| message.data.starts_with(data)).count();
        assert_eq!((told(b"honest"), told(b"old")), (20, 1));
        let mut all: Vec<_> = nodes[0].messages.iter().map(|(message, _)| (message.source, message.seqno)).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0] != two[1]), "nothing is told twice");
        let counters = nodes[0].floodsub().counters();
        assert!(counters.author_over_share + counters.sender_over_share > 800, "{counters:?}");
        assert_eq!((counters.invalid, nodes[0].peers()), (0, vec![2, 3]), "nobody is blamed");
        shut_down(&mut nodes);
    }
}

/// What the owner sees of a peer whose messages are all invalid: it is cut, kept out, and may come back.
#[test]
fn a_peer_of_invalid_messages_is_cut_and_kept_out_for_a_while() {
    let mut config = Config::default();
    config.denied_for = Duration::from_millis(500);
    // The other one's messages are not signed.
    let mut nodes = [node(1, config), node_with(2, Config::default(), Signing::strict_no_sign())];
    let address = listen(&mut nodes);
    let ends = Ends::default();
    nodes[0].notifees.register(ends.clone());
    nodes[0].subscribe("news");
    let connection = connect(&mut nodes, &address);
    until(&mut nodes, |nodes| nodes[1].peers_of("news").len() == 1);
    for n in 0..30 {
        nodes[1].publish("news", &format!("{n}"));
    }
    until(&mut nodes, |nodes| nodes[1].swarm.connection(connection).is_none());
    until(&mut nodes, |_| ends.0.borrow().len() == 1);
    assert_eq!(ends.0.take(), [ConnectionEnd::Failed(Fault::Flood)]);
    assert_eq!(nodes[0].floodsub().counters().peers_cut, 1);
    // It comes again and again, and is turned away until its time is over.
    while nodes[0].swarm.connections().next().is_none() {
        let again = nodes[1].swarm.dial(address.clone()).unwrap();
        until(&mut nodes, |nodes| {
            nodes[0].swarm.connections().next().is_some() || nodes[1].swarm.connection(again).is_none()
        });
    }
    assert!(nodes[0].swarm.refused(Refusal::ConnectionDenied) > 0, "it was turned away");
    shut_down(&mut nodes);
}

/// How the connections of a node have ended.
#[derive(Clone, Default)]
struct Ends(Rc<RefCell<Vec<ConnectionEnd>>>);

impl<N: HasNode> Notifee<N> for Ends {
    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, reason: ConnectionEnd) {
        self.0.borrow_mut().push(reason);
    }
}

#[test]
fn test_connected_enqueues_and_adds_peer() {
    let (mut nodes, address) = pair(Config::default());
    assert_eq!((nodes[0].peers(), nodes[1].peers()), (vec![], vec![]));
    connect(&mut nodes, &address);
    until(&mut nodes, both_streams);
    assert_eq!((nodes[0].peers(), nodes[1].peers()), (vec![2], vec![1]));
    nodes[0].expect(&["added 2"]);
    nodes[1].expect(&["added 1"]);
    shut_down(&mut nodes);
}

#[test]
fn test_disconnected_enqueues_and_removes_peer() {
    for is_polite in [true, false] {
        let (mut nodes, address) = pair(Config::default());
        let connection = connect(&mut nodes, &address);
        until(&mut nodes, both_streams);
        match is_polite {
            true => nodes[1].swarm.close_connection(connection).unwrap(),
            false => nodes[1].swarm.abort_connection(connection).unwrap(),
        }
        until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers().is_empty()));
        shut_down(&mut nodes);
        nodes[0].expect(&["added 2", "gone 2"]);
        nodes[1].expect(&["added 1", "gone 1"]);
    }
}

#[test]
fn events_that_nobody_drains_hold_nobody_up() {
    // In the end nobody could.
    let mut config = Config::default();
    config.events = 1;
    let (mut nodes, address) = pair(config);
    nodes[0].is_paused = true;
    nodes[0].subscribe("news");
    nodes[1].subscribe("news");
    for round in 1..=3 {
        let connection = connect(&mut nodes, &address);
        until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers_of("news").len() == 1));
        nodes[1].publish("news", "hello");
        until(&mut nodes, |nodes| nodes[0].floodsub().counters().received == round);
        nodes[1].swarm.close_connection(connection).unwrap();
        until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers().is_empty()));
    }
    nodes[0].drain();
    // Added, subscribed, a message, gone; three times.
    nodes[0].expect(&["lagged 11", "gone 2"]);
    let floodsub = nodes[0].floodsub;
    let Node { notifees, swarm, .. } = &mut nodes[0];
    assert!(notifees.uninstall(swarm, floodsub));
    nodes[1].take_log();
    let connection = connect(&mut nodes, &address);
    until(&mut nodes, |nodes| nodes[1].swarm.counters().streams.outbound.failed == 1);
    nodes[1].swarm.close_connection(connection).unwrap();
    until(&mut nodes, |nodes| nodes.iter().all(|node| node.swarm.connections().next().is_none()));
    nodes[1].expect(&[]);
}

#[test]
fn test_duplicate_connection_does_not_duplicate_peer_state() {
    let (mut nodes, address) = pair(Config::default());
    nodes[0].subscribe("news");
    let first = connect(&mut nodes, &address);
    until(&mut nodes, both_streams);
    let second = connect(&mut nodes, &address);
    // What is to come of it has come once a message has been to the other side and one back.
    nodes[1].subscribe("news");
    until(&mut nodes, |nodes| nodes[0].peers_of("news") == [2] && nodes[1].peers_of("news") == [1]);
    nodes[0].publish("news", "once");
    until(&mut nodes, |nodes| nodes[1].messages.len() == 1);
    assert_eq!((nodes[0].streams(), nodes[1].streams()), ((1, 1), (1, 1)));
    assert_eq!((nodes[0].peers(), nodes[1].peers()), (vec![2], vec![1]));
    nodes[0].expect(&["added 2", "subscribed 2 news"]);
    nodes[1].expect(&["added 1", "subscribed 1 news", "message news 1#1 once via 1"]);

    // The streams move to the connection that is left.
    nodes[1].swarm.close_connection(first).unwrap();
    until(&mut nodes, |nodes| nodes.iter().all(|node| node.swarm.connections().count() == 1));
    until(&mut nodes, |nodes| nodes.iter().all(|node| node.streams() == (1, 1)));
    nodes[1].publish("news", "again");
    until(&mut nodes, |nodes| nodes[0].messages.len() == 1);
    nodes[0].expect(&["message news 2#1 again via 2"]);
    nodes[1].expect(&[]);

    nodes[1].swarm.close_connection(second).unwrap();
    until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers().is_empty()));
    nodes[0].expect(&["gone 2"]);
    nodes[1].expect(&["gone 1"]);
    shut_down(&mut nodes);
}

#[test]
fn test_blacklist_blocks_peer_added_by_notifee() {
    for dials_itself in [false, true] {
        let (mut nodes, address) = pair(Config::default());
        nodes[0].subscribe("news");
        assert!(nodes[0].on(|floodsub, swarm| floodsub.deny(swarm, peer(2))));
        match dials_itself {
            false => _ = connect(&mut nodes, &address),
            true => {
                let address = listen(&mut nodes[1..]);
                nodes[0].swarm.dial(address).unwrap();
            }
        }
        // Its stream is reset, whenever it opens one, until it leaves us alone.
        until(&mut nodes, |nodes| nodes[1].log == ["added 1"] && nodes[0].floodsub().counters().streams_refused == 1);
        until(&mut nodes, |nodes| nodes.iter().all(|node| node.streams() == (0, 0)));
        assert_eq!((nodes[0].peers(), nodes[0].peers_of("news")), (vec![], vec![]));
        nodes[0].expect(&[]);
        shut_down(&mut nodes);
        nodes[0].expect(&[]);
    }
}
