//! The bounds on RSA keys: the length of the modulus, and the exponent.

use super::Unusable;
use core::ops::RangeInclusive;

/// The permitted lengths of the modulus in bits. go-libp2p has the same bounds. A shorter modulus can be factored, and a
/// longer one makes verification slow.
const BITS: RangeInclusive<usize> = 2_048..=8_192;

/// The exponent 65 537, in big-endian bytes. All keys that the implementations of libp2p generate have this exponent.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Checks the modulus and the exponent of a key in the format PKCS #1 (RFC 8017, A.1.1).
pub(super) fn check(pkcs1: &[u8]) -> Result<(), Unusable> {
    let (modulus, exponent) = numbers(pkcs1).ok_or(Unusable::Malformed)?;
    if !BITS.contains(&bits(modulus)) {
        log::debug!("an RSA key has {} bits, and not {} to {}", bits(modulus), BITS.start(), BITS.end());
        return Err(Unusable::Refused);
    }
    if exponent != EXPONENT {
        log::debug!("an RSA key has an exponent other than 65537");
        return Err(Unusable::Refused);
    }
    Ok(())
}

/// Returns the number of bits of a key's modulus, or 0 if the bytes are not a key.
pub(super) fn modulus_bits(pkcs1: &[u8]) -> usize {
    numbers(pkcs1).map_or(0, |(modulus, _)| bits(modulus))
}

/// Returns the modulus and the exponent of a key, without leading zeros. The numbers are parsed by hand, since the features
/// of the build decide which DER parser is among the dependencies.
fn numbers(pkcs1: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    let (sequence, _) = element(SEQUENCE, pkcs1)?;
    let (modulus, rest) = element(INTEGER, sequence)?;
    let (exponent, _) = element(INTEGER, rest)?;
    Some((without_zeros(modulus), without_zeros(exponent)))
}

const INTEGER: u8 = 2;

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize))
}

/// Splits the first DER element from the front of `der`. Returns the content of the element and the bytes after the element.
/// Returns `None` if the element does not have this tag, or has 64 KiB of content or more.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        // The key is at most `MAX_LEN` bytes long, so a length of three bytes or more is wrong.
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
}
