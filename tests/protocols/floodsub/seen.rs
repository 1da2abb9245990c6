//! No message is told twice while it is remembered, whoever says how much meanwhile; and who says too much pays for that alone.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use crate::support::fake_node::Fake;
use crate::support::floodsub::peer;
use crate::support::pubsub_seen::SeenPlay;
use libp2p_identity::{Keypair, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{Node as _, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::{Config, Event, PublishError, SeqnoValidator, Signing};
use swarm_notify::swarm::{Config as SwarmConfig, Refusal};

/// A node with floodsub on streams in memory, in virtual time.
struct Reader {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    now: Duration,
    /// How often each message was told.
    told: BTreeMap<(PeerId, u64), u64>,
}

fn keypair(number: u64) -> Keypair {
    let mut seed = [3; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    Keypair::ed25519_from_bytes(seed).expect("any 32 bytes are a secret key")
}

fn id(number: u64) -> PeerId {
    keypair(number).public().to_peer_id()
}

fn by(author: &Keypair, seqno: u64) -> Vec<u8> {
    Signing::strict_sign(author.clone(), seqno).seal("t", b"data").expect("an Ed25519 key signs").0
}

const US: u64 = u64::MAX;

impl Reader {
    fn new(config: Config) -> Self {
        let mut node = Fake::new(id(US));
        let mut service = FloodSub::new(Signing::strict_sign(keypair(US), 1), config);
        service.subscribe(&mut node, "t").expect("there is place");
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, service);
        Self { node, notifees, floodsub, now: Duration::from_secs(1), told: BTreeMap::new() }
    }

    /// A peer connects from an address, and opens a stream.
    fn join(&mut self, number: u64, address: &str) -> StreamId {
        let connection = self.node.connect_from(id(number), address).expect("there is room");
        self.turn();
        let stream = self.node.accept(connection, PROTOCOL).expect("there is room");
        self.turn();
        stream
    }

    fn turn(&mut self) {
        self.node.poll();
        self.notifees.drive(&mut self.node, self.now);
        while let Some(event) = self.floodsub().next_event() {
            if let Event::Message { message, .. } = event {
                let name = (message.source.expect("it has an author"), message.seqno.expect("and a number"));
                *self.told.entry(name).or_default() += 1;
            }
        }
    }

    /// A peer says something, which is looked at.
    fn hear(&mut self, stream: StreamId, messages: &[Vec<u8>]) {
        for messages in messages.chunks(1_000) {
            self.node.send(stream, &publishing(messages).to_frame(), 0);
            self.settle();
        }
    }

    /// Takes turns until there is nothing to do for now.
    fn settle(&mut self) {
        self.turn();
        while self.notifees.poll_at().is_some_and(|at| at <= self.now) || self.node.has_work() {
            self.turn();
        }
    }

    fn floodsub(&mut self) -> &mut FloodSub {
        self.notifees.get_mut(self.floodsub).expect("it is registered")
    }

    fn told_of(&self, author: u64) -> usize {
        self.told.keys().filter(|(source, _)| *source == id(author)).count()
    }
}

#[test]
fn the_cache_does_what_its_slow_model_does() {
    use arbitrary::{Arbitrary as _, Unstructured};
    crate::support::corpus::seeded(300, 900, |bytes| {
        if let Ok(play) = SeenPlay::arbitrary_take_rest(Unstructured::new(bytes)) {
            play.run();
        }
    });
}

const ATTACKER: u64 = 1;
const HONEST: u64 = 2;
const NEIGHBOUR: u64 = 3;

#[test]
fn beside_11_000_messages_a_second_an_old_one_is_told_once() {
    const SECONDS: u64 = 16;
    const A_TENTH: u64 = 1_100;
    let mut reader = Reader::new(Config::default());
    let attacker = reader.join(ATTACKER, "/ip4/192.0.2.1/tcp/1");
    let neighbour = reader.join(NEIGHBOUR, "/ip4/192.0.2.2/tcp/1");
    let [author, honest] = [ATTACKER, HONEST].map(keypair);
    let old = by(&author, 0);
    reader.hear(attacker, std::slice::from_ref(&old));
    for tenth in 0..10 * SECONDS {
        let messages: Vec<_> = (1..=A_TENTH).map(|n| by(&author, tenth * A_TENTH + n)).collect();
        reader.hear(attacker, &messages);
        // One comes by a neighbour, and one by the attacker itself, as by a peer that forwards all.
        reader.hear(neighbour, &[by(&honest, 2 * tenth)]);
        reader.hear(attacker, &[by(&honest, 2 * tenth + 1)]);
        if tenth % 10 == 9 {
            reader.hear(attacker, std::slice::from_ref(&old));
            reader.hear(neighbour, std::slice::from_ref(&old));
        }
        reader.now += Duration::from_millis(100);
    }
    assert_eq!(reader.told[&(id(ATTACKER), 0)], 1, "the old one");
    assert!(reader.told.values().all(|times| *times == 1), "nothing is told twice");
    assert_eq!(reader.told_of(HONEST) as u64, 20 * SECONDS, "an honest author loses nothing");
    let (told, sent) = (reader.told_of(ATTACKER) as u64, 1 + 10 * SECONDS * A_TENTH);
    let counters = reader.floodsub().counters();
    assert_eq!((told + counters.author_over_share, counters.sender_over_share), (sent, 0), "the rest is counted");
    let half = Config::default().seen as u64 / 2;
    assert!((half - 20 * SECONDS..=half).contains(&told), "{told} of {half}");
    // Nobody is blamed for it.
    assert_eq!(reader.node.refused(Refusal::MessageRefused), counters.author_over_share);
    assert_eq!((counters.invalid, counters.peers_cut, counters.streams_cut), (0, 0, 0));
    assert_eq!(reader.floodsub().peers().count(), 2);
    // What was refused is new once there is room.
    let last = by(&author, 10 * SECONDS * A_TENTH);
    reader.hear(neighbour, std::slice::from_ref(&last));
    assert_eq!(reader.told_of(ATTACKER) as u64, told);
    reader.now += Duration::from_secs(120);
    reader.settle();
    reader.hear(neighbour, &[last]);
    assert_eq!(reader.told_of(ATTACKER) as u64, told + 1);
}

#[test]
fn a_sender_with_endless_authors_keeps_out_no_other_sender() {
    let mut config = Config::default();
    config.seen = 1_000;
    let mut reader = Reader::new(config);
    let attacker = reader.join(ATTACKER, "/ip4/192.0.2.1/tcp/1");
    let neighbour = reader.join(NEIGHBOUR, "/ip4/192.0.2.2/tcp/1");
    let honest = keypair(HONEST);
    for round in 0..20 {
        let messages: Vec<_> = (0..100).map(|n| by(&keypair(1_000 + 100 * round + n), 1)).collect();
        reader.hear(attacker, &messages);
        reader.hear(neighbour, &[by(&honest, 2 * round), by(&honest, 2 * round + 1)]);
        // What the attacker has no room for comes by somebody else in time.
        reader.hear(attacker, &[by(&honest, 2 * round)]);
        reader.now += Duration::from_millis(100);
    }
    let counters = reader.floodsub().counters();
    assert_eq!(reader.told_of(HONEST), 40, "an honest author loses nothing");
    assert!(reader.told.values().all(|times| *times == 1), "nothing is told twice");
    let of_attacker = reader.told.len() as u64 - 40;
    assert!((768..=800).contains(&of_attacker), "{of_attacker} of four fifths");
    assert_eq!((counters.sender_over_share, counters.author_over_share), (2_000 - of_attacker, 0));
    assert_eq!((counters.invalid, reader.floodsub().peers().count()), (0, 2));
}

#[test]
fn an_address_with_endless_senders_keeps_out_no_other_address() {
    let mut config = Config::default();
    config.seen = 1_000;
    let mut reader = Reader::new(config);
    let neighbour = reader.join(NEIGHBOUR, "/ip4/192.0.2.2/tcp/1");
    for sender in 0..20 {
        // It comes anew each time, with keys that nobody has seen.
        let stream = reader.join(100 + sender, &format!("/ip4/192.0.2.1/tcp/{}", 1 + sender));
        let messages: Vec<_> = (0..100).map(|n| by(&keypair(1_000 + 100 * sender + n), 1)).collect();
        reader.hear(stream, &messages);
    }
    let of_attacker = reader.told.len();
    assert!((940..=942).contains(&of_attacker), "{of_attacker} of sixteen seventeenths");
    let honest = keypair(HONEST);
    reader.hear(neighbour, &(0..20).map(|n| by(&honest, n)).collect::<Vec<_>>());
    assert_eq!(reader.told_of(HONEST), 20);
}

#[test]
fn who_forwards_what_is_refused_is_not_blamed() {
    let mut world = World::new();
    let (forwarder, raw) = (world.node(Config::default()), world.raw(true));
    let mut config = Config::default();
    config.seen = 40;
    let reader = world.node(config);
    world.at(forwarder).subscribe("t");
    world.at(reader).subscribe("t");
    for (from, to) in [(raw, forwarder), (forwarder, reader)] {
        world.join(from, to);
    }
    let stream = world.raw_at(raw).open();
    world.settle();
    world.forget_logs();
    let messages: Vec<_> = (0..100).map(|seqno| signed(9, seqno, "t", b"a")).collect();
    world.raw_at(raw).send(stream, &publishing(&messages));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.at(forwarder).messages.len(), 100);
    assert_eq!(world.at(reader).messages.len(), 20);
    let log = world.at(reader).take_log();
    let refused: u64 = log.iter().filter_map(|line| line.strip_prefix("refused 1 ")?.parse::<u64>().ok()).sum();
    assert_eq!((refused, log.len() - 20), (80, log.iter().filter(|line| line.starts_with("refused")).count()));
    // Nor do they keep out what others say, by the same peer.
    world.raw_at(raw).send(stream, &publishing(&[signed(8, 1, "t", b"b")]));
    world.settle();
    world.at(reader).expect(&["message t 8#1 b via 1"]);
    let counters = world.at(reader).floodsub().counters_of(peer(forwarder)).unwrap();
    assert_eq!((counters.invalid, counters.repeated, counters.dropped), (0, 0, 0));
}

#[test]
fn what_is_forged_takes_no_room() {
    let mut config = Config::default();
    config.seen = 4;
    let mut reader = Reader::new(config);
    let stream = reader.join(NEIGHBOUR, "/ip4/192.0.2.2/tcp/1");
    let forged: Vec<_> = (0..10)
        .map(|seqno| {
            let mut message = by(&keypair(HONEST), seqno);
            *message.last_mut().unwrap() ^= 1;
            message
        })
        .collect();
    reader.hear(stream, &forged);
    reader.hear(stream, &[by(&keypair(HONEST), 20), by(&keypair(HONEST), 21)]);
    let counters = reader.floodsub().counters();
    assert_eq!((reader.told_of(HONEST), counters.invalid, counters.author_over_share), (2, 10, 0));
}

#[test]
fn without_authors_a_sender_has_its_share() {
    let (mut config, unsigned) = (Config::default(), Signing::strict_no_sign);
    config.seen = 50;
    let mut world = World::new();
    let node = world.node_with(config, SwarmConfig::default(), unsigned());
    world.at(node).subscribe("t");
    let raws = [world.raw(true), world.raw(true)];
    let streams = raws.map(|raw| {
        world.join(raw, node);
        world.raw_at(raw).open()
    });
    world.settle();
    let say = |n: u64| unsigned().seal("t", &n.to_be_bytes()).expect("nothing is signed").0;
    let (much, little): (Vec<_>, Vec<_>) = ((0..100).map(say).collect(), (200..205).map(say).collect());
    for (number, messages) in [(0, &much), (1, &little), (0, &much)] {
        world.raw_at(raws[number]).send(streams[number], &publishing(messages));
        world.settle();
    }
    assert_eq!(world.at(node).messages.len(), 40 + 5);
    let counters = world.at(node).floodsub().counters();
    assert_eq!((counters.sender_over_share, counters.repeated), (60 + 60, 40));
}

#[test]
fn our_own_messages_without_an_author_have_a_bound_of_their_own() {
    let mut config = Config::default();
    config.seen = 17;
    let mut world = World::new();
    let node = world.node_with(config, SwarmConfig::default(), Signing::strict_no_sign());
    for n in 0..16_u8 {
        assert!(world.at(node).try_publish("t", &[n]).is_ok());
    }
    // It has reached nobody, and takes no further place.
    assert!(world.at(node).try_publish("t", &[0]).is_ok());
    assert_eq!(world.at(node).try_publish("t", &[16]), Err(PublishError::Full));
    assert_eq!(world.at(node).floodsub().counters().published, 17);
    world.pass(Duration::from_secs(121));
    assert!(world.at(node).try_publish("t", &[16]).is_ok());
}

#[test]
fn our_own_messages_are_published_beyond_their_share_and_known() {
    let mut config = Config::default();
    config.seen = 4;
    let mut world = World::new();
    let (node, raw) = (world.node(config), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.forget_logs();
    (0..20).for_each(|_| _ = world.at(node).publish("t", "a"));
    world.settle();
    assert_eq!(world.raw_at(raw).messages().len(), 20);
    let back: Vec<_> = (1..=20).map(|seqno| signed(node, seqno, "t", b"a")).collect();
    world.raw_at(raw).send(stream, &publishing(&back));
    // Nor do they take the room of others.
    world.raw_at(raw).send(stream, &publishing(&[signed(9, 1, "t", b"b")]));
    world.settle();
    world.at(node).expect(&["message t 9#1 b via 2"]);
    assert_eq!(world.at(node).floodsub().counters().duplicates, 20);
}

/// Nodes 1 and 2, of which the first looks at numbers, and a raw peer of the first with a stream to it.
fn with_numbers() -> (World, StreamId) {
    let mut world = World::line(2);
    (1..=2).for_each(|number| world.at(number).subscribe("t"));
    world.at(1).floodsub().set_seqno_validator(SeqnoValidator::default());
    let raw = world.raw(true);
    world.join(raw, 1);
    let stream = world.raw_at(raw).open();
    world.settle();
    world.forget_logs();
    (world, stream)
}

#[test]
fn an_old_number_is_refused_for_good_only_if_that_is_wanted() {
    let (mut world, stream) = with_numbers();
    let messages: Vec<_> = [3, 5, 4].iter().map(|seqno| signed(9, *seqno, "t", b"a")).collect();
    for (told, refused) in [(2, 1), (0, 3)] {
        world.raw_at(3).send(stream, &publishing(&messages));
        world.pass(Duration::from_secs(200));
        let log = world.at(1).take_log();
        assert_eq!(log.iter().filter(|line| line.starts_with("message")).count(), told);
        assert!(log.contains(&format!("refused 3 {refused}")), "{log:?}");
        assert_eq!(world.at(2).take_log().len(), told, "nor is it forwarded");
    }
    let counters = world.at(1).floodsub().counters();
    assert_eq!((counters.outdated, counters.invalid, counters.repeated), (4, 0, 0));
    // Without it they come in any order, and anew once they are forgotten.
    let raw = world.raw(true);
    world.join(raw, 2);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&messages));
    world.settle();
    assert_eq!(world.at(2).messages.len(), 2 + 3);
}

#[test]
fn a_number_counts_only_if_its_message_is_told() {
    let (mut world, stream) = with_numbers();
    let mut forged = signed(9, 90, "t", b"a");
    *forged.last_mut().unwrap() ^= 1;
    let of_no_topic = signed(9, 80, "other", b"a");
    world.at(1).floodsub().set_validator(|_, message| {
        use swarm_notify::protocols::pubsub::Verdict;
        if message.data == b"dull" { Verdict::Ignore } else { Verdict::Accept }
    });
    let dull = signed(9, 70, "t", b"dull");
    world.raw_at(3).send(stream, &publishing(&[forged, of_no_topic, dull, signed(9, 5, "t", b"a")]));
    world.settle();
    world.at(1).expect(&["message t 9#5 a via 3", "invalid 3 1"]);
    let known = world.at(1).floodsub().seqno_validator().unwrap().authors();
    assert_eq!(known.map(|known| (known.id, known.seqno)).collect::<Vec<_>>(), [(peer(9), 5)]);
}

#[test]
fn what_was_held_back_is_forwarded_late_whatever_its_number() {
    let (mut world, stream) = with_numbers();
    let usual = signed(9, 7, "t", b"a");
    // A field that nobody knows, which the signature does not cover: it is told and not forwarded.
    let unusual = {
        use prost::Message as _;
        let mut message = swarm_notify::protocols::pubsub::wire::Message::decode(&usual[..]).unwrap();
        message.key = Some(Vec::new());
        message.encode_to_vec()
    };
    world.raw_at(3).send(stream, &publishing(&[unusual]));
    world.settle();
    world.at(1).expect(&["message t 9#7 a via 3"]);
    world.at(2).expect(&[]);
    world.raw_at(3).send(stream, &publishing(&[usual]));
    world.settle();
    world.at(1).expect(&[]);
    world.at(2).expect(&["message t 9#7 a via 1"]);
    assert_eq!(world.at(1).floodsub().counters().outdated, 0);
}
