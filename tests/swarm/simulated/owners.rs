//! What owners do between turns: they wait and pause, try without need, come again and again while a backlog is left.

use super::budgets::{B, C, Node, connected, deliver};
use crate::simulated::{millis, secs};
use crate::support::sim::{Cut, Network, RawDial, SINK};
use std::time::Duration;
use swarm_notify::connection::{ReadError, WriteError};
use swarm_notify::lifecycle::{Event, StreamId};
use swarm_notify::swarm::Refusal;

/// Both sides take turns until nothing is under way.
fn settle(network: &Network, a: &mut Node, b: &mut Node, now: &mut Duration) {
    for _ in 0..8 {
        a.tick(*now);
        deliver(network, now);
        b.tick(*now);
        deliver(network, now);
    }
}

#[test]
fn a_tick_hears_what_came_after_a_wait_that_heard_nothing() {
    let (network, mut a, mut b, dialed, mut now) = connected(1);
    let stream = a.open(dialed[0], SINK);
    settle(&network, &mut a, &mut b, &mut now);
    b.swarm.wait(now, Some(millis(1))).unwrap();
    a.swarm.write(stream, b"hello").unwrap();
    a.tick(now);
    deliver(&network, &mut now);
    now += secs(5);
    b.tick(now);
    assert_eq!(b.read.values().sum::<usize>(), 5);
}

#[test]
fn no_deadline_is_judged_before_what_came_after_a_wait() {
    let (network, mut a, mut b, _, mut now) = connected(1);
    settle(&network, &mut a, &mut b, &mut now);
    let at = |b: &mut Node, time: Duration, now: &mut Duration| {
        *now = time;
        network.advance_to(*now);
        while network.deliver(*now) {}
        b.swarm.poll_at()
    };
    // The peer is silent until it is pinged, and answers only just in time.
    let given_up = loop {
        let due = b.swarm.poll_at().unwrap();
        at(&mut b, due, &mut now);
        b.tick(now);
        match b.swarm.poll_at() {
            Some(next) if next == now + secs(15) => break next,
            Some(_) | None => {}
        }
    };
    at(&mut b, given_up - millis(100), &mut now);
    // Something else is heard by the wait.
    let _other = RawDial::new(&network, C.0, &B.at(1));
    at(&mut b, given_up - millis(50), &mut now);
    b.swarm.wait(now, None).unwrap();
    a.tick(now);
    at(&mut b, given_up, &mut now);
    b.tick(now);
    assert!(!b.log.iter().any(|event| matches!(event, Event::Disconnected { .. })), "{:?}", b.log);
}

#[test]
fn an_owner_that_tries_in_vain_has_no_reason_to_come_again() {
    let (network, mut a, mut b, dialed, mut now) = connected(1);
    b.reads = false;
    let stream = a.open(dialed[0], SINK);
    settle(&network, &mut a, &mut b, &mut now);
    while a.swarm.write(stream, &[7; 65_536]).is_ok() {
        settle(&network, &mut a, &mut b, &mut now);
    }
    for _ in 0..10 {
        assert_eq!(a.swarm.write(stream, b"x"), Err(WriteError::Blocked));
        assert_eq!(a.swarm.read(stream, &mut [0; 16]), Err(ReadError::Blocked));
        assert!(a.swarm.poll_at() > Some(now), "it is told when there is place, or something to read");
    }
}

#[test]
fn a_backlog_of_deadlines_takes_as_many_turns_as_there_are() {
    const DEADLINES: usize = 120;
    let (network, mut now) = (Network::new(Cut::Whole, 7), Duration::ZERO);
    let mut b = Node::new(&network, B, |config| config.handshakes_per_address = 1_000);
    b.swarm.listen(B.at(1)).unwrap();
    b.tick(now);
    let silent: Vec<_> = (0..DEADLINES).map(|_| RawDial::new(&network, C.0, &B.at(1))).collect();
    deliver(&network, &mut now);
    (0..4).for_each(|_| b.tick(now));
    assert_eq!(b.swarm.inbound_handshakes(), DEADLINES);
    // Frames of 16 ms, so that the last of them are judged two seconds late; but the owner was there.
    now += secs(10);
    for _ in 0..DEADLINES {
        let _ = b.turn(now, 1);
        now += millis(16);
    }
    assert_eq!(b.swarm.refused(Refusal::HandshakeFailed) as usize, DEADLINES);
    drop(silent);
}

/// Frames for a stream that was just reset tell nothing: the limit of a helping can fall among them.
#[test]
fn nothing_is_lost_behind_frames_that_tell_nothing() {
    for first in [0, 1] {
        let (network, mut a, mut b, dialed, mut now) = connected(1);
        let streams = [a.open(dialed[0], SINK), a.open(dialed[0], SINK)];
        settle(&network, &mut a, &mut b, &mut now);
        let inbound: Vec<StreamId> = b.log.iter().filter_map(opened).collect();
        b.swarm.reset(inbound[0]).unwrap();
        for _ in 0..400 {
            for stream in [streams[first], streams[1 - first]] {
                assert_eq!(a.swarm.write(stream, b"x"), Ok(1));
            }
        }
        settle(&network, &mut a, &mut b, &mut now);
        assert_eq!(b.read.get(&inbound[1]), Some(&400));
    }
}

fn opened(event: &Event) -> Option<StreamId> {
    if let Event::OpenedStream { stream, .. } = event { Some(*stream) } else { None }
}
