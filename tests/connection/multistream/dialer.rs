//! What a dialer says, and what it makes of the answers.

use super::{ECHO, HEADER, PING, SINK, line, lines, malformed};
use swarm_notify::connection::multistream::{DialerSelect, Error, MAX_PROTOCOL, Protocol, Selection};

fn start(protocols: &[Protocol]) -> (DialerSelect, Vec<u8>) {
    let mut out = Vec::new();
    let dialer = DialerSelect::start(protocols, &mut out);
    (dialer, out)
}

#[test]
fn header_and_first_proposal_leave_together() {
    assert_eq!(start(&[ECHO, PING]).1, lines(&[HEADER, ECHO.as_str()]));
    let mut out = b"before".to_vec();
    let _ = DialerSelect::start(&[ECHO], &mut out);
    assert_eq!(out, [b"before".to_vec(), lines(&[HEADER, ECHO.as_str()])].concat());
}

#[test]
fn proposals_follow_in_order_of_preference_until_one_is_taken() {
    let protocols = [ECHO, PING, SINK];
    let (mut dialer, mut out) = start(&protocols);
    out.clear();
    let header = line(HEADER);
    assert_eq!(dialer.receive(&header, &protocols, &mut out), Ok((header.len(), None)));
    assert_eq!(out, b"");
    assert_eq!(dialer.receive(&line("na"), &protocols, &mut out), Ok((4, None)));
    assert_eq!(out, line(PING.as_str()));
    out.clear();
    let mut answer = line(PING.as_str());
    let length = answer.len();
    answer.extend(b"\x03na\ndata");
    let agreed = Some(Selection::Agreed(1));
    assert_eq!(dialer.receive(&answer, &protocols, &mut out), Ok((length, agreed)), "the rest is the protocol's");
    assert_eq!(dialer.receive(&answer[length..], &protocols, &mut out), Ok((0, agreed)), "and stays the protocol's");
    assert_eq!(out, b"");
}

#[test]
fn the_last_refusal_is_told() {
    let protocols = [ECHO, PING];
    let (mut dialer, mut out) = start(&protocols);
    out.clear();
    let wire = lines(&[HEADER, "na", "na", "na"]);
    let rejected = Some(Selection::Rejected);
    assert_eq!(dialer.receive(&wire, &protocols, &mut out), Ok((wire.len() - 4, rejected)));
    assert_eq!(out, line(PING.as_str()));
    assert_eq!(dialer.receive(&wire[wire.len() - 4..], &protocols, &mut out), Ok((0, rejected)));
}

#[test]
fn an_empty_list_is_rejected() {
    let (mut dialer, mut out) = start(&[]);
    assert_eq!(out, line(HEADER));
    out.clear();
    let header = line(HEADER);
    assert_eq!(dialer.receive(&header, &[], &mut out), Ok((header.len(), Some(Selection::Rejected))));
    assert_eq!(out, b"");
}

#[test]
fn answers_may_be_cut_at_any_byte() {
    let longest = Protocol::new(format!("/{}", "x".repeat(MAX_PROTOCOL - 1))).unwrap();
    let protocols = [ECHO, PING, longest];
    let wire = [lines(&[HEADER, "na", "na", protocols[2].as_str()]), b"data".to_vec()].concat();
    for cut in 0..=wire.len() {
        let (mut dialer, mut out) = start(&protocols);
        let (first, outcome) = dialer.receive(&wire[..cut], &protocols, &mut out).unwrap();
        assert!(first <= cut);
        assert_eq!(outcome.is_some(), cut >= wire.len() - 4);
        let (second, outcome) = dialer.receive(&wire[first..], &protocols, &mut out).unwrap();
        assert_eq!((first + second, outcome), (wire.len() - 4, Some(Selection::Agreed(2))));
        assert_eq!(out, lines(&[HEADER, ECHO.as_str(), PING.as_str(), protocols[2].as_str()]));
    }
}

#[test]
fn malformed_lines_are_refused_as_early_as_they_can_be_known() {
    for (bad, error) in malformed() {
        for good in [line(HEADER), lines(&[HEADER, "na"])] {
            let wire = [good.clone(), bad.clone()].concat();
            let protocols = [ECHO, PING];
            let (mut dialer, mut out) = start(&protocols);
            let cut = dialer.receive(&wire[..wire.len() - 1], &protocols, &mut out);
            assert_eq!(cut, Ok((good.len(), None)), "{bad:?}");
            let (mut dialer, mut out) = start(&protocols);
            assert_eq!(dialer.receive(&wire, &protocols, &mut out), Err(error), "{bad:?}");
        }
    }
}

#[test]
fn a_listener_that_says_anything_else_is_refused() {
    for (wire, error) in [
        (lines(&["/multistream/2.0.0"]), Error::BadHeader),
        (lines(&[ECHO.as_str()]), Error::BadHeader),
        (lines(&["na"]), Error::BadHeader),
        (lines(&[HEADER, HEADER]), Error::BadAnswer),
        (lines(&[HEADER, PING.as_str()]), Error::BadAnswer),
        (lines(&[HEADER, "na", ECHO.as_str()]), Error::BadAnswer),
        (lines(&[HEADER, "ls"]), Error::BadAnswer),
    ] {
        let protocols = [ECHO, PING];
        let (mut dialer, mut out) = start(&protocols);
        assert_eq!(dialer.receive(&wire, &protocols, &mut out), Err(error), "{wire:?}");
    }
}

#[test]
fn names_of_every_length_are_proposed_and_agreed() {
    for length in 1..=MAX_PROTOCOL {
        let protocols = [Protocol::new(format!("/{}", "x".repeat(length - 1))).unwrap()];
        let (mut dialer, proposal) = start(&protocols);
        assert_eq!(proposal, lines(&[HEADER, protocols[0].as_str()]), "length {length}");
        let outcome = dialer.receive(&proposal, &protocols, &mut Vec::new());
        assert_eq!(outcome, Ok((proposal.len(), Some(Selection::Agreed(0)))), "length {length}");
    }
}
