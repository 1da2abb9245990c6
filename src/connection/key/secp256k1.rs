//! The two forms of a secp256k1 signature: if (r, s) is valid, (r, n - s) is valid, too, where n is the order of the curve.
//! All implementations of libp2p make the form with the lower s, and `k256` accepts only that form. go-libp2p accepts both.
//! [`lower`] converts one form into the other, so that the error for a refused signature can tell a valid one in the unusual
//! form from a wrong one.

use alloc::vec::Vec;

/// The order n of the base point (SEC 2, 2.4.1), in big-endian bytes.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// Returns the other form of a signature in DER, in which s is replaced by n - s. Returns `None` if the bytes are not a
/// signature in DER.
pub(super) fn lower(signature: &[u8]) -> Option<Vec<u8>> {
    let [0x30, _, 2, r_len, rest @ ..] = signature else { return None };
    let (r, rest) = rest.split_at_checked(usize::from(*r_len))?;
    let [2, s_len, s @ ..] = rest else { return None };
    if s.len() != usize::from(*s_len) {
        return None;
    }
    let zeros = s.iter().take_while(|byte| **byte == 0).count();
    let s = s.get(zeros..)?;
    let mut other = ORDER;
    let mut borrow = false;
    // The numbers are subtracted byte by byte, from the last byte to the first.
    for (at, digit) in other.iter_mut().rev().enumerate() {
        let subtrahend = s.iter().rev().nth(at).copied().unwrap_or(0);
        let (less, first) = digit.overflowing_sub(subtrahend);
        let (less, second) = less.overflowing_sub(u8::from(borrow));
        (*digit, borrow) = (less, first || second);
    }
    if borrow || s.len() > ORDER.len() {
        return None;
    }
    // A number in DER is signed, and has a leading zero only where its first bit would be taken for the sign.
    let zeros = other.iter().take_while(|byte| **byte == 0).count();
    let digits = other.get(zeros..)?;
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    let number = [sign, digits].concat();
    let body = [&[2, *r_len][..], r, &[2, u8::try_from(number.len()).ok()?], &number].concat();
    Some([&[0x30, u8::try_from(body.len()).ok()?][..], &body].concat())
}
