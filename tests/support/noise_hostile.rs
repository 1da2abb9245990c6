//! The fuzz target `noise_hostile`: arbitrary bytes against the noise step. `cargo test` runs it over seeded input.
//!
//! Whatever comes, nothing panics, no more is consumed than was there, an error is final, and nobody is taken for
//! somebody without having proved it. Whatever one byte on the wire is changed to, somebody notices.

use arbitrary::{Arbitrary, Unstructured};
use libp2p_identity::Keypair;
use std::sync::LazyLock;
use swarm_notify::connection::noise::{
    Config, Error, Handshake, MAX_HANDSHAKE_MESSAGE, MAX_PLAINTEXT, Opened, RemoteIdentity, Transport, sealed_len,
};
use swarm_notify::connection::{Role, yamux};

static ALICE: LazyLock<Config> = LazyLock::new(|| config(1));
static BOB: LazyLock<Config> = LazyLock::new(|| config(2));

fn config(seed: u8) -> Config {
    let identity = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    Config::new(&identity, [seed + 100; 32], &[yamux::PROTOCOL_NAME]).unwrap()
}

#[derive(Arbitrary, Debug)]
enum Input {
    /// Bytes that are no handshake, to a fresh one or to one that has come half way.
    Handshake { dialer: bool, half_way: bool, pieces: Vec<Vec<u8>> },
    /// One byte changed in one of the three messages.
    FlippedHandshake { message: u8, at: u16, flip: u8 },
    /// Bytes that are no messages, to a transport.
    Transport { pieces: Vec<Vec<u8>> },
    /// Messages of these lengths, in pieces of these lengths, and perhaps one byte changed.
    Messages { lengths: Vec<u32>, cuts: Vec<u16>, flip: Option<(u32, u8)> },
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match input {
        Input::Handshake { dialer, half_way, pieces } => handshake(dialer, half_way, &pieces),
        Input::FlippedHandshake { message, at, flip } => flipped_handshake(message % 3, at, flip),
        Input::Transport { pieces } => transport(&pieces),
        Input::Messages { lengths, cuts, flip } => messages(&lengths, &cuts, flip),
    }
}

fn pair() -> (Handshake, Handshake) {
    (
        Handshake::new(&ALICE, Role::Dialer, [7; 32], None).unwrap(),
        Handshake::new(&BOB, Role::Listener, [8; 32], None).unwrap(),
    )
}

/// Lets a handshake go through, and gives what each side has of it.
pub(crate) fn shake((mut dialer, mut listener): (Handshake, Handshake)) -> [(Transport, RemoteIdentity); 2] {
    let mut wire = Vec::new();
    for _ in 0..2 {
        dialer.transmit(&mut wire).unwrap();
        listener.receive(&wire).unwrap();
        wire.clear();
        listener.transmit(&mut wire).unwrap();
        dialer.receive(&wire).unwrap();
        wire.clear();
    }
    [dialer.finish().unwrap(), listener.finish().unwrap()]
}

fn transports() -> (Transport, Transport) {
    let [(dialer, _), (listener, _)] = shake(pair());
    (dialer, listener)
}

fn handshake(as_dialer: bool, half_way: bool, pieces: &[Vec<u8>]) {
    let (mut dialer, mut listener) = pair();
    let mut wire = Vec::new();
    if as_dialer || half_way {
        dialer.transmit(&mut wire).unwrap();
    }
    if !as_dialer && half_way {
        listener.receive(&wire).unwrap();
        listener.transmit(&mut wire).unwrap();
    }
    let mut ours = if as_dialer { dialer } else { listener };
    let mut unread = Vec::new();
    let mut failed = None;
    for piece in pieces {
        unread.extend_from_slice(piece);
        match ours.receive(&unread) {
            Ok((consumed, complete)) => {
                assert_eq!(failed, None, "an error is final");
                assert!(consumed <= unread.len() && (consumed > 0) == complete);
                // What is kept is bounded by the longest message, unless the peer speaks out of turn.
                assert!(consumed > 0 || ours.is_our_turn() || unread.len() < 2 + MAX_HANDSHAKE_MESSAGE);
                unread.drain(..consumed);
            }
            Err(error) => {
                assert!(failed.is_none_or(|failed| failed == error), "an error stays the same");
                failed = Some(error);
            }
        }
        let length = wire.len();
        match ours.transmit(&mut wire) {
            Ok(_) => assert_eq!(failed, None),
            Err(error) => {
                assert!(failed.is_none_or(|failed| failed == error), "an error stays the same");
                assert_eq!(wire.len(), length, "what failed has nothing to say");
                failed = Some(error);
            }
        }
        assert!(!ours.is_authenticated() && !ours.is_finished(), "nothing was proved");
    }
    assert!(ours.finish().is_err());
}

fn flipped_handshake(message: u8, at: u16, flip: u8) {
    if flip == 0 {
        return;
    }
    let (mut dialer, mut listener) = pair();
    for number in 0..3 {
        let (sender, receiver) = if number == 1 { (&mut listener, &mut dialer) } else { (&mut dialer, &mut listener) };
        let mut wire = Vec::new();
        let Ok(true) = sender.transmit(&mut wire) else { break };
        if number == message {
            let at = usize::from(at) % wire.len();
            wire[at] ^= flip;
        }
        let _ = receiver.receive(&wire);
    }
    assert!(!(dialer.is_finished() && listener.is_finished()), "a changed byte is noticed");
    // Message 3 is all that a listener knows its dialer by, message 2 all that a dialer knows its listener by.
    assert!(!listener.is_authenticated());
    assert_eq!(dialer.is_authenticated(), message == 2);
}

fn transport(pieces: &[Vec<u8>]) {
    let (_, mut ours) = transports();
    let mut plain = vec![0; MAX_PLAINTEXT];
    let mut unread = Vec::new();
    for piece in pieces {
        unread.extend_from_slice(piece);
        match ours.open(&unread, &mut plain) {
            Ok(Opened::Incomplete) => {}
            Ok(Opened::Message { .. }) => panic!("nobody sealed this"),
            Err(error) => assert!(matches!(error, Error::Truncated | Error::Decrypt)),
        }
    }
}

fn messages(lengths: &[u32], cuts: &[u16], flip: Option<(u32, u8)>) {
    let (mut sender, mut receiver) = transports();
    let (mut sent, mut wire) = (Vec::new(), Vec::new());
    for (index, length) in lengths.iter().take(8).enumerate() {
        let message = vec![index as u8; *length as usize % (2 * MAX_PLAINTEXT + 2)];
        let start = wire.len();
        sender.seal(&message, &mut wire).unwrap();
        assert_eq!(wire.len() - start, sealed_len(message.len()));
        sent.extend(message);
    }
    let flip = flip.filter(|(_, flip)| *flip != 0 && !wire.is_empty());
    if let Some((at, flip)) = flip {
        let at = at as usize % wire.len();
        wire[at] ^= flip;
    }
    let mut plain = vec![0; MAX_PLAINTEXT];
    let (mut got, mut start, mut end, mut failed) = (Vec::new(), 0, 0, false);
    let mut cuts = cuts.iter().copied().chain([0]);
    'wire: while end < wire.len() {
        end = cuts.next().map_or(wire.len(), |cut| (end + usize::from(cut)).min(wire.len()));
        loop {
            match receiver.open(&wire[start..end], &mut plain) {
                Ok(Opened::Incomplete) => break,
                Ok(Opened::Message { consumed, len }) => {
                    got.extend_from_slice(&plain[..len]);
                    start += consumed;
                    assert!(start <= end);
                }
                Err(_) => {
                    failed = true;
                    break 'wire;
                }
            }
        }
    }
    assert!(sent.starts_with(&got), "only what was sent is ever given out");
    if flip.is_some() {
        assert!(failed || start < wire.len(), "a changed byte is noticed");
    } else {
        assert_eq!((got, start, failed), (sent, wire.len(), false));
    }
}
