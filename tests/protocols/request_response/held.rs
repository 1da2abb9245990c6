//! Messages take no more memory than their bounds, and the peer for which most is taken pays.

use super::{Bytes, Config, Event, RequestResponse, SHOUT};
use crate::support::fake_node::Fake;
use std::time::Duration;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Failure, StreamId};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::parts::with_length;
use swarm_notify::protocols::request_response::{Framing, RequestError};

const KIB: usize = 1_024;

type Shout = RequestResponse<Bytes>;
type Told = Event<Vec<u8>, Vec<u8>>;

struct World {
    node: Fake,
    notifees: Notifees<Fake>,
    id: NotifeeId<Shout>,
    config: Config,
    now: Duration,
}

fn peer(number: u8) -> PeerId {
    Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
}

impl World {
    /// Messages of at most 64 KiB, and 256 KiB for those of each direction.
    fn new(framing: Framing) -> Self {
        let mut config = Config::default();
        (config.request_bytes, config.response_bytes) = (64 * KIB, 64 * KIB);
        (config.outbound_bytes, config.inbound_bytes) = (256 * KIB, 256 * KIB);
        config.framing = framing;
        let (mut node, mut notifees) = (Fake::new(peer(0)), Notifees::new());
        let id = notifees.install(&mut node, Shout::new([SHOUT], Bytes, config.clone()));
        Self { node, notifees, id, config, now: Duration::ZERO }
    }

    fn service(&mut self) -> &mut Shout {
        self.notifees.get_mut(self.id).unwrap()
    }

    fn turn(&mut self) {
        self.now += Duration::from_millis(1);
        self.node.poll();
        self.notifees.drive(&mut self.node, self.now);
        let (outbound, inbound) = self.service().bytes_held();
        assert!(outbound <= self.config.outbound_bytes && inbound <= self.config.inbound_bytes);
    }

    fn connect(&mut self, number: u8) -> ConnectionId {
        let connection = self.node.connect(peer(number)).unwrap();
        self.turn();
        connection
    }

    fn wire(&self, message: &[u8]) -> Vec<u8> {
        if self.config.framing == Framing::LengthPrefixed { with_length(message) } else { message.to_vec() }
    }

    /// A peer asks, and says all of it but the last byte, or all.
    fn asks(&mut self, connection: ConnectionId, bytes: usize, is_whole: bool) -> StreamId {
        let stream = self.node.accept(connection, SHOUT).unwrap();
        self.turn();
        let message = self.wire(&vec![7; bytes]);
        self.node.send(stream, &message[..message.len() - usize::from(!is_whole)], 0);
        if is_whole {
            self.node.finishes(stream);
        }
        self.turn();
        stream
    }

    fn told(&mut self) -> Vec<Told> {
        let service = self.service();
        std::iter::from_fn(|| service.next_event()).collect()
    }

    fn lives(&self, stream: StreamId) -> bool {
        self.node.streams.contains_key(&stream)
    }

    /// Nothing counts once all is over.
    fn end(mut self, connections: &[ConnectionId]) {
        for connection in connections {
            self.node.disconnect(*connection);
            (0..10).for_each(|_| self.turn());
        }
        self.told();
        assert_eq!((self.service().bytes_held(), self.service().pending()), ((0, 0), 0));
    }
}

fn framings() -> [Framing; 2] {
    [Framing::WholeSide, Framing::LengthPrefixed]
}

#[test]
fn of_requests_that_arrive_those_of_who_holds_most_give_way() {
    for framing in framings() {
        let mut world = World::new(framing);
        let connections: Vec<_> = (1..4).map(|number| world.connect(number)).collect();
        let modest = world.asks(connections[0], 60 * KIB, false);
        let greedy: Vec<_> = (0..16).map(|n| world.asks(connections[1 + n % 2], 60 * KIB, false)).collect();
        let left = greedy.iter().filter(|stream| world.lives(**stream)).count();
        assert!(world.lives(modest) && (1..4).contains(&left), "{left} of the greedy are left");
        assert_eq!(world.service().refused(), 16 - left as u64);
        // What is left comes whole.
        world.node.send(modest, &[7], 0);
        world.node.finishes(modest);
        world.turn();
        assert!(matches!(&world.told()[..], [Event::Request { request, .. }] if request.len() == 60 * KIB));
        world.end(&connections);
    }
}

#[test]
fn of_waiting_requests_those_of_who_holds_most_are_refused() {
    for framing in framings() {
        let mut world = World::new(framing);
        let connections: Vec<_> = (1..3).map(|number| world.connect(number)).collect();
        world.asks(connections[0], 60 * KIB, true);
        (0..16).for_each(|_| _ = world.asks(connections[1], 60 * KIB, true));
        let told = world.told();
        let of = |number| move |event: &&Told| matches!(event, Event::Request { peer: of, .. } if *of == peer(number));
        assert_eq!(told.iter().filter(of(1)).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(of(2)).count(), told.len() - 1, "no outcome of what was not taken");
        assert!((2..=4).contains(&(told.len() - 1)) && world.service().refused() == 17 - told.len() as u64);
        // What was taken counts no more.
        assert_eq!(world.service().bytes_held().1, 0);
        world.end(&connections);
    }
}

#[test]
fn of_unread_responses_those_of_who_holds_most_are_lost() {
    let mut world = World::new(Framing::WholeSide);
    let connections: Vec<_> = (1..3).map(|number| world.connect(number)).collect();
    world.asks(connections[0], 1, true);
    (0..10).for_each(|_| _ = world.asks(connections[1], 1, true));
    for event in world.told() {
        let Event::Request { id, .. } = event else { panic!("{event}") };
        world.service().respond(id, &vec![8; 60 * KIB]).unwrap();
    }
    (0..3).for_each(|_| world.turn());
    let told = world.told();
    let failed = |event: &Told| matches!(event, Event::InboundFailure { peer: of, reason: Failure::Limit, .. } if *of == peer(2));
    assert!(told.iter().all(failed) && (7..9).contains(&told.len()), "{told:?}");
    world.node.takes(peer(1), usize::MAX / 4);
    world.node.takes(peer(2), usize::MAX / 4);
    world.turn();
    let sent = world.told();
    assert!(sent.iter().all(|event| matches!(event, Event::ResponseSent { .. })), "{sent:?}");
    assert_eq!(sent.len() + told.len(), 11, "each has one outcome");
    world.end(&connections);
}

#[test]
fn of_our_requests_those_to_who_holds_most_fail() {
    for framing in framings() {
        let mut world = World::new(framing);
        let connections: Vec<_> = (1..5).map(|number| world.connect(number)).collect();
        // Whose responses come, and are not whole.
        (1..5).for_each(|number| world.node.takes(peer(number), usize::MAX / 4));
        let modest = world.service().request(connections[0], &b"?".to_vec()).unwrap();
        let greedy: Vec<_> =
            (0..15).map(|n| world.service().request(connections[1 + n % 3], &b"?".to_vec()).unwrap()).collect();
        (0..3).for_each(|_| world.turn());
        let message = world.wire(&vec![7; 60 * KIB]);
        for stream in world.node.streams.keys().copied().collect::<Vec<_>>() {
            world.node.send(stream, &message[..message.len() - 1], 0);
            world.turn();
        }
        world.turn();
        for stream in world.node.streams.keys().copied().filter(|stream| world.node.lives(*stream)).collect::<Vec<_>>()
        {
            world.node.send(stream, &[7], 0);
            world.node.finishes(stream);
            world.turn();
        }
        let told = world.told();
        assert_eq!(told.len(), 16, "each has one outcome: {told:?}");
        for event in told {
            match event {
                Event::Response { id, response, .. } => {
                    assert!((id == modest || greedy.contains(&id)) && response.len() == 60 * KIB);
                }
                Event::OutboundFailure { id, reason, .. } => {
                    assert!(greedy.contains(&id) && reason == Failure::Limit, "{reason}");
                }
                other @ (Event::Request { .. } | Event::ResponseSent { .. } | Event::InboundFailure { .. } | _) => {
                    panic!("{other}")
                }
            }
        }
        world.end(&connections);
    }
}

#[test]
fn one_peer_alone_is_asked_no_more_than_the_bound_of_all() {
    let mut world = World::new(Framing::WholeSide);
    let connections: Vec<_> = (1..3).map(|number| world.connect(number)).collect();
    let large = vec![7; 60 * KIB];
    let asked: Vec<_> = (0..4).map(|_| world.service().request(connections[0], &large).unwrap()).collect();
    assert_eq!(world.service().request(connections[0], &large), Err(RequestError::Limit));
    assert!(world.service().request(connections[0], &b"?".to_vec()).is_ok(), "a small one has place");
    // One of the greedy peer's makes place for another peer.
    world.service().request(connections[1], &large).unwrap();
    (0..2).for_each(|_| world.turn());
    let told = world.told();
    assert!(
        matches!(told[..], [Event::OutboundFailure { id, reason: Failure::Limit, .. }] if asked.contains(&id)),
        "{told:?}"
    );
    world.end(&connections);
}

#[test]
fn a_request_that_gave_way_can_be_cancelled() {
    let mut world = World::new(Framing::WholeSide);
    let connections: Vec<_> = (1..3).map(|number| world.connect(number)).collect();
    let large = vec![7; 60 * KIB];
    let asked: Vec<_> = (0..4).map(|_| world.service().request(connections[0], &large).unwrap()).collect();
    world.service().request(connections[1], &large).unwrap();
    assert!(asked.iter().all(|id| world.service().cancel(*id)));
    (0..2).for_each(|_| world.turn());
    assert!(world.told().is_empty(), "no outcome of what was given up");
    world.end(&connections);
}
