//! Tests of the queues of waiting streams, and of half-open timeouts that are set for single streams.

use super::super::Now;
use super::*;
use crate::lifecycle::{Direction, Failure, Lifecycle, Limits};
use alloc::vec::Vec;

impl Queued for (Option<StreamWait>, QueueNode) {
    fn node(&self) -> (Option<StreamWait>, &QueueNode) {
        (self.0, &self.1)
    }

    fn node_mut(&mut self) -> (&mut Option<StreamWait>, &mut QueueNode) {
        (&mut self.0, &mut self.1)
    }
}

type Streams = Table<StreamId, (Option<StreamWait>, QueueNode)>;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn streams(n: u32) -> (Streams, Vec<StreamId>) {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    let ids: Vec<_> = (0..n).map(|_| lifecycle.begin_stream(connection, Direction::Outbound).unwrap()).collect();
    let mut streams = Streams::new();
    for id in &ids {
        streams.insert(*id, (None, QueueNode::NOWHERE));
    }
    (streams, ids)
}

/// Begins three streams, ends the stream with the index `gone`, and returns the id of the next stream, which takes its slot.
fn successor(gone: usize) -> StreamId {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
    lifecycle.opened(connection).unwrap();
    let ids = [0; 3].map(|_| lifecycle.begin_stream(connection, Direction::Outbound).unwrap());
    lifecycle.fail(ids[gone], Failure::Timeout).unwrap();
    while lifecycle.next_event().is_some() {}
    lifecycle.begin_stream(connection, Direction::Outbound).unwrap()
}

/// Returns the timeouts of the tests: 10 s for a negotiation, 60 s for a half-open stream, 5 s for a close.
fn config() -> Config {
    Config { half_open_timeout: Some(secs(60)), ..Config::default() }
}

/// Removes all waiting streams from the queues and returns them with their deadlines, earliest deadline first.
fn drain(queues: &mut StreamDeadlines, streams: &mut Streams) -> Vec<(Duration, StreamId)> {
    let mut out = Vec::new();
    while let Some((deadline, id)) = queues.first(streams, &config()) {
        queues.leave(streams, id);
        out.push((deadline, id));
    }
    out
}

#[test]
fn the_earliest_deadline_of_all_queues_comes_first() {
    let (mut streams, ids) = streams(5);
    let mut queues = StreamDeadlines::new();
    queues.join(&mut streams, ids[0], StreamWait::Negotiation, secs(55).into());
    queues.join(&mut streams, ids[1], StreamWait::Close, secs(58).into());
    queues.join(&mut streams, ids[2], StreamWait::Negotiation, secs(56).into());
    queues.join(&mut streams, ids[3], StreamWait::HalfOpen, secs(4).into());
    queues.set_own_time(ids[4], Some(secs(1)));
    queues.join(&mut streams, ids[4], StreamWait::OwnHalfOpen, secs(59).into());
    let order = [(secs(60), ids[4]), (secs(63), ids[1]), (secs(64), ids[3]), (secs(65), ids[0]), (secs(66), ids[2])];
    assert_eq!(drain(&mut queues, &mut streams), order);
}

#[test]
fn a_stream_can_leave_from_the_head_the_middle_and_the_tail() {
    for gone in 0..3 {
        let (mut streams, ids) = streams(3);
        let mut queues = StreamDeadlines::new();
        for (n, id) in ids.iter().enumerate() {
            queues.join(&mut streams, *id, StreamWait::Close, secs(n as u64).into());
        }
        queues.leave(&mut streams, ids[gone]);
        queues.leave(&mut streams, ids[gone]);
        queues.join(&mut streams, ids[gone], StreamWait::Close, secs(9).into());
        let mut expected: Vec<_> = (0..3).filter(|n| *n != gone).map(|n| (secs(n as u64 + 5), ids[n])).collect();
        expected.push((secs(14), ids[gone]));
        assert_eq!(drain(&mut queues, &mut streams), expected);
    }
}

#[test]
fn a_stream_in_the_slot_of_a_removed_neighbour_is_left_alone() {
    for gone in [0, 2] {
        let (mut streams, ids) = streams(3);
        let (mut queues, mut others) = (StreamDeadlines::new(), StreamDeadlines::new());
        ids.iter().for_each(|id| queues.join(&mut streams, *id, StreamWait::Close, Now::Untimed));
        let next = successor(gone);
        assert_eq!(next.index(), ids[gone].index());
        streams.insert(next, (None, QueueNode::NOWHERE));
        others.join(&mut streams, next, StreamWait::Close, Now::Untimed);
        queues.count_from(&mut streams, secs(1));
        queues.leave(&mut streams, ids[1]);
        queues.leave(&mut streams, ids[2 - gone]);
        assert_eq!(drain(&mut queues, &mut streams), []);
        assert_eq!(drain(&mut others, &mut streams), [(Duration::MAX, next)]);
    }
}

#[test]
fn joining_another_queue_leaves_the_first() {
    let (mut streams, ids) = streams(1);
    let mut queues = StreamDeadlines::new();
    queues.join(&mut streams, ids[0], StreamWait::Negotiation, secs(1).into());
    queues.join(&mut streams, ids[0], StreamWait::HalfOpen, secs(2).into());
    assert_eq!(drain(&mut queues, &mut streams), [(secs(62), ids[0])]);
}

#[test]
fn deadlines_of_own_times_come_in_their_own_order() {
    let (mut streams, ids) = streams(4);
    let mut queues = StreamDeadlines::new();
    for (id, time) in ids.iter().zip([Some(secs(90)), None, Some(secs(5)), Some(secs(50))]) {
        queues.set_own_time(*id, time);
    }
    ids[..3].iter().for_each(|id| queues.join(&mut streams, *id, StreamWait::OwnHalfOpen, secs(1).into()));
    queues.join(&mut streams, ids[3], StreamWait::OwnHalfOpen, Now::Untimed);
    assert_eq!(queues.first(&streams, &config()), Some((secs(6), ids[2])));
    queues.count_from(&mut streams, secs(2));
    queues.count_from(&mut streams, secs(3));
    assert_eq!(queues.silent_longest(&streams), Some((secs(1), ids[0])));
    let order = [(secs(6), ids[2]), (secs(52), ids[3]), (secs(91), ids[0])];
    assert_eq!(drain(&mut queues, &mut streams), order);
    assert_eq!(queues.silent_longest(&streams), Some((secs(1), ids[1])), "it waits for ever");
    ids.iter().for_each(|id| queues.leave(&mut streams, *id));
    ids.iter().for_each(|id| queues.forget_own_time(*id));
    assert_eq!(queues.silent_longest(&streams), None);
    assert!(queues.own.is_empty());
}

#[test]
fn a_stream_that_was_taken_out_too_early_hides_no_own_deadline() {
    let (mut streams, ids) = streams(2);
    let mut queues = StreamDeadlines::new();
    for (id, time) in ids.iter().zip([secs(1), secs(2)]) {
        queues.set_own_time(*id, Some(time));
        queues.join(&mut streams, *id, StreamWait::OwnHalfOpen, secs(0).into());
    }
    let _ = streams.remove(ids[0]);
    assert_eq!(queues.first(&streams, &config()), Some((secs(2), ids[1])));
}

#[test]
fn the_stream_silent_longest_is_found_among_all_times() {
    let (mut streams, ids) = streams(4);
    let mut queues = StreamDeadlines::new();
    for id in &ids[2..] {
        queues.set_own_time(*id, Some(secs(1_000)));
    }
    for (n, which) in [3, 0, 2, 1].into_iter().enumerate() {
        let wait = if which < 2 { StreamWait::HalfOpen } else { StreamWait::OwnHalfOpen };
        queues.join(&mut streams, ids[which], wait, secs(n as u64).into());
    }
    let mut order = Vec::new();
    while let Some((since, id)) = queues.silent_longest(&streams) {
        queues.leave(&mut streams, id);
        order.push((since, id));
    }
    assert_eq!(order, [3, 0, 2, 1].into_iter().enumerate().map(|(n, w)| (secs(n as u64), ids[w])).collect::<Vec<_>>());
}
