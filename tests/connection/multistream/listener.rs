//! What a listener makes of a dialer's proposals, and what it says when.

use super::{ECHO, HEADER, PING, SINK, line, lines, malformed};
use swarm_notify::connection::multistream::{Error, ListenerSelect, MAX_PROTOCOL, MAX_ROUNDS, Protocol};

const SUPPORTED: &[Protocol] = &[PING, SINK];

#[test]
fn nothing_is_confirmed_before_the_caller_says_so() {
    let mut wire = lines(&[HEADER, SINK.as_str()]);
    let length = wire.len();
    wire.extend(b"\x03na\ndata");
    let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
    assert_eq!(listener.receive(&wire, SUPPORTED, &mut out), Ok((length, Some(1))), "the rest is the protocol's");
    assert_eq!(out, b"", "the header waits for the confirmation");
    assert_eq!(listener.receive(&wire[length..], SUPPORTED, &mut out), Ok((0, Some(1))));
    assert_eq!(out, b"");
    listener.confirm(&SINK, &mut out);
    assert_eq!(out, lines(&[HEADER, SINK.as_str()]));
}

#[test]
fn the_header_is_answered_at_once_if_no_proposal_came_with_it() {
    let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
    let header = line(HEADER);
    // Half of a proposal has come with it.
    let wire = [header.clone(), vec![3, b'/']].concat();
    assert_eq!(listener.receive(&wire, SUPPORTED, &mut out), Ok((header.len(), None)));
    assert_eq!(out, header);
    out.clear();
    let proposal = line(PING.as_str());
    assert_eq!(listener.receive(&proposal, SUPPORTED, &mut out), Ok((proposal.len(), Some(0))));
    assert_eq!(out, b"");
    listener.confirm(&PING, &mut out);
    assert_eq!(out, proposal, "the header is sent once");
}

#[test]
fn what_is_not_spoken_is_refused_and_the_next_proposal_heard() {
    let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
    let wire = lines(&[HEADER, ECHO.as_str(), "no slash", "/unknown", SINK.as_str()]);
    assert_eq!(listener.receive(&wire, SUPPORTED, &mut out), Ok((wire.len(), Some(1))));
    assert_eq!(out, lines(&[HEADER, "na", "na", "na"]));
    out.clear();
    listener.confirm(&SINK, &mut out);
    assert_eq!(out, line(SINK.as_str()));
}

#[test]
fn a_second_header_is_not_available() {
    let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
    let wire = lines(&[HEADER, HEADER]);
    assert_eq!(listener.receive(&wire, SUPPORTED, &mut out), Ok((wire.len(), None)));
    assert_eq!(out, lines(&[HEADER, "na"]));
}

#[test]
fn proposals_may_be_cut_at_any_byte() {
    let longest = Protocol::new(format!("/{}", "x".repeat(MAX_PROTOCOL - 1))).unwrap();
    let speaks = [PING, SINK, longest.clone()];
    let wire = [lines(&[HEADER, ECHO.as_str(), longest.as_str()]), b"data".to_vec()].concat();
    for cut in 0..=wire.len() {
        let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
        let (first, agreed) = listener.receive(&wire[..cut], &speaks, &mut out).unwrap();
        assert_eq!(agreed.is_some(), cut >= wire.len() - 4);
        let (second, agreed) = listener.receive(&wire[first..], &speaks, &mut out).unwrap();
        assert_eq!((first + second, agreed), (wire.len() - 4, Some(2)));
        listener.confirm(&longest, &mut out);
        assert_eq!(out, lines(&[HEADER, "na", longest.as_str()]));
    }
}

#[test]
fn the_last_round_counts_and_the_next_is_an_error() {
    for (mut listener, rounds) in
        [(ListenerSelect::new(), usize::from(MAX_ROUNDS)), (ListenerSelect::with_rounds(3), 3)]
    {
        let mut out = Vec::new();
        let wire = lines(&[&[HEADER][..], &vec!["/unknown"; rounds - 1]].concat());
        assert_eq!(listener.receive(&wire, SUPPORTED, &mut out), Ok((wire.len(), None)));
        let mut other = listener;
        let proposal = line(PING.as_str());
        assert_eq!(listener.receive(&proposal, SUPPORTED, &mut out), Ok((proposal.len(), Some(0))));
        assert_eq!(other.receive(&line("/unknown"), SUPPORTED, &mut out), Ok((10, None)));
        out.clear();
        assert_eq!(other.receive(&proposal, SUPPORTED, &mut out), Err(Error::TooManyRounds));
        assert_eq!(out, line("na"), "it is refused before the end");
    }
    let (wire, mut out) = (lines(&[HEADER, PING.as_str()]), Vec::new());
    let answer = ListenerSelect::with_rounds(0).receive(&wire, SUPPORTED, &mut out);
    assert_eq!((answer, out), (Err(Error::TooManyRounds), lines(&[HEADER, "na"])));
}

#[test]
fn malformed_lines_are_refused_as_early_as_they_can_be_known() {
    for (bad, error) in malformed() {
        for good in [line(HEADER), lines(&[HEADER, "/unknown"])] {
            let wire = [good.clone(), bad.clone()].concat();
            let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
            let cut = listener.receive(&wire[..wire.len() - 1], SUPPORTED, &mut out);
            assert_eq!(cut, Ok((good.len(), None)), "{bad:?}");
            let answer = ListenerSelect::new().receive(&wire, SUPPORTED, &mut out);
            assert_eq!(answer, Err(error), "{bad:?}");
        }
    }
}

#[test]
fn the_first_wrong_byte_of_a_header_is_enough() {
    let header = line(HEADER);
    for wrong in 0..header.len() {
        let mut wire = header[..=wrong].to_vec();
        wire[wrong] ^= 1;
        assert_eq!(ListenerSelect::new().receive(&wire[..wrong], SUPPORTED, &mut Vec::new()), Ok((0, None)));
        assert_eq!(ListenerSelect::new().receive(&wire, SUPPORTED, &mut Vec::new()), Err(Error::BadHeader));
    }
}

#[test]
fn a_dialer_that_does_not_begin_with_the_header_is_refused() {
    for first in ["/multistream/2.0.0", PING.as_str(), "na", "ls", "GET / HTTP/1.1\r"] {
        let answer = ListenerSelect::new().receive(&line(first), SUPPORTED, &mut Vec::new());
        assert_eq!(answer, Err(Error::BadHeader), "{first}");
    }
}
