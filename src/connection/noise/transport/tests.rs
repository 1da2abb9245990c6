//! Tests of cases that a transport reaches only if a test changes its private fields.

use super::*;
use crate::connection::Role;
use crate::connection::noise::{Config, Handshake};
use alloc::vec;
use libp2p_identity::Keypair;

fn transports() -> (Transport, Transport) {
    let identity = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = Config::new(&identity, [2; 32], &[]).unwrap();
    let mut dialer = Handshake::new(&config, Role::Dialer, [3; 32], None).unwrap();
    let mut listener = Handshake::new(&config, Role::Listener, [4; 32], None).unwrap();
    let mut wire = Vec::new();
    for _ in 0..2 {
        dialer.transmit(&mut wire).unwrap();
        listener.receive(&wire).unwrap();
        wire.clear();
        listener.transmit(&mut wire).unwrap();
        dialer.receive(&wire).unwrap();
        wire.clear();
    }
    (dialer.finish().unwrap().0, listener.finish().unwrap().0)
}

#[test]
fn a_spent_nonce_is_an_error() {
    let (mut sender, mut receiver) = transports();
    let mut wire = Vec::new();
    sender.seal(b"last", &mut wire).unwrap();
    receiver.state.set_receiving_nonce(u64::MAX);
    assert_eq!(receiver.open(&wire, &mut [0; 100]), Err(Error::Exhausted));
}

#[test]
fn a_message_without_plaintext_is_a_message() {
    // This crate never sends such a message, but other implementations may.
    let (mut sender, mut receiver) = transports();
    let mut wire = vec![0, TAG as u8];
    wire.resize(2 + TAG, 0);
    sender.state.write_message(&[], &mut wire[2..]).unwrap();
    assert_eq!(receiver.open(&wire, &mut []), Ok(Opened::Message { consumed: 2 + TAG, len: 0 }));
}
