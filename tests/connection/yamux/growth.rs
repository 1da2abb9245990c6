//! Receive windows that grow: when, how far, and what that says on the wire.

use super::*;
use crate::support::with;

const WINDOW: u32 = INITIAL_WINDOW;
const HALF: u32 = WINDOW / 2;

/// What begins a round trip.
fn probe() -> Vec<u8> {
    frame(PING, SYN, 0, u32::MAX)
}

/// What ends it.
fn pong() -> Vec<u8> {
    frame(PING, ACK, 0, u32::MAX)
}

fn end(max_receive_window: u32, max_window_growth: u32) -> End {
    End::with(
        Role::Listener,
        &with(Config::default(), |config| {
            config.max_receive_window = max_receive_window;
            config.max_window_growth = max_window_growth;
        }),
    )
}

/// So many bytes come for a stream and are read; what that says.
fn passes(end: &mut End, key: u32, bytes: u32) -> Vec<u8> {
    let id = end.streams[&key].wire_id();
    end.receive(&data(0, id, &vec![0; bytes as usize])).unwrap();
    end.with_stream(key, |session, stream| session.consume(stream, usize::MAX));
    end.take()
}

/// A stream of the peer's.
fn inbound(end: &mut End, id: u32) -> u32 {
    let key = end.next;
    assert_eq!(end.receive(&frame(UPDATE, SYN, id, 0)), Ok(vec![Fact::Inbound]));
    end.acknowledge(key);
    end.flush(key);
    end.take();
    key
}

fn update(id: u32, delta: u32) -> Vec<u8> {
    frame(UPDATE, 0, id, delta)
}

#[test]
fn a_window_doubles_when_two_halves_are_read_in_two_round_trips() {
    let mut end = end(4 * WINDOW, 4 * WINDOW);
    let key = inbound(&mut end, 1);
    assert_eq!(passes(&mut end, key, HALF), [update(1, HALF), probe()].concat());
    assert_eq!(passes(&mut end, key, HALF), update(1, HALF + WINDOW));
    assert_eq!(end.streams[&key].receive_window(), 2 * WINDOW);
    assert_eq!(passes(&mut end, key, WINDOW - 1), b"", "half of the greater one");
    assert_eq!(passes(&mut end, key, 1), update(1, WINDOW + 2 * WINDOW));
    assert_eq!(
        end.receive(&data(0, 1, &vec![0; 4 * WINDOW as usize])),
        Ok(vec![Fact::Readable(key)]),
        "all is granted"
    );
    assert_eq!(end.receive(&data(0, 1, b"x")), Err(Violation::ReceiveWindow(1)), "and no more");
}

#[test]
fn between_the_two_a_round_trip_may_end_and_two_may_not() {
    let mut end = end(4 * WINDOW, 4 * WINDOW);
    let key = inbound(&mut end, 1);
    for _ in 0..10 {
        assert_eq!(passes(&mut end, key, HALF), [update(1, HALF), probe()].concat());
        assert_eq!(end.receive(&pong()), Ok(vec![]), "nothing is told of our own ping");
        assert_eq!(end.take(), probe());
        assert_eq!(end.receive(&pong()), Ok(vec![]));
        assert_eq!(end.take(), b"", "who is quiet is not pinged");
    }
    assert_eq!(end.streams[&key].receive_window(), WINDOW);
    passes(&mut end, key, HALF);
    end.receive(&pong()).unwrap();
    end.take();
    assert_eq!(passes(&mut end, key, HALF), update(1, HALF + WINDOW), "a ping is under way");
    for pongs in [1, 1, 0] {
        assert_eq!(end.receive(&pong()).unwrap(), if pongs == 0 { vec![Fact::Pong(u32::MAX)] } else { vec![] });
    }
}

#[test]
fn a_peer_that_sends_the_same_pong_unasked_ends_nothing() {
    let mut end = end(4 * WINDOW, 4 * WINDOW);
    let key = inbound(&mut end, 1);
    assert_eq!(end.receive(&pong()), Ok(vec![Fact::Pong(u32::MAX)]));
    passes(&mut end, key, HALF);
    assert_eq!(end.receive(&frame(PING, ACK, 0, 0)), Ok(vec![Fact::Pong(0)]), "that was another one's");
    assert_eq!(passes(&mut end, key, HALF), update(1, HALF + WINDOW));
}

#[test]
fn a_window_that_can_not_grow_costs_no_ping() {
    for (max_window, max_growth) in [(0, WINDOW), (WINDOW, WINDOW), (2 * WINDOW, 0)] {
        let mut end = end(max_window, max_growth);
        let key = inbound(&mut end, 1);
        for _ in 0..4 {
            assert_eq!(passes(&mut end, key, HALF), update(1, HALF));
        }
    }
    let mut end = end(2 * WINDOW, 4 * WINDOW);
    let key = inbound(&mut end, 1);
    passes(&mut end, key, HALF);
    passes(&mut end, key, HALF);
    end.receive(&pong().repeat(2)).unwrap();
    end.take();
    assert_eq!(passes(&mut end, key, WINDOW), update(1, WINDOW), "it has grown as far as it may");
}

#[test]
fn the_last_step_goes_as_far_as_there_is_left() {
    for (max_window, max_growth, window) in [(WINDOW + 5, 4 * WINDOW, WINDOW + 5), (4 * WINDOW, 7, WINDOW + 7)] {
        let mut end = end(max_window, max_growth);
        let key = inbound(&mut end, 1);
        passes(&mut end, key, HALF);
        assert_eq!(passes(&mut end, key, HALF), update(1, HALF + window - WINDOW));
        assert_eq!(end.streams[&key].receive_window(), window);
    }
}

#[test]
fn all_streams_grow_out_of_one_purse_and_give_back_at_their_end() {
    for ending in [RST, FIN] {
        let mut end = end(4 * WINDOW, WINDOW);
        let [first, second] = [1, 3].map(|id| inbound(&mut end, id));
        let grow = |end: &mut End, key| {
            passes(end, key, HALF);
            passes(end, key, HALF);
            end.streams[&key].receive_window()
        };
        assert_eq!(grow(&mut end, first), 2 * WINDOW);
        assert_eq!(grow(&mut end, second), WINDOW, "there is none left");
        end.receive(&data(ending, 1, b"")).unwrap();
        if ending == FIN {
            assert_eq!(grow(&mut end, second), WINDOW, "the first one can still be written to");
            end.finish(first);
        }
        assert_eq!(grow(&mut end, second), 2 * WINDOW);
        end.reset(second);
        let third = inbound(&mut end, 5);
        assert_eq!(grow(&mut end, third), 2 * WINDOW, "it was given back once");
        let fourth = inbound(&mut end, 7);
        assert_eq!(grow(&mut end, fourth), WINDOW, "and not twice");
    }
}

#[test]
fn a_stream_that_has_not_grown_gives_nothing_back() {
    for receive_window in [0, 1, 1_000, WINDOW] {
        let least = receive_window.max(1);
        let config = with(Config::default(), |config| {
            config.receive_window = receive_window;
            config.max_window_growth = least;
        });
        let mut end = End::with(Role::Listener, &config);
        let [first, second, third] = [1, 3, 5].map(|id| inbound(&mut end, id));
        let grow = |end: &mut End, key| {
            // So that no more than the window is left of what every peer assumes.
            passes(end, key, WINDOW - least);
            for _ in 0..2 {
                passes(end, key, least.div_ceil(2));
            }
            end.streams[&key].receive_window()
        };
        assert_eq!(grow(&mut end, first), 2 * least);
        end.reset(second);
        assert_eq!(grow(&mut end, third), least, "the first one has it all");
        end.reset(first);
        assert_eq!(grow_again(&mut end, third, least), 2 * least, "and gives it back");
    }
}

/// Half of a window passes twice.
fn grow_again(end: &mut End, key: u32, window: u32) -> u32 {
    for _ in 0..2 {
        passes(end, key, window.div_ceil(2));
    }
    end.streams[&key].receive_window()
}

#[test]
fn a_window_that_began_smaller_grows_as_far_as_it_may() {
    let config = with(Config::default(), |config| {
        config.receive_window = 100;
        config.max_receive_window = 350;
    });
    let mut end = End::with(Role::Listener, &config);
    let key = inbound(&mut end, 1);
    assert_eq!(passes(&mut end, key, WINDOW - 100), b"", "it is what is left of the first one");
    assert_eq!(passes(&mut end, key, 50), [update(1, 50), probe()].concat());
    assert_eq!(passes(&mut end, key, 50), update(1, 50 + 100));
    assert_eq!(passes(&mut end, key, 100), update(1, 100 + 150), "the last step");
    assert_eq!(end.streams[&key].receive_window(), 350);
    assert_eq!(passes(&mut end, key, 174), b"");
    assert_eq!(passes(&mut end, key, 1), update(1, 175));
}

#[test]
fn a_new_streams_first_half_is_no_second_one_in_any_round() {
    let mut end = end(4 * WINDOW, u32::MAX);
    let first = inbound(&mut end, 1);
    for round in 0..5 {
        passes(&mut end, first, HALF);
        let id = 4 * round + 3;
        let inbound = inbound(&mut end, id);
        assert_eq!(passes(&mut end, inbound, HALF), update(id, HALF), "round {round}");
        assert_eq!(passes(&mut end, inbound, HALF), update(id, HALF + WINDOW));
        let outbound = end.open();
        let id = end.streams[&outbound].wire_id();
        assert_eq!(passes(&mut end, outbound, HALF), update(id, HALF), "round {round}");
        assert_eq!(passes(&mut end, outbound, HALF), update(id, HALF + WINDOW));
        assert_eq!(end.receive(&pong()), Ok(vec![]));
        assert_eq!(end.take(), probe());
    }
}

#[test]
fn what_is_discarded_needs_no_greater_window() {
    let mut end = end(4 * WINDOW, 4 * WINDOW);
    let key = inbound(&mut end, 1);
    end.with_stream(key, Session::discard);
    for _ in 0..4 {
        end.receive(&data(0, 1, &vec![0; HALF as usize])).unwrap();
        assert_eq!(end.take(), update(1, HALF));
    }
}

#[test]
fn one_that_began_greater_gives_back_only_what_it_grew_by() {
    let config = with(Config::default(), |config| {
        config.receive_window = 2 * WINDOW;
        config.max_receive_window = 4 * WINDOW;
        config.max_window_growth = 2 * WINDOW;
    });
    let mut end = End::with(Role::Listener, &config);
    for id in [1, 3, 5] {
        let key = inbound(&mut end, id);
        passes(&mut end, key, WINDOW);
        passes(&mut end, key, WINDOW);
        assert_eq!(end.streams[&key].receive_window(), 4 * WINDOW);
        end.reset(key);
        end.take();
        end.receive(&pong().repeat(2)).unwrap();
    }
}

#[test]
fn what_a_greater_window_begins_with_is_no_half_that_was_read() {
    let config = with(Config::default(), |config| {
        config.receive_window = 2 * WINDOW;
        config.max_receive_window = 4 * WINDOW;
    });
    for acknowledged in [false, true] {
        let mut end = End::with(Role::Listener, &config);
        let key = end.next;
        end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
        if acknowledged {
            end.acknowledge(key);
        }
        let flags = if acknowledged { ACK } else { 0 };
        assert_eq!(passes(&mut end, key, 10), frame(UPDATE, flags, 1, WINDOW + 10), "before a frame has said ACK");
        end.acknowledge(key);
        end.flush(key);
        end.take();
        assert_eq!(passes(&mut end, key, WINDOW), [update(1, WINDOW), probe()].concat());
        assert_eq!(passes(&mut end, key, WINDOW), update(1, WINDOW + 2 * WINDOW));
    }
    let mut end = End::with(Role::Listener, &config);
    let key = end.next;
    let stream = end.session.open(key).unwrap();
    end.streams.insert(key, stream);
    end.with_stream(key, |session, stream| session.consume(stream, 0));
    assert_eq!(end.take(), frame(UPDATE, SYN, 2, WINDOW), "before a frame has said SYN");
    assert_eq!(passes(&mut end, key, WINDOW), [update(2, WINDOW), probe()].concat());
}

#[test]
fn an_assumed_window_grows_before_its_stream_is_acknowledged() {
    let mut end = end(4 * WINDOW, 4 * WINDOW);
    let key = end.next;
    end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
    assert_eq!(passes(&mut end, key, HALF), [update(1, HALF), probe()].concat());
    assert_eq!(passes(&mut end, key, HALF), update(1, HALF + WINDOW));
}

#[test]
fn a_read_takes_no_room_from_the_write_that_follows() {
    let config = with(Config::default(), |config| {
        config.max_receive_window = 4 * WINDOW;
        config.max_window_growth = 4 * WINDOW;
        config.max_output = 1_000;
    });
    let mut end = End::with(Role::Listener, &config);
    let key = inbound(&mut end, 1);
    end.receive(&data(0, 1, &vec![0; HALF as usize])).unwrap();
    end.with_stream(key, |session, stream| {
        let room = session.write_room(stream);
        session.consume(stream, usize::MAX);
        assert_eq!(session.write(stream, &[7; 2_000]), room, "as much as was promised before the read");
    });
    let begin = [update(1, HALF), probe()].concat();
    assert_eq!(end.take()[..begin.len()], begin, "the read has begun a round trip");
}
