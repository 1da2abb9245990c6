//! Checks that clippy refuses each method that `clippy.toml` disallows. If the path of an entry in `clippy.toml` names
//! nothing, an expectation here stays unfulfilled, which clippy reports. The code in this file is never run.

#![allow(dead_code, reason = "clippy reads it")]

use alloc::string::String;
use libp2p_core::SignedEnvelope;
use libp2p_identity::{PublicKey, ecdsa, ed25519, rsa, secp256k1};

#[expect(clippy::disallowed_methods, reason = "libp2p_identity::PublicKey::verify")]
fn any(key: &PublicKey) -> bool {
    key.verify(&[], &[])
}

#[expect(clippy::disallowed_methods, reason = "libp2p_identity::ed25519::PublicKey::verify")]
fn by_ed25519(key: &ed25519::PublicKey) -> bool {
    key.verify(&[], &[])
}

#[expect(clippy::disallowed_methods, reason = "libp2p_identity::ecdsa::PublicKey::verify")]
fn by_ecdsa(key: &ecdsa::PublicKey) -> bool {
    key.verify(&[], &[])
}

#[expect(clippy::disallowed_methods, reason = "libp2p_identity::rsa::PublicKey::verify")]
fn by_rsa(key: &rsa::PublicKey) -> bool {
    key.verify(&[], &[])
}

#[expect(clippy::disallowed_methods, reason = "libp2p_identity::secp256k1::PublicKey::verify")]
fn by_secp256k1(key: &secp256k1::PublicKey) -> bool {
    key.verify(&[], &[])
}

#[expect(clippy::disallowed_methods, reason = "libp2p_core::SignedEnvelope::verify")]
fn envelope(envelope: &SignedEnvelope) -> bool {
    envelope.verify(String::new())
}

#[expect(clippy::disallowed_methods, reason = "libp2p_core::SignedEnvelope::payload_and_signing_key")]
fn payload(envelope: &SignedEnvelope) -> bool {
    envelope.payload_and_signing_key(String::new(), &[]).is_ok()
}
