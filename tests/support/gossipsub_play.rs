//! The fuzz target `gossipsub`: any inputs to one router with small bounds. A slow and simple model follows what the router asks
//! for, and says of each thing whether it may be: who may be grafted, what is asked for and sent, who gets a message, and the
//! score of each peer. `cargo test` runs it over its corpus and over seeded input.

use super::gossipsub_model::{Kind, Model, Sent};
use arbitrary::{Arbitrary, Unstructured};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::Direction;
use swarm_notify::protocols::floodsub;
use swarm_notify::protocols::gossipsub::{
    Config, MeshRouter, PROTOCOL_1_0, PROTOCOL_1_2, ScoreParams, TopicScoreParams,
};
use swarm_notify::protocols::pubsub::{
    Accepts, Action, Actions, Arrival, Control, EncodedMessage, Judgement, MessageId, Outgoing, Router, RouterPeer,
    Turn,
};

/// How many peers there are at most, and how many topics and messages.
pub(crate) const PEERS: u8 = 12;
const TOPICS: [&str; 3] = ["a", "b", "c"];
const MESSAGES: u8 = 24;

#[derive(Arbitrary, Debug)]
struct Input {
    seed: u8,
    /// Own messages go to all.
    is_flooding: bool,
    /// One id is asked for in an IWANT at most, so that the promise is that one.
    is_single: bool,
    /// Messages that are kept have room for three of them.
    is_tight: bool,
    /// The peers that are there at the beginning, a bit each, and subscribe to all topics.
    present: u16,
}

#[derive(Arbitrary, Clone, Debug)]
enum Op {
    Open {
        #[arbitrary(with = who)]
        peer: u8,
        kind: Kind,
        is_outbound: bool,
    },
    Gone {
        #[arbitrary(with = who)]
        peer: u8,
        is_sure: u8,
    },
    Subscribed {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
        is_subscribed: bool,
    },
    Joined {
        topic: u8,
        is_joined: u8,
    },
    Graft {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
    },
    Prune {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
        backoff: Option<u64>,
    },
    IHave {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
        #[arbitrary(with = some_ids)]
        ids: Vec<u8>,
    },
    IWant {
        #[arbitrary(with = who)]
        peer: u8,
        #[arbitrary(with = some_ids)]
        ids: Vec<u8>,
    },
    IDontWant {
        #[arbitrary(with = who)]
        peer: u8,
        #[arbitrary(with = some_ids)]
        ids: Vec<u8>,
    },
    Publish {
        topic: u8,
        id: u8,
    },
    Deliver {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
        id: u8,
        verdict: u8,
    },
    Judge {
        #[arbitrary(with = who)]
        peer: u8,
        topic: u8,
        verdict: u8,
        after: u8,
    },
    AppScore {
        #[arbitrary(with = who)]
        peer: u8,
        score: i8,
    },
    Direct {
        #[arbitrary(with = who)]
        peer: u8,
        is_direct: bool,
    },
    /// In tenths of a second.
    Pass {
        tenths: u8,
    },
    PassLong {
        seconds: u8,
    },
}

/// A few messages.
fn some_ids(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let count = bytes.int_in_range(0..=8)?;
    (0..count).map(|_| bytes.int_in_range(0..=MESSAGES - 1)).collect()
}

/// A peer of the play.
fn who(bytes: &mut Unstructured<'_>) -> arbitrary::Result<u8> {
    bytes.int_in_range(0..=PEERS - 1)
}

pub(crate) fn peer(number: u8) -> PeerId {
    use std::sync::OnceLock;
    static PEERS_ALL: OnceLock<Vec<PeerId>> = OnceLock::new();
    let id = |number| Keypair::ed25519_from_bytes([number; 32]).expect("any bytes are a key").public().to_peer_id();
    PEERS_ALL.get_or_init(|| (0..PEERS).map(id).collect())[usize::from(number)]
}

pub(crate) fn number(id: PeerId) -> u8 {
    (0..PEERS).find(|number| peer(*number) == id).expect("a peer of the play")
}

/// The bounds and parameters of the play.
fn config(input: &Input) -> Config {
    let mut config = Config::default();
    (config.mesh, config.mesh_low, config.mesh_high) = (3, 2, 4);
    (config.mesh_by_score, config.mesh_outbound, config.gossip_peers) = (2, 1, 2);
    (config.prune_backoff, config.unsubscribe_backoff) = (Duration::from_secs(8), Duration::from_secs(3));
    (config.backoff_at_most, config.graft_flood) = (Duration::from_secs(20), Duration::from_secs(2));
    (config.history_length, config.history_gossip, config.fanout_topics) = (3, 2, 2);
    (config.fanout_ttl, config.opportunistic_graft_beats) = (Duration::from_secs(5), 4);
    (config.ihave_rpcs, config.ihave_ids, config.asked_ids) = (3, if input.is_single { 1 } else { 6 }, 8);
    (config.retransmissions, config.iwant_ids, config.iwant_bytes) = (2, 7, 350);
    (config.idontwant_rpcs, config.idontwant_ids, config.idontwant_size) = (2, 5, 150);
    config.history_bytes = if input.is_tight { 3 * (100 + 256) } else { usize::MAX };
    config.flood_publish = input.is_flooding;
    let mut topic = TopicScoreParams::default();
    (topic.first_message_deliveries_weight, topic.first_message_deliveries_cap) = (1.0, 5.0);
    (topic.mesh_message_deliveries_weight, topic.mesh_failure_penalty_weight) = (-0.25, -0.5);
    (topic.mesh_message_deliveries_threshold, topic.mesh_message_deliveries_cap) = (4.0, 8.0);
    topic.mesh_message_deliveries_activation = Duration::from_secs(2);
    topic.mesh_message_deliveries_decay = 0.9;
    (topic.time_in_mesh_weight, topic.time_in_mesh_cap) = (0.1, 9.0);
    let mut score = ScoreParams::default();
    score.topics.insert("a".into(), topic.clone());
    topic.topic_weight = 0.5;
    score.topics.insert("b".into(), topic);
    score.other_topics = None;
    // Which of several ids is the promise is the router's secret.
    score.behaviour_penalty_weight = if input.is_single { -10.0 } else { 0.0 };
    score.retain_score = Duration::from_secs(30);
    score.topic_cap = 12.0;
    config.score = Some(score);
    config
}

/// What the router asked for, in order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Did {
    Graft { peer: u8, topic: String, is_ours: bool, is_new: bool },
    Prune { peer: u8, topic: String, backoff: Option<Duration> },
    Pruned { peer: u8, topic: String },
    IHave { peer: u8, topic: String, ids: Vec<u8> },
    IWant { peer: u8, ids: Vec<u8> },
    DontWant { peer: u8, ids: Vec<u8> },
    Send { peer: u8, id: u8 },
}

struct Recorder<'a>(&'a mut Vec<Did>, &'a [Arc<EncodedMessage>]);

impl Actions for Recorder<'_> {
    fn act(&mut self, action: Action<'_>) {
        self.0.push(match action {
            Action::Graft { peer, topic, is_new } => {
                Did::Graft { peer: number(peer), topic: topic.to_string(), is_ours: true, is_new }
            }
            Action::Grafted { peer, topic } => {
                Did::Graft { peer: number(peer), topic: topic.to_string(), is_ours: false, is_new: true }
            }
            Action::Prune { peer, topic, backoff, offered } => {
                assert!(offered.is_empty(), "it is off");
                Did::Prune { peer: number(peer), topic: topic.to_string(), backoff }
            }
            Action::Pruned { peer, topic } => Did::Pruned { peer: number(peer), topic: topic.to_string() },
            Action::Gossip { peer, entry } | Action::DontWant { peer, entry } => entry_of(number(peer), entry),
            Action::Send { peer, message } => {
                let id = self.1.iter().position(|known| Arc::ptr_eq(known, message)).expect("it is one of ours");
                Did::Send { peer: number(peer), id: id as u8 }
            }
            Action::Extensions { .. } | Action::Dial { .. } => panic!("{action:?}"),
        });
    }
}

fn entry_of(peer: u8, entry: &[u8]) -> Did {
    let mut rest = &entry[1..];
    let length = prost::decode_length_delimiter(&mut rest).expect("it is encoded");
    assert_eq!(rest.len(), length, "one entry and nothing behind it");
    match Control::decode(u32::from(entry[0] >> 3), rest).expect("it is known") {
        Control::IHave { topic, ids } => Did::IHave { peer, topic: topic.into(), ids: ids.map(|id| id[0]).collect() },
        Control::IWant { ids } => Did::IWant { peer, ids: ids.map(|id| id[0]).collect() },
        Control::IDontWant { ids } => Did::DontWant { peer, ids: ids.map(|id| id[0]).collect() },
        other @ (Control::Graft { .. } | Control::Prune { .. } | Control::Extensions { .. } | _) => panic!("{other:?}"),
    }
}

/// The encoded fields of an entry of ids, with a topic if there is one.
fn fields(topic: Option<&str>, ids: &[u8]) -> Vec<u8> {
    let mut out = topic.map_or_else(Vec::new, |topic| [&[0x0a, topic.len() as u8], topic.as_bytes()].concat());
    let key = if topic.is_some() { 0x12 } else { 0x0a };
    ids.iter().for_each(|id| out.extend([key, 1, id % MESSAGES]));
    out
}

/// The router, and the model beside it.
struct Play {
    router: MeshRouter,
    model: Model,
    messages: Vec<Arc<EncodedMessage>>,
    did: Vec<Did>,
    rpc: u64,
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok(input) = Input::arbitrary(&mut bytes) else { return };
    let config = config(&input);
    let message = |id: u8| EncodedMessage::new(u64::from(id) + 1, &vec![id].into(), None, vec![0; 100].into());
    let mut play = Play {
        router: MeshRouter::new(config.clone(), [input.seed; 32]),
        model: Model::new(config, input.is_single, input.is_tight),
        messages: (0..MESSAGES).map(message).collect(),
        did: Vec::new(),
        rpc: 0,
    };
    play.tick();
    for number in (0..PEERS).filter(|number| input.present & 1 << number != 0) {
        let kind = if number == 0 { Kind::Flood } else { Kind::New };
        play.step(Op::Open { peer: number, kind, is_outbound: number % 4 == 1 });
        (0..3).for_each(|topic| play.step(Op::Subscribed { peer: number, topic, is_subscribed: true }));
    }
    (0..2).for_each(|topic| play.step(Op::Joined { topic, is_joined: 1 }));
    // Not a list of operations, of which random bytes would make a short one.
    while let (false, Ok(op)) = (bytes.is_empty(), Op::arbitrary(&mut bytes)) {
        play.step(op);
        play.check();
    }
}

impl Play {
    fn turn<A>(&mut self, with: impl FnOnce(&mut MeshRouter, &mut Turn<'_>) -> A) -> A {
        let Self { router, model, messages, did, .. } = self;
        let mut actions = Recorder(did, messages);
        let mut turn = Turn {
            now: model.now,
            subscribers: &model.subscribers,
            is_seen: &|id| model.seen.contains(&id[0]),
            actions: &mut actions,
        };
        with(router, &mut turn)
    }

    fn tick(&mut self) {
        self.turn(Router::tick);
        let did = core::mem::take(&mut self.did);
        self.model.tick(&did);
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Open { peer: number, kind, is_outbound } => {
                let protocol = match kind {
                    Kind::Flood => floodsub::PROTOCOL,
                    Kind::Old => PROTOCOL_1_0,
                    Kind::New => PROTOCOL_1_2,
                };
                let direction = if is_outbound { Direction::Outbound } else { Direction::Inbound };
                let info = RouterPeer::new(peer(number), &protocol, direction, None);
                self.turn(|router, cx| router.peer_opened(&info, cx));
                let did = core::mem::take(&mut self.did);
                self.model.opened(number, kind, is_outbound, &did);
            }
            Op::Gone { peer: number, is_sure } => {
                // Most peers stay, or nothing much would happen.
                if is_sure % 4 == 0 && self.model.peers.contains_key(&number) {
                    self.model.gone(number);
                    self.router.peer_gone(peer(number), self.model.now);
                }
            }
            Op::Subscribed { peer: number, topic, is_subscribed } => {
                let topic = TOPICS[usize::from(topic) % 3];
                if self.model.peers.contains_key(&number) && self.model.subscribe(number, topic, is_subscribed) {
                    if is_subscribed {
                        self.router.subscribed(peer(number), &topic.into());
                    } else {
                        self.turn(|router, cx| router.unsubscribed(peer(number), &topic.into(), cx));
                        let did = core::mem::take(&mut self.did);
                        self.model.unsubscribed(number, topic, &did);
                    }
                }
            }
            Op::Joined { topic, is_joined } => {
                let is_joined = is_joined % 4 != 0;
                let topic = TOPICS[usize::from(topic) % 3];
                self.router.joined(&topic.into(), is_joined);
                self.model.joining(topic, is_joined);
                self.tick();
            }
            Op::AppScore { peer: number, score } => {
                // Now and then below one of the thresholds.
                let score = f64::from(score) * if score % 5 == 0 { 1.0 } else { 0.1 };
                let is_peer = self.router.set_app_score(peer(number), score);
                assert_eq!(is_peer, self.model.set_app_score(number, score));
            }
            Op::Direct { peer: number, is_direct } => {
                match is_direct {
                    true => self.router.add_direct_peer(peer(number), Vec::new()),
                    false => drop(self.router.remove_direct_peer(peer(number))),
                }
                self.model.set_direct(number, is_direct);
            }
            Op::Pass { tenths } => self.pass(Duration::from_millis(100 * u64::from(tenths % 30))),
            Op::PassLong { seconds } => self.pass(Duration::from_secs(seconds.into())),
            op @ (Op::Graft { .. }
            | Op::Prune { .. }
            | Op::IHave { .. }
            | Op::IWant { .. }
            | Op::IDontWant { .. }
            | Op::Publish { .. }
            | Op::Deliver { .. }
            | Op::Judge { .. }) => self.exchange(op),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.model.now += time;
        assert!(self.router.poll_at().is_some(), "there is always another heartbeat");
        self.tick();
    }

    /// What concerns messages.
    fn exchange(&mut self, op: Op) {
        match op {
            Op::Publish { topic, id } => {
                let (topic, id) = (TOPICS[usize::from(topic) % 3], id % MESSAGES);
                self.model.seen.insert(id);
                self.send(topic, id, None);
            }
            Op::Deliver { peer: from, topic, id, verdict } => {
                let (topic, id) = (TOPICS[usize::from(topic) % 3], id % MESSAGES);
                if !self.model.peers.contains_key(&from)
                    || !self.model.joined.contains(topic)
                    || !self.model.seen.insert(id)
                {
                    return;
                }
                let (name, wire) = (topic.into(), MessageId::from(vec![id]));
                let arrival = Arrival::new(peer(from), &name, &wire);
                let size = 100 + usize::from(verdict);
                self.turn(|router, cx| router.arrived(&arrival, size, cx));
                let did = core::mem::take(&mut self.did);
                self.model.arrived(from, topic, id, size, &did);
                let judgement = [Judgement::First, Judgement::Rejected, Judgement::Ignored][usize::from(verdict) % 3];
                self.router.judged(&arrival, judgement, self.model.now);
                self.model.judged(from, topic, judgement);
                if judgement == Judgement::First {
                    self.send(topic, id, Some(from));
                }
            }
            Op::Judge { peer: from, topic, verdict, after } => {
                let topic = TOPICS[usize::from(topic) % 3];
                let after = Duration::from_millis(after.into());
                let judgement = [Judgement::Repeated { after }, Judgement::Rejected][usize::from(verdict) % 2];
                let (name, wire) = (topic.into(), MessageId::from(vec![0]));
                if self.model.peers.contains_key(&from) && self.model.joined.contains(topic) {
                    self.router.judged(&Arrival::new(peer(from), &name, &wire), judgement, self.model.now);
                    self.model.judged(from, topic, judgement);
                }
            }
            Op::Graft { peer, topic } => self.control(
                peer,
                |model, did| model.graft(peer, topic_of(topic), did),
                3,
                |out| {
                    out.extend([0x0a, 1]);
                    out.extend(topic_of(topic).bytes());
                },
            ),
            Op::Prune { peer, topic, backoff } => {
                let topic = topic_of(topic);
                self.control(
                    peer,
                    |model, did| model.prune(peer, topic, backoff, did),
                    4,
                    |out| {
                        out.extend([0x0a, 1]);
                        out.extend(topic.bytes());
                        if let Some(backoff) = backoff {
                            out.push(3 << 3);
                            let mut value = backoff;
                            while value > 0x7f {
                                out.push(value as u8 | 0x80);
                                value >>= 7;
                            }
                            out.push(value as u8);
                        }
                    },
                );
            }
            Op::IHave { peer, topic, ids } => {
                let (topic, body) = (topic_of(topic), fields(Some(topic_of(topic)), &ids));
                self.control(peer, |model, did| model.ihave(peer, topic, &ids, did), 1, |out| out.extend(&body));
            }
            Op::IWant { peer, ids } => {
                let body = fields(None, &ids);
                self.control(peer, |model, did| model.iwant(peer, &ids, did), 2, |out| out.extend(&body));
            }
            Op::IDontWant { peer, ids } => {
                let body = fields(None, &ids);
                self.control(peer, |model, did| model.idontwant(peer, &ids, did), 5, |out| out.extend(&body));
            }
            Op::Open { .. }
            | Op::Gone { .. }
            | Op::Subscribed { .. }
            | Op::Joined { .. }
            | Op::AppScore { .. }
            | Op::Direct { .. }
            | Op::Pass { .. }
            | Op::PassLong { .. } => panic!("that concerns no message"),
        }
    }

    /// An entry of a control message, in an RPC of its own, by its encoded body.
    fn control(
        &mut self,
        from: u8,
        model: impl FnOnce(&mut Model, &[Did]),
        field: u32,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.model.peers.contains_key(&from) {
            return;
        }
        let mut bytes = Vec::new();
        body(&mut bytes);
        let entry = Control::decode(field, &bytes).expect("it is encoded well");
        self.rpc += 1;
        let rpc = self.rpc;
        self.turn(|router, cx| router.control(peer(from), rpc, entry, cx));
        let did = core::mem::take(&mut self.did);
        model(&mut self.model, &did);
    }

    fn send(&mut self, topic: &str, id: u8, sender: Option<u8>) {
        let (name, wire) = (topic.into(), MessageId::from(vec![id]));
        let message = self.messages[usize::from(id)].clone();
        let outgoing = Outgoing::new(&name, &wire, &message, None, sender.map(peer));
        let none = BTreeSet::new();
        let mut to = Vec::new();
        self.router.recipients(&outgoing, self.model.subscribers.get(topic).unwrap_or(&none), &mut to);
        let recipients: BTreeSet<_> = to.iter().map(|id| number(*id)).collect();
        assert_eq!(recipients.len(), to.len(), "each once");
        let fanout: BTreeSet<_> = self.router.fanout_peers(topic).map(number).collect();
        self.model.sent(&Sent { topic, id, is_ours: sender.is_none(), recipients, fanout });
        for number in (0..PEERS).filter(|number| self.model.peers.contains_key(number)) {
            assert_eq!(self.router.is_wanted(peer(number), &message), !self.model.is_unwanted(number, id));
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        assert_eq!(self.did, [], "nothing is asked for out of turn");
        for topic in TOPICS {
            let mesh: BTreeSet<_> = self.router.mesh_peers(topic).map(number).collect();
            assert_eq!(mesh, self.model.mesh(topic), "the mesh of {topic}");
        }
        for number in 0..PEERS {
            let (score, right) = (self.router.score(peer(number)), self.model.score(number));
            let is_right = match (score, right) {
                (Some(score), Some(right)) => (score - right).abs() <= 1e-9 * right.abs().max(1.0),
                (score, right) => score == right,
            };
            assert!(is_right, "the score of {number} is {score:?}, and {right:?} is right");
            let accepts = self.router.accepts(peer(number));
            assert_eq!(accepts == Accepts::Subscriptions, self.model.is_graylisted(number), "{number} {accepts:?}");
        }
        self.model.check_bounds(&self.router);
    }
}

fn topic_of(number: u8) -> &'static str {
    TOPICS[usize::from(number) % 3]
}
