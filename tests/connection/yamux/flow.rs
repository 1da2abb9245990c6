//! Windows, to the byte, in both directions; room in the output; memory.

use super::*;
use crate::support::with;

const WINDOW: usize = INITIAL_WINDOW as usize;

#[test]
fn the_receive_window_is_counted_to_the_byte() {
    for over in [0, 1] {
        let mut end = End::new(Role::Listener);
        end.receive(&data(SYN, 1, &vec![0; WINDOW - 10])).unwrap();
        let result = end.receive(&data(0, 1, &vec![0; 10 + over]));
        if over == 0 {
            assert_eq!(result, Ok(vec![Fact::Readable(100)]));
            assert_eq!(end.receive(&data(0, 1, b"")), Ok(vec![]));
            assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)));
        } else {
            assert_eq!(result, Err(Violation::ReceiveWindow(1)), "judged by its header");
        }
    }
    End::violates(Role::Listener, &data(SYN, 1, &vec![0; WINDOW + 1]), Violation::ReceiveWindow(1));
}

#[test]
fn window_is_granted_when_half_of_it_has_been_read() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, &vec![5; WINDOW])).unwrap();
    let consume = |end: &mut End, n| end.with_stream(100, |session, stream| session.consume(stream, n));
    consume(&mut end, WINDOW / 2 - 1);
    assert_eq!(end.take(), b"");
    consume(&mut end, 1);
    assert_eq!(end.take(), frame(UPDATE, 0, 1, INITIAL_WINDOW / 2));
    assert_eq!(end.receive(&data(0, 1, &vec![6; WINDOW / 2])), Ok(vec![Fact::Readable(100)]), "all of it can be used");
    assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)), "and no more");
}

#[test]
fn grants_in_a_row_share_a_frame() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, &vec![5; WINDOW])).unwrap();
    end.with_stream(100, |session, stream| session.consume(stream, WINDOW / 2));
    end.with_stream(100, |session, stream| session.consume(stream, WINDOW / 2));
    assert_eq!(end.take(), frame(UPDATE, 0, 1, INITIAL_WINDOW));
}

#[test]
fn payload_that_has_not_arrived_is_not_granted() {
    let mut end = End::new(Role::Listener);
    let bytes = data(SYN, 1, &vec![5; WINDOW]);
    end.receive(&bytes[..12 + 100]).unwrap();
    assert_eq!(end.read(100), (vec![5; 100], ReadOutcome::Blocked));
    assert_eq!(end.take(), b"");
}

#[test]
fn no_window_is_granted_after_fin() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN | FIN, 1, &vec![5; WINDOW])).unwrap();
    assert_eq!(end.read(100), (vec![5; WINDOW], ReadOutcome::End));
    assert_eq!(end.take(), b"");
}

#[test]
fn a_greater_receive_window_is_granted_with_the_first_frame() {
    let config = with(still(), |config| config.receive_window = INITIAL_WINDOW + 1000);
    let mut end = End::with(Role::Dialer, &config);
    let mut stream = end.session.open(1).unwrap();
    end.session.write(&mut stream, b"x");
    assert_eq!(end.take(), [frame(UPDATE, SYN, 1, 1000), data(0, 1, b"x")].concat());
    end.streams.insert(1, stream);
    assert_eq!(end.receive(&data(0, 1, &vec![0; WINDOW + 1000])), Ok(vec![Fact::Readable(1)]));
    assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)));

    let mut end = End::with(Role::Listener, &config);
    end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
    end.acknowledge(100);
    end.flush(100);
    assert_eq!(end.take(), frame(UPDATE, ACK, 1, 1000));
}

/// What one call of the owner that reads `n` bytes says to the peer.
fn consumed(end: &mut End, n: usize) -> Vec<u8> {
    end.with_stream(100, |session, stream| session.consume(stream, n));
    end.take()
}

#[test]
fn a_smaller_receive_window_lets_pass_what_every_peer_assumes() {
    let config = with(still(), |config| config.receive_window = 10);
    let mut end = End::with(Role::Listener, &config);
    assert_eq!(end.receive(&data(SYN, 1, &vec![0; WINDOW])), Ok(vec![Fact::Inbound, Fact::Readable(100)]));
    assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)), "and no more");
}

#[test]
fn a_smaller_receive_window_is_granted_to_the_byte() {
    let config = with(still(), |config| config.receive_window = 10);
    let mut end = End::with(Role::Listener, &config);
    end.receive(&data(SYN, 1, &vec![0; WINDOW])).unwrap();
    assert_eq!(consumed(&mut end, WINDOW - 10), b"", "the window is full");
    assert_eq!(consumed(&mut end, 4), b"");
    assert_eq!(consumed(&mut end, 1), frame(UPDATE, 0, 1, 5), "half of it has been read");
    assert_eq!(end.receive(&data(0, 1, b"12345")), Ok(vec![Fact::Readable(100)]));
    assert_eq!(consumed(&mut end, WINDOW), frame(UPDATE, 0, 1, 10));
    assert_eq!(end.streams[&100].receive_window(), 10);
    assert_eq!(end.receive(&data(0, 1, b"1234567890")), Ok(vec![Fact::Readable(100)]));
    assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)));
}

#[test]
fn what_a_peer_has_not_sent_of_the_first_window_counts() {
    let config = with(still(), |config| config.receive_window = 10);
    let mut end = End::with(Role::Listener, &config);
    end.receive(&data(SYN, 1, &vec![0; WINDOW - 7])).unwrap();
    assert_eq!(consumed(&mut end, WINDOW), b"", "7 may still come, 3 have been read");
    end.receive(&data(0, 1, b"12")).unwrap();
    assert_eq!(consumed(&mut end, 2), frame(UPDATE, 0, 1, 5));
}

#[test]
fn a_receive_window_of_nothing_or_one_byte_goes_byte_by_byte() {
    for receive_window in [0, 1] {
        let mut end = End::with(Role::Listener, &with(still(), |config| config.receive_window = receive_window));
        end.receive(&data(SYN, 1, &vec![0; WINDOW])).unwrap();
        assert_eq!(consumed(&mut end, WINDOW - 1), b"");
        for _ in 0..10 {
            assert_eq!(consumed(&mut end, 1), frame(UPDATE, 0, 1, 1));
            assert_eq!(consumed(&mut end, 1), b"", "nothing is unread");
            assert_eq!(end.receive(&data(0, 1, b"x")), Ok(vec![Fact::Readable(100)]));
        }
        assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)));
    }
}

#[test]
fn discarding_grants_a_smaller_window_and_no_more() {
    let mut end = End::with(Role::Listener, &with(still(), |config| config.receive_window = 10));
    end.receive(&data(SYN, 1, &vec![0; WINDOW - 10])).unwrap();
    end.with_stream(100, Session::discard);
    assert_eq!(end.take(), b"");
    assert_eq!(end.receive(&data(0, 1, b"12345")), Ok(vec![]));
    assert_eq!(end.take(), frame(UPDATE, 0, 1, 5));
}

#[test]
fn the_send_window_is_used_to_the_byte_and_told_when_it_opens() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = usize::MAX));
    let key = end.open();
    let bytes = vec![1; WINDOW + 1];
    assert_eq!(end.write(key, &bytes), WINDOW);
    assert_eq!(end.write(key, b"x"), 0);
    assert_eq!(end.take().len(), WINDOW + 4 * 12, "in frames of 64 KiB");
    assert_eq!(end.written(), [], "it is not for lack of room");
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 0)), Ok(vec![]));
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 2)), Ok(vec![Fact::Writable(key)]));
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 2)), Ok(vec![Fact::Window(key)]), "told once");
    assert_eq!(end.write(key, b"12345"), 4);
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 1)), Ok(vec![Fact::Writable(key)]));
}

#[test]
fn a_write_that_was_not_short_is_never_told_to_go_on() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    assert_eq!(end.write(key, &vec![1; WINDOW]), WINDOW);
    end.take();
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 100)), Ok(vec![Fact::Window(key)]));
}

#[test]
fn a_send_window_above_32_bits_is_a_violation() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, u32::MAX - INITIAL_WINDOW)), Ok(vec![Fact::Window(key)]));
    assert_eq!(end.with_stream(key, |_, stream| stream.send_window()), u32::MAX);
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 1)), Err(Violation::SendWindow(1)));
    End::violates(Role::Listener, &frame(UPDATE, SYN, 1, u32::MAX - INITIAL_WINDOW + 1), Violation::SendWindow(1));
}

#[test]
fn a_syn_can_raise_the_send_window() {
    let mut end = End::new(Role::Listener);
    end.receive(&frame(UPDATE, SYN, 1, 5)).unwrap();
    assert_eq!(end.with_stream(100, |_, stream| stream.send_window()), INITIAL_WINDOW + 5);
}

#[test]
fn writes_beyond_the_output_are_short_and_told_in_turn() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = 100));
    let (a, b) = (end.open(), end.open());
    end.written();
    assert_eq!(end.write(a, &[1; 200]), 100);
    assert_eq!(end.write(b, &[1; 1]), 0);
    assert_eq!(end.write(a, &[1; 1]), 0, "it stands in line once");
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 50)), Ok(vec![Fact::Window(a)]), "it waits for room");
    assert_eq!(end.take().len(), 112);
    assert_eq!(end.written(), [Fact::Writable(a), Fact::Writable(b)]);
    assert_eq!(end.written(), []);
}

#[test]
fn who_waits_for_room_waits_on_while_there_is_none() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = 100));
    let (a, b) = (end.open(), end.open());
    end.write(a, &[1; 200]);
    end.write(b, &[1; 1]);
    end.take();
    assert_eq!(end.session.written(&mut end.streams), Some(Fact::Writable(a)));
    end.write(a, &[1; 100]);
    assert_eq!(end.session.written(&mut end.streams), None, "a has filled the output again");
    end.take();
    assert_eq!(end.session.written(&mut end.streams), Some(Fact::Writable(b)));
}

#[test]
fn a_window_that_opens_while_the_output_is_full_waits_for_room() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = WINDOW));
    let (a, b) = (end.open(), end.open());
    assert_eq!(end.write(a, &vec![1; WINDOW]), WINDOW);
    end.take();
    assert_eq!(end.write(a, b"x"), 0);
    assert!(end.write(b, &vec![1; WINDOW + 1]) > 0);
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 10)), Ok(vec![Fact::Window(a)]));
    end.take();
    assert_eq!(end.written(), [Fact::Writable(a)]);
}

#[test]
fn whoever_is_reset_leaves_the_line() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = 1));
    let (a, b) = (end.open(), end.open());
    end.write(a, b"12");
    end.write(b, b"12");
    end.reset(a);
    end.take();
    assert_eq!(end.written(), [Fact::Writable(b)]);
}

#[test]
fn frames_are_cut_to_the_most_we_make() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_frame = 3));
    let key = end.open();
    end.write(key, b"ab");
    end.write(key, b"cdefgh");
    assert_eq!(end.take(), [data(0, 1, b"abc"), data(0, 1, b"def"), data(0, 1, b"gh")].concat());
}

#[test]
fn writes_to_other_streams_and_batches_begin_new_frames() {
    let mut end = End::new(Role::Dialer);
    let (a, b) = (end.open(), end.open());
    end.write(a, b"1");
    end.write(b, b"2");
    end.write(a, b"3");
    assert_eq!(end.take(), [data(0, 1, b"1"), data(0, 3, b"2"), data(0, 1, b"3")].concat());
    end.write(a, b"4");
    assert_eq!(end.take(), data(0, 1, b"4"));
}

#[test]
fn discarding_grants_window_and_tells_only_the_end() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, &vec![0; WINDOW / 2 - 1])).unwrap();
    end.with_stream(100, Session::discard);
    assert_eq!(end.take(), b"");
    assert_eq!(end.receive(&data(0, 1, b"x")), Ok(vec![]));
    assert_eq!(end.take(), frame(UPDATE, 0, 1, INITIAL_WINDOW / 2));
    assert_eq!(end.receive(&data(FIN, 1, b"x")), Ok(vec![Fact::Readable(100)]));
    assert_eq!(end.read(100), (vec![], ReadOutcome::End));
}

#[test]
fn unread_is_one_run_that_can_be_parsed_in_place() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, b"abc")).unwrap();
    end.receive(&data(0, 1, b"def")).unwrap();
    end.with_stream(100, |session, stream| {
        assert_eq!(stream.unread(), b"abcdef");
        session.consume(stream, 2);
        assert_eq!(stream.unread(), b"cdef");
        session.consume(stream, 100);
        assert_eq!(stream.unread(), b"");
    });
}

#[test]
fn a_negotiation_needs_no_room_and_counts_as_answers() {
    let mut end = End::with(
        Role::Dialer,
        &with(still(), |config| {
            config.max_output = 4;
            config.max_control = 100;
        }),
    );
    let key = end.open();
    end.written();
    end.write(key, b"12345");
    assert!(end.with_stream(key, |session, stream| session.write_whole(stream, &[6; 100])));
    assert!(!end.session.is_clogged());
    assert!(end.with_stream(key, |session, stream| session.write_whole(stream, b"7")));
    assert!(end.session.is_clogged());
    assert_eq!(end.take(), data(0, 1, &[b"1234".as_slice(), &[6; 100], b"7"].concat()));
    assert!(!end.with_stream(key, |session, stream| session.write_whole(stream, &vec![0; WINDOW - 104])));
    assert_eq!(end.take(), b"", "all or nothing");
    assert!(end.with_stream(key, |session, stream| session.write_whole(stream, &vec![0; WINDOW - 105])));
}

#[test]
fn what_is_unread_can_be_taken_out_at_once() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, b"abcdef")).unwrap();
    end.receive(&frame(UPDATE, RST, 1, 0)).unwrap();
    end.with_stream(100, |session, stream| {
        session.consume(stream, 2);
        assert_eq!(stream.take_unread(), b"cdef");
        assert_eq!(stream.take_unread(), b"");
    });
}

#[test]
fn who_fills_its_window_while_waiting_for_room_waits_for_window() {
    let mut end = End::with(Role::Dialer, &with(still(), |config| config.max_output = WINDOW - 1));
    let key = end.open();
    assert_eq!(end.write(key, &vec![1; WINDOW]), WINDOW - 1);
    end.take();
    assert_eq!(end.write(key, b"12"), 1);
    assert_eq!(end.written(), []);
    assert_eq!(end.receive(&frame(UPDATE, 0, 1, 1)), Ok(vec![Fact::Writable(key)]));
}

#[test]
fn a_short_write_wants_window_only_where_none_is_left() {
    let config = with(still(), |config| config.max_output = 100);
    let mut end = End::with(Role::Dialer, &config);
    let key = end.open();
    assert_eq!(end.write(key, &[0; 200]), 100);
    assert!(!end.streams[&key].wants_window(), "it waits for room");
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    let window = INITIAL_WINDOW as usize;
    assert_eq!(end.write(key, &vec![0; window]), window);
    assert!(!end.streams[&key].wants_window(), "the write was not short");
    assert_eq!(end.write(key, b"x"), 0);
    assert!(end.streams[&key].wants_window());
}

#[test]
fn the_outputs_memory_is_borrowed_given_back_and_released() {
    let mut end = End::new(Role::Dialer);
    let mut spare = Vec::with_capacity(10_000);
    end.session.borrow_output(&mut spare);
    assert_eq!(spare.capacity(), 0);
    end.session.ping(1);
    end.session.give_output(&mut spare);
    assert_eq!(spare.capacity(), 0, "something waits");
    end.take();
    end.session.give_output(&mut spare);
    assert!(spare.capacity() >= 10_000);
    end.session.borrow_output(&mut spare);
    end.session.release();
    end.session.give_output(&mut spare);
    assert_eq!(spare.capacity(), 0, "nothing is left of it");
}

#[test]
fn a_session_keeps_4_kib_of_output_and_less_without_streams() {
    for (held, given) in [(4_096, false), (4_097, true)] {
        let mut end = End::new(Role::Dialer);
        let mut spare = Vec::with_capacity(held);
        end.session.borrow_output(&mut spare);
        end.session.give_output(&mut spare);
        assert_eq!(spare.capacity() > 0, given, "{held}");
    }
    let mut end = End::new(Role::Dialer);
    let mut spare = Vec::with_capacity(10_000);
    end.session.borrow_output(&mut spare);
    assert_eq!(end.written(), []);
    end.session.give_output(&mut spare);
    assert_eq!(spare.capacity(), 0, "no stream is left, so it was given back already");
}
