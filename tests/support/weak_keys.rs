//! Ed25519 keys and signatures that prove nothing.

use std::vec::Vec;

/// The eight points of small order, canonically encoded.
pub(crate) const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// L, the order of the base point, in little-endian order.
pub(crate) const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// A key with a part of order 8, whose secret is known: a B + T.
pub(crate) const MIXED: &str = "d308609caf10bccccfa1494f520de9b803f10490c1eeb5c8914951298cd40f01";

/// R and S of a signature of `message 0` by that key. R has order 8, so that the equation of RFC 8032 holds without the
/// factor 8, and a verification that is not strict takes it.
pub(crate) const MIXED_SIGNATURE: &str = concat!(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "80085c2bfc6314e553a485cf484f7663aed1c61fc6de1c5bf69b7ba041b5f30a"
);

/// The bytes of an even number of hexadecimal digits.
pub(crate) fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("it is hexadecimal");
    assert_eq!(hex.len(), 2 * N);
    core::array::from_fn(byte)
}

/// All encodings of points of small order: the canonical ones, and six that are not, since y or the sign is written in
/// another way.
pub(crate) fn small_order() -> Vec<[u8; 32]> {
    let canonical = SMALL_ORDER.map(bytes);
    let mut all = canonical.to_vec();
    all.extend((0..19).flat_map(not_canonical).filter(is_y_0_or_1));
    // y is 1 or -1, so that x is 0, which has no sign.
    for mut point in [canonical[0], canonical[4]] {
        point[31] |= 0x80;
        all.push(point);
    }
    all
}

/// The encodings of y, below 19, as p + y, with either sign. Not each of them is a point.
pub(crate) fn not_canonical(y: u8) -> [[u8; 32]; 2] {
    [0x7f, 0xff].map(|last| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + y, last);
        bytes
    })
}

fn is_y_0_or_1(bytes: &[u8; 32]) -> bool {
    matches!(bytes[0], 0xed | 0xee)
}

/// A key of Ed25519 as it stands on the wire.
pub(crate) fn on_the_wire(key: &[u8; 32]) -> Vec<u8> {
    [&[8, 1, 18, 32][..], key].concat()
}

/// The peer id of such a key, as bytes.
pub(crate) fn peer_id(key: &[u8; 32]) -> Vec<u8> {
    [&[0, 36][..], &on_the_wire(key)].concat()
}

/// The signature that fits every message, if the key is the neutral element: R is that, too, and S is 0.
pub(crate) fn universal() -> [u8; 64] {
    let mut signature = [0; 64];
    signature[0] = 1;
    signature
}
