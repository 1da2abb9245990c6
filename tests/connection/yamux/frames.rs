//! Headers, flags and what is wrong with them; pings and go-aways.

use super::*;
use crate::support::with;

#[test]
fn the_first_frame_carries_syn_and_data_and_fin_comes_behind() {
    let mut end = End::new(Role::Dialer);
    let mut stream = end.session.open(1).unwrap();
    assert_eq!(end.session.write(&mut stream, b"ab"), 2);
    assert_eq!(end.session.write(&mut stream, b"c"), 1);
    end.session.finish(&mut stream);
    assert_eq!(end.take(), [data(SYN, 1, b"abc"), data(FIN, 1, b"")].concat());
}

#[test]
fn ids_are_odd_for_the_dialer_and_even_for_the_listener() {
    for (role, ids) in [(Role::Dialer, [1, 3, 5]), (Role::Listener, [2, 4, 6])] {
        let mut session = Session::new(role, &Config::default());
        for (key, id) in (0..).zip(ids) {
            assert_eq!(session.open(key).unwrap().wire_id(), id);
        }
    }
}

#[test]
fn a_flushed_syn_or_ack_is_a_window_update_of_nothing() {
    let (mut dialer, mut listener) = (End::new(Role::Dialer), End::new(Role::Listener));
    let mut stream = dialer.session.open(1).unwrap();
    dialer.session.flush(&mut stream);
    dialer.session.flush(&mut stream);
    dialer.streams.insert(1, stream);
    let syn = dialer.take();
    assert_eq!(syn, frame(UPDATE, SYN, 1, 0));
    assert_eq!(listener.receive(&syn), Ok(vec![Fact::Inbound]));
    listener.flush(100);
    assert_eq!(listener.take(), b"", "ACK is withheld until it is permitted");
    listener.acknowledge(100);
    assert_eq!(listener.take(), b"", "ACK waits for a frame");
    listener.flush(100);
    let ack = listener.take();
    assert_eq!(ack, frame(UPDATE, ACK, 1, 0));
    assert_eq!(dialer.receive(&ack), Ok(vec![Fact::Acknowledged(1)]));
    assert_eq!(dialer.receive(&ack), Ok(vec![]), "told once");
}

#[test]
fn ack_rides_on_the_next_frame_of_any_kind() {
    for kind in ["data", "grown", "update", "flushed onto data"] {
        let mut end = End::new(Role::Listener);
        end.receive(&data(SYN, 1, &[7; 200_000])).unwrap();
        match kind {
            "data" => {
                end.acknowledge(100);
                end.write(100, b"x");
                assert_eq!(end.take(), data(ACK, 1, b"x"));
            }
            "grown" => {
                end.write(100, b"x");
                end.acknowledge(100);
                end.write(100, b"y");
                assert_eq!(end.take(), data(ACK, 1, b"xy"));
            }
            "flushed onto data" => {
                end.write(100, b"x");
                end.acknowledge(100);
                end.flush(100);
                assert_eq!(end.take(), data(ACK, 1, b"x"));
            }
            _ => {
                end.acknowledge(100);
                end.read(100);
                assert_eq!(end.take(), frame(UPDATE, ACK, 1, 131_072 + 928));
            }
        }
    }
}

#[test]
fn data_before_ack_is_sent_without_it() {
    let mut end = End::new(Role::Listener);
    end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
    end.write(100, b"header");
    assert_eq!(end.take(), data(0, 1, b"header"));
}

/// js drops payload that shares a frame with FIN, and py looks for FIN only where it finds neither SYN nor ACK.
#[test]
fn fin_travels_in_an_empty_frame_without_another_flag() {
    let mut end = End::new(Role::Dialer);
    let mut stream = end.session.open(1).unwrap();
    end.session.finish(&mut stream);
    assert_eq!(end.take(), [frame(UPDATE, SYN, 1, 0), data(FIN, 1, b"")].concat());

    let wide = with(still(), |config| config.receive_window = INITIAL_WINDOW + 5);
    let mut end = End::with(Role::Dialer, &wide);
    let mut stream = end.session.open(1).unwrap();
    end.session.finish(&mut stream);
    assert_eq!(end.take(), [frame(UPDATE, SYN, 1, 5), data(FIN, 1, b"")].concat());

    let mut end = End::new(Role::Listener);
    end.receive(&frame(UPDATE, SYN, 1, 0)).unwrap();
    end.acknowledge(100);
    end.finish(100);
    assert_eq!(end.take(), [frame(UPDATE, ACK, 1, 0), data(FIN, 1, b"")].concat());

    end.receive(&frame(UPDATE, SYN, 3, 0)).unwrap();
    end.acknowledge(101);
    end.write(101, b"x");
    end.finish(101);
    assert_eq!(end.take(), [data(ACK, 3, b"x"), data(FIN, 3, b"")].concat());
}

#[test]
fn a_grant_behind_our_fin_has_a_frame_of_its_own() {
    let mut end = End::new(Role::Listener);
    end.receive(&data(SYN, 1, &[7; 200_000])).unwrap();
    end.acknowledge(100);
    end.finish(100);
    end.read(100);
    let grant = frame(UPDATE, 0, 1, 131_072 + 928);
    assert_eq!(end.take(), [frame(UPDATE, ACK, 1, 0), data(FIN, 1, b""), grant].concat());
}

#[test]
fn syn_data_and_fin_come_in_one_frame_cut_anywhere() {
    let bytes = data(SYN | FIN, 1, b"abc");
    for first in 0..bytes.len() {
        for second in first..bytes.len() {
            let mut end = End::new(Role::Listener);
            let mut facts = Vec::new();
            for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                facts.extend(end.receive(part).unwrap());
            }
            facts.dedup();
            assert_eq!(facts, [Fact::Inbound, Fact::Readable(100)]);
            assert_eq!(end.read(100), (b"abc".to_vec(), ReadOutcome::End));
        }
    }
}

#[test]
fn ack_update_and_fin_in_one_frame_are_told_one_by_one() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    assert_eq!(end.write(key, &[0; INITIAL_WINDOW as usize + 1]), INITIAL_WINDOW as usize);
    end.take();
    let bytes = frame(UPDATE, ACK | FIN, 1, 5);
    let facts = end.receive(&bytes).unwrap();
    assert_eq!(facts, [Fact::Acknowledged(key), Fact::Writable(key), Fact::Readable(key)]);
    assert_eq!(end.read(key), (vec![], ReadOutcome::End));
}

#[test]
fn every_call_with_bytes_tells_or_consumes_all() {
    let mut end = End::new(Role::Listener);
    let bytes = frame(UPDATE, SYN, 1, 0);
    let (n, fact) = end.session.receive(&mut end.streams, &bytes).unwrap();
    assert_eq!((n, fact), (11, Some(Fact::Inbound)), "undecided: the header is not done with");
    assert_eq!(end.session.receive(&mut end.streams, &bytes[n..]), Ok((0, Some(Fact::Inbound))), "it is asked again");
    end.streams.insert(1, end.session.accept(1).unwrap());
    assert!(end.session.accept(2).is_none(), "it is answered once");
    assert_eq!(end.session.receive(&mut end.streams, &bytes[n..]), Ok((1, None)));
}

#[test]
fn headers_of_other_versions_and_types_are_violations() {
    let mut bytes = frame(DATA, SYN, 1, 0);
    bytes[0] = 1;
    End::violates(Role::Listener, &bytes, Violation::Version(1));
    for kind in [4, 255] {
        End::violates(Role::Listener, &frame(kind, 0, 0, 0), Violation::FrameType(kind));
    }
}

#[test]
fn unknown_flags_are_passed_over() {
    const UNKNOWN: u16 = 0xFFF0;
    let mut end = End::new(Role::Listener);
    assert_eq!(end.receive(&data(SYN | UNKNOWN, 1, b"a")), Ok(vec![Fact::Inbound, Fact::Readable(100)]));
    assert_eq!(end.receive(&data(UNKNOWN, 1, b"b")), Ok(vec![Fact::Readable(100)]));
    assert_eq!(end.receive(&frame(UPDATE, UNKNOWN, 1, 5)), Ok(vec![Fact::Window(100)]));
    assert_eq!(end.streams[&100].send_window(), INITIAL_WINDOW + 5);
    assert_eq!(end.receive(&frame(UPDATE, FIN | UNKNOWN, 1, 0)), Ok(vec![Fact::Readable(100)]));
    assert_eq!(end.read(100), (b"ab".to_vec(), ReadOutcome::End));
    assert_eq!(end.receive(&frame(UPDATE, RST | UNKNOWN, 1, 0)), Ok(vec![Fact::Reset(100)]));
    assert_eq!(end.receive(&frame(PING, SYN | UNKNOWN, 0, 7)), Ok(vec![]));
    assert_eq!(end.take(), frame(PING, ACK, 0, 7));
    assert_eq!(end.receive(&frame(PING, ACK | UNKNOWN, 0, 7)), Ok(vec![Fact::Pong(7)]));
    assert_eq!(end.receive(&frame(GO_AWAY, UNKNOWN, 0, 0)), Ok(vec![Fact::GoAway(0)]));
    assert_eq!(end.take(), b"");
}

#[test]
fn a_ping_with_ack_is_a_pong_and_any_other_is_answered() {
    for flags in [0, SYN, FIN, RST, FIN | RST] {
        let mut end = End::new(Role::Listener);
        assert_eq!(end.receive(&frame(PING, flags, 0, 7)), Ok(vec![]));
        assert_eq!(end.take(), frame(PING, ACK, 0, 7), "{flags}");
        assert_eq!(end.receive(&frame(PING, flags | ACK, 0, 7)), Ok(vec![Fact::Pong(7)]));
        assert_eq!(end.take(), b"", "{flags}");
    }
}

#[test]
fn a_stray_ack_is_passed_over() {
    let mut end = End::new(Role::Listener);
    assert_eq!(end.receive(&frame(UPDATE, ACK, 7, 0)), Ok(vec![]), "of a stream that never was");
    let opened = [frame(UPDATE, SYN | ACK, 1, 3), frame(UPDATE, ACK, 1, 0), data(ACK, 1, b"x")].concat();
    let told = vec![Fact::Inbound, Fact::Window(100), Fact::Readable(100)];
    assert_eq!(end.receive(&opened), Ok(told), "of a stream that is the peer's");
    assert_eq!(end.streams[&100].send_window(), INITIAL_WINDOW + 3);
    assert!(!end.streams[&100].is_acknowledged(), "that is ours to do");
    end.acknowledge(100);
    end.flush(100);
    assert_eq!(end.take(), frame(UPDATE, ACK, 1, 0));
    let key = end.open();
    assert_eq!(end.receive(&frame(UPDATE, ACK, 2, 0)), Ok(vec![Fact::Acknowledged(key)]));
    assert_eq!(end.receive(&data(ACK, 2, b"y")), Ok(vec![Fact::Readable(key)]), "the second one");
    assert_eq!(end.take(), b"");
}

#[test]
fn syn_of_a_wrong_id_is_a_violation() {
    for kind in [DATA, UPDATE] {
        for flags in [0, SYN, FIN, RST] {
            End::violates(Role::Listener, &frame(kind, flags, 0, 0), Violation::StreamId(0));
        }
        End::violates(Role::Listener, &frame(kind, SYN, 2, 0), Violation::StreamId(2));
        End::violates(Role::Dialer, &frame(kind, SYN, 1, 0), Violation::StreamId(1));
        let mut end = End::new(Role::Listener);
        let twice = [frame(UPDATE, SYN, 1, 0), frame(kind, SYN, 1, 0)].concat();
        assert_eq!(end.receive(&twice), Err(Violation::StreamExists(1)));
    }
}

#[test]
fn pings_are_answered_with_or_without_syn() {
    let mut end = End::new(Role::Listener);
    for flags in [0, SYN] {
        assert_eq!(end.receive(&frame(PING, flags, 0, 0xDEAD_BEEF)), Ok(vec![]));
        assert_eq!(end.take(), frame(PING, ACK, 0, 0xDEAD_BEEF));
    }
}

#[test]
fn equal_pings_in_a_row_share_an_answer_and_others_do_not() {
    let mut end = End::new(Role::Listener);
    end.receive(&[frame(PING, SYN, 0, 7), frame(PING, SYN, 0, 7), frame(PING, SYN, 0, 8)].concat()).unwrap();
    assert_eq!(end.take(), [frame(PING, ACK, 0, 7), frame(PING, ACK, 0, 8)].concat());
    end.receive(&frame(PING, SYN, 0, 8)).unwrap();
    assert_eq!(end.take(), frame(PING, ACK, 0, 8), "one that has left answers no later ping");
}

#[test]
fn our_ping_is_a_syn_and_its_pong_is_told() {
    let mut end = End::new(Role::Dialer);
    end.session.ping(9);
    assert_eq!(end.take(), frame(PING, SYN, 0, 9));
    assert_eq!(end.receive(&frame(PING, ACK, 0, 9)), Ok(vec![Fact::Pong(9)]));
    assert_eq!(end.take(), b"", "a pong is never answered");
}

#[test]
fn go_away_is_our_last_frame() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    end.session.go_away(0);
    end.session.go_away(2);
    end.session.ping(1);
    assert_eq!(end.write(key, b"x"), 0);
    assert_eq!(end.receive(&frame(PING, SYN, 0, 7)), Ok(vec![]));
    assert_eq!(end.receive(&data(SYN, 2, b"unheard")), Ok(vec![]), "there is no way to answer it");
    end.finish(key);
    assert_eq!(end.take(), frame(GO_AWAY, 0, 0, 0));
    assert_eq!(end.written(), [], "that FIN was never sent");
    assert!(end.session.has_gone_away());
    assert_eq!(end.session.can_open(), Err(OpenError::GoneAway));
    assert_eq!(end.receive(&data(0, 1, b"late")), Ok(vec![Fact::Readable(key)]), "data still arrives");
}

#[test]
fn after_the_peers_go_away_streams_go_on_and_none_open() {
    let mut end = End::new(Role::Dialer);
    let key = end.open();
    for code in [0, 2, 77] {
        assert_eq!(end.receive(&frame(GO_AWAY, 0, 0, code)), Ok(vec![Fact::GoAway(code)]));
    }
    assert_eq!(end.session.open(1).unwrap_err(), OpenError::GoneAway);
    assert_eq!(end.write(key, b"x"), 1);
    assert_eq!(end.receive(&data(0, 1, b"y")), Ok(vec![Fact::Readable(key)]));
}

#[test]
fn a_peer_that_does_not_read_its_answers_clogs_the_session() {
    let config = with(still(), |config| config.max_control = 24);
    let mut end = End::with(Role::Listener, &config);
    for opaque in 0..2 {
        end.receive(&frame(PING, SYN, 0, opaque)).unwrap();
        assert!(!end.session.is_clogged(), "24 bytes are allowed");
    }
    end.receive(&frame(PING, SYN, 0, 2)).unwrap();
    assert!(end.session.is_clogged());
    end.take();
    assert!(end.session.is_clogged(), "taken is not yet written");
    end.written();
    assert!(!end.session.is_clogged());
}
