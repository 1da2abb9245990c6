//! Half-open streams: how long they may be silent, and which one gives way to a new stream.

use crate::simulated::secs;
use crate::support::sim::{ACK, ECHO, ECHO_LINES, Link, PING, Pair, Raw, SYN, Shape, UPDATE, data, everywhere, frame};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::notifee::Node;
use swarm_notify::swarm::{CloseError, Config, OpenStreamError};

everywhere! {
    an_answer_that_takes_long_is_heard_on_both_sides,
    without_a_time_out_a_silent_peer_is_waited_for,
    a_stream_has_a_time_of_its_own,
    a_time_of_its_own_counts_from_the_command_at_the_earliest,
    a_closed_stream_keeps_the_time_of_a_close,
    window_alone_is_a_sign_of_life,
    a_read_of_the_owner_is_a_sign_of_life,
    at_the_limit_the_stream_silent_longest_yields_to_the_peers,
    at_the_limit_the_stream_silent_longest_yields_to_ours,
    at_the_limit_live_and_newly_silent_streams_stay,
    after_an_absence_of_the_owner_nobody_gives_way,
    no_stream_yields_to_one_that_finds_no_place_anyway,
}

const NONE: &[&str] = &[];

fn no_time_out(config: &mut Config) {
    config.connection.half_open_timeout = None;
}

fn an_answer_that_takes_long_is_heard_on_both_sides<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.send(link.sa, b"request");
    pair.a.finish(link.sa);
    pair.wait(secs(66));
    pair.b.send(link.sb, b"on");
    pair.wait(secs(590));
    pair.b.send(link.sb, b" and on");
    pair.b.finish(link.sb);
    pair.settle();
    assert_eq!(pair.a.received(link.sa), b"on and on");
    pair.a.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.b.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.end_quietly();
}

fn without_a_time_out_a_silent_peer_is_waited_for<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, no_time_out, |_| {});
    let link = pair.link();
    pair.a.finish(link.sa);
    pair.wait(secs(10_000));
    pair.a.expect(NONE);
    pair.b.finish(link.sb);
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 finished"]);
    pair.end_quietly();
}

/// A connection with so many streams of a's.
fn with_streams<const EVENTS: usize>(pair: &mut Pair<EVENTS>, many: usize) -> (Link, Vec<(StreamId, StreamId)>) {
    let on @ (ca, cb) = pair.connected();
    let streams: Vec<_> = (0..many).map(|_| pair.stream(on)).collect();
    let (sa, sb) = streams[0];
    (Link { ca, cb, sa, sb }, streams)
}

fn a_stream_has_a_time_of_its_own<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (_, streams) = with_streams(&mut pair, 4);
    let [default, short, long, never] = [0, 1, 2, 3].map(|n| streams[n].0);
    let as_a_notifee_does: &mut dyn Node = &mut pair.a.swarm;
    as_a_notifee_does.set_half_open_timeout(short, Some(secs(30))).unwrap();
    pair.a.swarm.set_half_open_timeout(long, Some(secs(2_000))).unwrap();
    pair.a.swarm.set_half_open_timeout(never, None).unwrap();
    [never, long, default, short].into_iter().for_each(|stream| pair.a.finish(stream));
    let mut waited = secs(0);
    for (stream, time) in [(short, secs(30)), (default, secs(600)), (long, secs(2_000))] {
        pair.wait(time - waited - secs(1));
        pair.a.expect(NONE);
        pair.wait(secs(2));
        pair.a.expect(&[format!("closed_stream c0.1/{stream} timeout")]);
        assert_eq!(pair.a.swarm.set_half_open_timeout(stream, None), Err(CloseError::Stale));
        waited = time + secs(1);
    }
    pair.wait(secs(10_000));
    pair.a.expect(NONE);
    // It can still be given one.
    pair.a.swarm.set_half_open_timeout(never, Some(secs(10))).unwrap();
    pair.wait(secs(11));
    pair.a.expect(&[format!("closed_stream c0.1/{never} timeout")]);
    pair.end_quietly();
}

fn a_time_of_its_own_counts_from_the_command_at_the_earliest<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.finish(link.sa);
    pair.wait(secs(100));
    pair.a.swarm.set_half_open_timeout(link.sa, Some(secs(50))).unwrap();
    pair.wait(secs(49));
    pair.a.expect(NONE);
    // Data starts it again.
    pair.b.send(link.sb, b"x");
    pair.wait(secs(49));
    pair.a.expect(NONE);
    pair.wait(secs(2));
    pair.a.expect(&["closed_stream c0.1/s0.1 timeout"]);
    pair.end_quietly();
}

fn a_closed_stream_keeps_the_time_of_a_close<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.set_half_open_timeout(link.sa, None).unwrap();
    pair.a.swarm.close_stream(link.sa).unwrap();
    pair.a.swarm.set_half_open_timeout(link.sa, Some(secs(1))).unwrap();
    pair.wait(Duration::from_millis(4_900));
    pair.a.expect(NONE);
    pair.wait(Duration::from_millis(200));
    pair.a.expect(&["closed_stream c0.1/s0.1 timeout"]);
    pair.end_quietly();
}

/// A raw peer, and a stream that `a` has opened to it and finished.
fn finished_to_raw<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, Raw, StreamId) {
    let mut pair = Pair::new(shape.for_much());
    let (mut raw, connection) = Raw::connect(&mut pair);
    let stream = pair.a.open(connection, &[ECHO]);
    pair.settle();
    raw.say(&[data(ACK, 2, ECHO_LINES)]);
    pair.settle();
    pair.a.expect(&[format!("opened_stream {connection}/{stream} outbound /echo/1.0.0")]);
    pair.a.send(stream, &[7; 1_000]);
    pair.a.finish(stream);
    pair.settle();
    (pair, raw, stream)
}

/// Time passes, with a word from the peer now and then, so that the connection does not count as dead.
fn pass<const EVENTS: usize>(pair: &mut Pair<EVENTS>, raw: &mut Raw, time: u64) {
    let end = pair.now + secs(time);
    while pair.now < end {
        raw.say(&[frame(PING, SYN, 0, 1)]);
        pair.wait(secs(20).min(end - pair.now));
        raw.hear();
    }
}

fn window_alone_is_a_sign_of_life<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = finished_to_raw::<EVENTS>(shape);
    pass(&mut pair, &mut raw, 590);
    raw.say(&[frame(UPDATE, 0, 2, 1_000)]);
    pass(&mut pair, &mut raw, 598);
    pair.a.expect(NONE);
    pass(&mut pair, &mut raw, 3);
    pair.a.expect(&["closed_stream c0.1/s0.1 timeout"]);
    assert!(raw.was_reset(2));
    drop(raw);
    pair.end_quietly();
}

fn a_read_of_the_owner_is_a_sign_of_life<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = finished_to_raw::<EVENTS>(shape);
    pair.a.reads = false;
    raw.say(&[data(0, 2, &[7; 1_000])]);
    pass(&mut pair, &mut raw, 590);
    assert_eq!(pair.a.swarm.read(stream, &mut [0; 10]), Ok(10));
    pass(&mut pair, &mut raw, 598);
    pair.a.expect(NONE);
    pass(&mut pair, &mut raw, 3);
    pair.a.expect(&["closed_stream c0.1/s0.1 timeout"]);
    drop(raw);
    pair.end_quietly();
}

/// Three streams are as many as `a` takes; it has finished them in the order 1, 0, 2, ten seconds apart.
fn at_the_limit<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, (ConnectionId, ConnectionId), Vec<StreamId>) {
    let change = |config: &mut Config| {
        config.limits.streams_per_connection = 3;
        config.connection.half_open_timeout = None;
    };
    let mut pair = Pair::with(shape, change, |_| {});
    let (link, streams) = with_streams(&mut pair, 3);
    let ours: Vec<_> = streams.into_iter().map(|(ours, _)| ours).collect();
    // A time of its own makes no difference.
    pair.a.swarm.set_half_open_timeout(ours[0], Some(secs(10_000))).unwrap();
    for which in [1, 0, 2] {
        pair.a.finish(ours[which]);
        pair.wait(secs(10));
    }
    (pair, (link.ca, link.cb), ours)
}

fn at_the_limit_the_stream_silent_longest_yields_to_the_peers<const EVENTS: usize>(shape: Shape) {
    let (mut pair, (ca, cb), ours) = at_the_limit::<EVENTS>(shape);
    pair.wait(secs(29));
    let refused = pair.b.open(cb, &[ECHO]);
    pair.settle();
    pair.a.expect(NONE);
    pair.b.expect(&[format!("stream_failed {cb}/{refused} reset(remote)")]);
    for which in [1, 0, 2] {
        pair.wait(secs(10));
        let theirs = pair.b.open(cb, &[ECHO]);
        pair.settle();
        let told = pair.a.take_log();
        assert_eq!(told[0], format!("closed_stream {ca}/{} timeout", ours[which]));
        assert!(told[1].starts_with("opened_stream") && told.len() == 2, "{told:?}");
        let told = pair.b.take_log();
        assert!(told.contains(&format!("opened_stream {cb}/{theirs} outbound /echo/1.0.0")), "{told:?}");
        assert!(told.iter().any(|line| line.ends_with("reset(remote)")), "the peer hears of it: {told:?}");
    }
    // Nobody is silent any more.
    pair.wait(secs(100));
    pair.b.open(cb, &[ECHO]);
    pair.settle();
    pair.a.expect(NONE);
    pair.end_quietly();
}

fn at_the_limit_the_stream_silent_longest_yields_to_ours<const EVENTS: usize>(shape: Shape) {
    let (mut pair, (ca, _), ours) = at_the_limit::<EVENTS>(shape);
    pair.wait(secs(29));
    assert_eq!(pair.a.try_open(ca, &[ECHO]), Err(OpenStreamError::Limit));
    pair.a.expect(NONE);
    pair.wait(secs(2));
    let opened = pair.a.open(ca, &[ECHO]);
    assert_eq!(pair.a.try_open(ca, &[ECHO]), Err(OpenStreamError::Limit), "the next one is not silent for long enough");
    pair.settle();
    let (ended, told) = (ours[1], format!("opened_stream {ca}/{opened} outbound /echo/1.0.0"));
    pair.a.expect(&[format!("closed_stream {ca}/{ended} timeout"), told]);
    pair.end_quietly();
}

fn at_the_limit_live_and_newly_silent_streams_stay<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.limits.streams_per_connection = 3, |_| {});
    let (link, streams) = with_streams(&mut pair, 3);
    // One is open on both sides, one is half-open and talks, one is closed.
    pair.a.finish(streams[1].0);
    for _ in 0..5 {
        pair.wait(secs(50));
        pair.b.send(streams[1].1, b"on");
    }
    pair.wait(secs(50));
    pair.a.swarm.close_stream(streams[2].0).unwrap();
    pair.wait(secs(1));
    pair.b.open(link.cb, &[ECHO]);
    pair.settle();
    pair.a.expect(NONE);
    assert_eq!(pair.a.try_open(link.ca, &[ECHO]), Err(OpenStreamError::Limit));
    pair.end_quietly();
}

/// Bytes that would have kept a stream alive may still be in the socket.
fn after_an_absence_of_the_owner_nobody_gives_way<const EVENTS: usize>(shape: Shape) {
    let (mut pair, (ca, cb), ours) = at_the_limit::<EVENTS>(shape);
    // Nobody ticks for a minute. The peer opens a stream, and says something on the one that was silent longest.
    pair.now += secs(61);
    pair.network.advance_to(pair.now);
    let opened = pair.b.open(cb, &[ECHO]);
    let silent = pair.b.swarm.streams_of(cb).nth(1).unwrap();
    pair.b.send(silent, b"alive");
    pair.settle();
    pair.a.expect(NONE);
    assert_eq!(pair.a.received(ours[1]), b"alive");
    pair.b.expect(&[format!("stream_failed {cb}/{opened} reset(remote)")]);
    // Two seconds later all has been heard.
    pair.wait(secs(2));
    pair.b.open(cb, &[ECHO]);
    pair.settle();
    assert_eq!(pair.a.take_log()[0], format!("closed_stream {ca}/{} timeout", ours[0]));
    pair.end_quietly();
}

fn no_stream_yields_to_one_that_finds_no_place_anyway<const EVENTS: usize>(shape: Shape) {
    let crowded = |config: &mut Config| {
        config.limits.streams_per_connection = 3;
        config.limits.streams = 3;
    };
    let mut pair = Pair::<EVENTS>::with(shape, crowded, |_| {});
    let (link, streams) = with_streams(&mut pair, 3);
    streams.iter().for_each(|(ours, _)| pair.a.finish(*ours));
    pair.wait(secs(100));
    assert_eq!(pair.a.try_open(link.ca, &[ECHO]), Err(OpenStreamError::Limit));
    let refused = pair.b.open(link.cb, &[ECHO]);
    pair.settle();
    pair.a.expect(NONE);
    pair.b.expect(&[format!("stream_failed {}/{refused} reset(remote)", link.cb)]);
    pair.end_quietly();
}
