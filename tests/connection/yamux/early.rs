//! Before the peer's first frame: few streams of ours are on the wire.

use super::*;
use crate::support::with;

/// A session that has opened and sent as many streams as it may before the peer's first frame.
fn full(early_streams: u32) -> End {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.early_streams = early_streams));
    end.open_many(early_streams);
    assert_eq!(end.session.can_open(), Err(OpenError::Unheard));
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::Unheard);
    end
}

#[test]
fn eight_streams_are_opened_before_the_peers_first_frame() {
    assert_eq!(Config::default().early_streams, 8);
    let every_kind = [
        frame(UPDATE, ACK, 1, 0),
        frame(UPDATE, RST, 1, 0),
        data(0, 1, b"x"),
        frame(PING, SYN, 0, 1),
        frame(PING, ACK, 0, 1),
        frame(UPDATE, SYN, 2, 0),
        frame(UPDATE, 0, 99, 1),
    ];
    for first in every_kind {
        let mut end = full(8);
        let facts = end.receive(&first).unwrap();
        assert_eq!(facts[0], Fact::Heard);
        end.open_many(200);
        let again = end.receive(&first).unwrap_or_default();
        assert!(!again.contains(&Fact::Heard), "told once");
    }
}

#[test]
fn the_first_frame_has_come_with_the_last_byte_of_its_header() {
    let mut end = full(8);
    let first = frame(UPDATE, ACK, 1, 0);
    for byte in &first[..11] {
        assert_eq!(end.receive(&[*byte]), Ok(vec![]));
        assert_eq!(end.session.can_open(), Err(OpenError::Unheard));
    }
    assert_eq!(end.receive(&first[11..]), Ok(vec![Fact::Heard, Fact::Acknowledged(100)]));
    assert_eq!(end.session.can_open(), Ok(()));
}

#[test]
fn streams_that_are_over_count_until_the_first_frame() {
    let mut end = full(3);
    end.finish(100);
    end.reset(101);
    end.streams.remove(&102);
    assert_eq!(end.session.can_open(), Err(OpenError::Unheard));
}

#[test]
fn a_stream_that_the_peer_never_learns_of_does_not_count() {
    let mut end = End::with(Role::Listener, &with(still(), |config| config.early_streams = 1));
    for _ in 0..3 {
        let mut stream = end.session.open(1).unwrap();
        assert_eq!(end.session.can_open(), Err(OpenError::Unheard));
        end.session.reset(&mut stream);
        assert_eq!(end.take(), b"");
    }
}

#[test]
fn the_first_frame_is_not_told_if_no_stream_can_have_waited() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.early_streams = 3));
    end.open();
    end.open();
    assert_eq!(end.receive(&frame(UPDATE, ACK, 1, 0)), Ok(vec![Fact::Acknowledged(100)]));
    end.open_many(10);
}

#[test]
fn a_peer_is_asked_for_its_first_frame_once() {
    let mut end = full(2);
    end.session.ask_for_first_frame();
    end.session.ask_for_first_frame();
    assert_eq!(end.take(), frame(PING, SYN, 0, 0));
    assert_eq!(end.receive(&frame(PING, ACK, 0, 0)), Ok(vec![Fact::Heard, Fact::Pong(0)]));
    end.session.ask_for_first_frame();
    assert_eq!(end.take(), b"");
}

#[test]
fn a_peer_may_have_to_speak_first() {
    let mut end = full(0);
    assert_eq!(end.receive(&frame(PING, SYN, 0, 7)), Ok(vec![Fact::Heard]));
    end.open();
}

#[test]
fn after_a_go_away_no_stream_waits_for_the_first_frame() {
    let mut end = full(1);
    assert_eq!(end.receive(&frame(GO_AWAY, 0, 0, 0)), Ok(vec![Fact::GoAway(0)]));
    assert_eq!(end.session.can_open(), Err(OpenError::GoneAway));
}
