//! `ls`: what a listener lists, in the format of rust-libp2p's encoder.

use super::{HEADER, PING, SINK, line, lines};
use swarm_notify::connection::multistream::{Error, ListenerSelect, MAX_LIST, MAX_PROTOCOL, MAX_ROUNDS, Protocol};

/// The names of a list, as rust-libp2p's decoder takes them apart, and how many bytes the message is long.
fn decode(message: &[u8]) -> (Vec<String>, usize) {
    let length = |bytes: &[u8]| {
        let prefix = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a varint ends") + 1;
        let digits = bytes[..prefix].iter().enumerate();
        (prefix, digits.map(|(at, byte)| usize::from(byte & 0x7f) << (7 * at)).sum::<usize>())
    };
    let (prefix, whole) = length(message);
    assert_eq!(message.len(), prefix + whole, "one message");
    let (mut rest, mut names) = (&message[prefix..], Vec::new());
    while rest != b"\n" {
        let (prefix, length) = length(rest);
        let (name, behind) = rest[prefix..].split_at(length);
        names.push(String::from_utf8(name.strip_suffix(b"\n").expect("a line").to_vec()).unwrap());
        rest = behind;
    }
    (names, whole)
}

/// Returns the answer to one `ls` behind the header, without our header.
fn listed(supported: &[Protocol]) -> Vec<u8> {
    let (mut out, wire) = (Vec::new(), lines(&[HEADER, "ls"]));
    assert_eq!(ListenerSelect::new().receive(&wire, supported, &mut out), Ok((wire.len(), None)));
    out.split_off(HEADER.len() + 2)
}

/// Names of the greatest length.
fn longest(n: usize) -> Vec<Protocol> {
    (0..n).map(|n| Protocol::new(format!("/{n:0>width$}", width = MAX_PROTOCOL - 1)).unwrap()).collect()
}

#[test]
fn ls_is_answered_with_one_message_of_a_line_for_each_protocol() {
    assert_eq!(listed(&[PING, SINK]), b"\x20\x11/ipfs/ping/1.0.0\n\x0c/sink/1.0.0\n\n");
    assert_eq!(listed(&[]), b"\x01\n");
    let long = longest(20);
    let (names, length) = decode(&listed(&long));
    assert_eq!((names.len(), length), (20, 20 * (2 + MAX_PROTOCOL + 1) + 1));
    assert!(names.iter().zip(&long).all(|(name, protocol)| name == protocol.as_str()));
}

#[test]
fn a_dialer_may_list_and_then_propose_in_one_go_or_cut_anywhere() {
    let wire = [lines(&[HEADER, "ls", PING.as_str()]), b"data".to_vec()].concat();
    for cut in 0..=wire.len() {
        let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
        let (first, _) = listener.receive(&wire[..cut], &[PING], &mut out).unwrap();
        let (second, agreed) = listener.receive(&wire[first..], &[PING], &mut out).unwrap();
        assert_eq!((first + second, agreed), (wire.len() - 4, Some(0)));
        assert!(!listener.has_refused(), "a list is no refusal");
        listener.confirm(&PING, &mut out);
        let expected = [line(HEADER), b"\x13\x11/ipfs/ping/1.0.0\n\n".to_vec(), line(PING.as_str())].concat();
        assert_eq!(out, expected);
    }
}

#[test]
fn a_list_counts_as_a_proposal() {
    let (mut listener, mut out) = (ListenerSelect::new(), Vec::new());
    let wire = lines(&[&[HEADER][..], &vec!["ls"; usize::from(MAX_ROUNDS)]].concat());
    assert_eq!(listener.receive(&wire, &[PING], &mut out), Ok((wire.len(), None)));
    assert_eq!(out.len(), 20 + 20 * usize::from(MAX_ROUNDS), "each is answered");
    out.clear();
    assert_eq!(listener.receive(&line("ls"), &[PING], &mut out), Err(Error::TooManyRounds));
    assert_eq!(out, line("na"));
}

#[test]
fn a_list_is_at_most_64_kib_long() {
    let line = 2 + MAX_PROTOCOL + 1;
    let fit = (MAX_LIST - 1) / line;
    let (names, length) = decode(&listed(&longest(fit + 5)));
    assert_eq!((names.len(), length), (fit, fit * line + 1));
    // One more byte would be too much.
    let mut exact = longest(fit);
    let left = MAX_LIST - 1 - fit * line;
    exact.push(Protocol::new(format!("/{}", "x".repeat(left - 4))).unwrap());
    assert_eq!(decode(&listed(&exact)).1, MAX_LIST);
    exact.pop();
    exact.push(Protocol::new(format!("/{}", "x".repeat(left - 3))).unwrap());
    assert_eq!(decode(&listed(&exact)).0.len(), fit);
}

#[test]
fn all_lists_of_a_negotiation_are_64_kib_together() {
    for (protocols, lists) in [(1, 16), (15, 4), (20, 3), (21, 2), (40, 1), (100, 1)] {
        let (mut listener, mut out, supported) = (ListenerSelect::new(), Vec::new(), longest(protocols));
        let wire = lines(&[&[HEADER][..], &["ls"; 16]].concat());
        assert_eq!(listener.receive(&wire, &supported, &mut out), Ok((wire.len(), None)));
        let list = listed(&supported);
        let expected = [line(HEADER), list.repeat(lists), line("na").repeat(16 - lists)].concat();
        assert!(out == expected, "{protocols} protocols: {} of {} bytes", out.len(), expected.len());
        assert!(lists * list.len() <= MAX_LIST + 3);
    }
}
