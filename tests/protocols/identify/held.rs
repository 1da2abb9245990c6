//! What peers say takes no more memory than the bound of all, and whoever takes most of it pays.

use super::{keypair, secs};
use crate::support::fake_node::Fake;
use crate::support::sim::Host as Name;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Failure, StreamId};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::identify::{Config, Event, Identify, Info, PROTOCOL, PUSH_PROTOCOL, encode};
use swarm_notify::protocols::parts::with_length;

const KIB: usize = 1_024;
/// Connections, for each of which there are so many bytes.
const EACH: usize = 4 * KIB;
const MOST: usize = 32;

struct World {
    node: Fake,
    notifees: Notifees<Fake>,
    id: NotifeeId<Identify>,
    told: Vec<Event>,
    takes_events: bool,
}

impl World {
    fn new(config: Config) -> Self {
        let us = keypair(Name(1)).public();
        let (mut node, mut notifees) = (Fake::new(us.to_peer_id()), Notifees::new());
        let id = notifees.install(&mut node, Identify::new(us, config));
        Self { node, notifees, id, told: Vec::new(), takes_events: true }
    }

    fn bounded(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        (config.asks, config.held_bytes) = (false, MOST * EACH);
        change(&mut config);
        Self::new(config)
    }

    fn identify(&mut self) -> &mut Identify {
        self.notifees.get_mut(self.id).unwrap()
    }

    fn turn(&mut self) {
        self.node.poll();
        self.notifees.drive(&mut self.node, secs(1));
        while self.takes_events
            && let Some(event) = self.identify().next_event()
        {
            self.told.push(event);
        }
    }

    fn connect(&mut self, number: usize) -> ConnectionId {
        let peer = keypair(Name(number as u8 + 2)).public().to_peer_id();
        let connection = self.node.connect(peer).unwrap();
        self.turn();
        connection
    }

    /// A peer opens a stream and says this, whole or not.
    fn says(&mut self, connection: ConnectionId, protocol: Protocol, said: &[u8], is_whole: bool) -> StreamId {
        let stream = self.node.accept(connection, protocol).unwrap();
        self.turn();
        // It may have given way already.
        if self.node.lives(stream) {
            self.node.send(stream, said, 0);
            if is_whole {
                self.node.finishes(stream);
            }
        }
        self.turn();
        stream
    }

    fn knows(&mut self, connection: ConnectionId) -> bool {
        self.identify().info(connection).is_some()
    }
}

/// A message with as many protocols, and of the length of each.
fn protocols(count: usize, length: usize) -> Vec<u8> {
    let mut info = Info::default();
    info.protocols = (0..count).map(|n| Protocol::new(format!("/{n:0>width$}", width = length - 1)).unwrap()).collect();
    with_length(&encode(&info))
}

#[test]
fn who_holds_no_more_than_its_part_keeps_it_beside_the_greedy() {
    let mut world = World::bounded(|_| {});
    let connections: Vec<_> = (0..MOST).map(|number| world.connect(number)).collect();
    let (honest, greedy) = connections.split_at(MOST / 2);
    let (modest, large) = (protocols(30, 30), protocols(500, 30));
    for round in 0..3 {
        for (honest, greedy) in honest.iter().zip(greedy) {
            if round == 0 {
                world.says(*honest, PUSH_PROTOCOL, &modest, true);
            }
            world.says(*greedy, PUSH_PROTOCOL, &large, true);
            world.says(*greedy, PUSH_PROTOCOL, &large[..large.len() - 1], false);
            assert!(world.identify().bytes_held() <= MOST * EACH, "{}", world.identify().bytes_held());
        }
    }
    assert!(honest.iter().all(|connection| world.knows(*connection)), "all of them");
    assert!(!greedy.iter().all(|connection| world.knows(*connection)), "not all of them");
    assert!(world.identify().forgotten() > 0);
    let failed = |event: &&Event| matches!(event, Event::PushFailed { reason: Failure::Limit, connection, .. } if greedy.contains(connection));
    let cut = world.told.iter().filter(failed).count();
    assert!(cut > 0, "streams that are not whole give way, too");
    let of_honest = world.told.iter().filter(|event| match event {
        Event::Pushed { connection, .. } => honest.contains(connection),
        Event::PushFailed { connection, .. } => {
            assert!(!honest.contains(connection));
            false
        }
        other @ (Event::Identified { .. } | Event::Failed { .. } | _) => panic!("{other}"),
    });
    assert_eq!(of_honest.count(), honest.len());
    // Nothing is left of who has gone.
    for connection in connections {
        world.node.disconnect(connection);
        world.turn();
    }
    (0..200).for_each(|_| world.turn());
    assert_eq!(world.identify().bytes_held(), 0);
}

#[test]
fn answers_that_nobody_reads_count_and_the_greediest_loses_them() {
    let mut world = World::bounded(|config| config.held_bytes = 64 * KIB);
    for n in 0..120 {
        world.node_protocol(n);
    }
    let connections: Vec<_> = (0..8).map(|number| world.connect(number)).collect();
    let modest = world.says(connections[0], PROTOCOL, &[], true);
    for connection in &connections[1..] {
        for _ in 0..4 {
            world.says(*connection, PROTOCOL, &[], true);
            assert!(world.identify().bytes_held() <= 64 * KIB, "{}", world.identify().bytes_held());
        }
    }
    assert!(world.identify().bytes_held() > 32 * KIB);
    let living = world.node.streams.keys().filter(|stream| **stream == modest).count();
    assert_eq!(living, 1, "who has one keeps it");
    assert!(world.node.streams.len() < 29, "others lost some: {}", world.node.streams.len());
}

impl World {
    fn node_protocol(&mut self, n: usize) {
        use swarm_notify::notifee::Node as _;
        self.node.register_protocol(Protocol::new(format!("/protocol/{n:0>30}")).unwrap());
    }
}

#[test]
fn events_that_nobody_takes_have_a_quarter_of_the_memory() {
    let mut world = World::bounded(|config| config.events = 1_000);
    world.takes_events = false;
    let connection = world.connect(0);
    let large = protocols(100, 30);
    for _ in 0..20 {
        world.says(connection, PUSH_PROTOCOL, &large, true);
    }
    let dropped = world.identify().dropped();
    world.takes_events = true;
    world.turn();
    assert_eq!(world.told[0], Event::Lagged { events: dropped });
    assert_eq!((dropped + world.told[1..].len() as u64, world.told.len() > 1), (20, true));
    assert!(dropped > 10, "{dropped}");
}

#[test]
fn without_memory_nothing_is_known_and_all_is_told() {
    let mut world = World::bounded(|config| config.held_bytes = 0);
    let connection = world.connect(0);
    world.says(connection, PUSH_PROTOCOL, &protocols(1, 30), true);
    assert!(matches!(world.told[..], [Event::Pushed { .. }]), "{:?}", world.told);
    assert!(!world.knows(connection) && world.identify().forgotten() == 1);
}
