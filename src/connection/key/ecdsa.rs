//! The usual form of an ECDSA signature: a sequence of r and s in DER, and nothing else. go-libp2p passes over what stands
//! behind them, in the sequence and behind it.

use alloc::vec::Vec;

/// Returns r and s of a signature in the usual form; `None` if it begins with none, or has that form already.
pub(super) fn usual(signature: &[u8]) -> Option<Vec<u8>> {
    let (body, _) = element(0x30, signature)?;
    let (r, rest) = element(2, body)?;
    let (s, _) = element(2, rest)?;
    let number = |digits: &[u8]| Some([&[2, u8::try_from(digits.len()).ok()?][..], digits].concat());
    let numbers = [number(r)?, number(s)?].concat();
    // Numbers of P-256 need no more.
    let len = u8::try_from(numbers.len()).ok().filter(|len| *len < 0x80)?;
    let usual = [&[0x30, len][..], &numbers].concat();
    (usual != signature).then_some(usual)
}

/// Splits the element of DER off that the bytes begin with, if it has this tag: its content, and what stands behind it.
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
