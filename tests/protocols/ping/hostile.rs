//! Asking peers that do not answer, or not as they should.

use crate::ping::{ROUND_TRIP, ask, millis, on_demand, periodic, secs, told};
use crate::support::services::{Both, Host, Script, read};
use crate::support::sim::{Shape, everywhere};
use std::cell::RefCell;
use std::rc::Rc;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{Node, NotifeeId};
use swarm_notify::protocols::ping::{PROTOCOL, Ping};

everywhere! {
    a_peer_that_does_not_speak_it_is_asked_again_only_on_demand,
    silence_is_a_timeout_and_the_next_ping_an_interval_later,
    half_an_answer_and_silence_is_a_timeout,
    what_was_not_sent_is_no_answer,
    what_follows_a_right_answer_costs_the_stream_and_no_more,
    an_end_without_an_answer_is_a_failure,
    a_reset_without_an_answer_is_a_failure,
    an_answer_with_the_end_right_behind_counts,
    a_peer_that_ends_after_each_ping_is_asked_on_a_new_stream,
    a_kept_stream_that_has_ended_is_replaced_within_the_ping,
    bytes_that_nobody_asked_for_end_the_stream_and_fail_nothing,
}

/// What a connection is told of, in `seconds`, with a peer that does `act` on each stream.
fn with<const EVENTS: usize>(
    shape: Shape,
    is_periodic: bool,
    seconds: u64,
    act: impl FnMut(&mut dyn Node, StreamId) + 'static,
) -> (Both<EVENTS>, NotifeeId<Ping>, Vec<String>) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(if is_periodic { periodic() } else { on_demand() });
    both.b.install(Script::new(&[PROTOCOL], act));
    let (ca, _) = both.connect(shape);
    both.settle();
    if !is_periodic {
        ask(&mut both.a, a, ca);
    }
    both.wait(secs(seconds));
    let told = without_id(&mut both.a, a);
    (both, a, told)
}

fn without_id<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Ping>) -> Vec<String> {
    told(host, id).into_iter().map(|line| line.replace(" c0.1", "")).collect()
}

/// The same on demand, and nothing is left of it.
#[track_caller]
fn fails_with<const EVENTS: usize>(
    shape: Shape,
    reason: &str,
    act: impl FnMut(&mut dyn Node, StreamId) + Clone + 'static,
) {
    let (mut both, a, told) = with::<EVENTS>(shape, false, 19, act);
    assert_eq!(told, [format!("failed {reason}")]);
    let connection = both.a.swarm.connections().next().expect("it stays");
    assert_eq!(both.a.streams(connection), 0);
    both.wait(secs(30));
    assert_eq!(without_id(&mut both.a, a), [] as [String; 0]);
    both.end();
}

fn a_peer_that_does_not_speak_it_is_asked_again_only_on_demand<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(periodic());
    let (ca, _) = both.connect(shape);
    both.wait(secs(100));
    assert_eq!(without_id(&mut both.a, a), ["failed unsupported"]);
    ask(&mut both.a, a, ca);
    both.wait(secs(100));
    assert_eq!(without_id(&mut both.a, a), ["failed unsupported"]);
    both.end();
}

fn silence_is_a_timeout_and_the_next_ping_an_interval_later<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, told) = with::<EVENTS>(shape, true, 19, |_, _| {});
    assert_eq!(told, [] as [String; 0]);
    let connection = both.a.swarm.connections().next().unwrap();
    assert_eq!(both.a.streams(connection), 1);
    both.wait(secs(1));
    assert_eq!(without_id(&mut both.a, a), ["failed timeout"]);
    assert_eq!(both.a.streams(connection), 0);
    both.wait(secs(34));
    assert_eq!((without_id(&mut both.a, a), both.a.streams(connection)), (vec![], 1));
    both.wait(secs(1));
    assert_eq!(without_id(&mut both.a, a), ["failed timeout"]);
    both.end();
}

fn half_an_answer_and_silence_is_a_timeout<const EVENTS: usize>(shape: Shape) {
    let half = |node: &mut dyn Node, stream| {
        let (bytes, _) = read(node, stream);
        let _ = node.write(stream, &bytes[..bytes.len() / 2]);
    };
    let (mut both, a, told) = with::<EVENTS>(shape, false, 19, half);
    assert_eq!(told, [] as [String; 0]);
    both.wait(secs(2));
    assert_eq!(without_id(&mut both.a, a), ["failed timeout"]);
    both.end();
}

fn what_was_not_sent_is_no_answer<const EVENTS: usize>(shape: Shape) {
    fails_with::<EVENTS>(shape, "protocol", |node, stream| {
        let (mut bytes, _) = read(node, stream);
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        let _ = node.write(stream, &bytes);
    });
}

fn what_follows_a_right_answer_costs_the_stream_and_no_more<const EVENTS: usize>(shape: Shape) {
    for is_periodic in [false, true] {
        let (mut both, a, told) = with::<EVENTS>(shape, is_periodic, 10, |node, stream| {
            let (bytes, _) = read(node, stream);
            let extra = if bytes.is_empty() { &[] } else { &b"?"[..] };
            let _ = node.write(stream, &[&bytes, extra].concat());
        });
        assert_eq!(told, [format!("pong {ROUND_TRIP:?}")]);
        let connection = both.a.swarm.connections().next().unwrap();
        assert_eq!(both.a.streams(connection), 0);
        assert_eq!(without_id(&mut both.a, a), [] as [String; 0]);
        both.end();
    }
}

fn an_end_without_an_answer_is_a_failure<const EVENTS: usize>(shape: Shape) {
    fails_with::<EVENTS>(shape, "eof", |node, stream| {
        let _ = node.finish(stream);
        read(node, stream);
    });
}

fn a_reset_without_an_answer_is_a_failure<const EVENTS: usize>(shape: Shape) {
    fails_with::<EVENTS>(shape, "reset(remote)", |node, stream| {
        let _ = node.reset(stream);
    });
}

fn an_answer_with_the_end_right_behind_counts<const EVENTS: usize>(shape: Shape) {
    for resets in [false, true] {
        let (mut all, mut is_done) = (Vec::new(), false);
        let (both, _, told) = with::<EVENTS>(shape, false, 19, move |node, stream| {
            let (bytes, _) = read(node, stream);
            all.extend(bytes);
            if all.len() == 32 && !std::mem::replace(&mut is_done, true) {
                node.write(stream, &all).unwrap();
                // Our side's end travels with the bytes.
                if resets { node.abort_later(stream) } else { node.finish(stream).unwrap() }
            }
        });
        assert_eq!(told, [format!("pong {ROUND_TRIP:?}")], "resets: {resets}");
        both.end();
    }
}

/// What a test wants of a node beside its commands.
trait AbortLater {
    fn abort_later(&mut self, stream: StreamId);
}

impl AbortLater for dyn Node + '_ {
    /// Closes the connection behind what was written.
    fn abort_later(&mut self, stream: StreamId) {
        let connection = self.stream(stream).unwrap().connection;
        self.close_connection(connection).unwrap();
    }
}

fn a_peer_that_ends_after_each_ping_is_asked_on_a_new_stream<const EVENTS: usize>(shape: Shape) {
    let mut served = std::collections::BTreeMap::<StreamId, usize>::new();
    let (both, _, told) = with::<EVENTS>(shape, true, 50, move |node, stream| {
        let (bytes, _) = read(node, stream);
        let _ = node.write(stream, &bytes);
        let served = served.entry(stream).or_default();
        *served += bytes.len();
        if *served == 32 {
            // It may be over by now.
            let _ = node.finish(stream);
        }
    });
    assert_eq!(told, vec![format!("pong {ROUND_TRIP:?}"); 4]);
    assert_eq!(both.a.swarm.counters().streams.outbound.opened, 4);
    assert_eq!(both.a.swarm.counters().streams.outbound.closed, 4);
    both.end();
}

fn a_kept_stream_that_has_ended_is_replaced_within_the_ping<const EVENTS: usize>(shape: Shape) {
    for resets in [false, true] {
        let mut served = std::collections::BTreeMap::<StreamId, usize>::new();
        let (both, _, told) = with::<EVENTS>(shape, true, 34, move |node, stream| {
            let (bytes, _) = read(node, stream);
            let served = served.entry(stream).or_default();
            *served += bytes.len();
            if *served <= 32 {
                let _ = node.write(stream, &bytes);
            } else if resets {
                let _ = node.reset(stream);
            } else {
                let _ = node.finish(stream);
            }
        });
        assert_eq!(told, vec![format!("pong {ROUND_TRIP:?}"); 3], "resets: {resets}");
        assert_eq!(both.a.swarm.counters().streams.outbound.opened, 3);
        both.end();
    }
}

fn bytes_that_nobody_asked_for_end_the_stream_and_fail_nothing<const EVENTS: usize>(shape: Shape) {
    let extra = Rc::new(RefCell::new(None));
    let kept = extra.clone();
    let (mut both, a, told) = with::<EVENTS>(shape, true, 1, move |node, stream| {
        let (bytes, _) = read(node, stream);
        let _ = node.write(stream, &bytes);
        kept.borrow_mut().get_or_insert(stream);
    });
    assert_eq!(told, [format!("pong {ROUND_TRIP:?}")]);
    both.b.swarm.write(extra.borrow().unwrap(), b"?").unwrap();
    both.wait(secs(1));
    let connection = both.a.swarm.connections().next().unwrap();
    assert_eq!(both.a.streams(connection), 0);
    assert_eq!(without_id(&mut both.a, a), [] as [String; 0]);
    both.wait(secs(13) + millis(100));
    assert_eq!(without_id(&mut both.a, a), [format!("pong {ROUND_TRIP:?}")]);
    both.end();
}
