//! The usual form of an ECDSA signature: a sequence of r and s in DER, and nothing else. go-libp2p ignores further bytes,
//! both inside the sequence and after it.

use alloc::vec::Vec;

/// Returns a signature in the usual form, made of the r and s of a signature in another form. Returns `None` if the
/// signature has the usual form already, or does not begin with r and s.
pub(super) fn usual(signature: &[u8]) -> Option<Vec<u8>> {
    let (body, _) = element(0x30, signature)?;
    let (r, rest) = element(2, body)?;
    let (s, _) = element(2, rest)?;
    let number = |digits: &[u8]| Some([&[2, u8::try_from(digits.len()).ok()?][..], digits].concat());
    let numbers = [number(r)?, number(s)?].concat();
    // The two numbers of a P-256 signature are so short that their length fits in one byte.
    let len = u8::try_from(numbers.len()).ok().filter(|len| *len < 0x80)?;
    let usual = [&[0x30, len][..], &numbers].concat();
    (usual != signature).then_some(usual)
}

/// Splits the first DER element from the front of `bytes`. Returns the content of the element and the bytes after the
/// element, or `None` if the element does not have this tag.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = bytes.split_first().filter(|(first, _)| **first == tag)?;
    let (len, rest) = rest.split_first()?;
    if *len < 0x80 {
        return rest.split_at_checked(usize::from(*len));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(*len & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
    let len = digits.iter().fold(0_u32, |len, digit| len.wrapping_shl(8) | u32::from(*digit));
    rest.split_at_checked(usize::try_from(len).ok()?)
}
