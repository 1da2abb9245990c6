//! What an owner is told of a connection and of a stream that get no share: the event, the text of the error, the count.

use super::{Attacker, ends, listening, refused};
use crate::support::sim::{A, ECHO, Greeting, Pair, RawDial, Shape, everywhere};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use swarm_notify::lifecycle::{Event, Failure};
use swarm_notify::swarm::{Config, ProtocolLimits, Readiness, Refusal, RefusedAt};

everywhere! {
    a_refused_share_of_connections_is_counted_and_named,
    at_the_door_a_refused_share_is_counted,
    a_refused_share_of_a_protocol_is_counted,
}

/// Where a raw peer connects from, with which key.
type Caller = (String, u8);

fn callers(all: &[(&str, u8)]) -> Vec<Caller> {
    all.iter().map(|(ip, key)| ((*ip).to_owned(), *key)).collect()
}

/// All come in while there is place, and then authenticate one after the other. Returns the texts of those that have failed.
fn failed<const EVENTS: usize>(shape: Shape, config: &dyn Fn(&mut Config), all: &[Caller]) -> Vec<String> {
    let mut pair = listening::<EVENTS>(shape, config);
    let texts = Rc::<RefCell<Vec<String>>>::default();
    pair.a.note = Some(Box::new({
        let texts = texts.clone();
        move |swarm, event| {
            let Event::ConnectFailed { connection, reason } = event else { return };
            assert_eq!(reason, Failure::Limit);
            let view = swarm.connection(connection).unwrap();
            assert!(view.peer.is_some());
            texts.borrow_mut().push(view.error.expect("there is a text").to_owned());
        }
    }));
    let mut pipes = Vec::new();
    for (ip, key) in all {
        pair.network.set(|knobs| knobs.seen_as(3, ip.parse::<IpAddr>().unwrap()));
        let mut dial = RawDial::new(&pair.network, 3, &A.at(4001));
        pair.settle();
        let mut pipe = dial.pipe().unwrap();
        let (greeting, said) = Greeting::begin(*key);
        pipe.give(&said);
        pair.settle();
        pipes.push((pipe, greeting));
    }
    for (pipe, greeting) in &mut pipes {
        let (said, _) = greeting.hear(&pipe.take()).unwrap();
        pipe.give(&said);
        pair.settle();
    }
    counts(&mut pair, texts.borrow().len() as u64, &all[all.len() - 1].0);
    ends(pair, pipes);
    texts.take()
}

/// So many connections were refused, as the totals, the counts of the listener and readiness say, the last one from `ip`.
fn counts<const EVENTS: usize>(pair: &mut Pair<EVENTS>, many: u64, ip: &str) {
    pair.wait(crate::simulated::secs(2));
    let listener = pair.a.listening[0];
    assert_eq!(refused(pair, Refusal::ConnectionLimit), many);
    assert_eq!(pair.a.swarm.refused_at(listener, Refusal::ConnectionLimit), many);
    let told = pair.a.ready.drain(..).filter_map(|ready| {
        let Readiness::Refused { of, kind: Refusal::ConnectionLimit, count } = ready else { return None };
        (of == RefusedAt::Listener(listener)).then_some(count)
    });
    assert_eq!(told.sum::<u64>(), many);
    let last = pair.a.swarm.last_refused_from(listener, Refusal::ConnectionLimit).expect("some were refused");
    assert!(last.to_string().split('/').nth(2) == Some(ip), "{last}, not {ip}");
    assert_eq!(pair.a.swarm.last_refused_from(listener, Refusal::HandshakeFailed), None);
}

fn a_refused_share_of_connections_is_counted_and_named<const EVENTS: usize>(shape: Shape) {
    let failed = |set: &dyn Fn(&mut Config), all: &[Caller]| failed::<EVENTS>(shape, set, all);

    let twice = callers(&[("192.0.2.1", 3), ("192.0.2.2", 3)]);
    let texts = failed(&|a| a.connections_per_peer = 1, &twice);
    assert_eq!(texts, ["the peer has its share of connections (connections_per_peer)"]);

    let neighbours = callers(&[("192.0.2.1", 3), ("192.0.2.1", 4)]);
    let texts = failed(&|a| a.connections_per_address = 1, &neighbours);
    assert_eq!(texts, ["the address has its share of connections (connections_per_address)"]);

    let neighbours = callers(&[("2001:db8::1", 3), ("2001:db8::2", 4)]);
    let texts = failed(&|a| a.connections_per_address = 1, &neighbours);
    assert_eq!(texts, ["the /64 has its share of connections (connections_per_address)"]);

    let neighbours = callers(&[("2001:db8:0:1::1", 3), ("2001:db8:0:2::1", 4)]);
    let texts = failed(&|a| a.connections_per_site = 1, &neighbours);
    assert_eq!(texts, ["the /48 has its share of connections (connections_per_site)"]);

    // The first peer comes again when so many others are in. It holds a place, which is more than half of one of 8, and not of 32.
    let first_comes_again =
        |others| (0..=others).map(|n| (format!("192.0.2.{n}"), n + 3)).chain(callers(&[("::2", 3)]));
    let texts = failed(&|a| a.limits.connections = 8, &first_comes_again(5).collect::<Vec<_>>());
    assert_eq!(texts, ["the peer has more than a sixteenth of all connections, and less than a quarter is free"]);
    let texts = failed(&|a| a.limits.connections = 32, &first_comes_again(30).collect::<Vec<_>>());
    assert_eq!(texts, ["the last places are for peers and addresses without a connection"]);
}

fn at_the_door_a_refused_share_is_counted<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |a| a.connections_per_address = 1);
    let first = Attacker::connect(&mut pair, 3, 3);
    pair.network.set(|knobs| knobs.seen_as(3, IpAddr::from([192, 0, 2, 9])));
    let other = Attacker::connect(&mut pair, 3, 4);
    let second = RawDial::new(&pair.network, 3, &A.at(4001));
    pair.settle();
    counts(&mut pair, 1, "192.0.2.9");
    pair.network.set(|knobs| knobs.seen_as(3, IpAddr::from([192, 0, 2, 10])));
    let third = Attacker::connect(&mut pair, 3, 5);
    let fourth = RawDial::new(&pair.network, 3, &A.at(4001));
    pair.settle();
    let listener = pair.a.listening[0];
    let last = pair.a.swarm.last_refused_from(listener, Refusal::ConnectionLimit).unwrap();
    assert!(last.to_string().starts_with("/ip4/192.0.2.10/"), "{last}");
    pair.a.swarm.close_listener(listener).unwrap();
    pair.settle();
    assert_eq!(pair.a.swarm.last_refused_from(listener, Refusal::ConnectionLimit), None, "it goes with its listener");
    ends(pair, (first, other, second, third, fourth));
}

fn a_refused_share_of_a_protocol_is_counted<const EVENTS: usize>(shape: Shape) {
    let mut pair = listening::<EVENTS>(shape, |_| {});
    pair.a.swarm.limit_protocol(&ECHO, ProtocolLimits::new().with_per_peer(2));
    let mut attacker = Attacker::connect(&mut pair, 3, 3).unwrap();
    let connection = pair.a.swarm.connections().next().unwrap();
    assert_eq!(attacker.open(&mut pair, 5), 2);
    assert_eq!(pair.a.swarm.refused_at(connection, Refusal::StreamLimit), 3);
    let counters = pair.a.swarm.counters().streams.inbound;
    assert_eq!((counters.failed, counters.without_id), (3, 0));
    ends(pair, attacker);
}
