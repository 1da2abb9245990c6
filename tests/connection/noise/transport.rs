//! Messages after the handshake, between two of ours.

use super::{config, pair, pipe::Random, shake};
use swarm_notify::connection::noise::{Error, MAX_MESSAGE, MAX_PLAINTEXT, Opened, TAG, Transport, sealed_len};

fn transports() -> [Transport; 2] {
    let (alice, bob) = (config(1, &[]), config(2, &[]));
    shake(pair(&alice, &bob)).map(|(transport, _)| transport)
}

fn open_all(transport: &mut Transport, mut wire: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut plain = vec![0; MAX_PLAINTEXT];
    while !wire.is_empty() {
        let Ok(Opened::Message { consumed, len }) = transport.open(wire, &mut plain) else { panic!("{wire:?}") };
        messages.push(plain[..len].to_vec());
        wire = &wire[consumed..];
    }
    messages
}

#[test]
fn bytes_go_both_ways() {
    let [mut dialer, mut listener] = transports();
    for text in [&b"one"[..], b"two", b"three"] {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        dialer.seal(text, &mut there).unwrap();
        assert_eq!(open_all(&mut listener, &there), [text]);
        listener.seal(text, &mut back).unwrap();
        assert_eq!(open_all(&mut dialer, &back), [text]);
        assert_ne!(there, back);
    }
}

#[test]
fn plaintext_is_sealed_in_as_few_messages_as_fit() {
    let cases: [(usize, &[usize]); 7] = [
        (0, &[]),
        (1, &[1]),
        (MAX_PLAINTEXT - 1, &[MAX_PLAINTEXT - 1]),
        (MAX_PLAINTEXT, &[MAX_PLAINTEXT]),
        (MAX_PLAINTEXT + 1, &[MAX_PLAINTEXT, 1]),
        (2 * MAX_PLAINTEXT, &[MAX_PLAINTEXT, MAX_PLAINTEXT]),
        (2 * MAX_PLAINTEXT + 9, &[MAX_PLAINTEXT, MAX_PLAINTEXT, 9]),
    ];
    let [mut dialer, mut listener] = transports();
    for (len, expected) in cases {
        let plain = Random(len as u64).bytes(len);
        let mut wire = b"before".to_vec();
        dialer.seal(&plain, &mut wire).unwrap();
        assert_eq!(&wire[..6], b"before");
        assert_eq!(wire.len() - 6, sealed_len(len));
        let messages = open_all(&mut listener, &wire[6..]);
        assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        assert_eq!(messages.concat(), plain);
    }
}

#[test]
fn a_message_of_the_maximum_size_opens() {
    let [mut dialer, mut listener] = transports();
    let mut wire = Vec::new();
    dialer.seal(&vec![5; MAX_PLAINTEXT], &mut wire).unwrap();
    assert_eq!(wire.len(), 2 + MAX_MESSAGE);
    assert_eq!(wire[..2], [0xff, 0xff]);
    let mut plain = vec![0; MAX_PLAINTEXT];
    assert_eq!(listener.open(&wire[..wire.len() - 1], &mut plain), Ok(Opened::Incomplete));
    let opened = listener.open(&wire, &mut plain);
    assert_eq!(opened, Ok(Opened::Message { consumed: wire.len(), len: MAX_PLAINTEXT }));
    assert_eq!(plain, vec![5; MAX_PLAINTEXT]);
}

#[test]
fn messages_may_be_cut_at_any_byte() {
    let [mut dialer, mut listener] = transports();
    let mut wire = Vec::new();
    dialer.seal(b"cut me", &mut wire).unwrap();
    let mut plain = [0; 6];
    for cut in 0..wire.len() {
        assert_eq!(listener.open(&wire[..cut], &mut plain), Ok(Opened::Incomplete));
    }
    assert_eq!(listener.open(&wire, &mut plain), Ok(Opened::Message { consumed: wire.len(), len: 6 }));
    assert_eq!(&plain, b"cut me");
}

#[test]
fn a_message_too_short_for_its_tag_is_refused_by_its_length() {
    let [mut dialer, _] = transports();
    for length in 0..TAG as u8 {
        assert_eq!(dialer.open(&[0, length], &mut [0; 100]), Err(Error::Truncated));
    }
    assert_eq!(dialer.open(&[0, TAG as u8], &mut [0; 100]), Ok(Opened::Incomplete));
}

#[test]
fn a_buffer_too_short_changes_nothing() {
    let [mut dialer, mut listener] = transports();
    let mut wire = Vec::new();
    dialer.seal(b"four", &mut wire).unwrap();
    assert_eq!(listener.open(&wire, &mut [0; 3]), Err(Error::NoRoom));
    let mut plain = *b"......";
    assert_eq!(listener.open(&wire, &mut plain), Ok(Opened::Message { consumed: wire.len(), len: 4 }));
    assert_eq!(&plain, b"four..", "what lies behind the plaintext stays");
}

#[test]
fn any_changed_bit_is_noticed() {
    let [mut dialer, mut listener] = transports();
    let mut wire = Vec::new();
    dialer.seal(b"four", &mut wire).unwrap();
    for bit in 16..wire.len() * 8 {
        let mut wire = wire.clone();
        wire[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(listener.open(&wire, &mut [0; 100]), Err(Error::Decrypt), "bit {bit}");
    }
    let opened = listener.open(&wire, &mut [0; 100]);
    assert_eq!(opened, Ok(Opened::Message { consumed: wire.len(), len: 4 }), "it was the bit");
}

#[test]
fn a_message_repeated_left_out_or_reordered_is_noticed() {
    let sealed = |transport: &mut Transport, text: &[u8]| {
        let mut wire = Vec::new();
        transport.seal(text, &mut wire).unwrap();
        wire
    };
    let [mut dialer, mut listener] = transports();
    let (one, two) = (sealed(&mut dialer, b"one"), sealed(&mut dialer, b"two"));
    let mut plain = [0; 3];
    assert_eq!(listener.open(&two, &mut plain), Err(Error::Decrypt), "left out");
    listener.open(&one, &mut plain).unwrap();
    assert_eq!(listener.open(&one, &mut plain), Err(Error::Decrypt), "repeated");
    let back = sealed(&mut dialer, b"own");
    assert_eq!(dialer.open(&back, &mut plain), Err(Error::Decrypt), "sent back to its sender");
}
