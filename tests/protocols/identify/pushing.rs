//! Pushing what has changed, and hearing what a peer pushes.

use crate::identify::hostile::says;
use crate::identify::{framed, identify, known, millis, on_demand, secs, told};
use crate::support::services::{Both, keypair};
use crate::support::sim::{A, B, Shape, everywhere};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::identify::{Config, Identify, Info, PROTOCOL, PUSH_PROTOCOL, PeerRecord, encode};
use swarm_notify::swarm::{self, Multiaddr};

everywhere! {
    a_listener_that_opens_or_closes_is_pushed,
    an_external_address_is_pushed_and_taken_back,
    addresses_of_a_listener_that_change_are_pushed,
    a_protocol_is_pushed_when_the_owner_says_so,
    without_pushes_only_the_owner_pushes,
    what_is_said_last_arrives_last,
    an_owner_that_changes_for_ever_does_not_flood_its_peers,
    pushes_wait_in_line_and_all_arrive,
    a_push_without_a_place_waits_and_says_what_is_true_then,
    a_peer_that_takes_no_pushes_is_left_alone,
    what_a_push_does_not_say_stays,
    what_a_push_says_is_known,
    a_bad_push_changes_nothing,
    a_record_older_than_the_one_known_changes_no_address,
}

fn tcp(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

/// Two that know each other, of which `b` pushes.
fn acquainted<const EVENTS: usize>(
    shape: Shape,
    config: Config,
) -> (Both<EVENTS>, NotifeeId<Identify>, NotifeeId<Identify>, ConnectionId) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    let b = both.b.install(Identify::new(keypair(B).public(), config));
    let (ca, _) = both.connect(shape);
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    (both, a, b, ca)
}

#[track_caller]
fn is_pushed<const EVENTS: usize>(both: &mut Both<EVENTS>, a: NotifeeId<Identify>, ca: ConnectionId) -> Info {
    both.wait(secs(1));
    assert_eq!(told(&mut both.a, a), [format!("pushed {ca} b")]);
    assert_eq!(both.a.streams(ca), 0);
    let info = known(both, a, ca);
    assert_eq!(info.public_key, Some(keypair(B).public()));
    info
}

fn a_listener_that_opens_or_closes_is_pushed<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, _, ca) = acquainted::<EVENTS>(shape, Config::default());
    let before = known(&mut both, a, ca).listen_addresses;
    let listener = both.b.swarm.listen(B.at(5000)).unwrap();
    let info = is_pushed(&mut both, a, ca);
    assert_eq!(info.listen_addresses, [before.clone(), vec![B.at(5000)]].concat());
    if !before.is_empty() {
        both.b.swarm.close_listener(listener).unwrap();
        assert_eq!(is_pushed(&mut both, a, ca).listen_addresses, before);
    }
    both.end();
}

fn an_external_address_is_pushed_and_taken_back<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, b, ca) = acquainted::<EVENTS>(shape, Config::default());
    both.b.service::<Identify>(b).add_external_address(tcp(1));
    assert_eq!(is_pushed(&mut both, a, ca).listen_addresses.last(), Some(&tcp(1)));
    // What was added before is nothing new.
    both.b.service::<Identify>(b).add_external_address(tcp(1));
    both.wait(secs(1));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.b.service::<Identify>(b).add_external_address(tcp(2));
    is_pushed(&mut both, a, ca);
    both.b.service::<Identify>(b).remove_external_address(&tcp(1));
    let addresses = is_pushed(&mut both, a, ca).listen_addresses;
    assert!(!addresses.contains(&tcp(1)) && addresses.contains(&tcp(2)));
    both.end();
}

fn addresses_of_a_listener_that_change_are_pushed<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, _, ca) = acquainted::<EVENTS>(shape, Config::default());
    both.b.swarm.listen(B.at(5000)).unwrap();
    is_pushed(&mut both, a, ca);
    both.network.set(|knobs| knobs.address((B.0, 5000), tcp(7), true));
    assert!(is_pushed(&mut both, a, ca).listen_addresses.contains(&tcp(7)));
    both.network.set(|knobs| knobs.address((B.0, 5000), tcp(7), false));
    assert!(!is_pushed(&mut both, a, ca).listen_addresses.contains(&tcp(7)));
    both.end();
}

fn a_protocol_is_pushed_when_the_owner_says_so<const EVENTS: usize>(shape: Shape) {
    const NEW: Protocol = Protocol::from_static("/new/1.0.0");
    let (mut both, a, b, ca) = acquainted::<EVENTS>(shape, Config::default());
    both.b.swarm.register_protocol(NEW);
    both.wait(secs(100));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.b.service::<Identify>(b).push();
    both.b.service::<Identify>(b).push();
    assert!(is_pushed(&mut both, a, ca).speaks(&NEW));
    both.end();
}

fn without_pushes_only_the_owner_pushes<const EVENTS: usize>(shape: Shape) {
    let mut config = Config::default();
    config.pushes = false;
    let (mut both, a, b, ca) = acquainted::<EVENTS>(shape, config);
    both.b.service::<Identify>(b).add_external_address(tcp(1));
    both.wait(secs(100));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.b.service::<Identify>(b).push();
    assert_eq!(is_pushed(&mut both, a, ca).listen_addresses.last(), Some(&tcp(1)));
    both.end();
}

fn what_is_said_last_arrives_last<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, b, ca) = acquainted::<EVENTS>(shape, Config::default());
    for port in 1..=50 {
        both.b.service::<Identify>(b).add_external_address(tcp(port));
        both.wait(millis(3));
    }
    both.wait(secs(1));
    let addresses = known(&mut both, a, ca).listen_addresses;
    assert_eq!(addresses[addresses.len() - 50..], (1..=50).map(tcp).collect::<Vec<_>>());
    let told = told(&mut both.a, a);
    assert!((2..50).contains(&told.len()), "one at a time: {told:?}");
    both.end();
}

fn pushes_wait_in_line_and_all_arrive<const EVENTS: usize>(shape: Shape) {
    let mut config = Config::default();
    config.outbound_pushes = 1;
    let (mut both, a, b, _) = acquainted::<EVENTS>(shape, config);
    for _ in 0..4 {
        let (swarm, name) = if shape.swapped { (&mut both.b.swarm, A) } else { (&mut both.a.swarm, B) };
        swarm.dial(name.at(4000)).unwrap();
    }
    both.settle();
    assert_eq!(told(&mut both.a, a).len(), 4);
    both.b.service::<Identify>(b).add_external_address(tcp(1));
    // Each takes a round trip for its stream; two at once would be through in half the time.
    both.wait(millis(85));
    let early = told(&mut both.a, a).len();
    both.wait(secs(1));
    let late = told(&mut both.a, a).len();
    assert!(early < 5 && early + late == 5, "{early} and {late}");
    both.end();
}

fn a_push_without_a_place_waits_and_says_what_is_true_then<const EVENTS: usize>(shape: Shape) {
    const OTHER: Protocol = Protocol::from_static("/other/1.0.0");
    let mut limited = swarm::Config::default();
    limited.limits.streams_per_connection = 2;
    let mut both = Both::<EVENTS>::with(shape, limited);
    let a = both.a.install(identify(A));
    let b = both.b.install(on_demand(B));
    both.a.swarm.register_protocol(OTHER);
    let (ca, cb) = both.connect(shape);
    both.wait(secs(1));
    told(&mut both.a, a);
    let streams = [(); 2].map(|()| both.b.swarm.open_stream(cb, &[OTHER]).unwrap());
    both.wait(secs(1));
    // It is tried again and again, at its times and not between them, and never waits twice.
    for port in 1..=5 {
        both.b.service::<Identify>(b).add_external_address(tcp(port));
        both.settle();
        let since = both.now;
        let again = both.b.notifees.poll_at().expect("it is tried again");
        assert!(again > since && again <= since + secs(1), "{again:?} of {since:?}");
        both.wait(millis(700));
    }
    both.b.service::<Identify>(b).push();
    both.b.service::<Identify>(b).remove_external_address(&tcp(1));
    both.wait(secs(100));
    assert_eq!((told(&mut both.a, a), both.b.streams(cb)), (vec![], 2));
    both.b.swarm.reset(streams[0]).unwrap();
    both.wait(secs(2));
    assert_eq!(told(&mut both.a, a), [format!("pushed {ca} b")], "once");
    let addresses = known(&mut both, a, ca).listen_addresses;
    assert_eq!(addresses[addresses.len() - 4..], [2, 3, 4, 5].map(tcp));
    assert!(!addresses.contains(&tcp(1)));
    // One that waits when its connection ends is forgotten.
    let _ = both.b.swarm.open_stream(cb, &[OTHER]).unwrap();
    both.b.service::<Identify>(b).push();
    both.wait(millis(500));
    assert!(both.b.notifees.poll_at().is_some());
    both.b.swarm.abort_connection(cb).unwrap();
    both.wait(secs(2));
    assert_eq!(both.b.notifees.poll_at(), None);
    both.end();
}

fn a_peer_that_takes_no_pushes_is_left_alone<const EVENTS: usize>(shape: Shape) {
    let mut info = Info::default();
    info.protocols = vec![PROTOCOL];
    let (mut both, a, _) = says::<EVENTS>(shape, &encode(&info));
    let before = both.a.swarm.counters().streams.outbound;
    both.a.service::<Identify>(a).push();
    both.wait(secs(1));
    assert_eq!(both.a.swarm.counters().streams.outbound, before);
    both.end();
}

/// `a` knows a full `b`, which then pushes this.
fn pushes<const EVENTS: usize>(
    shape: Shape,
    known: &Info,
    pushed: Vec<u8>,
) -> (Both<EVENTS>, NotifeeId<Identify>, ConnectionId) {
    let (mut both, a, ca) = says::<EVENTS>(shape, &encode(known));
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    let connection = both.b.swarm.connections().next().unwrap();
    let stream = both.b.swarm.open_stream(connection, &[PUSH_PROTOCOL]).unwrap();
    both.b.swarm.write(stream, &pushed).unwrap();
    both.b.swarm.finish(stream).unwrap();
    both.wait(secs(20));
    assert_eq!(both.a.streams(ca), 0);
    (both, a, ca)
}

fn full() -> Info {
    let mut info = Info::default();
    info.agent_version = Some("test/1".into());
    info.public_key = Some(keypair(B).public());
    info.listen_addresses = vec![tcp(1)];
    info.protocols = vec![PROTOCOL];
    info
}

fn what_a_push_does_not_say_stays<const EVENTS: usize>(shape: Shape) {
    let mut news = Info::default();
    news.agent_version = Some("test/2".into());
    news.listen_addresses = vec![tcp(2), tcp(3)];
    let (mut both, a, ca) = pushes::<EVENTS>(shape, &full(), framed(&encode(&news)));
    assert_eq!(told(&mut both.a, a), [format!("pushed {ca} b")]);
    let mut expected = full();
    (expected.agent_version, expected.listen_addresses) = (news.agent_version, news.listen_addresses);
    assert_eq!(known(&mut both, a, ca), expected);
    both.end();
}

fn what_a_push_says_is_known<const EVENTS: usize>(shape: Shape) {
    let mut news = full();
    news.protocol_version = Some("test/3".into());
    news.observed_address = Some(tcp(9));
    let (mut both, a, ca) = pushes::<EVENTS>(shape, &Info::default(), framed(&encode(&news)));
    assert_eq!(known(&mut both, a, ca), news);
    both.end();
}

fn a_bad_push_changes_nothing<const EVENTS: usize>(shape: Shape) {
    let mut wrong = full();
    wrong.public_key = Some(keypair(A).public());
    wrong.agent_version = Some("wrong".into());
    let bad = [(framed(&encode(&wrong)), "wrong_peer"), (framed(&[0xff; 9]), "protocol"), (vec![], "eof")];
    for (bytes, reason) in bad {
        let (mut both, a, ca) = pushes::<EVENTS>(shape, &full(), bytes);
        assert_eq!(told(&mut both.a, a), [format!("push_failed {ca} b {reason}")]);
        assert_eq!(known(&mut both, a, ca), full());
        both.end();
    }
}

fn a_record_older_than_the_one_known_changes_no_address<const EVENTS: usize>(shape: Shape) {
    let signed = |sequence, port| {
        let mut info = full();
        info.record = Some(PeerRecord::sign(&keypair(B), sequence, &[tcp(port)]).unwrap());
        info
    };
    for (sequence, expected) in [(6, tcp(7)), (8, tcp(9))] {
        let (mut both, a, ca) = pushes::<EVENTS>(shape, &signed(7, 7), framed(&encode(&signed(sequence, 9))));
        let info = known(&mut both, a, ca);
        assert_eq!(
            (&info.listen_addresses[..], info.record.unwrap().addresses()),
            (&[expected.clone()][..], &[expected][..])
        );
        both.end();
    }
}

fn an_owner_that_changes_for_ever_does_not_flood_its_peers<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut both, a, b, ca) = acquainted::<EVENTS>(shape, Config::default());
    for port in 1..=300 {
        let identify = both.b.service::<Identify>(b);
        identify.remove_external_address(&tcp(port - 1));
        identify.add_external_address(tcp(port));
        both.wait(millis(50));
    }
    both.wait(secs(3));
    let pushed = told(&mut both.a, a).len();
    assert!((10..=10 + 19).contains(&pushed), "{pushed}: 10 at once and one a second");
    let info = known(&mut both, a, ca);
    assert_eq!(info.listen_addresses.last(), Some(&tcp(300)), "what is true in the end has arrived");
    both.end();
}
