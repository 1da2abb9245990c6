//! One turn does so much and no more, peers take turns, and what is left comes later, whatever has ended meanwhile.

use crate::floodsub::raw::{publishing, signed, subscribing};
use crate::floodsub::world::{World, beside_raws};
use crate::support::pubsub_play::{Play, Step, Which};
use arbitrary::{Arbitrary as _, Unstructured};
use swarm_notify::lifecycle::StreamId;
use swarm_notify::protocols::pubsub::Config;
use swarm_notify::protocols::pubsub::wire::Rpc;

/// A node that subscribes to `t`, validates so many messages a turn, and has so many raw peers with a stream each.
fn world(messages: usize, raws: u8) -> (World, Vec<(u8, StreamId)>) {
    let mut config = Config::default();
    config.messages_per_turn = messages;
    beside_raws(config, raws)
}

const NODE: u8 = 1;

/// An RPC with the messages of these numbers of an author.
fn messages(author: u8, seqnos: std::ops::Range<u64>) -> Rpc {
    publishing(&seqnos.map(|seqno| signed(author, seqno, "t", b"a")).collect::<Vec<_>>())
}

/// How many messages came in each turn with some.
fn per_turn(world: &mut World) -> Vec<usize> {
    world.at(NODE).per_turn.iter().map(Vec::len).collect()
}

fn seqnos(world: &mut World) -> Vec<u64> {
    world.at(NODE).messages.iter().map(|(message, _)| message.seqno.unwrap()).collect()
}

#[test]
fn a_turn_validates_as_many_as_the_bound_and_the_next_goes_on() {
    for bound in [0, 1, 64, 200] {
        let (mut world, raws) = world(bound, 1);
        let (raw, stream) = raws[0];
        world.raw_at(raw).send(stream, &messages(9, 0..150));
        (150..200).for_each(|seqno| world.raw_at(raw).send(stream, &messages(9, seqno..seqno + 1)));
        world.settle();
        assert_eq!(seqnos(&mut world), (0..200).collect::<Vec<_>>());
        let turns = per_turn(&mut world);
        let (last, full) = turns.split_last().unwrap();
        let bound = bound.max(1);
        assert!(full.iter().all(|n| *n == bound) && *last == 200 - bound * full.len(), "{turns:?}");
    }
}

#[test]
fn peers_take_turns_whoever_has_more() {
    let (mut world, raws) = world(10, 3);
    for ((raw, stream), count) in raws.into_iter().zip([300, 20, 1]) {
        world.raw_at(raw).send(stream, &messages(raw, 0..count));
    }
    world.settle();
    let told = world.at(NODE).per_turn.clone();
    assert_eq!(told.iter().map(Vec::len).sum::<usize>(), 321);
    let of = |peer, turn: &Vec<u8>| turn.iter().filter(|via| **via == peer).count();
    // In their first turns they have equal shares; then those who have more have what the others leave.
    let (busy, other): (Vec<_>, Vec<_>) = told.iter().map(|turn| (of(2, turn), of(3, turn))).unzip();
    assert_eq!(told.iter().position(|turn| of(4, turn) == 1), Some(0), "{told:?}");
    assert_eq!(other.iter().take(5).sum::<usize>(), 20, "{told:?}");
    assert!(busy.iter().take(4).all(|n| (3..=6).contains(n)) && busy[6] == 10, "{told:?}");
}

/// An RPC with messages of so many bytes.
fn large(author: u8, count: u64, bytes: usize) -> Rpc {
    publishing(&(0..count).map(|seqno| signed(author, seqno, "t", &vec![7; bytes])).collect::<Vec<_>>())
}

#[test]
fn a_message_counts_as_one_more_for_each_16_kib() {
    for (kib, cost) in [(1, 1), (15, 1), (17, 2), (33, 3), (50, 4)] {
        let (mut world, raws) = world(12, 1);
        let (raw, stream) = raws[0];
        // What fits into the window.
        world.raw_at(raw).send(stream, &large(9, 200 / kib, kib as usize * 1024));
        world.settle();
        let turns = per_turn(&mut world);
        assert_eq!(turns.iter().sum::<usize>(), 200 / kib as usize);
        assert_eq!(turns[0], (12 / cost).min(200 / kib as usize), "{kib} KiB: {turns:?}");
    }
}

#[test]
fn work_is_shared_equally_whatever_the_size_of_messages() {
    let (mut world, raws) = world(8, 2);
    let [(greedy, first), (small, second)] = raws[..] else { panic!("there are two") };
    // 4 each, and 1 each.
    world.raw_at(greedy).send(first, &large(greedy, 4, 50 * 1024));
    world.raw_at(small).send(second, &messages(small, 0..12));
    world.settle();
    let told = world.at(NODE).per_turn.concat();
    let until = told.iter().rposition(|via| *via == small).expect("it was told");
    let between = told[..until].iter().filter(|via| **via == greedy).count();
    assert!((2..=3).contains(&between), "12 of the work of each: {told:?}");
    assert_eq!(told.len(), 16);
}

#[test]
fn what_is_not_validated_is_bounded_by_its_bytes_too() {
    let mut config = Config::default();
    config.entries_per_turn = 10;
    let (mut world, raws) = beside_raws(config, 1);
    let (raw, stream) = raws[0];
    let turns = world.at(NODE).turns;
    let unwanted: Vec<_> = (0..6).map(|seqno| signed(9, seqno, "other", &[7; 39 * 1024])).collect();
    world.raw_at(raw).send(stream, &publishing(&unwanted));
    world.settle();
    assert_eq!(world.at(NODE).floodsub().counters().unwanted, 6);
    // 59 reads of 4 KiB, and 10 for each message.
    let turns = world.at(NODE).turns - turns;
    assert!(turns >= 11, "{turns} turns");
}

#[test]
fn what_is_left_when_a_stream_ends_comes_before_its_peer_goes() {
    let endings: [fn(&mut World, u8, StreamId); 3] = [
        |world, raw, stream| world.raw_at(raw).swarm.finish(stream).unwrap(),
        |world, raw, stream| {
            // What is written is on its way before, and arrives with the reset.
            world.raw_turn(raw);
            world.raw_at(raw).swarm.reset(stream).unwrap();
        },
        |world, raw, _| {
            let connection = world.raw_at(raw).connection();
            world.disconnect(raw, connection);
        },
    ];
    for (n, ends) in endings.into_iter().enumerate() {
        let (mut world, raws) = world(8, 1);
        let (raw, stream) = raws[0];
        world.raw_at(raw).send(stream, &messages(9, 0..50));
        ends(&mut world, raw, stream);
        world.settle();
        assert_eq!(seqnos(&mut world), (0..50).collect::<Vec<_>>(), "{n}");
        assert_eq!(per_turn(&mut world), [8, 8, 8, 8, 8, 8, 2]);
        let log = world.at(NODE).take_log();
        let last = if n == 2 { "gone 2" } else { "message t 9#49 a via 2" };
        assert_eq!(log.last().unwrap(), last);
        assert_eq!(world.at(NODE).floodsub().counters().invalid, 0);
    }
}

#[test]
fn a_peer_that_uses_a_stream_for_each_message_loses_none() {
    let (mut world, raws) = world(8, 1);
    let raw = raws[0].0;
    for seqno in 0..100 {
        let stream = world.raw_at(raw).open();
        world.raw_at(raw).send(stream, &messages(9, seqno..seqno + 1));
        world.raw_at(raw).swarm.finish(stream).unwrap();
    }
    world.settle();
    assert_eq!(seqnos(&mut world), (0..100).collect::<Vec<_>>());
    assert!(per_turn(&mut world).iter().all(|n| *n <= 8));
}

#[test]
fn changed_subscriptions_and_unvalidated_messages_are_bounded() {
    let mut config = Config::default();
    config.entries_per_turn = 10;
    let (mut world, raws) = beside_raws(config, 1);
    let (raw, stream) = raws[0];
    let names: Vec<String> = (0..95).map(|n| format!("{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.raw_at(raw).send(stream, &subscribing(&names));
    world.settle();
    let told = std::mem::take(&mut world.at(NODE).told_per_turn);
    assert_eq!(told.iter().sum::<usize>(), 95);
    assert!(told.iter().all(|n| *n <= 10) && told.len() >= 10, "{told:?}");
    // The first is new, the rest is known.
    let turns = world.at(NODE).turns;
    let same = publishing(&vec![signed(9, 1, "t", b"a"); 95]);
    world.raw_at(raw).send(stream, &same);
    world.settle();
    assert_eq!(world.at(NODE).floodsub().counters().duplicates, 94);
    assert!(world.at(NODE).turns - turns >= 10);
}

#[test]
fn subscriptions_of_others_push_no_message_out() {
    const FLOODERS: u8 = 24;
    const TOPICS: usize = 100;
    let (mut world, raws) = world(64, FLOODERS + 1);
    let names: Vec<String> = (0..TOPICS).map(|n| format!("{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ((honest, stream), flooders) = raws.split_last().unwrap();
    flooders.iter().for_each(|(raw, stream)| world.raw_at(*raw).send(*stream, &subscribing(&names)));
    // What is told of it comes when each flooder has been told of as often.
    world.raw_at(*honest).send(*stream, &messages(9, 0..60));
    world.settle();
    assert_eq!(seqnos(&mut world), (0..60).collect::<Vec<_>>());
    let told = std::mem::take(&mut world.at(NODE).told_per_turn);
    assert_eq!(told.iter().sum::<usize>(), usize::from(FLOODERS) * TOPICS + 60);
    assert!(told.iter().all(|n| *n <= 768), "three quarters of 1 024: {told:?}");
    assert_eq!(world.at(NODE).floodsub().counters().events_lost, 0);
}

#[test]
fn large_messages_push_none_out_of_few_bytes() {
    let mut config = Config::small();
    config.peers = 8;
    let (mut world, raws) = beside_raws(config, 2);
    // 96 KiB of them may wait, which are three.
    for ((raw, stream), seqno) in raws.iter().flat_map(|raw| (0..4).map(move |seqno| (raw, seqno))) {
        world.raw_at(*raw).send(*stream, &publishing(&[signed(*raw, seqno, "t", &[7; 30 * 1024])]));
    }
    world.settle();
    assert_eq!(world.at(NODE).messages.len(), 8, "{:?}", world.at(NODE).log);
}

/// An owner who takes nothing delays nobody: what its queue has no room for is lost to it alone.
#[test]
fn a_turn_goes_on_though_the_queue_is_full() {
    let mut config = Config::default();
    config.events = 8;
    let (mut world, raws) = beside_raws(config, 1);
    let (raw, stream) = raws[0];
    world.at(NODE).is_paused = true;
    world.raw_at(raw).send(stream, &messages(9, 0..50));
    world.settle();
    assert_eq!(world.at(NODE).floodsub().counters().received, 50);
    world.at(NODE).drain();
    let told = world.at(NODE).take_log();
    assert_eq!((told.len(), told[0].as_str(), told[8].as_str()), (9, "lagged 42", "message t 9#49 a via 2"));
}

#[test]
fn a_peer_that_returns_is_heard_out_and_goes_before_it_comes() {
    let (first, second) = (Which(0, 0), Which(0, 1));
    let play = Play {
        messages_per_turn: 2,
        entries_per_turn: 0xff,
        totals: None,
        steps: vec![
            Step::Connect(0),
            Step::Open(first),
            Step::Topics(first, 2, true),
            Step::Turns(1),
            Step::Send(first, 5, true, 0),
            Step::Disconnect(first),
            Step::Turns(1),
            // Two of five are told by now.
            Step::Connect(0),
            Step::Open(first),
            Step::Open(first),
            Step::Send(second, 1, true, 0),
            Step::Turns(7),
        ],
    };
    let messages = [0, 1, 2, 3, 4].map(|n| format!("message {n} via 0"));
    let expected =
        [&["added 0".to_owned()][..], &messages, &["gone 0", "added 0", "message 5 via 0"].map(String::from)];
    assert_eq!(play.run(), expected.concat());
}

#[test]
fn a_peer_that_goes_and_comes_in_its_turn_takes_nobodys_turn() {
    let (one, two) = (Which(0, 0), Which(1, 0));
    let play = Play {
        messages_per_turn: 2,
        entries_per_turn: 0xff,
        totals: None,
        steps: vec![
            Step::Connect(0),
            Step::Open(one),
            Step::Connect(1),
            Step::Open(two),
            Step::Turns(1),
            Step::Send(one, 1, true, 0),
            Step::Send(two, 9, true, 0),
            Step::Disconnect(one),
            Step::Turns(1),
            Step::Connect(0),
        ],
    };
    let log = play.run();
    assert_eq!(log.iter().filter(|line| line.ends_with("via 1")).count(), 9, "{log:?}");
    assert_eq!(
        log.iter().filter(|line| line.ends_with('0')).collect::<Vec<_>>(),
        ["added 0", "message 0 via 0", "gone 0", "added 0"]
    );
}

#[test]
fn the_play_holds_over_seeded_input() {
    let mut lines = [0; 3];
    crate::support::corpus::seeded(1_000, 800, |data| {
        if let Ok(play) = Play::arbitrary(&mut Unstructured::new(data)) {
            let log = play.run();
            for (count, word) in lines.iter_mut().zip(["message", "gone", "added"]) {
                *count += log.iter().filter(|line| line.starts_with(word)).count();
            }
        }
    });
    assert!(lines[0] > 1_000 && lines[1] > 100 && lines[2] > lines[1], "it is no play of nothing: {lines:?}");
}
