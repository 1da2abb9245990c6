//! How streams begin and end: half-closes, resets, refusals, the ack backlog, the end of the ids.

use super::*;

#[test]
fn each_direction_ends_by_itself() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    end.finish(key);
    assert_eq!(end.take(), data(FIN, 1, b""));
    assert_eq!(end.written(), [Fact::FinSent(key)]);
    assert_eq!(end.write(key, b"x"), 0);
    assert_eq!(end.receive(&data(0, 1, b"still")), Ok(vec![Fact::Readable(key)]));
    assert_eq!(end.session.live(), 1);
    assert_eq!(end.receive(&data(FIN, 1, b"!")), Ok(vec![Fact::Readable(key)]));
    assert_eq!(end.session.live(), 0);
    assert_eq!(end.read(key), (b"still!".to_vec(), ReadOutcome::End));

    let key = end.open();
    assert_eq!(end.receive(&frame(UPDATE, FIN, 3, 0)), Ok(vec![Fact::Readable(key)]));
    assert_eq!(end.read(key), (vec![], ReadOutcome::End));
    assert_eq!(end.write(key, b"x"), 1);
    end.finish(key);
    assert_eq!(end.take(), [data(0, 3, b"x"), data(FIN, 3, b"")].concat());
    assert_eq!(end.session.live(), 0);
    assert_eq!(end.written(), [Fact::FinSent(key)], "told though the stream is over");
}

#[test]
fn fin_is_told_as_sent_only_with_its_batch() {
    let mut end = End::new(Role::Dialer);
    let (a, b) = (end.open(), end.open());
    end.finish(a);
    assert_eq!(end.written(), []);
    end.take();
    end.finish(b);
    assert_eq!(end.written(), [Fact::FinSent(a)]);
    end.take();
    assert_eq!(end.written(), [Fact::FinSent(b)]);
    assert_eq!(end.written(), []);
}

#[test]
fn data_after_fin_resets_the_stream_and_a_second_fin_does_not() {
    let mut end = End::new(Role::Listener);
    end.receive(&[data(SYN | FIN, 1, b"before"), data(SYN, 3, b"other")].concat()).unwrap();
    assert_eq!(end.receive(&data(FIN, 1, b"")), Ok(vec![]));
    assert_eq!(end.receive(&data(0, 1, b"")), Ok(vec![]));
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 10)), Ok(vec![Fact::Window(100)]), "its window may still be raised");
    let late = [data(FIN, 1, b"late"), data(0, 1, b"later"), data(0, 3, b"!")].concat();
    assert_eq!(end.receive(&late), Ok(vec![Fact::Reset(100), Fact::Readable(101)]));
    assert_eq!(end.take(), frame(UPDATE, RST, 1, 0), "told once, and nothing of the other stream");
    assert_eq!(end.read(100), (b"before".to_vec(), ReadOutcome::Reset));
    assert_eq!(end.write(100, b"x"), 0);
    assert_eq!(end.read(101), (b"other!".to_vec(), ReadOutcome::Blocked));
    assert_eq!(end.session.live(), 1);
}

#[test]
fn data_after_fin_is_passed_over_for_a_stream_that_is_over() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    end.finish(key);
    end.take();
    let all = [data(FIN, 1, b"all"), data(0, 1, b"late"), data(FIN, 1, b"later")].concat();
    assert_eq!(end.receive(&all), Ok(vec![Fact::Readable(key)]));
    assert_eq!(end.read(key), (b"all".to_vec(), ReadOutcome::End));
    assert_eq!(end.take(), b"");
}

#[test]
fn a_remote_reset_is_never_a_clean_end() {
    for frames in [
        frame(UPDATE, RST, 1, 0),
        frame(DATA, RST, 1, 0),
        frame(UPDATE, RST | FIN, 1, 0),
        frame(UPDATE, RST | ACK, 1, 0),
        frame(UPDATE, RST | ACK | FIN, 1, 0),
    ] {
        let mut end = End::new(Role::Dialer);
        let key = end.open();
        end.receive(&data(ACK, 1, b"before")).unwrap();
        assert_eq!(end.receive(&frames), Ok(vec![Fact::Reset(key)]));
        assert_eq!(end.read(key), (b"before".to_vec(), ReadOutcome::Reset));
        assert_eq!(end.write(key, b"x"), 0);
        assert_eq!(end.session.live(), 0);
        end.reset(key);
        assert_eq!(end.take(), b"", "a reset is not answered");
    }
}

#[test]
fn a_reset_with_a_code_is_no_window_update() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    assert_eq!(end.receive(&frame(UPDATE, RST, 1, u32::MAX)), Ok(vec![Fact::Reset(key)]));
}

#[test]
fn the_payload_of_a_reset_is_skipped() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    let bytes = [data(RST, 1, &[0xFF; 40]), frame(PING, ACK, 0, 3)].concat();
    assert_eq!(end.receive(&bytes), Ok(vec![Fact::Reset(key), Fact::Pong(3)]));
    assert_eq!(end.read(key), (vec![], ReadOutcome::Reset));
}

#[test]
fn a_reset_between_fin_and_its_writing_is_told_instead_of_it() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    end.finish(key);
    end.take();
    assert_eq!(end.receive(&frame(UPDATE, RST, 1, 0)), Ok(vec![Fact::Reset(key)]));
    assert_eq!(end.written(), []);
}

#[test]
fn after_our_reset_what_comes_is_discarded_and_what_came_stays() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, b"before")).unwrap();
    let late = data(FIN, 1, b"late");
    end.receive(&late[..14]).unwrap();
    end.reset(100);
    end.reset(100);
    assert_eq!(end.take(), frame(UPDATE, RST, 1, 0));
    assert_eq!(end.receive(&late[14..]), Ok(vec![]), "the middle of a frame");
    assert_eq!(end.receive(&data(0, 1, b"later")), Ok(vec![]));
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, u32::MAX)), Ok(vec![]));
    assert_eq!(end.receive(&frame(UPDATE, RST, 1, 0)), Ok(vec![]));
    assert_eq!(end.read(100), (b"beforela".to_vec(), ReadOutcome::Reset));
    assert_eq!(end.take(), b"");
}

#[test]
fn frames_for_streams_that_are_over_are_discarded() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    end.finish(key);
    end.receive(&data(FIN, 1, b"")).unwrap();
    end.take();
    for bytes in [
        data(0, 1, b"x"),
        data(FIN | ACK, 1, b""),
        frame(UPDATE, 0, 1, 9),
        frame(UPDATE, RST, 1, 4),
        data(RST, 77, b"xyz"),
    ] {
        assert_eq!(end.receive(&bytes), Ok(vec![]));
    }
    let huge = frame(DATA, 0, 999, u32::MAX);
    assert_eq!(end.receive(&huge), Ok(vec![]));
    assert_eq!(end.receive(&[0xFF; 100]), Ok(vec![]), "payload of a stream that is not");
    assert_eq!(end.take(), b"");
}

#[test]
fn a_stream_whose_syn_was_never_sent_ends_without_a_frame() {
    let mut end = End::new(Role::Dialer);
    let mut stream = end.session.open(1).unwrap();
    assert_eq!(end.session.live(), 1);
    end.session.reset(&mut stream);
    assert_eq!(end.take(), b"");
    assert_eq!((end.session.live(), end.session.unacknowledged()), (0, 0));
}

#[test]
fn a_peer_cannot_know_of_a_stream_before_its_syn() {
    let mut end = End::new(Role::Dialer);
    let stream = end.session.open(1).unwrap();
    end.streams.insert(1, stream);
    for bytes in [data(ACK, 1, b"x"), frame(UPDATE, RST, 1, 0), frame(UPDATE, 0, 1, 5)] {
        assert_eq!(end.receive(&bytes), Ok(vec![]));
    }
    assert_eq!(end.write(1, b"x"), 1);
    assert_eq!(end.take(), data(SYN, 1, b"x"));
}

#[test]
fn a_refused_stream_is_reset_and_its_payload_discarded() {
    let mut end = End::new(Role::Listener);
    let bytes = [data(SYN | FIN, 1, b"xyz"), frame(PING, ACK, 0, 3)].concat();
    let (n, fact) = end.session.receive(&mut end.streams, &bytes).unwrap();
    assert_eq!(fact, Some(Fact::Inbound));
    end.session.refuse();
    end.session.refuse();
    assert_eq!(end.take(), frame(UPDATE, RST, 1, 0));
    assert_eq!(end.receive(&bytes[n..]), Ok(vec![Fact::Pong(3)]));
    assert_eq!(end.session.live(), 0);
}

#[test]
fn syn_with_reset_is_told_as_both() {
    let mut end = End::new(Role::Listener);
    assert_eq!(end.receive(&frame(UPDATE, SYN | RST, 1, 0)), Ok(vec![Fact::Inbound, Fact::Reset(100)]));
}

#[test]
fn an_id_can_be_opened_again_once_it_is_over() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN | RST, 1, b"")).unwrap();
    assert_eq!(end.receive(&data(SYN, 1, b"x")), Ok(vec![Fact::Inbound, Fact::Readable(101)]));
}

#[test]
fn a_stream_that_was_dropped_without_reset_is_reset() {
    let mut end = End::new(Role::Listener);
    end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
    end.streams.clear();
    assert_eq!(end.receive(&data(FIN, 1, b"xyz")), Ok(vec![]));
    assert_eq!(end.take(), frame(UPDATE, RST, 1, 0));
    assert_eq!(end.session.live(), 0);
}

#[test]
fn the_ack_backlog_is_256_streams() {
    let mut end = End::new(Role::Dialer);
    let keys: Vec<_> = (0..256).map(|_| end.open()).collect();
    assert_eq!(end.session.unacknowledged(), 256);
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::AckBacklog);
    end.receive(&frame(UPDATE, ACK, 1, 0)).unwrap();
    end.open();
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::AckBacklog);
    end.receive(&frame(UPDATE, RST, 3, 0)).unwrap();
    end.open();
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::AckBacklog);
    end.finish(keys[2]);
    end.receive(&data(FIN, 5, b"")).unwrap();
    end.open();
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::AckBacklog);
    end.reset(keys[3]);
    assert_eq!(end.session.can_open(), Ok(()));
}

#[test]
fn ids_are_used_up_at_the_end_of_32_bits() {
    for (role, last) in [(Role::Dialer, u32::MAX), (Role::Listener, u32::MAX - 1)] {
        let mut session = Session::new(role, &Config::default()).skip_ids(u32::MAX - 3);
        assert_eq!(session.open(0).unwrap().wire_id(), last - 2);
        assert_eq!(session.open(1).unwrap().wire_id(), last);
        assert_eq!(session.open(2).unwrap_err(), OpenError::IdsExhausted);
        assert_eq!(session.live(), 2, "nothing has changed");
    }
}

#[test]
fn a_stream_knows_of_its_acknowledgement_and_of_its_reset() {
    let mut end = End::new(Role::Dialer);
    let [acknowledged, reset] = [(); 2].map(|()| end.open());
    assert!(!end.streams[&acknowledged].is_acknowledged());
    assert_eq!(end.receive(&frame(UPDATE, ACK, 1, 0)), Ok(vec![Fact::Acknowledged(acknowledged)]));
    assert!(end.streams[&acknowledged].is_acknowledged() && !end.streams[&acknowledged].is_reset());
    end.reset(reset);
    assert!(end.streams[&reset].is_reset());
}

#[test]
fn a_negotiation_says_nothing_on_what_is_over() {
    let mut end = End::new(Role::Dialer);
    let [finished, open] = [(); 2].map(|()| end.open());
    end.finish(finished);
    end.take();
    assert!(!end.with_stream(finished, |session, stream| session.write_whole(stream, b"line")));
    end.session.go_away(0);
    assert!(!end.with_stream(open, |session, stream| session.write_whole(stream, b"line")));
    assert_eq!(end.take(), frame(GO_AWAY, 0, 0, 0));
}

#[test]
fn ids_that_are_left_out_keep_their_sides_parity() {
    for (role, parity) in [(Role::Dialer, 1), (Role::Listener, 0)] {
        for skipped in [0, 100, 101] {
            let mut session = Session::<u32>::new(role, &Config::default()).skip_ids(skipped);
            let id = session.open(0).unwrap().wire_id();
            assert_eq!((id % 2, id - skipped <= 2), (parity, true), "{id} from {skipped}");
        }
    }
}
