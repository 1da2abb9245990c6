//! [`Crowd`]: one router with many peers that all subscribe to the same topics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::gossipsub::{Config, MeshRouter, PROTOCOL_1_2};
use swarm_notify::protocols::pubsub::{Action, Actions, Router, RouterPeer, Topic, Turn};

fn peer(number: u32) -> PeerId {
    let mut bytes = [0; 34];
    bytes[..2].copy_from_slice(&[0x12, 0x20]);
    bytes[2..6].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(&bytes).expect("it is a hash")
}

/// One router with many peers.
pub(crate) struct Crowd {
    router: MeshRouter,
    now: Duration,
    subscribers: BTreeMap<Topic, BTreeSet<PeerId>>,
}

/// It does nothing of what it is asked for.
struct Idle;

impl Actions for Idle {
    fn act(&mut self, _action: Action<'_>) {}
}

impl Crowd {
    pub(crate) fn new(peers: u32, topics: u32) -> Self {
        let names: Vec<Topic> = (0..topics).map(|number| format!("topic {number}").into()).collect();
        let all: BTreeSet<_> = (0..peers).map(peer).collect();
        let subscribers = names.iter().map(|name| (name.clone(), all.clone())).collect();
        let mut crowd = Self { router: MeshRouter::new(Config::default(), [1; 32]), now: Duration::ZERO, subscribers };
        for number in 0..peers {
            let protocol = PROTOCOL_1_2;
            let info = RouterPeer::new(peer(number), &protocol, Direction::Inbound, None);
            crowd.turn(|router, cx| router.peer_opened(&info, cx));
        }
        names.iter().for_each(|name| crowd.join(name));
        crowd.beat();
        crowd
    }

    /// Subscribes to a topic of the crowd.
    pub(crate) fn join(&mut self, name: &Topic) {
        self.router.joined(name, true);
        self.turn(Router::tick);
    }

    /// Adds a topic to which all peers subscribe, which is memory of the crowd. The router has not joined it.
    pub(crate) fn add_topic(&mut self, name: &str) -> Topic {
        let all = self.subscribers.values().next().cloned().unwrap_or_default();
        let name = Topic::from(name);
        self.subscribers.insert(name.clone(), all);
        name
    }

    fn turn(&mut self, with: impl FnOnce(&mut MeshRouter, &mut Turn<'_>)) {
        let mut turn = Turn { now: self.now, subscribers: &self.subscribers, is_seen: &|_| false, actions: &mut Idle };
        with(&mut self.router, &mut turn);
    }

    /// Takes the next heartbeat.
    pub(crate) fn beat(&mut self) {
        self.now = self.now.max(self.router.poll_at().expect("there is always another"));
        self.turn(Router::tick);
    }

    pub(crate) fn mesh_sizes(&self) -> impl Iterator<Item = usize> {
        self.subscribers.keys().map(|topic| self.router.mesh_peers(topic).count())
    }
}
