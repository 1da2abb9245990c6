//! The deny list.

use crate::floodsub::raw::{publishing, signed};
use crate::floodsub::world::World;
use crate::support::floodsub::peer;
use swarm_notify::protocols::pubsub::Config;

fn deny(world: &mut World, at: u8, whom: u8) -> bool {
    world.at(at).on(|floodsub, swarm| floodsub.deny(swarm, peer(whom)))
}

fn allow(world: &mut World, at: u8, whom: u8) -> bool {
    world.at(at).on(|floodsub, swarm| floodsub.allow(swarm, peer(whom)))
}

#[test]
fn who_is_denied_is_not_added() {
    let mut world = World::of(2);
    world.at(2).subscribe("t");
    assert!(deny(&mut world, 1, 2));
    assert!(!deny(&mut world, 1, 2), "it is denied already");
    world.join(2, 1);
    world.at(1).expect(&[]);
    // Node 2 has its stream reset, and is asked for none.
    assert_eq!((world.at(1).streams(), world.at(2).streams()), ((0, 0), (0, 0)));
    assert_eq!(world.at(1).swarm.connections().count(), 1, "its connection is left alone");
    assert_eq!(world.at(1).floodsub().denied().collect::<Vec<_>>(), [peer(2)]);
}

#[test]
fn a_peer_goes_when_it_is_denied_and_comes_when_it_is_allowed() {
    let mut world = World::of(2);
    world.at(1).subscribe("t");
    world.at(2).subscribe("t");
    world.join(2, 1);
    world.forget_logs();
    assert!(deny(&mut world, 1, 2));
    world.settle();
    world.at(1).expect(&["gone 2"]);
    assert_eq!((world.at(1).peers(), world.at(1).peers_of("t")), (vec![], vec![]));
    world.at(1).publish("t", "a");
    world.at(2).publish("t", "b");
    world.settle();
    world.at(1).expect(&[]);
    assert!(allow(&mut world, 1, 2));
    assert!(!allow(&mut world, 1, 2));
    world.settle();
    world.at(1).expect(&["added 2"]);
    // Node 2 tries its own stream again after a while.
    world.pass(std::time::Duration::from_secs(5));
    world.at(1).expect(&["subscribed 2 t", "message t 2#1 b via 2"]);
    world.at(1).publish("t", "c");
    world.settle();
    world.at(2).expect(&["message t 1#2 c via 1"]);
    assert_eq!((world.at(1).streams(), world.at(2).streams()), ((1, 1), (1, 1)));
}

#[test]
fn what_a_denied_author_has_written_is_dropped_whoever_sends_it() {
    let mut world = World::line(3);
    (1..=3).for_each(|number| world.at(number).subscribe("t"));
    world.settle();
    world.forget_logs();
    deny(&mut world, 2, 1);
    deny(&mut world, 3, 1);
    world.settle();
    world.at(2).expect(&["gone 1"]);
    let raw = world.raw(true);
    world.join(raw, 2);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&[signed(1, 50, "t", b"bad"), signed(9, 50, "t", b"good")]));
    world.settle();
    world.at(2).expect(&["added 4", "message t 9#50 good via 4"]);
    world.at(3).expect(&["message t 9#50 good via 2"]);
    assert_eq!(world.at(2).floodsub().counters().denied, 1);
    // Once it is allowed, the same message is taken.
    allow(&mut world, 2, 1);
    world.settle();
    world.raw_at(raw).send(stream, &publishing(&[signed(1, 50, "t", b"bad")]));
    world.settle();
    assert_eq!(world.at(2).messages.last().unwrap().0.data, b"bad");
    assert_eq!(world.at(3).floodsub().counters().denied, 1, "node 3 denies it still");
}

#[test]
fn one_who_is_not_connected_may_be_denied_and_allowed() {
    let mut world = World::new();
    let node = world.node(Config::default());
    assert!(deny(&mut world, node, 100) && allow(&mut world, node, 100));
    world.settle();
    world.at(node).expect(&[]);
}
