//! What is worth reading, what is due, and how many streams may wait.

use crate::support::ends::{End, Pair, secs};
use crate::support::raw_frames::{ACK, PING, SYN, data, frame};
use crate::whole::YAMUX;
use crate::whole::raw::Raw;
use swarm_notify::connection::{Fact, Role};
use swarm_notify::lifecycle::{Failure, Side};

fn open_pair() -> Pair {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.open();
    pair
}

#[test]
fn at_its_gate_a_connection_keeps_64_kib_and_wants_no_more() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.run();
    assert!(!pair.dialer.permit());
    pair.run();
    assert_eq!(pair.listener.facts(), [Fact::ReadyToOpen]);
    assert!(pair.listener.connection.wants_input());
    pair.listener.hear(&[0; 64 * 1024 - 1], usize::MAX);
    assert!(pair.listener.connection.wants_input());
    pair.listener.hear(&[0], usize::MAX);
    assert!(!pair.listener.connection.wants_input());
}

#[test]
fn one_read_at_the_gate_is_heard_as_far_as_there_is_space() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.run();
    assert!(!pair.dialer.permit());
    pair.run();
    assert_eq!(pair.listener.facts(), [Fact::ReadyToOpen]);
    let sent = vec![0; 1024 * 1024];
    let heard = pair.listener.hear_wanted(&sent);
    assert_eq!(heard, 2 * (2 + 65_535), "two messages of the greatest size");
    assert_eq!(pair.listener.hear_wanted(&sent[heard..]), 0);
    assert_eq!(pair.listener.facts(), []);
}

#[test]
fn what_is_kept_at_the_gate_is_heard_behind_it() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.run();
    assert!(!pair.dialer.permit());
    pair.run();
    assert_eq!(pair.listener.facts(), [Fact::ReadyToOpen]);
    assert!(pair.dialer.permit());
    pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.run();
    assert_eq!(pair.listener.facts(), []);
    assert!(pair.listener.permit());
    assert!(matches!(pair.listener.facts()[..], [Fact::StreamReadyToOpen(_)]));
}

#[test]
fn a_connection_that_is_over_wants_nothing() {
    let mut end = End::new(2, Role::Listener, YAMUX);
    assert!(end.connection.wants_input());
    end.hear(b"GET / HTTP/1.1\r\n", usize::MAX);
    assert!(matches!(end.facts()[..], [Fact::Failed(_)]));
    assert!(!end.connection.wants_input());
}

#[test]
fn who_does_not_read_answers_is_not_read_and_gets_no_stream() {
    let mut end = End::new(2, Role::Listener, YAMUX);
    end.config.yamux.max_control = 24;
    let mut raw = Raw::open(end);
    for opaque in 0..3 {
        assert!(raw.end.connection.wants_input(), "{opaque} answers wait");
        raw.say(&frame(PING, SYN, 0, opaque));
    }
    assert!(!raw.end.connection.wants_input());
    raw.end.open_stream(&["/echo/1.0.0"]);
    let pongs = [0, 1, 2].map(|opaque| frame(PING, ACK, 0, opaque)).concat();
    assert_eq!(raw.hear(), pongs, "the stream waits until they have left");
    assert_eq!(raw.hear()[..8], data(SYN, 2, &[])[..8], "then it begins");
    assert!(raw.end.connection.wants_input());
}

#[test]
fn something_is_due_from_a_command_until_it_was_transmitted() {
    let mut pair = open_pair();
    let (ours, _) = pair.stream();
    assert!(!pair.dialer.connection.is_due());
    assert_eq!(pair.dialer.write(ours, b"x"), Ok(1));
    assert!(pair.dialer.connection.is_due());
    assert_ne!(pair.dialer.say(), b"");
    assert!(!pair.dialer.connection.is_due());
}

#[test]
fn a_stream_beyond_the_backlog_is_refused_until_one_leaves_it() {
    let mut pair = open_pair();
    pair.listener.config.inbound_backlog = 1;
    for opens in [true, false, true] {
        let [first, second] = [(); 2].map(|()| pair.dialer.open_stream(&["/echo/1.0.0"]));
        pair.run();
        let [Fact::StreamReadyToOpen(taken), Fact::StreamRefused] = pair.listener.facts()[..] else {
            panic!("one may wait")
        };
        assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(second, Failure::Reset(Side::Remote))]);
        if opens {
            pair.listener.confirm(taken);
        } else {
            pair.dialer.reset(first);
            pair.run();
            assert_eq!(pair.listener.facts(), [Fact::StreamFailed(taken, Failure::Reset(Side::Remote))]);
        }
        pair.run();
        assert_eq!(pair.dialer.facts().len(), usize::from(opens));
    }
}

#[test]
fn a_stream_that_the_owner_refuses_is_reset() {
    let mut pair = open_pair();
    pair.listener.refuses = true;
    let stream = pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(stream, Failure::Reset(Side::Remote))]);
    assert_eq!(pair.listener.facts(), []);
}

#[test]
fn streams_past_the_ack_backlog_begin_in_order_unless_given_up() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.dialer.config.yamux.ack_backlog = 1;
    pair.open();
    let [first, given_up, second, third] = [(); 4].map(|()| pair.dialer.open_stream(&["/echo/1.0.0"]));
    pair.dialer.reset(given_up);
    for stream in [first, second, third] {
        pair.run();
        let [Fact::StreamReadyToOpen(taken)] = pair.listener.facts()[..] else { panic!("one at a time") };
        assert_eq!(pair.dialer.facts(), []);
        pair.listener.confirm(taken);
        let word = pair.listener.say();
        pair.dialer.hear(&word, usize::MAX);
        assert_eq!(pair.dialer.facts(), [Fact::StreamReadyToOpen(stream)]);
    }
    pair.run();
    assert_eq!(pair.listener.facts(), [], "no other came");
}

#[test]
fn a_stream_in_line_counts_as_negotiation() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.dialer.config.yamux.ack_backlog = 1;
    pair.open();
    let [first, second] = [(); 2].map(|()| pair.dialer.open_stream(&["/echo/1.0.0"]));
    assert_eq!(pair.dialer.poll_at(), Some(secs(10)));
    pair.dialer.at(secs(10));
    let timed_out = [first, second].map(|stream| Fact::StreamFailed(stream, Failure::Timeout));
    assert_eq!(pair.dialer.facts(), timed_out);
}
