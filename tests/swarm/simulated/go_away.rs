//! A peer that leaves: its go-away 0 lets what lives go on, and nothing new begin.

use crate::simulated::secs;
use crate::support::raw_frames::Frame;
use crate::support::sim::{
    ACK, ECHO, ECHO_LINES, FIN, GO_AWAY, PING, Pair, Raw, SYN, Shape, UPDATE, data, everywhere, frame, go_away,
};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::swarm::OpenStreamError;

everywhere! {
    a_request_beside_go_away_is_answered_to_the_last_byte,
    an_answer_before_the_end_of_file_is_sent,
    an_end_of_file_right_behind_go_away_ends_all_at_once,
    a_reset_after_go_away_ends_all_at_once,
    a_connection_on_which_nothing_moves_after_go_away_is_cut,
    a_stream_that_times_out_after_go_away_is_no_movement,
    streams_that_move_after_go_away_outlive_the_time_out,
    an_answer_that_takes_long_to_send_is_not_cut,
    a_trickle_after_go_away_does_not_hold_up_shutdown,
    a_trickle_beside_our_close_ends_by_its_deadline,
    our_close_after_the_peers_go_away_is_as_prompt_as_any,
    queued_streams_fail_when_the_peer_leaves,
    streams_that_wait_for_the_first_frame_fail_if_it_is_go_away,
    a_stream_that_begins_after_go_away_is_reset,
    a_stream_in_negotiation_opens_after_go_away,
    a_stream_that_waits_for_room_opens_after_go_away,
    another_code_than_0_ends_all_at_once,
    a_second_go_away_with_another_code_ends_all_at_once,
    a_connection_without_streams_ends_with_the_peers_end,
    a_peer_that_leaves_and_never_ends_is_cut,
}

const NONE: &[&str] = &[];
const OPENED: &str = "opened_stream c0.1/s0.1 inbound /echo/1.0.0";
const FINISHED: &str = "closed_stream c0.1/s0.1 finished";
const CUT: &str = "closed_stream c0.1/s0.1 connection_closed";
const GONE: &str = "disconnected c0.1 remote(go_away(0))";

/// A raw peer, and the connection.
fn connected<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, Raw, ConnectionId) {
    let mut pair = Pair::new(shape.for_much());
    let (raw, connection) = Raw::connect(&mut pair);
    (pair, raw, connection)
}

/// The peer has said `frames` behind a proposal, on its first stream, and then go-away, in one write.
fn left<const EVENTS: usize>(shape: Shape, frames: &[Vec<u8>]) -> (Pair<EVENTS>, Raw, StreamId) {
    let (mut pair, mut raw, connection) = connected(shape);
    raw.say(&[&[data(SYN, 1, ECHO_LINES)], frames, &[go_away()]].concat());
    pair.settle();
    pair.a.expect(&[OPENED]);
    assert_eq!(pair.a.swarm.connection(connection).unwrap().state, State::Leaving);
    assert_eq!(pair.a.try_open(connection, &[ECHO]), Err(OpenStreamError::Closing));
    let stream = pair.a.swarm.streams_of(connection).next().unwrap();
    (pair, raw, stream)
}

/// Shuts down once the peer has gone.
fn over<const EVENTS: usize>(pair: Pair<EVENTS>, raw: Raw) {
    drop(raw);
    pair.end_quietly();
}

/// Our side has ended behind our go-away. The peer ends its own, and the connection is over at once.
fn peer_ends<const EVENTS: usize>(pair: &mut Pair<EVENTS>, raw: &mut Raw) {
    raw.hear();
    assert!(raw.has_ended, "our end is said\n{}", pair.logs());
    assert_eq!(raw.frames.heard.last().map(|frame| frame.kind), Some(GO_AWAY), "our last frame");
    pair.a.expect(NONE);
    raw.end();
    let ended = pair.now;
    pair.settle();
    assert!(pair.now - ended < secs(1), "nothing else is waited for");
    pair.a.expect(&[GONE]);
}

/// An answer of this length.
fn answer(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// Returns the data that has come on the first stream, without the words of the negotiation, and whether its FIN has.
fn answered(raw: &mut Raw) -> (Vec<u8>, bool) {
    let (bytes, has_ended) = raw.stream(1);
    (bytes.strip_prefix(ECHO_LINES).expect("it was agreed").to_vec(), has_ended)
}

fn a_request_beside_go_away_is_answered_to_the_last_byte<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(0, 1, b"request"), data(FIN, 1, b"")]);
    assert_eq!((pair.a.received(stream), pair.a.has_read_end(stream)), (&b"request"[..], true));
    pair.wait(secs(4));
    pair.a.expect(NONE);
    pair.a.send(stream, &answer(100_000));
    pair.a.finish(stream);
    let asked = pair.now;
    pair.settle();
    assert!(answered(&mut raw) == (answer(100_000), true), "{}", pair.logs());
    assert!(pair.now - asked < secs(1), "nothing is waited for");
    pair.a.expect(&[FINISHED]);
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

fn an_answer_before_the_end_of_file_is_sent<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(0, 1, b"request"), data(FIN, 1, b"")]);
    raw.end();
    // It arrives, and the owner answers before it hears of it.
    pair.now += secs(1);
    pair.network.advance_to(pair.now);
    while pair.network.deliver(pair.now) {}
    pair.a.send(stream, &answer(100_000));
    pair.a.finish(stream);
    pair.settle();
    pair.a.expect(&[CUT, GONE]);
    assert!(answered(&mut raw) == (answer(100_000), true), "{}", pair.logs());
    assert!(raw.has_ended);
    over(pair, raw);
}

fn an_end_of_file_right_behind_go_away_ends_all_at_once<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = connected::<EVENTS>(shape);
    raw.say(&[data(SYN, 1, ECHO_LINES), data(FIN, 1, b"request"), go_away()]);
    raw.end();
    let said = pair.now;
    pair.settle();
    pair.a.expect(&[OPENED, CUT, GONE]);
    assert!(pair.now - said < secs(1));
    over(pair, raw);
}

fn a_reset_after_go_away_ends_all_at_once<const EVENTS: usize>(shape: Shape) {
    let (mut pair, raw, _) = left::<EVENTS>(shape, &[data(FIN, 1, b"request")]);
    pair.network.set(|knobs| knobs.reset(0));
    let reset = pair.now;
    pair.settle();
    // The reason is the go-away, which came first.
    pair.a.expect(&[CUT, GONE]);
    assert!(pair.now - reset < secs(1));
    over(pair, raw);
}

fn a_connection_on_which_nothing_moves_after_go_away_is_cut<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = left::<EVENTS>(shape, &[data(FIN, 1, b"request")]);
    // Pings are answered, and new streams are refused: neither is a movement.
    for n in 0..4 {
        raw.say(&[frame(PING, SYN, 0, n), data(SYN, 3 + 2 * n, ECHO_LINES)]);
        pair.wait(secs(1));
    }
    pair.wait(Duration::from_millis(900));
    pair.a.expect(NONE);
    pair.wait(Duration::from_millis(200));
    pair.a.expect(&[CUT, GONE]);
    assert_eq!(raw.hear().iter().filter(|frame| frame.kind == PING).count(), 4);
    assert!(raw.has_ended);
    over(pair, raw);
}

fn a_stream_that_times_out_after_go_away_is_no_movement<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, connection) = connected::<EVENTS>(shape);
    raw.say(&[1, 3].map(|id| data(SYN, id, ECHO_LINES)));
    pair.settle();
    let streams: Vec<_> = pair.a.swarm.streams_of(connection).collect();
    pair.a.take_log();
    pair.a.swarm.set_half_open_timeout(streams[0], Some(secs(3))).unwrap();
    streams.iter().for_each(|stream| pair.a.finish(*stream));
    pair.settle();
    raw.say(&[go_away()]);
    pair.wait(Duration::from_millis(4_900));
    pair.a.expect(&[format!("closed_stream c0.1/{} timeout", streams[0])]);
    pair.wait(Duration::from_millis(200));
    pair.a.expect(&[format!("closed_stream c0.1/{} connection_closed", streams[1]), GONE.to_owned()]);
    over(pair, raw);
}

fn streams_that_move_after_go_away_outlive_the_time_out<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[]);
    for n in 0..4 {
        pair.wait(secs(4));
        raw.say(&[data(0, 1, b"x")]);
        pair.wait(secs(4));
        raw.say(&[frame(UPDATE, 0, 1, 1)]);
        pair.wait(secs(4));
        pair.a.send(stream, b"y");
        pair.settle();
        assert_eq!(answered(&mut raw), (vec![b'y'; n + 1], false));
    }
    pair.a.expect(NONE);
    assert_eq!(pair.a.received(stream), b"xxxx");
    pair.wait(secs(4));
    pair.a.finish(stream);
    pair.wait(Duration::from_millis(4_900));
    pair.a.expect(NONE);
    pair.wait(Duration::from_millis(200));
    pair.a.expect(&[CUT, GONE]);
    over(pair, raw);
}

/// The pipe takes a few bytes at a time, and nothing else tells that it does.
fn an_answer_that_takes_long_to_send_is_not_cut<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(FIN, 1, b"request")]);
    pair.network.set(|knobs| knobs.capacity(1_000));
    pair.a.send(stream, &answer(20_000));
    pair.a.finish(stream);
    for n in 0..30 {
        // A word of the peer's, so that it does not count as silent.
        raw.try_say(&[frame(PING, ACK, 0, n)]);
        pair.wait(secs(3));
        raw.hear();
    }
    pair.wait(secs(1));
    assert!(answered(&mut raw) == (answer(20_000), true), "{}", pair.logs());
    pair.a.expect(&[FINISHED, GONE]);
    over(pair, raw);
}

fn a_trickle_after_go_away_does_not_hold_up_shutdown<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(0, 1, b"request")]);
    pair.a.send(stream, b"answer");
    pair.a.swarm.shutdown();
    let began = pair.now;
    while !pair.a.swarm.is_shut_down() {
        raw.try_say(&[data(0, 1, b"x")]);
        pair.wait(secs(1));
        assert!(pair.now - began <= secs(6), "it is held up");
    }
    assert_eq!(answered(&mut raw), (b"answer".to_vec(), false));
    assert!(raw.has_ended && raw.frames.heard.iter().any(|frame| frame.kind == GO_AWAY));
    pair.a.expect(&["listen_close l0.1 shutdown", CUT, GONE]);
    over(pair, raw);
}

fn a_trickle_beside_our_close_ends_by_its_deadline<const EVENTS: usize>(shape: Shape) {
    for shuts_down in [false, true] {
        let (mut pair, mut raw, connection) = connected::<EVENTS>(shape);
        raw.say(&[data(SYN, 1, ECHO_LINES)]);
        pair.settle();
        pair.a.expect(&[OPENED]);
        match shuts_down {
            false => pair.a.swarm.close_connection(connection).unwrap(),
            true => pair.a.swarm.shutdown(),
        }
        let (closed, mut n) = (pair.now, 0);
        while pair.a.swarm.connection(connection).is_some() {
            // Each second a byte, and in the end everything but an end of file.
            raw.try_say(&[data(0, 1, b"x"), frame(PING, SYN, 0, n)]);
            pair.wait(secs(1));
            n += 1;
            assert!(pair.now - closed <= secs(6), "it is held up");
        }
        assert!(pair.now - closed >= secs(4), "it is polite");
        let (end, listener) = match shuts_down {
            false => ("disconnected c0.1 requested", None),
            true => ("disconnected c0.1 shutdown", Some("listen_close l0.1 shutdown")),
        };
        pair.a.expect(&listener.into_iter().chain([CUT, end]).collect::<Vec<_>>());
        over(pair, raw);
    }
}

fn our_close_after_the_peers_go_away_is_as_prompt_as_any<const EVENTS: usize>(shape: Shape) {
    for aborts in [false, true] {
        let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(0, 1, b"request")]);
        let connection = pair.a.swarm.connections().next().unwrap();
        pair.a.send(stream, b"answer");
        match aborts {
            false => pair.a.swarm.close_connection(connection).unwrap(),
            true => pair.a.swarm.abort_connection(connection).unwrap(),
        }
        let closed = pair.now;
        pair.settle();
        assert_eq!(answered(&mut raw).0, if aborts { &b""[..] } else { b"answer" });
        assert!(raw.has_ended);
        if !aborts {
            pair.a.expect(NONE);
            raw.end();
            pair.settle();
        }
        assert!(pair.now - closed < secs(1));
        pair.a.expect(&[CUT, GONE]);
        over(pair, raw);
    }
}

fn queued_streams_fail_when_the_peer_leaves<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::with(shape, |a| a.connection.yamux.ack_backlog = 2, |_| {});
    let (mut raw, connection) = Raw::connect(&mut pair);
    let streams: Vec<_> = (0..6).map(|_| pair.a.open(connection, &[ECHO])).collect();
    pair.settle();
    assert_eq!(raw.hear().len(), 2, "as many as the backlog takes");
    raw.say(&[go_away()]);
    let left = pair.now;
    pair.settle();
    assert!(pair.now - left < secs(1));
    let failed = streams[2..].iter().map(|stream| format!("stream_failed {connection}/{stream} connection_closed"));
    pair.a.expect(&failed.collect::<Vec<_>>());
    // Streams that are on the wire go on.
    raw.say(&[data(ACK, 2, ECHO_LINES), data(FIN, 2, b"answer")]);
    pair.settle();
    pair.a.expect(&[format!("opened_stream {connection}/{} outbound /echo/1.0.0", streams[0])]);
    pair.a.finish(streams[0]);
    pair.a.swarm.reset(streams[1]).unwrap();
    pair.settle();
    assert_eq!(pair.a.received(streams[0]), b"answer");
    let mut told = pair.a.take_log();
    told.sort();
    let ends = [
        format!("closed_stream {connection}/{} finished", streams[0]),
        format!("stream_failed {connection}/{} requested", streams[1]),
    ];
    assert_eq!(told, ends);
    assert!(raw.stream(2).1 && raw.was_reset(4));
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

fn streams_that_wait_for_the_first_frame_fail_if_it_is_go_away<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, connection) = connected::<EVENTS>(shape);
    let streams: Vec<_> = (0..12).map(|_| pair.a.open(connection, &[ECHO])).collect();
    pair.settle();
    let begun = |frames: &[Frame]| frames.iter().filter(|frame| frame.flags & SYN != 0 && frame.id != 0).count();
    assert_eq!(begun(&raw.hear()), 8);
    raw.say(&[go_away()]);
    let left = pair.now;
    pair.settle();
    assert!(pair.now - left < secs(1));
    assert_eq!(begun(&raw.hear()), 0, "nothing begins at a peer that leaves");
    let failed = streams[8..].iter().map(|stream| format!("stream_failed {connection}/{stream} connection_closed"));
    pair.a.expect(&failed.collect::<Vec<_>>());
    over(pair, raw);
}

fn a_stream_that_begins_after_go_away_is_reset<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, stream) = left::<EVENTS>(shape, &[data(FIN, 1, b"request")]);
    raw.say(&[data(SYN, 3, ECHO_LINES), frame(UPDATE, SYN, 5, 0), data(FIN, 3, b"data")]);
    pair.settle();
    assert!(raw.was_reset(3) && raw.was_reset(5) && !raw.was_reset(1));
    pair.a.expect(NONE);
    pair.a.finish(stream);
    pair.settle();
    pair.a.expect(&[FINISHED]);
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

fn a_stream_in_negotiation_opens_after_go_away<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, connection) = connected::<EVENTS>(shape);
    let (header, proposal) = ECHO_LINES.split_at(20);
    raw.say(&[data(SYN, 1, header), go_away()]);
    pair.settle();
    pair.a.expect(NONE);
    raw.say(&[data(0, 1, proposal), data(FIN, 1, b"request")]);
    pair.settle();
    pair.a.expect(&[OPENED]);
    let stream = pair.a.swarm.streams_of(connection).next().unwrap();
    assert_eq!(pair.a.received(stream), b"request");
    pair.a.send(stream, b"answer");
    pair.a.finish(stream);
    pair.settle();
    pair.a.expect(&[FINISHED]);
    assert_eq!(answered(&mut raw), (b"answer".to_vec(), true));
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

/// The queue is full of the owner's own doing, so the time that a stream waits for room does not count.
fn a_stream_that_waits_for_room_opens_after_go_away<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, connection) = connected::<EVENTS>(shape);
    pair.a.drains = 0;
    let streams = EVENTS as u32 + 1;
    let requests = (0..streams).flat_map(|n| [data(SYN, 2 * n + 1, ECHO_LINES), data(FIN, 2 * n + 1, b"request")]);
    let mut said: Vec<_> = requests.collect();
    said.push(go_away());
    raw.say(&said);
    pair.wait(secs(25));
    assert_eq!(pair.a.swarm.connection(connection).unwrap().state, State::Leaving);
    pair.a.drains = usize::MAX;
    pair.a.something_to_drain();
    pair.settle();
    let told = pair.a.take_log();
    assert_eq!(told.iter().filter(|line| line.starts_with("opened_stream")).count(), streams as usize, "{told:?}");
    let all: Vec<_> = pair.a.swarm.streams_of(connection).collect();
    for stream in &all {
        assert_eq!(pair.a.received(*stream), b"request");
        pair.a.finish(*stream);
    }
    pair.settle();
    let told = pair.a.take_log();
    assert_eq!(told.iter().filter(|line| line.ends_with("finished")).count(), streams as usize, "{told:?}");
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

fn another_code_than_0_ends_all_at_once<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = connected::<EVENTS>(shape);
    raw.say(&[data(SYN, 1, ECHO_LINES), data(FIN, 1, b"request"), frame(GO_AWAY, 0, 0, 2)]);
    pair.settle();
    pair.a.expect(&[OPENED, CUT, "disconnected c0.1 remote(go_away(2))"]);
    over(pair, raw);
}

fn a_second_go_away_with_another_code_ends_all_at_once<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = left::<EVENTS>(shape, &[data(FIN, 1, b"request")]);
    raw.say(&[go_away()]);
    pair.settle();
    pair.a.expect(NONE);
    raw.say(&[frame(GO_AWAY, 0, 0, 1)]);
    pair.settle();
    // The first word counts.
    pair.a.expect(&[CUT, GONE]);
    over(pair, raw);
}

fn a_connection_without_streams_ends_with_the_peers_end<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = connected::<EVENTS>(shape);
    raw.say(&[go_away()]);
    pair.settle();
    peer_ends(&mut pair, &mut raw);
    over(pair, raw);
}

fn a_peer_that_leaves_and_never_ends_is_cut<const EVENTS: usize>(shape: Shape) {
    let (mut pair, mut raw, _) = connected::<EVENTS>(shape);
    raw.say(&[go_away()]);
    let said = pair.now;
    while pair.now - said < secs(4) {
        pair.wait(secs(1));
        raw.try_say(&[frame(PING, SYN, 0, 1)]);
        pair.a.expect(NONE);
    }
    pair.wait(secs(2));
    pair.a.expect(&[GONE]);
    over(pair, raw);
}
