//! Where messages go, and where not.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use crate::support::floodsub::keypair;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::protocols::pubsub::{Config, MessageId, PublishError, Signing, SubscribeError, Verdict};
use swarm_notify::swarm::Config as SwarmConfig;

fn subscribe_all(world: &mut World, nodes: u8, topic: &str) {
    (1..=nodes).for_each(|number| world.at(number).subscribe(topic));
    world.settle();
    world.forget_logs();
}

#[test]
fn a_message_goes_through_those_who_subscribe_and_comes_once() {
    let mut world = World::line(5);
    subscribe_all(&mut world, 5, "t");
    world.at(3).publish("t", "hello");
    world.settle();
    world.at(1).expect(&["message t 3#1 hello via 2"]);
    world.at(2).expect(&["message t 3#1 hello via 3"]);
    world.at(3).expect(&[]);
    world.at(4).expect(&["message t 3#1 hello via 3"]);
    world.at(5).expect(&["message t 3#1 hello via 4"]);
    // Nobody has sent it back.
    for number in 1..=5 {
        assert_eq!(world.at(number).floodsub().counters().duplicates, 0);
    }
    assert_eq!(world.at(4).floodsub().counters().sent, 1);
}

#[test]
fn in_a_ring_each_takes_the_first_copy_and_none_goes_round() {
    let mut world = World::line(4);
    world.join(4, 1);
    subscribe_all(&mut world, 4, "t");
    world.at(1).publish("t", "a");
    world.settle();
    world.at(1).expect(&[]);
    world.at(2).expect(&["message t 1#1 a via 1"]);
    world.at(4).expect(&["message t 1#1 a via 1"]);
    assert_eq!(world.at(3).take_log().len(), 1);
    // The copies of 3 and 4 cross; none reaches 1.
    assert_eq!([1, 2, 3, 4].map(|number| world.at(number).floodsub().counters().duplicates), [0, 0, 1, 1]);
    assert_eq!([1, 2, 3, 4].map(|number| world.at(number).floodsub().counters().sent), [2, 1, 1, 1]);
}

#[test]
fn who_does_not_subscribe_neither_gets_it_nor_passes_it_on() {
    let mut world = World::line(4);
    for number in [1, 2, 4] {
        world.at(number).subscribe("t");
    }
    world.settle();
    world.forget_logs();
    world.at(1).publish("t", "a");
    world.at(1).publish("other", "b");
    world.settle();
    world.at(2).expect(&["message t 1#1 a via 1"]);
    world.at(3).expect(&[]);
    world.at(4).expect(&[]);
    assert_eq!(world.at(3).floodsub().counters().unwanted, 0, "it was not even sent");
}

#[test]
fn who_publishes_need_not_subscribe() {
    let mut world = World::line(2);
    world.at(2).subscribe("t");
    world.settle();
    world.at(1).publish("t", "a");
    world.settle();
    world.at(1).expect(&["added 2", "subscribed 2 t"]);
    world.at(2).expect(&["added 1", "message t 1#1 a via 1"]);
}

#[test]
fn with_nobody_there_a_message_goes_nowhere_and_is_no_error() {
    let mut world = World::of(1);
    let id = world.at(1).publish("t", "a");
    assert_eq!(id.as_bytes()[id.as_bytes().len() - 8..], [0, 0, 0, 0, 0, 0, 0, 1]);
    let counters = world.at(1).floodsub().counters();
    assert_eq!((counters.published, counters.sent), (1, 0));
}

#[test]
fn unsubscribing_ends_it() {
    let mut world = World::line(2);
    subscribe_all(&mut world, 2, "t");
    world.at(2).unsubscribe("t");
    assert!(!world.at(2).on(|floodsub, swarm| floodsub.unsubscribe(swarm, "t")), "it is over already");
    // On its way before the word of it arrives.
    world.at(1).publish("t", "a");
    world.settle();
    world.at(1).expect(&["unsubscribed 2 t"]);
    world.at(2).expect(&[]);
    assert_eq!(world.at(2).floodsub().counters().unwanted, 1);
    world.at(1).publish("t", "b");
    world.settle();
    assert_eq!(world.at(2).floodsub().counters().unwanted, 1);
}

#[test]
fn what_is_subscribed_to_can_be_looked_up() {
    let mut world = World::line(3);
    for (number, topic) in [(1, "a"), (2, "a"), (2, "b"), (3, "b")] {
        world.at(number).subscribe(topic);
    }
    world.settle();
    assert_eq!(world.at(2).peers(), [1, 3]);
    assert_eq!((world.at(2).peers_of("a"), world.at(2).peers_of("b")), (vec![1], vec![3]));
    assert_eq!(world.at(2).peers_of("c"), [0; 0]);
    let two = world.at(2).swarm.local_peer();
    let topics: Vec<_> = world.at(1).floodsub().topics_of(two).map(ToString::to_string).collect();
    assert_eq!(topics, ["a", "b"]);
    let own: Vec<_> = world.at(2).floodsub().subscriptions().map(ToString::to_string).collect();
    assert_eq!(own, ["a", "b"]);
    assert_eq!(world.at(2).on(|floodsub, swarm| floodsub.subscribe(swarm, "a")), Ok(false));
}

#[test]
fn a_message_is_known_for_as_long_as_configured() {
    let mut world = World::of(1);
    let mut config = Config::default();
    config.seen_ttl = Duration::from_secs(10);
    let (node, raw) = (world.node(config), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    let message = publishing(&[signed(9, 4, "t", b"a")]);
    for (wait, told) in [(0, true), (0, false), (9, false), (1, true), (5, false)] {
        world.pass(Duration::from_secs(wait));
        world.forget_logs();
        // The clock of a connection that rests has to have gone on, too.
        world.raw_at(raw).send(stream, &message);
        world.settle();
        let expected = if told { vec!["message t 9#4 a via 3"] } else { vec!["repeated 3 1"] };
        assert_eq!(world.at(node).take_log(), expected, "after {wait} s more");
    }
}

#[test]
fn without_signatures_messages_are_told_apart_by_what_they_say() {
    let mut world = World::new();
    for _ in 0..3 {
        world.node_with(Config::default(), SwarmConfig::default(), Signing::strict_no_sign());
    }
    let raw = world.raw(true);
    for (from, to) in [(1, 2), (2, 3), (3, 1), (raw, 1)] {
        world.join(from, to);
    }
    subscribe_all(&mut world, 3, "t");
    world.at(1).publish("t", "a");
    world.settle();
    assert_eq!(world.at(1).try_publish("t", b"a"), Err(PublishError::Duplicate));
    world.at(2).expect(&["message t nobody a via 1"]);
    world.at(3).expect(&["message t nobody a via 1"]);
    world.at(1).expect(&[]);
    // One that has an author is refused.
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &publishing(&[signed(9, 4, "t", b"b")]));
    world.settle();
    world.at(1).expect(&["invalid 4 1"]);
    world.pass(Duration::from_secs(120));
    world.at(1).publish("t", "a");
    world.settle();
    world.at(2).expect(&["message t nobody a via 1"]);
}

#[test]
fn an_identity_of_the_owners_is_used_without_signatures() {
    let by_length = || Signing::StrictNoSign { message_id: Box::new(|_, data| vec![data.len() as u8].into()) };
    let mut world = World::new();
    for _ in 0..2 {
        world.node_with(Config::default(), SwarmConfig::default(), by_length());
    }
    world.join(1, 2);
    subscribe_all(&mut world, 2, "t");
    assert_eq!(world.at(1).try_publish("t", b"a"), Ok(MessageId::from(vec![1])));
    assert_eq!(world.at(1).try_publish("t", b"b"), Err(PublishError::Duplicate));
    world.at(1).publish("t", "cc");
    world.settle();
    world.at(2).expect(&["message t nobody a via 1", "message t nobody cc via 1"]);
}

#[test]
fn a_validator_decides_what_is_told_and_passed_on() {
    let mut world = World::line(3);
    subscribe_all(&mut world, 3, "t");
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    world.at(2).floodsub().set_validator(move |via, message| {
        assert_eq!(Some(*via), message.source, "the author is next to it");
        count.set(count.get() + 1);
        match &message.data[..] {
            b"good" => Verdict::Accept,
            b"dull" => Verdict::Ignore,
            _ => Verdict::Reject,
        }
    });
    for data in ["good", "dull", "bad", "worse", "good"] {
        world.at(1).publish("t", data);
    }
    world.settle();
    world.at(2).expect(&["message t 1#1 good via 1", "message t 1#5 good via 1", "invalid 1 2"]);
    world.at(3).expect(&["message t 1#1 good via 2", "message t 1#5 good via 2"]);
    let counters = world.at(2).floodsub().counters();
    assert_eq!((counters.received, counters.ignored, counters.rejected, asked.get()), (2, 1, 2, 5));
}

#[test]
fn a_validator_is_not_asked_twice_nor_about_what_is_not_signed() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    world.at(node).floodsub().set_validator(move |_, _| {
        count.set(count.get() + 1);
        Verdict::Ignore
    });
    let stream = world.raw_at(raw).open();
    let mut forged = signed(9, 5, "t", b"a");
    *forged.last_mut().unwrap() ^= 1;
    let good = signed(9, 4, "t", b"a");
    world.raw_at(raw).send(stream, &publishing(&[good.clone(), forged, good]));
    world.settle();
    assert_eq!(asked.get(), 1);
    world.at(node).expect(&["added 2", "invalid 2 1", "repeated 2 1"]);
}

#[test]
fn what_is_too_long_is_not_published_and_takes_no_number() {
    let mut world = World::new();
    let mut config = Config::default();
    (config.rpc_bytes, config.topic_bytes, config.subscriptions) = (300, 10, 1);
    let node = world.node(config);
    // What is around the data: the fields of a message, and the RPC around that.
    let around = publishing(&[signed(node, 1, "t", &[0; 150])]).to_frame().len() - 2 - 150;
    let fits = 300 - around;
    assert_eq!(world.at(node).try_publish("t", &vec![0; fits + 1]), Err(PublishError::TooLarge));
    assert_eq!(world.at(node).try_publish("t", &[0; 301]), Err(PublishError::TooLarge));
    assert_eq!(world.at(node).try_publish("elevenchars", b""), Err(PublishError::TopicTooLong));
    let id = world.at(node).try_publish("t", &vec![0; fits]).unwrap();
    assert_eq!(id.as_bytes().last(), Some(&1));
    let mut subscribe = |topic| world.at(node).on(|floodsub, swarm| floodsub.subscribe(swarm, topic));
    assert_eq!(subscribe("elevenchars"), Err(SubscribeError::TopicTooLong));
    assert_eq!(subscribe("tencharsss"), Ok(true));
    assert_eq!(subscribe("more"), Err(SubscribeError::Limit));
    assert_eq!(subscribe("tencharsss"), Ok(false));
}

#[test]
fn our_own_message_is_not_told_to_us_whoever_sends_it() {
    let mut world = World::new();
    let (node, raw) = (world.node(Config::default()), world.raw(true));
    world.at(node).subscribe("t");
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    world.raw_at(raw).send(stream, &subscribing(&["t"]));
    world.settle();
    world.at(node).publish("t", "a");
    // One that we have written before, in another life.
    world.raw_at(raw).send(stream, &publishing(&[signed(node, 1, "t", b"a"), signed(node, 0, "t", b"old")]));
    world.settle();
    world.at(node).expect(&["added 2", "subscribed 2 t"]);
    assert_eq!(world.at(node).floodsub().counters().duplicates, 2);
    assert_eq!(world.raw_at(raw).messages(), [b"a"]);
    assert_eq!(keypair(node).public().to_peer_id(), world.at(node).swarm.local_peer());
}

/// Messages that py-libp2p 0.8.1 published with the secret key of node 9: `one` to topic `b`, and then `two` to topics `a` and `b`.
const PY: [&str; 2] = [
    "0a26002408011220fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f61812036f6e651a08000000000000000722\
     01622a40424b10dc74b4013667d484d8189d0441c604aa3c6c9ef5e899b79947b4f9178f7d3d7b7ac5c90b765e38335be6ae6d86e1280a92\
     96d418655965b4549d42a40d322408011220fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618",
    "0a26002408011220fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618120374776f1a08000000000000000822\
     01612201622a405c3217c9561c680fe2f1c246915a6c9027cc9507176c63011e8aa88015900576734a74bdaf7dab9bd4e7f72a983fc3c226\
     5ad4e4e9397f7dbe87e3c6a3618501322408011220fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618",
];

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Nodes 1 and 2, both of which subscribe to `b`, and a raw peer of the first with a stream to it.
fn two_and_a_raw_peer(signing: fn() -> Signing) -> (World, StreamId) {
    let mut world = World::new();
    for _ in 0..2 {
        world.node_with(Config::default(), SwarmConfig::default(), signing());
    }
    let raw = world.raw(true);
    world.join(1, 2);
    world.join(raw, 1);
    subscribe_all(&mut world, 2, "b");
    let stream = world.raw_at(raw).open();
    (world, stream)
}

fn signed_by_somebody() -> Signing {
    Signing::strict_sign(keypair(1), 1)
}

#[test]
fn a_message_to_several_topics_is_told_but_not_forwarded() {
    let (mut world, stream) = two_and_a_raw_peer(signed_by_somebody);
    world.raw_at(3).send(stream, &publishing(&PY.map(from_hex)));
    world.settle();
    world.at(1).expect(&["message b 9#7 one via 3", "message b 9#8 two via 3"]);
    world.at(2).expect(&["message b 9#7 one via 1"]);
    let counters = world.at(1).floodsub().counters();
    assert_eq!((counters.received, counters.held_back, counters.sent, counters.invalid), (2, 1, 1, 0));
    // It is known from now on.
    world.raw_at(3).send(stream, &publishing(&PY.map(from_hex)));
    world.settle();
    world.at(1).expect(&["repeated 3 2"]);
    assert_eq!(world.at(1).floodsub().counters().duplicates, 2);
}

#[test]
fn an_unsigned_message_to_several_topics_is_not_forwarded() {
    let (mut world, stream) = two_and_a_raw_peer(Signing::strict_no_sign);
    let messages = [b"\x12\x01x\x22\x01a\x22\x01b".to_vec(), b"\x22\x01b\x12\x01y".to_vec()];
    world.raw_at(3).send(stream, &publishing(&messages));
    world.settle();
    world.at(1).expect(&["message b nobody x via 3", "message b nobody y via 3"]);
    world.at(2).expect(&["message b nobody y via 1"]);
}

#[test]
fn what_was_not_forwarded_is_once_it_comes_in_the_usual_form() {
    let (mut world, stream) = two_and_a_raw_peer(signed_by_somebody);
    let usual = signed(9, 1, "b", b"data");
    // Somebody between its author and us has added an empty key, so that we forward it to nobody.
    let unusual = [&usual[..], b"\x32\x00"].concat();
    let forged = [&usual[..usual.len() - 1], &[usual[usual.len() - 1] ^ 1]].concat();
    world.raw_at(3).send(stream, &publishing(&[unusual.clone(), unusual.clone(), forged]));
    world.settle();
    world.at(1).expect(&["message b 9#1 data via 3", "invalid 3 1", "repeated 3 1"]);
    world.at(2).expect(&[]);
    world.pass(Duration::from_secs(1));
    world.raw_at(3).send(stream, &publishing(&[usual.clone(), usual, unusual]));
    world.settle();
    world.at(1).expect(&["repeated 3 2"]);
    world.at(2).expect(&["message b 9#1 data via 1"]);
    let counters = world.at(1).floodsub().counters();
    assert_eq!((counters.received, counters.held_back, counters.sent, counters.duplicates), (1, 1, 1, 4));
    assert_eq!(world.at(2).floodsub().counters().invalid, 0);
}

#[test]
fn a_validator_is_asked_once_more_about_the_usual_form() {
    let (mut world, stream) = two_and_a_raw_peer(signed_by_somebody);
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    world.at(1).floodsub().set_validator(move |_, _| {
        count.set(count.get() + 1);
        // The second time it has changed its mind.
        if count.get() == 1 { Verdict::Accept } else { Verdict::Ignore }
    });
    let usual = signed(9, 1, "b", b"data");
    let unusual = [&usual[..], b"\x32\x00"].concat();
    world.raw_at(3).send(stream, &publishing(&[unusual, usual.clone(), usual]));
    world.settle();
    world.at(1).expect(&["message b 9#1 data via 3", "repeated 3 1"]);
    world.at(2).expect(&[]);
    let counters = world.at(1).floodsub().counters();
    assert_eq!((asked.get(), counters.received, counters.ignored, counters.duplicates), (2, 1, 1, 1));
}
