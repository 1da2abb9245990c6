//! Requests that fail: each of them once, on each side that has begun it.

use super::{Config, Framing, SHOUT, ask, asked, installed, millis, respond, secs, shout, told};
use crate::support::services::{Both, Script, read};
use crate::support::sim::{Shape, everywhere};
use swarm_notify::protocols::request_response::{RequestError, RespondError};

everywhere! {
    what_is_not_answered_in_time_has_failed_on_both_sides,
    a_peer_that_never_connects_is_not_waited_for_longer,
    what_is_asked_and_not_answered_fails_with_its_connection,
    what_is_refused_is_told_so,
    nobody_is_answered_twice,
    what_is_too_long_is_refused_and_loses_nothing,
    a_response_that_is_too_long_or_cut_is_none,
    a_request_that_is_too_long_or_cut_is_none,
    a_request_that_drips_ends_in_time,
    a_connection_that_is_over_cannot_be_asked,
    a_half_open_stream_waits_as_long_as_its_request,
    one_that_is_taken_out_leaves_no_stream_that_nobody_ends,
}

fn short() -> Config {
    let mut config = Config::default();
    (config.request_bytes, config.response_bytes) = (8, 8);
    config
}

fn what_is_not_answered_in_time_has_failed_on_both_sides<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, cb) = both.connect(shape);
    both.settle();
    let id = ask(&mut both.a, a, ca, b"hello");
    both.wait(secs(5));
    let request = asked(&mut both.b, b)[0].0;
    both.wait(secs(20));
    assert_eq!(told(&mut both.a, a), [format!("{id}: failed, timeout")]);
    let failed = told(&mut both.b, b);
    assert!(failed.len() == 1 && failed[0].starts_with(&format!("{request}: failed, ")), "{failed:?}");
    assert_eq!(both.b.service(b).respond(request, &Vec::new()), Err(RespondError::Over));
    assert_eq!((both.a.streams(ca), both.b.streams(cb)), (0, 0));
    both.end();
}

fn a_peer_that_never_connects_is_not_waited_for_longer<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, _) = installed(&mut both, &Config::default());
    let peer = both.b.swarm.local_peer();
    let id = ask(&mut both.a, a, peer, b"hello");
    both.wait(secs(10) - millis(1));
    assert_eq!(told(&mut both.a, a), [] as [String; 0]);
    both.wait(millis(1));
    assert_eq!(told(&mut both.a, a), [format!("{id}: failed, timeout")]);
    both.connect(shape);
    both.settle();
    assert_eq!(both.a.swarm.counters().streams.outbound.opened, 0, "it is not sent any more");
    both.end();
}

fn what_is_asked_and_not_answered_fails_with_its_connection<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, cb) = both.connect(shape);
    both.settle();
    let taken = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let request = asked(&mut both.b, b)[0].0;
    let on_the_way = ask(&mut both.b, b, cb, b"you?");
    // Nothing has been sent of one of them.
    both.a.swarm.abort_connection(ca).expect("it is open");
    let in_line = ask(&mut both.a, a, ca, b"hello?");
    both.settle();
    let mut failed = told(&mut both.a, a);
    failed.sort();
    let reason = "connection_closed";
    assert_eq!(failed, [format!("{taken}: failed, {reason}"), format!("{in_line}: failed, {reason}")]);
    let mut failed = told(&mut both.b, b);
    failed.sort();
    assert_eq!(failed, [format!("{request}: failed, {reason}"), format!("{on_the_way}: failed, {reason}")]);
    both.end();
}

fn what_is_refused_is_told_so<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, _) = both.connect(shape);
    let id = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let request = asked(&mut both.b, b)[0].0;
    assert!(both.b.service(b).refuse(request));
    assert!(!both.b.service(b).refuse(request));
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: failed, reset(remote)")]);
    assert_eq!(told(&mut both.b, b), [format!("{request}: failed, requested")]);
    both.end();
}

fn nobody_is_answered_twice<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &Config::default());
    let (ca, _) = both.connect(shape);
    let id = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let request = asked(&mut both.b, b)[0].0;
    respond(&mut both.b, b, request, b"HELLO");
    for _ in 0..2 {
        assert_eq!(both.b.service(b).respond(request, &b"BYE".to_vec()), Err(RespondError::Over));
        both.settle();
    }
    assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
    both.end();
}

fn what_is_too_long_is_refused_and_loses_nothing<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, b) = installed(&mut both, &short());
    let (ca, _) = both.connect(shape);
    assert_eq!(both.a.service(a).request(ca, &vec![0; 9]), Err(RequestError::TooLong));
    let id = ask(&mut both.a, a, ca, &[b'a'; 8]);
    both.settle();
    let request = asked(&mut both.b, b)[0].0;
    assert_eq!(both.b.service(b).respond(request, &vec![0; 9]), Err(RespondError::TooLong));
    respond(&mut both.b, b, request, &[b'b'; 8]);
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: bbbbbbbb")]);
    both.end();
}

/// Each framing, something longer than 8 bytes, and something cut.
fn bad() -> [(Framing, &'static [u8], bool); 3] {
    [
        (Framing::WholeSide, b"123456789", true),
        (Framing::LengthPrefixed, b"\x09123456789", false),
        (Framing::LengthPrefixed, b"\x081234567", true),
    ]
}

fn a_response_that_is_too_long_or_cut_is_none<const EVENTS: usize>(shape: Shape) {
    for (framing, bytes, ends) in bad() {
        let mut both = Both::<EVENTS>::new(shape);
        let mut config = short();
        config.framing = framing;
        let a = both.a.install(shout(config));
        both.b.install(Script::new(&[SHOUT], move |node, stream| {
            if read(node, stream).1 {
                node.write(stream, bytes).expect("there is place");
                if ends {
                    node.finish(stream).expect("it is open");
                }
            }
        }));
        let (ca, _) = both.connect(shape);
        let id = ask(&mut both.a, a, ca, b"hello");
        both.settle();
        let reason = if bytes.len() > 8 && bytes[0] != 8 { "protocol" } else { "eof" };
        assert_eq!(told(&mut both.a, a), [format!("{id}: failed, {reason}")]);
        assert_eq!(both.a.streams(ca), 0, "it is given up at once");
        both.end();
    }
}

fn a_request_that_is_too_long_or_cut_is_none<const EVENTS: usize>(shape: Shape) {
    for (framing, bytes, ends) in bad() {
        let mut both = Both::<EVENTS>::new(shape);
        let mut config = short();
        config.framing = framing;
        let b = both.b.install(shout(config));
        let (ca, _) = both.connect(shape);
        let stream = both.a.swarm.open_stream(ca, &[SHOUT]).expect("there is place");
        both.a.swarm.write(stream, bytes).expect("there is place");
        if ends {
            both.a.swarm.finish(stream).expect("it is open");
        }
        both.settle();
        assert_eq!(told(&mut both.b, b), [] as [String; 0]);
        assert_eq!(both.b.service(b).refused(), 1);
        assert_eq!(both.a.streams(ca), 0, "it is reset");
        both.end();
    }
}

fn a_request_that_drips_ends_in_time<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let b = both.b.install(shout(Config::default()));
    let (ca, _) = both.connect(shape);
    let stream = both.a.swarm.open_stream(ca, &[SHOUT]).expect("there is place");
    both.settle();
    for _ in 0..9 {
        both.a.swarm.write(stream, b"a").expect("it is open");
        both.wait(secs(1));
        assert_eq!(both.a.streams(ca), 1);
    }
    both.wait(secs(2));
    assert_eq!((both.a.streams(ca), both.b.service(b).refused()), (0, 1));
    assert_eq!(told(&mut both.b, b), [] as [String; 0]);
    both.end();
}

fn a_connection_that_is_over_cannot_be_asked<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let (a, _) = installed(&mut both, &Config::default());
    let (ca, _) = both.connect(shape);
    both.settle();
    both.b.swarm.shutdown();
    both.settle();
    assert_eq!(both.a.service(a).request(ca, &Vec::new()), Err(RequestError::NotConnected));
    both.end();
}

fn a_half_open_stream_waits_as_long_as_its_request<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    (config.timeout, config.inbound_timeout) = (secs(3600), secs(3600));
    let (a, b) = installed(&mut both, &config);
    let (ca, _) = both.connect(shape);
    let id = ask(&mut both.a, a, ca, b"hello");
    both.settle();
    let request = asked(&mut both.b, b)[0].0;
    both.wait(secs(3590));
    respond(&mut both.b, b, request, b"HELLO");
    both.settle();
    assert_eq!(told(&mut both.a, a), [format!("{id}: HELLO")]);
    both.end();
}

fn one_that_is_taken_out_leaves_no_stream_that_nobody_ends<const EVENTS: usize>(shape: Shape) {
    for answers in [true, false] {
        let mut both = Both::<EVENTS>::new(shape);
        let mut config = Config::default();
        config.answers = answers;
        let a = both.a.install(shout(config));
        // A peer that never answers.
        let mut patient = Config::default();
        patient.inbound_timeout = secs(100_000);
        both.b.install(shout(patient));
        let (ca, _) = both.connect(shape);
        both.settle();
        ask(&mut both.a, a, ca, b"hello");
        both.wait(secs(1));
        assert_eq!(both.a.streams(ca), 1);
        assert!(both.a.notifees.uninstall(&mut both.a.swarm, a));
        both.wait(secs(30));
        assert_eq!(both.a.streams(ca), 0, "it answers: {answers}");
        both.end();
    }
}
