//! What is waited for, from when, and for how long.

use super::YAMUX;
use crate::support::ends::{Pair, secs};
use swarm_notify::connection::{Fact, Now, WriteError};
use swarm_notify::lifecycle::{Failure, StreamEnd};

/// What may be written into the first window, less what negotiation has said.
const WINDOW: usize = 256 * 1024 - 33;

/// Open, with a peer that is never pinged.
fn open_pair() -> Pair {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    for end in [0, 1] {
        pair.end(end).config.keep_alive_interval = secs(100_000);
    }
    pair.open();
    pair
}

#[test]
fn only_bytes_that_come_put_off_a_ping() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.open();
    pair.at(secs(20));
    pair.dialer.hear_nothing();
    assert_eq!(pair.dialer.poll_at(), Some(secs(30)), "a read that brought nothing");
    let stream = pair.listener.open_stream(&["/echo/1.0.0"]);
    pair.run();
    pair.listener.reset(stream);
    pair.run();
    assert_eq!(pair.dialer.poll_at(), Some(secs(50)));
    pair.dialer.at(secs(50));
    assert!(pair.dialer.connection.is_due(), "a ping");
}

#[test]
fn idleness_counts_from_the_last_streams_end_and_is_told_once() {
    let mut pair = open_pair();
    pair.dialer.config.idle_timeout = Some(secs(20));
    let [(first, _), (second, _)] = [(); 2].map(|()| pair.stream());
    assert_eq!(pair.dialer.poll_at(), Some(secs(100_000)), "nothing but silence is waited for");
    pair.dialer.at(secs(100));
    pair.dialer.reset(first);
    assert_eq!(pair.dialer.poll_at(), Some(secs(100_000)), "it has a stream yet");
    pair.dialer.at(secs(200));
    pair.dialer.reset(second);
    assert_eq!(pair.dialer.poll_at(), Some(secs(220)));
    pair.dialer.at(secs(219));
    assert_eq!(pair.dialer.facts(), []);
    pair.dialer.at(secs(220));
    assert_eq!(pair.dialer.facts(), [Fact::Idle]);
    pair.dialer.at(secs(1_000));
    assert_eq!(pair.dialer.facts(), []);
    pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.dialer.at(secs(1_010));
    assert!(matches!(pair.dialer.facts()[..], [Fact::StreamFailed(_, Failure::Timeout)]));
    pair.dialer.at(secs(1_030));
    assert_eq!(pair.dialer.facts(), [Fact::Idle], "a stream has come and gone");
}

#[test]
fn what_begins_without_a_time_counts_from_the_next_that_is_told() {
    let mut pair = open_pair();
    pair.dialer.config.idle_timeout = Some(secs(20));
    let (stream, _) = pair.stream();

    pair.dialer.now = Now::Untimed;
    let opening = pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.dialer.count_from(secs(100));
    assert_eq!(pair.dialer.poll_at(), Some(secs(110)), "negotiation");
    pair.dialer.count_from(secs(105));
    assert_eq!(pair.dialer.poll_at(), Some(secs(110)), "it counts once");
    pair.dialer.reset(opening);

    pair.dialer.now = Now::Untimed;
    pair.dialer.close_stream(stream);
    pair.dialer.count_from(secs(200));
    assert_eq!(pair.dialer.poll_at(), Some(secs(205)), "the close of a stream");

    pair.dialer.now = Now::Untimed;
    pair.dialer.reset(stream);
    pair.dialer.count_from(secs(300));
    assert_eq!(pair.dialer.poll_at(), Some(secs(320)), "idleness");

    pair.dialer.now = Now::Untimed;
    pair.dialer.close();
    pair.dialer.count_from(secs(310));
    assert_eq!(pair.dialer.poll_at(), Some(secs(315)), "the close of the connection");
    pair.dialer.count_from(secs(312));
    assert_eq!(pair.dialer.poll_at(), Some(secs(315)), "it counts once");
    pair.dialer.at(secs(315));
    assert_eq!(pair.dialer.facts(), [Fact::CloseTimeout]);
}

#[test]
fn what_begins_at_a_time_does_not_count_from_a_later_one() {
    let mut pair = open_pair();
    pair.dialer.config.idle_timeout = Some(secs(20));
    pair.dialer.at(secs(5));
    let [timed, untimed] = [secs(5).into(), Now::Untimed].map(|now| {
        pair.dialer.now = now;
        pair.dialer.open_stream(&["/echo/1.0.0"])
    });
    pair.dialer.count_from(secs(8));
    assert_eq!(pair.dialer.poll_at(), Some(secs(15)));
    pair.dialer.reset(timed);
    assert_eq!(pair.dialer.poll_at(), Some(secs(18)));
    pair.dialer.reset(untimed);
    assert_eq!(pair.dialer.poll_at(), Some(secs(28)));

    pair.dialer.now = Now::Untimed;
    let stream = pair.dialer.open_stream(&["/echo/1.0.0"]);
    pair.dialer.now = secs(9).into();
    pair.dialer.close();
    pair.dialer.count_from(secs(12));
    assert_eq!(pair.dialer.poll_at(), Some(secs(14)), "the close began at its own time");
    pair.dialer.at(secs(14));
    assert_eq!(pair.dialer.facts(), [Fact::CloseTimeout]);
    pair.dialer.at(secs(22));
    assert_eq!(pair.dialer.facts(), [Fact::StreamFailed(stream, Failure::Timeout)]);
}

#[test]
fn a_stream_whose_both_halves_are_alive_waits_for_nothing() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.listener.write(theirs, b"x"), Ok(1));
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::Readable(ours)]);
    assert_eq!(pair.dialer.read(ours), Ok(b"x".to_vec()));
    assert_eq!(pair.dialer.poll_at(), Some(secs(100_000)));
    assert_eq!(pair.listener.poll_at(), Some(secs(100_000)));
}

#[test]
fn a_peer_that_has_finished_and_grants_no_window_is_given_up() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.listener.finish(theirs), Ok(()));
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::Readable(ours)]);
    assert_eq!(pair.dialer.write(ours, &[0; WINDOW]), Ok(WINDOW), "it has granted as much");
    assert_eq!(pair.dialer.poll_at(), Some(secs(100_000)), "nothing is left to be sent");
    assert_eq!(pair.dialer.write(ours, b"more"), Err(WriteError::Blocked));
    assert_eq!(pair.dialer.poll_at(), Some(secs(600)));
    pair.dialer.at(secs(600));
    assert_eq!(pair.dialer.facts(), [Fact::StreamEnded(ours, StreamEnd::Timeout)]);
}

#[test]
fn a_peer_whose_bytes_are_not_read_is_not_waited_for() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.listener.write(theirs, &[0; WINDOW]), Ok(WINDOW));
    assert_eq!(pair.dialer.finish(ours), Ok(()));
    pair.run();
    assert_eq!(pair.dialer.poll_at(), Some(secs(100_000)), "it may say nothing more");
    pair.dialer.at(secs(100));
    while pair.dialer.read_up_to(WINDOW, ours).is_ok() {}
    assert_eq!(pair.dialer.poll_at(), Some(secs(700)), "now it may");
}

#[test]
fn a_movement_after_go_away_puts_off_its_time_out() {
    let mut pair = open_pair();
    let (ours, theirs) = pair.stream();
    assert_eq!(pair.dialer.write(ours, b"request"), Ok(7));
    pair.run();
    pair.listener.close();
    pair.run();
    assert_eq!(pair.dialer.facts(), [Fact::GoAway(0)]);
    assert_eq!(pair.dialer.poll_at(), Some(secs(5)));
    pair.dialer.at(secs(3));
    assert_eq!(pair.dialer.write(ours, b"more"), Ok(4));
    assert_eq!(pair.dialer.poll_at(), Some(secs(8)));
    pair.dialer.now = Now::Untimed;
    assert_eq!(pair.dialer.finish(ours), Ok(()));
    pair.dialer.count_from(secs(4));
    assert_eq!(pair.dialer.poll_at(), Some(secs(9)));
    pair.run();
    assert_eq!(pair.listener.read(theirs), Ok(b"requestmore".to_vec()), "it still reads");
    pair.dialer.at(secs(9));
    assert_eq!(pair.dialer.facts(), [Fact::CloseTimeout]);
}

#[test]
fn a_fin_that_waited_for_the_protocol_is_a_movement_when_sent() {
    let mut pair = open_pair();
    let ours = pair.dialer.open_stream(&["/echo/1.0.0"]);
    assert_eq!(pair.dialer.finish(ours), Ok(()));
    pair.run();
    let [Fact::StreamReadyToOpen(theirs)] = pair.listener.facts()[..] else { panic!("it has arrived") };
    pair.listener.confirm(theirs);
    pair.listener.close();
    let said = pair.listener.say();
    pair.dialer.hear(&said, usize::MAX);
    assert_eq!(pair.dialer.facts(), [Fact::StreamReadyToOpen(ours), Fact::GoAway(0)]);
    pair.dialer.confirm(ours);
    assert_eq!(pair.dialer.poll_at(), Some(secs(5)));
    assert!(pair.dialer.connection.is_due(), "the FIN");
    pair.dialer.connection.part_written(secs(3));
    assert_eq!(pair.dialer.poll_at(), Some(secs(8)));
}

#[test]
fn after_go_away_a_connection_is_spent_with_its_last_stream() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.dialer.config.yamux.ack_backlog = 1;
    pair.open();
    let on_the_wire = pair.dialer.open_stream(&["/echo/1.0.0"]);
    let queued = [(); 2].map(|()| pair.dialer.open_stream(&["/echo/1.0.0"]));
    pair.run();
    let [Fact::StreamReadyToOpen(theirs)] = pair.listener.facts()[..] else { panic!("one has arrived") };
    pair.listener.close();
    pair.run();
    let failed = queued.map(|id| Fact::StreamFailed(id, Failure::ConnectionClosed));
    assert_eq!(pair.dialer.facts(), [Fact::GoAway(0), failed[0], failed[1]]);
    assert!(!pair.dialer.connection.is_spent(), "one lives");
    pair.dialer.reset(on_the_wire);
    assert!(pair.dialer.connection.is_spent());
    pair.listener.reset(theirs);
    assert!(!pair.listener.connection.is_spent(), "its peer has not left");
}

#[test]
fn only_a_stream_silent_for_the_grace_time_gives_way() {
    let mut pair = open_pair();
    let [(first, _), (second, _), (open, _)] = [(); 3].map(|()| pair.stream());
    pair.dialer.at(secs(10));
    assert_eq!(pair.dialer.finish(second), Ok(()));
    pair.run();
    pair.dialer.at(secs(20));
    assert_eq!(pair.dialer.finish(first), Ok(()));
    pair.run();
    pair.dialer.at(secs(69));
    assert_eq!(pair.dialer.give_up_silent(), None);
    pair.dialer.at(secs(70));
    assert_eq!(pair.dialer.give_up_silent(), Some(Fact::StreamEnded(second, StreamEnd::Timeout)));
    assert_eq!(pair.dialer.give_up_silent(), None);
    pair.dialer.at(secs(80));
    assert_eq!(pair.dialer.give_up_silent(), Some(Fact::StreamEnded(first, StreamEnd::Timeout)));
    pair.dialer.at(secs(500));
    assert_eq!(pair.dialer.give_up_silent(), None);
    assert_eq!(pair.dialer.write(open, b"x"), Ok(1), "both its halves are alive");
}
