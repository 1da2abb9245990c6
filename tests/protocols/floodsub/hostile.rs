//! Peers that say what they should not.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::World;
use crate::support::floodsub::keypair;
use prost::Message as _;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::protocols::pubsub::wire::{Message, Rpc, SubOpts};
use swarm_notify::protocols::pubsub::{Config, Signing, Verdict};

/// Two nodes that subscribe to `t`, and a raw peer of the first with a stream to it.
fn world() -> (World, StreamId) {
    let mut world = World::line(2);
    (1..=2).for_each(|number| world.at(number).subscribe("t"));
    let raw = world.raw(true);
    world.join(raw, 1);
    let stream = world.raw_at(raw).open();
    world.settle();
    world.forget_logs();
    world.raw_at(RAW).log.clear();
    (world, stream)
}

const RAW: u8 = 3;

fn changed(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::decode(&signed(9, 1, "t", b"data")[..]).unwrap();
    change(&mut message);
    message.encode_to_vec()
}

#[test]
fn what_is_no_rpc_costs_its_stream_and_is_told() {
    let garbage: [&[u8]; 5] = [
        &[0xff; 10],         // no length
        &[1, 0xff],          // no field
        &[3, 0x0a, 1, 0x08], // a subscription that is cut
        &[4, 0x12, 9, 0, 0], // a message that is cut
        &[2, 0x08, 1],       // not what the field is
    ];
    for bytes in garbage {
        let (mut world, stream) = world();
        world.raw_at(RAW).write(stream, bytes);
        world.settle();
        world.at(1).expect(&["invalid 3 1"]);
        assert_eq!(world.raw_at(RAW).log, ["closed outbound reset(remote)"], "{bytes:x?}");
        // It may begin anew.
        let again = world.raw_at(RAW).open();
        world.raw_at(RAW).send(again, &publishing(&[signed(9, 1, "t", b"a")]));
        world.settle();
        world.at(1).expect(&["message t 9#1 a via 3"]);
    }
}

#[test]
fn what_is_no_rpc_counts_once_however_its_stream_ends() {
    let endings: [fn(&mut World, StreamId); 3] = [
        |world, stream| world.raw_at(RAW).swarm.finish(stream).unwrap(),
        |world, stream| world.raw_at(RAW).swarm.reset(stream).unwrap(),
        |world, _| {
            let connection = world.raw_at(RAW).connection();
            world.disconnect(RAW, connection);
        },
    ];
    for ends in endings {
        for alone in [false, true] {
            let (mut world, stream) = world();
            let garbage = [&[1, 0xff][..], &[9; 1000]].concat();
            world.raw_at(RAW).write(stream, &garbage);
            if alone {
                // It arrives by itself, and is looked at before the end does.
                world.go_on(Duration::from_millis(10));
            }
            ends(&mut world, stream);
            world.settle();
            assert_eq!(world.at(1).floodsub().counters().invalid, 1);
        }
    }
}

#[test]
fn what_came_before_it_is_taken() {
    let (mut world, stream) = world();
    let good = publishing(&[signed(9, 1, "t", b"a")]).to_frame();
    world.raw_at(RAW).write(stream, &[&good[..], &[1, 0xff], &good[..]].concat());
    world.settle();
    world.at(1).expect(&["message t 9#1 a via 3", "invalid 3 1"]);
}

#[test]
fn an_rpc_that_is_cut_by_the_end_is_none() {
    let (mut world, stream) = world();
    world.raw_at(RAW).write(stream, &[5, 0x0a]);
    world.raw_at(RAW).swarm.finish(stream).unwrap();
    world.settle();
    world.at(1).expect(&["invalid 3 1"]);
}

#[test]
fn unsigned_and_forged_messages_are_neither_told_nor_passed_on() {
    let bad = [
        changed(|message| message.signature = None),
        changed(|message| message.signature = Some(vec![0; 64])),
        changed(|message| message.data = Some(b"other".into())),
        changed(|message| message.from = None),
        changed(|message| message.from = Some(keypair(8).public().to_peer_id().to_bytes())),
        changed(|message| message.topic = None),
        changed(|message| message.key = Some(keypair(8).public().encode_protobuf())),
        Signing::strict_no_sign().seal("t", b"data").unwrap().0,
        b"garbage".to_vec(),
        Vec::new(),
    ];
    let (mut world, stream) = world();
    for message in &bad {
        world.raw_at(RAW).send(stream, &publishing(std::slice::from_ref(message)));
        // It is told once a second.
        world.pass(Duration::from_secs(1));
        world.at(1).expect(&["invalid 3 1"]);
    }
    assert_eq!(world.raw_at(RAW).log, [""; 0], "its stream goes on");
    // Nor do they keep the true one from being taken.
    world.raw_at(RAW).send(stream, &publishing(&[signed(9, 1, "t", b"data")]));
    world.settle();
    world.at(1).expect(&["message t 9#1 data via 3"]);
    world.at(2).expect(&["message t 9#1 data via 1"]);
    assert_eq!(world.at(2).floodsub().counters().invalid, 0);
}

#[test]
fn the_same_message_again_and_again_is_one() {
    let (mut world, stream) = world();
    let message = signed(9, 1, "t", b"a");
    for _ in 0..10 {
        world.raw_at(RAW).send(stream, &publishing(&vec![message.clone(); 100]));
        world.settle();
    }
    world.at(1).expect(&["message t 9#1 a via 3", "repeated 3 99"]);
    world.at(2).expect(&["message t 9#1 a via 1"]);
    assert_eq!(world.at(1).floodsub().counters().duplicates, 999);
    world.pass(Duration::from_secs(1));
    world.at(1).expect(&["repeated 3 900"]);
    assert_eq!(world.at(2).floodsub().counters().duplicates, 0);
}

#[test]
fn a_flood_of_subscriptions_is_cut_at_the_bound() {
    let mut world = World::new();
    let mut config = Config::default();
    (config.topics_per_peer, config.topic_bytes, config.subscriptions_per_rpc) = (10, 5, 20);
    let (node, raw) = (world.node(config), world.raw(true));
    world.join(raw, node);
    let stream = world.raw_at(raw).open();
    let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..50 {
        world.raw_at(raw).send(stream, &subscribing(&names));
        world.settle();
    }
    let id = world.raw_at(raw).swarm.local_peer();
    assert_eq!(world.at(node).floodsub().topics_of(id).count(), 10);
    assert_eq!(world.at(node).floodsub().counters().topics_refused, 500);
    assert_eq!(world.at(node).take_log().len(), 11);
    // One that goes makes room for another; five bytes are a name, six are none.
    let go = Rpc::new(vec![SubOpts::new(false, "0"), SubOpts::default()], vec![]);
    world.raw_at(raw).send(stream, &go);
    world.raw_at(raw).send(stream, &subscribing(&["sixsix", "fives"]));
    world.settle();
    world.at(node).expect(&["unsubscribed 2 0", "subscribed 2 fives"]);
    assert_eq!(world.raw_at(raw).log.last().unwrap(), "opened outbound");
    // One more in an RPC than allowed is too much.
    world.raw_at(raw).send(stream, &subscribing(&[names.clone(), vec!["x"]].concat()));
    world.settle();
    world.at(node).expect(&["invalid 2 1"]);
    assert_eq!(world.raw_at(raw).log.last().unwrap(), "closed outbound reset(remote)");
    // Its subscriptions stay: it may announce on another stream.
    assert_eq!(world.at(node).floodsub().topics_of(id).count(), 10);
}

#[test]
fn a_topic_that_is_not_utf_8_costs_that_subscription_alone() {
    let (mut world, stream) = world();
    let bad = |subscribe| [0x0a, 5, 0x08, subscribe, 0x12, 1, 0xff];
    let good = Rpc::new(subscribing(&["t"]).subscriptions, vec![signed(9, 1, "t", b"a")]).encode_to_vec();
    let rpc = [&bad(1)[..], &bad(0), &good, &bad(1)].concat();
    let mut frame = Vec::new();
    prost::encode_length_delimiter(rpc.len(), &mut frame).unwrap();
    world.raw_at(RAW).write(stream, &[frame, rpc].concat());
    world.settle();
    world.at(1).expect(&["subscribed 3 t", "message t 9#1 a via 3"]);
    let counters = world.at(1).floodsub().counters();
    assert_eq!((counters.topics_refused, counters.invalid), (3, 0));
    assert_eq!(world.raw_at(RAW).log, [""; 0], "its stream goes on");
}

#[test]
fn subscribing_and_unsubscribing_without_end_keeps_nothing() {
    let (mut world, stream) = world();
    for n in 0..200 {
        let topic = format!("topic {n}");
        let change = |subscribe| SubOpts::new(subscribe, topic.clone());
        let rpc = Rpc::new(vec![change(true), change(false), change(false)], vec![]);
        world.raw_at(RAW).send(stream, &rpc);
        // As often as it may.
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(world.at(1).take_log().len(), 400);
    let id = world.raw_at(RAW).swarm.local_peer();
    assert_eq!(world.at(1).floodsub().topics_of(id).count(), 0);
    assert_eq!(world.at(1).peers_of("topic 7"), [0; 0]);
}

#[test]
fn a_peer_that_leaves_and_subscribes_again_too_often_is_cut() {
    let (mut world, stream) = world();
    let change = |subscribe| SubOpts::new(subscribe, "t".to_owned());
    let flap = Rpc::new(vec![change(true), change(false)], vec![]);
    let mut flaps = 0;
    while world.at(1).floodsub().counters().peers_cut == 0 {
        assert!(flaps < 200, "it is never cut");
        world.raw_at(RAW).send(stream, &flap);
        world.settle();
        flaps += 1;
    }
    // The first one takes the place of none, and the last one is not told.
    assert!(flaps > 101, "{flaps}");
    let log = world.at(1).take_log();
    assert_eq!(log.iter().filter(|line| line.starts_with("subscribed")).count(), flaps - 1);
}

#[test]
fn a_peer_that_resets_what_we_open_does_not_keep_us_busy() {
    let (mut world, _) = world();
    for _ in 0..2_000 {
        let streams: Vec<_> = world.raw_at(RAW).received.keys().copied().collect();
        for stream in streams {
            // Those that have ended are refused.
            let _ = world.raw_at(RAW).swarm.reset(stream);
        }
        world.raw_at(RAW).received.clear();
        world.pass(Duration::from_secs(1));
    }
    assert!(world.at(1).swarm.counters().streams.outbound.opened <= 2 + 8 + 1);
}

#[test]
fn a_validator_that_panics_costs_the_peer_only_that_message() {
    let (mut world, stream) = world();
    world.at(1).floodsub().set_validator(|_, message| {
        if message.data == b"bad" {
            std::panic::resume_unwind(Box::new(()));
        }
        Verdict::Accept
    });
    let message = |seqno, data: &[u8]| signed(9, seqno, "t", data);
    let (one, two) = ([message(1, b"bad"), message(2, &[7; 10_000])], [message(3, b"bad"), message(4, b"good")]);
    world.raw_at(RAW).send(stream, &publishing(&one));
    world.raw_at(RAW).send(stream, &publishing(&two));
    // Who was interrupted takes another turn by itself.
    let mut goes_on = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.pass(Duration::ZERO))).is_ok();
    assert_eq!([goes_on(), goes_on(), goes_on()], [false, false, true]);
    world.at(1).expect(&["message t 9#2 10000 bytes via 3", "message t 9#4 good via 3"]);
    assert_eq!(world.raw_at(RAW).log, [""; 0], "its stream goes on");
}
