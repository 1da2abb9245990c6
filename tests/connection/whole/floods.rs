//! What a peer may do within the protocol that costs us work, and where it ends; and that no honest use comes near.

use super::YAMUX;
use super::raw::{HEADER, Raw};
use crate::support::ends::{End, Pair, secs};
use crate::support::raw_frames::{ACK, DATA, ECHO_LINES, FIN, GO_AWAY, PING, RST, SYN, UPDATE, data, frame};
use core::time::Duration;
use swarm_notify::connection::yamux::Violation;
use swarm_notify::connection::{Error, Fact, Flood, Rate, ReadError, Role};
use swarm_notify::lifecycle::{Fault, StreamId};

fn raw() -> Raw {
    Raw::open(End::new(2, Role::Listener, YAMUX))
}

/// The error that the other end has failed of, among the facts since the last time.
fn failed(raw: &mut Raw) -> Option<Error> {
    raw.end.facts().into_iter().find_map(|fact| if let Fact::Failed(error) = fact { Some(error) } else { None })
}

/// Says so many frames, made from their numbers, and reads all answers.
fn say_each(raw: &mut Raw, numbers: core::ops::Range<u32>, frames: impl Fn(u32) -> Vec<u8>) {
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(50) {
        raw.say(&some.iter().flat_map(|number| frames(*number)).collect::<Vec<_>>());
        raw.hear();
    }
}

/// Opens and resets the stream of a number.
fn reset(number: u32) -> Vec<u8> {
    let id = 2 * number + 1;
    [data(SYN, id, ECHO_LINES), frame(UPDATE, RST, id, 0)].concat()
}

#[test]
fn more_than_1000_resets_at_once_are_a_flood() {
    let mut raw = raw();
    say_each(&mut raw, 0..1_000, reset);
    assert_eq!(failed(&mut raw), None);
    raw.end.at(secs(5));
    say_each(&mut raw, 1_000..1_500, reset);
    assert_eq!(failed(&mut raw), None, "100 more for each second");
    raw.say(&reset(1_500));
    assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Resets)));
    assert_eq!(Error::Flood(Flood::Resets).fault(), Fault::Flood);
    assert!(!raw.end.connection.wants_input());
    assert!(raw.hear().ends_with(&frame(3, 0, 0, 1)), "the last frame is go-away, a protocol error");
}

#[test]
fn nothing_follows_a_flood() {
    let mut raw = raw();
    raw.end.config.resets.burst = 1;
    raw.say(&[reset(0), reset(1), data(SYN, 5, ECHO_LINES)].concat());
    let facts = raw.end.facts();
    assert_eq!(facts.last(), Some(&Fact::Failed(Error::Flood(Flood::Resets))), "{facts:?}");
    raw.end.hear_nothing();
    assert_eq!(raw.end.facts(), []);
}

/// multistream's header and a proposal that nobody speaks here.
const UNSUPPORTED: &[u8] = b"\x13/multistream/1.0.0\n\x08/none/1\n";

/// A stream that ends by a reset for which the peer is the reason.
type Form = (&'static str, fn(u32) -> Vec<Vec<u8>>);

const FORMS: [Form; 15] = [
    ("SYN, RST", |id| vec![frame(UPDATE, SYN, id, 0), frame(UPDATE, RST, id, 0)]),
    ("SYN with RST", |id| vec![frame(UPDATE, SYN | RST, id, 0)]),
    ("SYN with FIN", |id| vec![data(SYN | FIN, id, b"")]),
    ("SYN with FIN on a window update", |id| vec![frame(UPDATE, SYN | FIN, id, 0)]),
    ("SYN on a window update, FIN", |id| vec![frame(UPDATE, SYN, id, 0), frame(UPDATE, FIN, id, 0)]),
    ("a header, FIN", |id| vec![data(SYN, id, HEADER), data(FIN, id, b"")]),
    ("half a proposal, FIN", |id| vec![data(SYN, id, &ECHO_LINES[..25]), data(FIN, id, b"")]),
    ("half a header with FIN", |id| vec![data(SYN | FIN, id, &HEADER[..7])]),
    ("no multistream", |id| vec![data(SYN, id, b"\x05GET \n")]),
    ("a proposal that is not supported, RST", |id| vec![data(SYN, id, UNSUPPORTED), frame(UPDATE, RST, id, 0)]),
    ("a proposal that is not supported, FIN", |id| vec![data(SYN, id, UNSUPPORTED), data(FIN, id, b"")]),
    ("the same in one frame", |id| vec![data(SYN | FIN, id, UNSUPPORTED)]),
    ("a proposal that is not supported, no line", |id| vec![data(SYN, id, UNSUPPORTED), data(0, id, b"\x01x")]),
    ("a supported proposal, RST", |id| vec![data(SYN, id, ECHO_LINES), frame(UPDATE, RST, id, 0)]),
    ("data after FIN", |id| vec![data(SYN, id, ECHO_LINES), data(FIN, id, b""), data(0, id, b"x")]),
];

/// Streams that end so, of which the first has a number, with everything that is at the gate let through.
fn begin(raw: &mut Raw, form: fn(u32) -> Vec<Vec<u8>>, numbers: core::ops::Range<u32>) {
    for number in numbers {
        for frame in form(2 * number + 1) {
            raw.say(&frame);
            for fact in raw.end.facts() {
                assert!(!matches!(fact, Fact::Failed(_)), "stream {number}: {fact:?}");
                if let Fact::StreamReadyToOpen(id) = fact {
                    raw.end.confirm(id);
                }
            }
        }
        raw.hear();
    }
}

#[test]
fn resets_that_the_peer_sends_or_causes_take_from_one_budget() {
    for (name, form) in FORMS {
        println!("{name}");
        let mut raw = raw();
        raw.end.config.resets = Rate::new(20, 1);
        begin(&mut raw, form, 0..20);
        raw.end.at(secs(3));
        begin(&mut raw, form, 20..23);
        raw.say(&form(47).concat());
        assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Resets)), "{name}");
        assert!(raw.hear().ends_with(&frame(3, 0, 0, 1)), "{name}: the last frame is go-away, a protocol error");
    }
}

/// What the budget is for is one kind: who takes the forms in turn has no more of it.
#[test]
fn the_forms_of_resets_share_the_budget() {
    let mut raw = raw();
    raw.end.config.resets = Rate::new(FORMS.len() as u32, 1);
    for (number, (_, form)) in (0..).zip(FORMS) {
        begin(&mut raw, form, number..number + 1);
    }
    raw.say(&FORMS[2].1(201).concat());
    assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Resets)));
}

#[test]
fn what_opens_behind_a_go_away_takes_from_the_budget_of_resets() {
    let mut raw = raw();
    raw.end.config.resets = Rate::new(20, 1);
    let id = echo_stream(&mut raw);
    raw.say(&frame(GO_AWAY, 0, 0, 0));
    begin(&mut raw, |id| vec![data(SYN, id, ECHO_LINES)], 1..21);
    raw.say(&data(SYN, 43, ECHO_LINES));
    assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Resets)));
    let _ = id;
}

/// The most that an honest peer may do: short streams, one behind the other, as fast as it goes.
#[test]
fn streams_that_open_and_end_politely_are_no_flood() {
    for owner_resets in [false, true] {
        let mut raw = raw();
        raw.end.config.resets = Rate::new(1, 1);
        for number in 0..2_000 {
            let id = 2 * number + 1;
            raw.say(&[data(SYN, id, ECHO_LINES), data(FIN, id, b"x")].concat());
            let [Fact::StreamReadyToOpen(stream)] = raw.end.facts()[..] else { panic!("it is agreed") };
            raw.end.confirm(stream);
            match owner_resets {
                true => raw.end.reset(stream),
                false => raw.end.close_stream(stream),
            }
            raw.hear();
            assert_eq!(failed(&mut raw), None, "stream {number}");
        }
    }
}

/// A peer cannot know our limits. One that keeps 300 streams where 256 may wait loses 44 each time.
#[test]
fn streams_that_are_refused_by_a_limit_of_ours_are_no_flood() {
    let mut raw = raw();
    raw.end.config.resets = Rate::new(1, 1);
    for round in 0..100 {
        let ids: Vec<_> = (0..300).map(|n| 600 * round + 2 * n + 1).collect();
        raw.say(&ids.iter().flat_map(|id| data(SYN, *id, ECHO_LINES)).collect::<Vec<_>>());
        let facts = raw.end.facts();
        assert_eq!(facts.iter().filter(|fact| **fact == Fact::StreamRefused).count(), 44);
        for fact in facts {
            if let Fact::StreamReadyToOpen(stream) = fact {
                raw.end.confirm(stream);
                raw.end.close_stream(stream);
            }
        }
        // It ends those that it has, as a program does that has had its answer; and perhaps those that it has lost.
        raw.say(&ids.iter().flat_map(|id| data(FIN, *id, b"")).collect::<Vec<_>>());
        raw.hear();
        assert_eq!(failed(&mut raw), None);
    }
    raw.end.refuses = true;
    say_each(&mut raw, 100_000..102_000, |number| data(SYN, 2 * number + 1, ECHO_LINES));
    assert_eq!(failed(&mut raw), None, "its owner's limit neither");
}

/// An owner may end a stream that it has not let through, by a limit of its own.
#[test]
fn streams_that_the_owner_resets_at_the_gate_are_no_flood() {
    let mut raw = raw();
    raw.end.config.resets = Rate::new(1, 1);
    for number in 0..100 {
        raw.say(&data(SYN, 2 * number + 1, ECHO_LINES));
        let [Fact::StreamReadyToOpen(stream)] = raw.end.facts()[..] else { panic!("it is agreed") };
        raw.end.reset(stream);
        raw.hear();
        assert_eq!(failed(&mut raw), None);
    }
}

#[test]
fn streams_that_time_out_are_no_flood() {
    let mut raw = raw();
    raw.end.config.resets = Rate::new(1, 1);
    raw.end.config.yamux.max_control = 1 << 20;
    for round in 0..5 {
        say_each(&mut raw, 250 * round..250 * round + 250, |number| data(SYN, 2 * number + 1, UNSUPPORTED));
        raw.end.at(secs(11 * (u64::from(round) + 1)));
        assert_eq!(failed(&mut raw), None);
        raw.hear();
        raw.say(&frame(PING, SYN, 0, 1));
        raw.hear();
    }
}

#[test]
fn resets_of_streams_that_we_opened_are_no_flood() {
    let mut raw = raw();
    (raw.end.config.resets.burst, raw.end.config.yamux.early_streams) = (1, u32::MAX);
    raw.say(&frame(PING, SYN, 0, 1));
    for number in 1..200 {
        raw.end.open_stream(&["/echo/1.0.0"]);
        raw.hear();
        raw.say(&frame(UPDATE, ACK | RST, 2 * number, 0));
        assert_eq!(failed(&mut raw), None);
    }
}

#[test]
fn more_than_100_pings_at_once_are_a_flood() {
    let mut raw = raw();
    say_each(&mut raw, 0..100, |number| frame(PING, SYN, 0, number));
    raw.end.at(secs(1));
    say_each(&mut raw, 100..110, |number| frame(PING, SYN, 0, number));
    assert_eq!(failed(&mut raw), None);
    raw.say(&frame(PING, 0, 0, 7));
    assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Pings)), "without SYN it is a ping, too");
}

/// Opens stream 1, on which the other end can write.
fn echo_stream(raw: &mut Raw) -> StreamId {
    raw.say(&data(SYN, 1, ECHO_LINES));
    let [Fact::StreamReadyToOpen(id)] = raw.end.facts()[..] else { panic!("it is agreed") };
    raw.end.confirm(id);
    raw.hear();
    id
}

#[test]
fn each_64_kib_that_we_send_earn_a_ping() {
    let mut raw = raw();
    raw.end.config.pings.burst = 1;
    let id = echo_stream(&mut raw);
    for _ in 0..3 {
        assert_eq!(raw.end.write(id, &[0; 65_536]), Ok(65_536));
        raw.hear();
    }
    say_each(&mut raw, 0..4, |number| frame(PING, SYN, 0, number));
    assert_eq!(failed(&mut raw), None);
    raw.say(&frame(PING, SYN, 0, 4));
    assert_eq!(failed(&mut raw), Some(Error::Flood(Flood::Pings)));
}

#[test]
fn frames_without_payload_have_a_credit() {
    let kinds = [frame(DATA, 0, 99, 0), frame(UPDATE, 0, 99, 5), frame(PING, ACK, 0, 1), frame(DATA, FIN, 99, 0)];
    for empty in kinds {
        let mut raw = raw();
        say_each(&mut raw, 0..4_096, |_| empty.clone());
        assert_eq!(failed(&mut raw), None);
        raw.say(&empty);
        assert_eq!(failed(&mut raw), Some(Error::Yamux(Violation::EmptyFrames)));
        assert_eq!(Error::Yamux(Violation::EmptyFrames).fault(), Fault::Flood);
    }
}

#[test]
fn payload_and_streams_earn_frames_without_payload() {
    let mut raw = raw();
    let empty = |_| frame(DATA, 0, 99, 0);
    say_each(&mut raw, 0..4_096, empty);
    let id = echo_stream(&mut raw);
    raw.say(&data(0, 1, &[0; 640]));
    // One for the lines and one for the data, and 10 for its bytes; 16 for the stream.
    say_each(&mut raw, 0..28, empty);
    assert_eq!(failed(&mut raw), None);
    raw.say(&empty(0));
    assert_eq!(failed(&mut raw), Some(Error::Yamux(Violation::EmptyFrames)));
    let _ = id;
}

/// py-libp2p grants what it has read after each read, and reads the length of a message byte by byte.
#[test]
fn a_window_update_for_each_byte_that_we_sent_is_no_flood() {
    let mut raw = raw();
    let id = echo_stream(&mut raw);
    for _ in 0..10 {
        assert_eq!(raw.end.write(id, &[0; 10_000]), Ok(10_000));
        raw.hear();
        say_each(&mut raw, 0..10_000, |_| frame(UPDATE, 0, 1, 1));
    }
    assert_eq!(failed(&mut raw), None);
}

/// This crate pings once for each round trip while a reader grants window: at most two for each half of a window.
#[test]
fn a_reader_of_ours_that_measures_round_trips_never_floods() {
    for pause in [1, 20, 1_000] {
        let mut pair = Pair::new(YAMUX, usize::MAX);
        for end in [0, 1] {
            pair.end(end).config.keep_alive_interval = secs(1_000_000);
            pair.end(end).config.pings.burst = 1;
        }
        pair.open();
        let (ours, theirs) = pair.stream();
        let mut now = Duration::ZERO;
        for _ in 0..2_000 {
            // Each turn is a round trip long, and the reader takes what comes with the pauses of a slow program.
            now += Duration::from_millis(pause);
            pair.at(now);
            let _ = pair.dialer.write(ours, &[0; 100_000]);
            let said = pair.dialer.say();
            pair.listener.hear(&said, usize::MAX);
            while let Ok(bytes) = pair.listener.read_up_to(70_000, theirs) {
                assert!(!bytes.is_empty());
            }
            assert_eq!(pair.listener.read(theirs), Err(ReadError::Blocked));
            let said = pair.listener.say();
            pair.dialer.hear(&said, usize::MAX);
        }
        let failed = |facts: Vec<Fact>| facts.into_iter().find(|fact| matches!(fact, Fact::Failed(_)));
        assert_eq!((failed(pair.dialer.facts()), failed(pair.listener.facts())), (None, None));
    }
}
