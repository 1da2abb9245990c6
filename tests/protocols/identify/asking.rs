//! Asking a peer that answers well.

use crate::identify::{identify, known, millis, on_demand, secs, told};
use crate::support::services::{Both, Script, keypair};
use crate::support::sim::{A, B, Shape, everywhere};
use swarm_notify::protocols::NotConnected;
use swarm_notify::protocols::identify::{Config, Event, Identify, PROTOCOL, PUSH_PROTOCOL};
use swarm_notify::swarm::{self, Multiaddr};

everywhere! {
    each_connection_is_asked_and_every_field_arrives,
    on_demand_nothing_is_asked_before,
    what_is_known_goes_with_the_connection,
    a_service_that_comes_late_asks_what_is_open,
    a_question_whose_connection_ends_has_failed_once,
    asking_again_while_it_is_under_way_asks_for_nothing_more,
    a_full_queue_forgets_the_oldest_and_tells_how_many,
    what_is_said_in_pieces_arrives_whole,
    without_place_for_a_stream_a_question_has_failed,
    a_push_is_no_answer,
}

fn each_connection_is_asked_and_every_field_arrives<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = (both.a.install(identify(A)), both.b.install(identify(B)));
    let (ca, cb) = both.connect(shape);
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    assert_eq!(told(&mut both.b, b), [format!("identified {cb} a")]);
    let info = known(&mut both, a, ca);
    assert_eq!(info.protocol_version.as_deref(), Some("ipfs/0.1.0"));
    assert_eq!(info.agent_version, Some(format!("swarm-notify/{}", env!("CARGO_PKG_VERSION"))));
    assert_eq!(info.public_key, Some(keypair(B).public()));
    assert_eq!(info.listen_addresses, if shape.swapped { vec![] } else { vec![B.at(4000)] });
    assert_eq!(info.observed_address.as_ref(), Some(both.b.swarm.connection(cb).unwrap().remote));
    assert_eq!(info.protocols, [PROTOCOL, PUSH_PROTOCOL]);
    assert!(info.speaks(&PROTOCOL) && info.record.is_none());
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    both.end();
}

fn on_demand_nothing_is_asked_before<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, _) = (both.a.install(on_demand(A)), both.b.install(on_demand(B)));
    let (ca, _) = both.connect(shape);
    both.wait(secs(60));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    assert!(both.a.service::<Identify>(a).info(ca).is_none());
    both.a.service::<Identify>(a).identify(ca).unwrap();
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
}

fn what_is_known_goes_with_the_connection<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, _) = (both.a.install(identify(A)), both.b.install(identify(B)));
    let (ca, _) = both.connect(shape);
    both.settle();
    assert!(both.a.service::<Identify>(a).info(ca).is_some());
    both.a.swarm.close_connection(ca).unwrap();
    both.settle();
    let identify = both.a.service::<Identify>(a);
    assert!(identify.info(ca).is_none());
    assert_eq!(identify.identify(ca), Err(NotConnected));
    both.end();
}

fn a_service_that_comes_late_asks_what_is_open<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    let a = both.a.install(identify(A));
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
}

fn a_question_whose_connection_ends_has_failed_once<const EVENTS: usize>(shape: Shape) {
    for under_way in [0, 5, 15] {
        let mut both = Both::<EVENTS>::new(shape);
        let a = both.a.install(on_demand(A));
        both.b.install(identify(B));
        let (ca, _) = both.connect(shape);
        both.settle();
        both.a.service::<Identify>(a).identify(ca).unwrap();
        both.wait(millis(under_way));
        both.a.swarm.abort_connection(ca).unwrap();
        both.settle();
        assert_eq!(told(&mut both.a, a), [format!("failed {ca} b connection_closed")], "after {under_way} ms");
        both.end();
    }
}

fn asking_again_while_it_is_under_way_asks_for_nothing_more<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, _) = (both.a.install(on_demand(A)), both.b.install(on_demand(B)));
    let (ca, _) = both.connect(shape);
    for _ in 0..15 {
        both.a.service::<Identify>(a).identify(ca).unwrap();
        both.wait(millis(1));
    }
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    assert_eq!(both.a.swarm.counters().streams.outbound.opened, 1);
    both.end();
}

fn a_full_queue_forgets_the_oldest_and_tells_how_many<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.events = 1;
    let a = both.a.install(Identify::new(keypair(A).public(), config));
    let b = both.b.install(identify(B));
    let (ca, _) = both.connect(shape);
    both.settle();
    let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    both.b.service::<Identify>(b).add_external_address(address.clone());
    both.wait(secs(1));
    let identify = both.a.service::<Identify>(a);
    assert_eq!((identify.dropped(), identify.next_event()), (1, Some(Event::Lagged { events: 1 })));
    assert!(
        matches!(identify.next_event(), Some(Event::Pushed { info, .. }) if info.listen_addresses.contains(&address))
    );
    assert_eq!(identify.next_event(), None);
    assert!(identify.info(ca).is_some());
    both.end();
}

fn what_is_said_in_pieces_arrives_whole<const EVENTS: usize>(shape: Shape) {
    let mut config = swarm::Config::default();
    config.connection.yamux.max_output = 10;
    let mut both = Both::<EVENTS>::with(shape, config);
    let (a, _) = (both.a.install(identify(A)), both.b.install(identify(B)));
    let (ca, _) = both.connect(shape);
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    assert_eq!(known(&mut both, a, ca).protocols, [PROTOCOL, PUSH_PROTOCOL]);
    both.end();
}

fn without_place_for_a_stream_a_question_has_failed<const EVENTS: usize>(shape: Shape) {
    let mut config = swarm::Config::default();
    config.limits.streams_per_connection = 0;
    let mut both = Both::<EVENTS>::with(shape, config);
    let a = both.a.install(identify(A));
    let (ca, _) = both.connect(shape);
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("failed {ca} b limit")]);
    both.end();
}

fn a_push_is_no_answer<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    both.b.install(Script::new(&[PROTOCOL], |_, _| {}));
    let (ca, cb) = both.connect(shape);
    both.settle();
    let stream = both.b.swarm.open_stream(cb, &[PUSH_PROTOCOL]).unwrap();
    both.b.swarm.write(stream, &[0]).unwrap();
    both.b.swarm.finish(stream).unwrap();
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("pushed {ca} b")]);
    // It is still being asked.
    both.a.service::<Identify>(a).identify(ca).unwrap();
    both.wait(secs(60));
    assert_eq!(told(&mut both.a, a), [format!("failed {ca} b timeout")]);
    assert_eq!(both.a.swarm.counters().streams.outbound.opened, 1);
    both.end();
}
