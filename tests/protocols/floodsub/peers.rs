//! Who is a peer, from when and until when.

use crate::floodsub::raw::subscribing;
use crate::floodsub::world::World;
use crate::support::floodsub::{FLOODSUB, OTHER, keypair};
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::{HasNode, Interest, Notifee, NotifeeContext};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::pubsub::{Config, Signing};

#[test]
fn who_speaks_it_is_a_peer_from_connection_to_disconnection() {
    let mut world = World::of(2);
    world.at(2).subscribe("t");
    let connection = world.join(1, 2);
    world.at(1).expect(&["added 2", "subscribed 2 t"]);
    world.at(2).expect(&["added 1"]);
    world.disconnect(1, connection);
    world.settle();
    world.at(1).expect(&["gone 2"]);
    world.at(2).expect(&["gone 1"]);
    assert_eq!((world.at(1).peers(), world.at(1).peers_of("t")), (vec![], vec![]));
    world.join(2, 1);
    world.at(1).expect(&["added 2", "subscribed 2 t"]);
}

#[test]
fn who_does_not_speak_it_is_none() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(false));
    world.join(node, raw);
    world.at(node).expect(&[]);
    assert_eq!((world.at(node).peers(), world.at(node).streams()), (vec![], (0, 0)));
    assert_eq!(world.at(node).swarm.counters().streams.outbound.failed, 1);
    // And it is not asked again, however long it stays.
    world.pass(std::time::Duration::from_secs(3600));
    assert_eq!(world.at(node).swarm.counters().streams.outbound.failed, 1);
}

#[test]
fn who_comes_to_speak_it_later_is_a_peer_once_it_says_something() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(false));
    world.at(node).subscribe("t");
    world.join(node, raw);
    world.raw_at(raw).swarm.register_protocol(FLOODSUB);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.at(node).expect(&["added 2", "subscribed 2 t"]);
    assert_eq!(world.raw_at(raw).announced(), ["+t"]);
    assert_eq!(world.at(node).streams(), (1, 1));
}

#[test]
fn who_only_talks_is_a_peer_as_long_as_it_does() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(false));
    world.join(node, raw);
    let stream = world.raw_at(raw).open();
    world.settle();
    world.at(node).expect(&["added 2"]);
    world.raw_at(raw).swarm.finish(stream).unwrap();
    world.settle();
    world.at(node).expect(&["gone 2"]);
    assert_eq!(world.raw_at(raw).log.last().unwrap(), "closed outbound finished", "the end is answered");
}

#[test]
fn several_connections_are_one_peer_with_one_stream_of_ours() {
    let mut world = World::of(2);
    let connections: Vec<_> = [(1, 2), (2, 1), (1, 2)].map(|(from, to)| (from, world.join(from, to))).into();
    world.at(1).subscribe("t");
    world.settle();
    world.at(1).expect(&["added 2"]);
    world.at(2).expect(&["added 1", "subscribed 1 t"]);
    assert_eq!((world.at(1).streams(), world.at(2).streams()), ((1, 1), (1, 1)));
    let opened = world.at(1).swarm.counters().streams.outbound.opened;
    assert_eq!(opened, 1);
    for (i, (number, connection)) in connections.into_iter().enumerate() {
        world.at(1).expect(&[]);
        world.disconnect(number, connection);
        world.settle();
        assert_eq!(world.at(1).peers().len(), usize::from(i < 2));
    }
    world.at(1).expect(&["gone 2"]);
    world.at(2).expect(&["gone 1"]);
}

#[test]
fn who_was_there_before_is_found() {
    let mut world = World::of(1);
    let late = world.node(Config::default());
    let floodsub = world.at(late).floodsub;
    assert!(world.at(late).notifees.unregister(floodsub));
    world.join(1, late);
    assert_eq!(world.at(late).streams(), (1, 0), "nobody reads it, but it has been agreed on");
    world.at(1).take_log();
    let node = world.at(late);
    let service = FloodSub::new(Signing::strict_sign(keypair(late), 1), Config::default());
    node.floodsub = node.notifees.install(&mut node.swarm, service);
    world.at(1).subscribe("t");
    world.settle();
    world.at(late).expect(&["added 1", "subscribed 1 t"]);
    world.at(1).expect(&[]);
    assert_eq!(world.at(late).streams(), (1, 1));
}

#[test]
fn what_a_peer_had_said_before_the_service_came_is_heard() {
    let mut world = World::of(1);
    world.at(1).subscribe("t");
    let late = world.node(Config::default());
    let floodsub = world.at(late).floodsub;
    assert!(world.at(late).notifees.unregister(floodsub));
    world.join(1, late);
    // That its stream can be read was told, to nobody, and is not told again.
    let node = world.at(late);
    let service = FloodSub::new(Signing::strict_sign(keypair(late), 1), Config::default());
    node.floodsub = node.notifees.install(&mut node.swarm, service);
    world.settle();
    world.at(late).expect(&["added 1", "subscribed 1 t"]);
}

#[test]
fn nothing_is_kept_for_a_peer_that_cannot_hear() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(false));
    world.join(node, raw);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.at(node).expect(&["added 2", "subscribed 2 t"]);
    world.at(node).publish("t", "long ago");
    world.settle();
    world.at(node).expect(&["dropped 2 1"]);
    // It comes to hear.
    world.raw_at(raw).swarm.register_protocol(FLOODSUB);
    world.join(raw, node);
    world.at(node).publish("t", "now");
    world.settle();
    assert_eq!(world.raw_at(raw).messages(), [b"now"]);
    assert_eq!((world.at(node).floodsub().counters().dropped, world.at(node).floodsub().counters().sent), (1, 1));
}

#[test]
fn others_streams_are_left_alone() {
    /// Writes something that is no RPC on a stream of another protocol.
    struct Garbage;
    impl<N: HasNode> Notifee<N> for Garbage {
        fn interest(&self) -> Interest {
            Interest::CONNECTED
        }

        fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, connection: ConnectionId) {
            let node = cx.network().node_mut();
            let stream = node.open_stream(connection, &[OTHER]).unwrap();
            assert_eq!(node.write(stream, &[0xff; 100]), Ok(100));
        }
    }
    let mut world = World::of(2);
    world.at(1).notifees.register(Garbage);
    world.join(1, 2);
    world.at(2).expect(&["added 1"]);
    assert_eq!(world.at(2).floodsub().counters().invalid, 0);
    let counters = world.at(2).swarm.counters().streams;
    assert_eq!((counters.inbound.open, counters.outbound.open), (2, 1));
}

#[test]
fn a_connection_that_fails_is_nobody() {
    let mut world = World::of(1);
    world.at(1).swarm.dial(crate::support::sim::Host(77).at(1)).unwrap();
    world.settle();
    assert_eq!(world.at(1).swarm.counters().connections.outbound.failed, 1);
    world.at(1).expect(&[]);
}
