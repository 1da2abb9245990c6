//! Requests that are answered.

use super::{
    Config, Framing, ONE_WAY, SHOUT, Shout, ask, asked, framings, installed, millis, respond, secs, shout, told,
};
use crate::support::services::{Both, Script, read};
use crate::support::sim::{Shape, everywhere};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::Failure;
use swarm_notify::protocols::request_response::{Bytes, Event, RequestResponse};

everywhere! {
    a_requests_end_awaits_the_protocol_but_its_length_does_not,
    messages_of_any_length_are_whole_on_both_sides_at_once,
    responses_come_in_the_order_of_their_answers,
    a_request_to_a_peer_waits_until_it_is_connected,
    a_request_takes_the_youngest_connection_that_is_not_closing,
    the_first_protocol_that_both_speak_is_taken,
    a_response_counts_whose_connection_ends_right_behind_it,
    an_answered_request_leaves_no_stream,
    a_service_that_does_not_answer_is_told_so,
    a_cancelled_request_has_no_outcome,
}

fn config(framing: Framing) -> Config {
    let mut config = Config::default();
    config.framing = framing;
    config
}

fn a_requests_end_awaits_the_protocol_but_its_length_does_not<const EVENTS: usize>(shape: Shape) {
    for framing in framings() {
        let mut both = Both::<EVENTS>::new(shape);
        let (a, b) = installed(&mut both, &config(framing));
        let (ca, _) = both.connect(shape);
        both.settle();
        let id = ask(&mut both.a, a, ca, b"hello");
        both.wait(ONE_WAY);
        let mut requests = asked(&mut both.b, b);
        if framing == Framing::WholeSide {
            assert!(requests.is_empty(), "its end waits until the protocol is agreed");
            both.wait(2 * ONE_WAY);
            requests = asked(&mut both.b, b);
        }
        assert_eq!(requests[0].1, b"hello");
        respond(&mut both.b, b, requests[0].0, b"HELLO");
        both.wait(ONE_WAY);
        assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
        assert_eq!(told(&mut both.b, b), [format!("{}: sent", requests[0].0)]);
        both.end();
    }
}

fn messages_of_any_length_are_whole_on_both_sides_at_once<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    for framing in framings() {
        let mut both = Both::<EVENTS>::new(shape);
        let (a, b) = installed(&mut both, &config(framing));
        let (ca, cb) = both.connect(shape);
        for length in [0, 1, 127, 128, 300_000] {
            let message: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            ask(&mut both.a, a, ca, &message);
            ask(&mut both.b, b, cb, &message);
            both.settle();
            for (host, service) in [(&mut both.a, a), (&mut both.b, b)] {
                for (id, request) in asked(host, service) {
                    assert!(request == message, "{framing:?}, {length} bytes");
                    respond(host, service, id, &request);
                }
            }
            both.settle();
            for (host, service) in [(&mut both.a, a), (&mut both.b, b)] {
                let service: &mut Shout = host.service(service);
                let events: Vec<_> = std::iter::from_fn(|| service.next_event()).collect();
                let whole =
                    |event: &Event<_, _>| matches!(event, Event::Response { response, .. } if *response == message);
                let sent = |event: &Event<_, _>| matches!(event, Event::ResponseSent { .. });
                assert!(
                    events.len() == 2 && events.iter().any(whole) && events.iter().any(sent),
                    "{framing:?}, {length} bytes"
                );
            }
        }
        both.end();
    }
}

fn responses_come_in_the_order_of_their_answers<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, _) = both.connect(shape);
    let ids: Vec<_> = (0..10_u8).map(|n| ask(&mut both.a, a, ca, &[b'a' + n])).collect();
    both.settle();
    let mut responses = Vec::new();
    for (id, request) in asked(&mut both.b, b).into_iter().rev() {
        respond(&mut both.b, b, id, &request);
        both.settle();
        responses.extend(told(&mut both.a, a));
    }
    let mut expected: Vec<_> = ids.iter().zip('a'..).map(|(id, letter)| format!("{id}: {letter}")).collect();
    expected.reverse();
    assert_eq!(responses, expected);
    both.end();
}

fn a_request_to_a_peer_waits_until_it_is_connected<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let peer = both.b.swarm.local_peer();
    let id = ask(&mut both.a, a, peer, b"hello");
    both.wait(secs(5));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.connect(shape);
    both.settle();
    let requests = asked(&mut both.b, b);
    respond(&mut both.b, b, requests[0].0, b"HELLO");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
    both.end();
}

fn a_request_takes_the_youngest_connection_that_is_not_closing<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (old, _) = both.connect(shape);
    let (young, _) = both.connect_again(shape);
    let peer = both.b.swarm.local_peer();
    let answered_on = |both: &mut Both<EVENTS>| {
        ask(&mut both.a, a, peer, b"hello");
        both.settle();
        for (id, request) in asked(&mut both.b, b) {
            respond(&mut both.b, b, id, &request);
        }
        both.settle();
        told(&mut both.b, b);
        let service: &mut Shout = both.a.service(a);
        match service.next_event() {
            Some(Event::Response { connection, .. }) => connection,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answered_on(&mut both), young);
    // Its end is not told yet.
    both.a.swarm.close_connection(young).expect("it is open");
    assert_eq!(answered_on(&mut both), old);
    both.end();
}

fn the_first_protocol_that_both_speak_is_taken<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let newer = Protocol::from_static("/shout/2.0.0");
    let service = RequestResponse::new([newer, SHOUT], Bytes, Config::default());
    let (a, b) = (both.a.install(service), both.b.install(shout(Config::default())));
    let (ca, _) = both.connect(shape);
    let id = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let requests = asked(&mut both.b, b);
    respond(&mut both.b, b, requests[0].0, b"HELLO");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
    both.end();
}

fn a_response_counts_whose_connection_ends_right_behind_it<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(shout(Config::default()));
    both.b.install(Script::new(&[SHOUT], |node, stream| {
        if read(node, stream).1 {
            node.write(stream, b"HELLO").expect("there is place");
            node.finish(stream).expect("it is open");
            let connection = node.stream(stream).expect("it is open").connection;
            node.close_connection(connection).expect("it is open");
        }
    }));
    let (ca, _) = both.connect(shape);
    let id = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
    both.end();
}

fn an_answered_request_leaves_no_stream<const EVENTS: usize>(shape: Shape) {
    for framing in framings() {
        let mut both = Both::<EVENTS>::new(shape);
        let (a, b) = installed(&mut both, &config(framing));
        let (ca, cb) = both.connect(shape);
        for _ in 0..3 {
            ask(&mut both.a, a, ca, b"hello");
            both.settle();
            for (id, request) in asked(&mut both.b, b) {
                respond(&mut both.b, b, id, &request);
            }
            both.settle();
            told(&mut both.b, b);
            assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0), "{framing:?}");
        }
        assert_eq!(both.a.swarm.counters().streams.outbound.opened, 3);
        both.end();
    }
}

fn a_service_that_does_not_answer_is_told_so<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.answers = false;
    let (a, b) = (both.a.install(shout(config)), both.b.install(shout(Config::default())));
    let (ca, cb) = both.connect(shape);
    let refused = ask(&mut both.b, b, cb, b"hello");
    let answered = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let service: &mut Shout = both.b.service(b);
    let events: Vec<_> = std::iter::from_fn(|| service.next_event()).collect();
    let asked = |event: &Event<_, _>| if let Event::Request { id, .. } = event { Some(*id) } else { None };
    let request = events.iter().find_map(asked);
    let is_refused = |event: &Event<_, _>| matches!(event, Event::OutboundFailure { id, reason: Failure::Unsupported, .. } if *id == refused);
    assert!(events.len() == 2 && events.iter().any(is_refused), "{events:?}");
    respond(&mut both.b, b, request.expect("it has come"), b"HELLO");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{answered}: HELLO")]);
    both.end();
}

fn a_cancelled_request_has_no_outcome<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, cb) = both.connect(shape);
    both.settle();
    // Before it is sent, while it is answered, and when its outcome is there.
    for wait in [millis(0), millis(12), secs(1)] {
        let id = ask(&mut both.a, a, ca, b"hello");
        both.wait(wait);
        for (id, request) in asked(&mut both.b, b) {
            respond(&mut both.b, b, id, &request);
        }
        if wait == secs(1) {
            both.settle();
        }
        assert!(both.a.service(a).cancel(id));
        assert!(!both.a.service(a).cancel(id), "once is enough");
        both.settle();
        assert_eq!(told(&mut both.a, a), [] as [String; 0], "after {wait:?}");
        assert_eq!((both.a.service(a).pending(), both.a.streams(ca), both.b.streams(cb)), (0, 0, 0));
        told(&mut both.b, b);
    }
    both.end();
}
