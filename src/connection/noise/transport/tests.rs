//! What only the inside of a transport can be brought to.

use super::*;
use crate::connection::Role;
use crate::connection::noise::{Config, Handshake};
use alloc::vec;
use libp2p_identity::Keypair;

#[test]
fn a_spent_nonce_is_an_error() {
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
    let (mut sender, _) = dialer.finish().unwrap();
    let (mut receiver, _) = listener.finish().unwrap();
    sender.seal(b"last", &mut wire).unwrap();
    receiver.state.set_receiving_nonce(u64::MAX);
    assert_eq!(receiver.open(&wire, &mut vec![0; 100]), Err(Error::Exhausted));
}
