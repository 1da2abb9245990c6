//! The work of verifying a signature, for all budgets of work. The unit is the work of verifying one Ed25519 signature.
//!
//! `benches/signatures.rs` measures the work for each type of key. The following numbers are the medians of four runs on an
//! AMD Zen with `p256` 0.14, `k256` 0.14 and `ring` 0.17; the first number of each pair compares times, the second compares
//! numbers of instructions: P-256 8.6 and 5.4, secp256k1 1.9 and 2.0, RSA with the exponent 65 537 and 2 048 bits 0.5 and
//! 1.0, 3 072 bits 1.1 and 2.1, 4 096 bits 2.0 and 3.6, 8 192 bits 9.5 and 13.6. The constants here are not less than the
//! measured times.

use libp2p_identity::{KeyType, PublicKey};

pub(super) const ED25519: u32 = 1;
const SECP256K1: u32 = 2;
const ECDSA: u32 = 9;

/// Returns the work of verifying a signature with `key`, in units of one Ed25519 verification. For an RSA key, the work
/// grows with the square of the modulus's length.
pub(super) fn of(key: &PublicKey) -> u32 {
    match key.key_type() {
        KeyType::Ed25519 => ED25519,
        KeyType::Secp256k1 => SECP256K1,
        KeyType::Ecdsa => ECDSA,
        KeyType::RSA => of_rsa(key),
    }
}

#[cfg(feature = "rsa")]
fn of_rsa(key: &PublicKey) -> u32 {
    let bits = key.clone().try_into_rsa().map_or(0, |key| super::rsa::modulus_bits(&key.encode_pkcs1()));
    // A modulus has at most 8 192 bits, so `kilobits` is at most 8, and the result is at most 13.
    let kilobits = bits.div_ceil(1_024) as u32;
    kilobits.saturating_mul(kilobits).div_ceil(5)
}

#[cfg(not(feature = "rsa"))]
fn of_rsa(_key: &PublicKey) -> u32 {
    ED25519
}
