//! Flushing: what was written is handed to the byte pipe, told once, to nobody who need not wait, and to all who must.

use crate::simulated::secs;
use crate::support::sim::{A, ECHO, Pair, Shape, everywhere};
use swarm_notify::connection::WriteError;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::swarm::Readiness;

everywhere! {
    flushed_once_the_pipe_has_taken_it,
    only_who_has_written_waits,
    who_asks_late_and_who_has_written_late_are_both_told,
    one_that_is_not_open_yet_is_told_behind_its_opening,
    what_has_ended_is_not_told,
    a_finished_side_can_be_flushed,
    a_second_flush_that_blocks_takes_back_the_word_of_the_first,
}

const fn written(stream: StreamId) -> Readiness {
    Readiness::Stream { stream, readable: false, writable: true }
}

/// Whether what `a` writes is taken.
fn stall<const EVENTS: usize>(pair: &Pair<EVENTS>, stalled: bool) {
    let end = pair.end_of(A);
    pair.network.set(|knobs| knobs.stall(0, end, stalled));
}

fn flushed_once_the_pipe_has_taken_it<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    let end = pair.end_of(A);
    assert_eq!(pair.a.flush(link.sa), Ok(()), "nothing was written");
    pair.a.send(link.sa, b"data");
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked), "and nothing has changed");
    let sent = pair.network.sent(0, end);
    pair.settle();
    assert!(pair.network.sent(0, end) > sent);
    assert_eq!(std::mem::take(&mut pair.a.ready), [written(link.sa)]);
    assert_eq!(pair.a.flush(link.sa), Ok(()));
    // Who does not ask is not told.
    pair.a.send(link.sa, b"more");
    pair.settle();
    assert_eq!(pair.a.flush(link.sa), Ok(()));
    assert_eq!(pair.a.ready, []);
    pair.end_quietly();
}

fn only_who_has_written_waits<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    let (early, _) = pair.stream((link.ca, link.cb));
    pair.a.send(early, b"long ago");
    pair.settle();
    stall(&pair, true);
    pair.a.send(link.sa, b"data");
    pair.wait(secs(1));
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked), "the pipe does not take it");
    assert_eq!(pair.a.flush(early), Ok(()), "all of it was taken before");
    stall(&pair, false);
    pair.settle();
    assert_eq!(std::mem::take(&mut pair.a.ready), [written(link.sa)]);
    pair.end_quietly();
}

fn who_asks_late_and_who_has_written_late_are_both_told<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    let (late, _) = pair.stream((link.ca, link.cb));
    stall(&pair, true);
    pair.a.send(link.sa, b"data");
    pair.wait(secs(1));
    // The pipe has been offered the first; the second gathers behind it, and is the first to ask.
    pair.a.send(late, b"data");
    assert_eq!(pair.a.flush(late), Err(WriteError::Blocked));
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    pair.wait(secs(1));
    assert_eq!(pair.a.ready, []);
    stall(&pair, false);
    pair.settle();
    let mut told = std::mem::take(&mut pair.a.ready);
    told.sort_by_key(|ready| format!("{ready:?}"));
    let mut all = [written(link.sa), written(late)];
    all.sort_by_key(|ready| format!("{ready:?}"));
    assert_eq!(told, all);
    assert_eq!((pair.a.flush(link.sa), pair.a.flush(late)), (Ok(()), Ok(())));
    pair.end_quietly();
}

fn one_that_is_not_open_yet_is_told_behind_its_opening<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.reads = false;
    let (ca, _) = pair.connected();
    let stream = pair.a.open(ca, &[ECHO]);
    assert_eq!(pair.a.flush(stream), Ok(()), "nothing was written");
    pair.a.send(stream, b"early");
    assert_eq!(pair.a.flush(stream), Err(WriteError::Blocked));
    pair.settle(); // the owner checks that nothing is told before the opening
    assert_eq!(std::mem::take(&mut pair.a.ready), [written(stream)]);
    assert_eq!(pair.a.flush(stream), Ok(()));
    pair.end_quietly();
}

fn what_has_ended_is_not_told<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    stall(&pair, true);
    pair.a.send(link.sa, b"data");
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    pair.a.swarm.reset(link.sa).unwrap();
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Ended));
    stall(&pair, false);
    pair.settle();
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Stale));
    assert_eq!(pair.a.ready, []);
    pair.end_quietly();
}

fn a_finished_side_can_be_flushed<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"last");
    pair.a.finish(link.sa);
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    pair.settle();
    assert_eq!(std::mem::take(&mut pair.a.ready), [written(link.sa)]);
    assert_eq!(pair.a.flush(link.sa), Ok(()));
    pair.end_quietly();
}

fn a_second_flush_that_blocks_takes_back_the_word_of_the_first<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.b.reads = false;
    pair.a.send(link.sa, b"data");
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    pair.a.swarm.flush_all(pair.now);
    assert!(pair.a.swarm.has_pending(), "it is sent, and its owner is to be told");
    pair.a.send(link.sa, b"more");
    assert_eq!(pair.a.flush(link.sa), Err(WriteError::Blocked));
    assert_eq!((pair.a.swarm.has_pending(), pair.a.swarm.next_ready()), (false, None));
    pair.settle();
    assert_eq!(std::mem::take(&mut pair.a.ready), [written(link.sa)]);
    assert_eq!(pair.a.flush(link.sa), Ok(()));
    pair.end_quietly();
}
