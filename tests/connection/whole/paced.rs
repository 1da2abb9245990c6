//! A peer that opens more streams than its rate is paced: what is beyond waits without an id, in order, and loses nothing
//! but time.

use super::YAMUX;
use super::raw::{HEADER, Raw};
use crate::support::ends::{End, Pair, secs};
use crate::support::raw_frames::{ACK, DATA, ECHO_LINES, FIN, Frame, PING, RST, SYN, UPDATE, data, frame, go_away};
use core::time::Duration;
use swarm_notify::connection::{Error, Fact, Flood, Rate, Role};
use swarm_notify::lifecycle::StreamId;

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A listener whose peer may open so many streams.
fn raw(openings: Rate) -> Raw {
    let mut raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    raw.end.config.openings = openings;
    raw.end.config.keep_alive_interval = secs(100_000);
    raw.end.config.idle_timeout = None;
    raw.say(&frame(PING, ACK, 0, 0));
    raw
}

/// Says streams with proposals in their first frames.
fn open(raw: &mut Raw, streams: impl IntoIterator<Item = u32>) {
    raw.say(&streams.into_iter().flat_map(|stream| data(SYN, stream, ECHO_LINES)).collect::<Vec<_>>());
}

/// The streams that have come to the gate, and nothing else has been told.
fn at_gate(raw: &mut Raw) -> Vec<StreamId> {
    let only_gate = |fact| if let Fact::StreamReadyToOpen(stream) = fact { stream } else { panic!("{fact:?}") };
    raw.end.facts().into_iter().map(only_gate).collect()
}

/// Confirms all that have come to the gate. Returns the wire ids that are acknowledged by now and were not before.
fn confirmed(raw: &mut Raw) -> Vec<u32> {
    at_gate(raw).into_iter().for_each(|stream| raw.end.confirm(stream));
    Frame::decode_all(&raw.hear()).into_iter().filter(|frame| frame.flags & ACK != 0).map(|frame| frame.id).collect()
}

#[test]
fn a_peer_opens_its_burst_at_once_and_its_rate_later() {
    let mut raw = raw(Rate::new(3, 2));
    open(&mut raw, [1, 3, 5, 7, 9]);
    assert_eq!(confirmed(&mut raw), [1, 3, 5]);
    let end = &raw.end.connection;
    assert_eq!((end.streams_waiting(), end.streams_paced(), end.streams_without_id()), (2, 2, 2));
    assert_eq!((raw.end.streams.len(), raw.end.poll_at()), (3, Some(millis(500))));
    raw.end.at(millis(499));
    assert_eq!(confirmed(&mut raw), [0; 0]);
    raw.end.at(millis(500));
    assert_eq!((confirmed(&mut raw), raw.end.poll_at()), (vec![7], Some(millis(1_000))));
    raw.end.at(millis(1_000));
    assert_eq!(confirmed(&mut raw), [9]);
    let end = &raw.end.connection;
    assert_eq!((end.streams_waiting(), end.streams_paced(), end.streams_without_id()), (0, 2, 0));
    assert_eq!(raw.end.poll_at(), Some(secs(100_000)));
    // The bucket fills up again.
    raw.end.at(secs(60));
    open(&mut raw, [11, 13, 15, 17]);
    assert_eq!(confirmed(&mut raw), [11, 13, 15]);
    assert_eq!(raw.end.connection.streams_paced(), 3);
}

#[test]
fn a_stream_that_waits_is_not_acknowledged_and_hears_nothing() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1]);
    confirmed(&mut raw);
    open(&mut raw, [3]);
    raw.say(&frame(UPDATE, SYN, 5, 0));
    raw.say(&data(0, 5, HEADER));
    raw.say(&data(0, 5, &ECHO_LINES[HEADER.len()..]));
    assert_eq!(raw.end.facts(), []);
    assert_eq!(raw.hear(), data(0, 5, HEADER), "some dialers wait for our header; it acknowledges nothing");
    raw.end.at(secs(1));
    assert_eq!(confirmed(&mut raw), [3]);
    raw.end.at(secs(2));
    assert_eq!(confirmed(&mut raw), [5]);
}

#[test]
fn streams_that_wait_are_offered_in_order_of_their_proposals() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1]);
    raw.say(&[frame(UPDATE, SYN, 3, 0), data(SYN, 5, HEADER)].concat());
    open(&mut raw, [7]);
    raw.say(&data(0, 5, &ECHO_LINES[HEADER.len()..]));
    raw.say(&data(0, 3, ECHO_LINES));
    open(&mut raw, [9]);
    assert_eq!(confirmed(&mut raw), [1]);
    for (at, stream) in (1..).zip([7, 5, 3]) {
        raw.end.at(secs(at));
        assert_eq!(confirmed(&mut raw), [stream]);
    }
    // There is a token, but another one has waited for longer.
    raw.end.now = secs(4).into();
    open(&mut raw, [11]);
    assert_eq!(confirmed(&mut raw), [0; 0]);
    raw.end.at(secs(4));
    assert_eq!(confirmed(&mut raw), [9]);
    raw.end.at(secs(5));
    assert_eq!(confirmed(&mut raw), [11]);
}

/// Whatever one stream waits for, the others go on.
#[test]
fn all_else_is_read_while_streams_wait() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1, 3]);
    let stream = at_gate(&mut raw)[0];
    raw.end.confirm(stream);
    raw.hear();
    raw.say(&[frame(PING, SYN, 0, 7), data(0, 1, b"data"), data(FIN, 1, b"")].concat());
    assert_eq!(raw.end.facts(), [Fact::Readable(stream), Fact::Readable(stream)]);
    assert_eq!(raw.hear(), frame(PING, ACK, 0, 7));
    assert_eq!(raw.end.read(stream), Ok(b"data".to_vec()));
    assert_eq!(raw.end.read(stream), Ok(vec![]));
    raw.end.finish(stream).unwrap();
    assert_eq!(raw.hear(), frame(DATA, FIN, 1, 0));
    assert_eq!(raw.end.connection.streams_waiting(), 1);
}

#[test]
fn what_comes_on_a_stream_that_waits_is_kept_and_counted() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1]);
    confirmed(&mut raw);
    let rest = raw.end.connection.bytes_held();
    raw.say(&[data(SYN, 3, ECHO_LINES), data(0, 3, &[7; 1_000]), data(FIN, 3, &[8; 20])].concat());
    assert_eq!((raw.end.facts(), raw.hear()), (vec![], vec![]));
    let held = raw.end.connection.unread_held_without_id();
    assert!(held >= 1_020 && raw.end.connection.unread_held() == held, "{held}");
    assert!(raw.end.connection.bytes_held() >= rest + held);
    raw.end.at(secs(1));
    let stream = at_gate(&mut raw)[0];
    raw.end.confirm(stream);
    assert_eq!(raw.end.connection.unread_held_without_id(), 0);
    let read = raw.end.read_up_to(2_000, stream).unwrap();
    assert_eq!(read, [&[7; 1_000][..], &[8; 20]].concat());
    assert_eq!(raw.end.read(stream), Ok(vec![]), "it has ended");
}

#[test]
fn a_stream_reset_while_it_waits_gets_no_id_and_takes_no_token() {
    let mut raw = raw(Rate::new(1, 1));
    raw.end.config.resets = Rate::new(2, 1);
    open(&mut raw, [1, 3, 5, 7]);
    assert_eq!(confirmed(&mut raw), [1]);
    raw.say(&frame(UPDATE, RST, 3, 0));
    raw.say(&frame(UPDATE, RST, 7, 0));
    assert_eq!(raw.end.facts(), [Fact::StreamUnproposed; 2]);
    let end = &raw.end.connection;
    let of_each = end.unread_held_without_id();
    assert_eq!((end.streams_waiting(), end.streams_without_id(), end.unread_held()), (1, 1, of_each));
    raw.end.at(secs(1));
    assert_eq!(confirmed(&mut raw), [5]);
    raw.end.at(secs(2));
    open(&mut raw, [9]);
    assert_eq!(confirmed(&mut raw), [9], "the token of the next second");
    // They are resets like others.
    raw.end.config.resets = Rate::new(1, 1);
    open(&mut raw, [11, 13]);
    raw.say(&[11, 13].map(|stream| frame(UPDATE, RST, stream, 0)).concat());
    assert_eq!(
        raw.end.facts(),
        [Fact::StreamUnproposed, Fact::StreamUnproposed, Fact::Failed(Error::Flood(Flood::Resets))]
    );
}

#[test]
fn a_stream_that_waits_longer_than_negotiation_may_is_refused() {
    let mut raw = raw(Rate::new(1, 1));
    raw.end.config.negotiation_timeout = secs(3);
    raw.end.config.resets = Rate::new(1, 1);
    open(&mut raw, [1, 3]);
    assert_eq!(confirmed(&mut raw), [1]);
    raw.end.now = millis(500).into();
    open(&mut raw, [5, 7, 9, 11]);
    for (at, stream) in [(1, 3), (2, 5), (3, 7)] {
        raw.end.at(secs(at));
        assert_eq!(confirmed(&mut raw), [stream]);
    }
    assert_eq!(raw.end.poll_at(), Some(millis(3_500)), "before the next token");
    raw.end.at(millis(3_499));
    assert_eq!(raw.end.facts(), []);
    raw.end.at(millis(3_500));
    assert_eq!(raw.end.facts(), [Fact::StreamRefused; 2], "the limit is ours, and the peer has flooded nothing");
    assert_eq!(raw.hear(), [9, 11].map(|stream| frame(UPDATE, RST, stream, 0)).concat());
    assert_eq!(raw.end.connection.streams_without_id(), 0);
    raw.end.at(secs(4));
    open(&mut raw, [13]);
    assert_eq!(confirmed(&mut raw), [13], "nobody has taken the token");
}

/// What it could have taken in time is taken before it looks at deadlines.
#[test]
fn a_late_owner_loses_no_stream_for_which_there_is_a_token() {
    let mut raw = raw(Rate::new(4, 1));
    raw.end.config.negotiation_timeout = secs(3);
    open(&mut raw, (0..9).map(|n| 1 + 2 * n));
    assert_eq!(confirmed(&mut raw), [1, 3, 5, 7]);
    raw.end.at(secs(60));
    let facts = raw.end.facts();
    assert!(matches!(
        facts[..4],
        [
            Fact::StreamReadyToOpen(_),
            Fact::StreamReadyToOpen(_),
            Fact::StreamReadyToOpen(_),
            Fact::StreamReadyToOpen(_)
        ]
    ));
    assert_eq!(facts[4..], [Fact::StreamRefused], "the bucket holds no more than its burst");
}

#[test]
fn streams_that_wait_for_a_token_are_part_of_the_backlog() {
    let mut raw = raw(Rate::new(1, 1));
    raw.end.config.inbound_backlog = 3;
    open(&mut raw, [1]);
    assert_eq!(confirmed(&mut raw), [1]);
    open(&mut raw, [3, 5, 7]);
    assert_eq!(raw.end.facts(), []);
    for refused in [data(SYN, 9, ECHO_LINES), frame(UPDATE, SYN, 9, 0)] {
        raw.say(&refused);
        assert_eq!((raw.end.facts(), raw.hear()), (vec![Fact::StreamRefused], frame(UPDATE, RST, 9, 0)));
    }
    raw.end.at(secs(1));
    assert_eq!(confirmed(&mut raw), [3]);
    open(&mut raw, [11]);
    assert_eq!(raw.end.facts(), [], "there is a place again");
}

/// It was not told that nobody speaks what it wants.
#[test]
fn a_proposal_that_nobody_speaks_waits_like_others() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1]);
    confirmed(&mut raw);
    raw.say(&data(SYN, 3, b"\x13/multistream/1.0.0\n\x08/none/1\n"));
    assert_eq!((raw.end.streams.len(), raw.hear()), (1, vec![]));
    raw.end.at(secs(1));
    assert_eq!(raw.end.streams.len(), 2);
    assert!(raw.hear().ends_with(b"\x03na\n"));
    raw.say(&data(0, 3, b"\x0c/echo/1.0.0\n"));
    assert_eq!(confirmed(&mut raw), [3], "another proposal on it takes no other token");
}

#[test]
fn streams_that_wait_keep_a_connection_from_being_idle_or_spent() {
    let mut raw = raw(Rate::new(1, 1));
    raw.end.config.idle_timeout = Some(millis(300));
    open(&mut raw, [1, 3]);
    let stream = at_gate(&mut raw)[0];
    raw.end.confirm(stream);
    raw.end.reset(stream);
    raw.end.at(millis(900));
    assert_eq!(raw.end.facts(), []);
    raw.say(&go_away());
    assert_eq!(raw.end.facts(), [Fact::GoAway(0)]);
    assert!(!raw.end.connection.is_spent());
    raw.end.at(secs(1));
    assert_eq!(at_gate(&mut raw).len(), 1, "it was begun before the go-away");
}

#[test]
fn an_owner_that_refuses_what_has_waited_resets_it() {
    let mut raw = raw(Rate::new(1, 1));
    open(&mut raw, [1, 3, 5]);
    confirmed(&mut raw);
    raw.end.refuses = true;
    raw.end.at(secs(1));
    let resets = [3, 5].map(|stream| frame(UPDATE, RST, stream, 0)).concat();
    assert_eq!((raw.end.facts(), raw.hear()), (vec![], resets), "the first has taken no token");
    open(&mut raw, [7]);
    assert_eq!(raw.hear(), frame(UPDATE, RST, 7, 0));
    raw.end.refuses = false;
    open(&mut raw, [9, 11]);
    assert_eq!(confirmed(&mut raw), [9]);
}

#[test]
fn a_connection_that_floods_offers_nothing_more() {
    let mut raw = raw(Rate::new(1, 1));
    raw.end.config.resets.burst = 1;
    open(&mut raw, [1, 3, 5, 7]);
    confirmed(&mut raw);
    raw.say(&[3, 5].map(|stream| frame(UPDATE, RST, stream, 0)).concat());
    assert_eq!(raw.end.facts().last(), Some(&Fact::Failed(Error::Flood(Flood::Resets))));
    raw.end.at(secs(1));
    assert_eq!(raw.end.facts(), []);
}

/// The peer opens as many as yamux lets it: 256 that are not acknowledged.
#[test]
fn an_honest_peer_with_a_full_backlog_is_slowed_but_loses_none() {
    let mut pair = Pair::new(YAMUX, usize::MAX);
    pair.open();
    pair.listener.config.openings = Rate::new(10, 200);
    let streams: Vec<_> = (0..1_000).map(|_| pair.dialer.open_stream(&["/echo/1.0.0"])).collect();
    let (mut taken, mut opened, mut now) = (0, Vec::new(), Duration::ZERO);
    while opened.len() < streams.len() {
        pair.run();
        for fact in pair.listener.facts() {
            let Fact::StreamReadyToOpen(stream) = fact else { panic!("{fact:?}") };
            pair.listener.confirm(stream);
            taken += 1;
        }
        pair.run();
        for fact in pair.dialer.facts() {
            let Fact::StreamReadyToOpen(stream) = fact else { panic!("{fact:?}") };
            opened.push(stream);
        }
        assert!(taken <= 10 + 200 * now.as_millis() / 1_000, "{taken} at {now:?}");
        assert!(pair.listener.connection.streams_waiting() <= 256);
        if taken < 1_000 {
            now = pair.listener.poll_at().expect("it is paced");
            pair.at(now);
        }
    }
    assert_eq!(opened, streams, "in order");
    assert_eq!(now, millis(4_950), "990 of them, 5 ms each");
    assert_eq!(pair.listener.connection.streams_paced(), 990);
}
