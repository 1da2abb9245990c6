//! [`Fields`]: an iterator over the fields of an encoded protobuf message, which does not decode their values.
//!
//! There are two uses for it. A signature covers the bytes of a message, so the signed fields are copied from the bytes that
//! have arrived, without decoding and encoding them. And the entries for which decoding allocates memory are counted before
//! a message is decoded.

use crate::arithmetic::Count;
use crate::varint;
use core::fmt;

/// The error for bytes that the pub/sub protocol does not allow: the bytes are no protobuf message, have too many entries,
/// or lack a required field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Malformed;

/// One field of an encoded protobuf message.
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// The bytes of the field, including its key, which encodes the field's number and wire type.
    pub(super) bytes: &'a [u8],
}

/// An iterator over the fields of an encoded message, in the order of their bytes. If a field cannot be read, the iterator
/// returns an error for it and ends.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = field(self.0).ok_or(Malformed);
        self.0 = field.as_ref().ok().and_then(|field| self.0.get(field.bytes.len()..)).unwrap_or_default();
        Some(field)
    }
}

/// The maximum depth to which groups may nest. It is the same as in prost. Without a maximum, a message of 1 MiB could nest a
/// million groups, since the key of one takes a byte, and exhaust the stack.
const MAX_DEPTH: usize = 100;

/// Returns the first field of `bytes`, or `None` if it cannot be read.
fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (number, kind, head) = key(bytes)?;
    let value = value(bytes.get(head..)?, number, kind, MAX_DEPTH)?;
    Some(Field { number, bytes: bytes.get(..head.checked_add(value)?)? })
}

/// Decodes the key of a field. Returns the field's number, its wire type, and the length of the key in bytes.
fn key(bytes: &[u8]) -> Option<(u32, u64, usize)> {
    let (key, head) = varint::read(bytes)?;
    // Protobuf numbers its fields from 1 to 2^29 - 1.
    let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
    Some((number, key & 7, head))
}

/// Returns the length of a field's value in bytes. The result may exceed the length of `bytes`. `kind` is the field's wire
/// type.
fn value(bytes: &[u8], number: u32, kind: u64, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    // The wire types of protobuf: 0 is a varint, 1 has 64 bits, 2 has a length in front, 3 begins a group, 4 ends one and
    // cannot occur here, and 5 has 32 bits. No field of pub/sub is a group, but a group is skipped like any other unknown
    // field, as other implementations do.
    match kind {
        0 => Some(varint::read(bytes)?.1),
        1 => Some(8),
        2 => {
            let (length, head) = varint::read(bytes)?;
            head.checked_add(usize::try_from(length).ok()?)
        }
        3 => group(bytes, number, depth),
        5 => Some(4),
        _ => None,
    }
}

/// Returns the length of a group in bytes, without the key at its start: the length of the group's fields, plus the length
/// of the key at its end. That key has to contain the group's number.
fn group(bytes: &[u8], number: u32, depth: usize) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let (inner, kind, head) = key(bytes.get(at..)?)?;
        at.raise(head);
        if kind == 4 {
            return (inner == number).then_some(at);
        }
        at = at.checked_add(value(bytes.get(at..)?, inner, kind, depth)?)?;
    }
}

impl core::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a message of the pub/sub protocol")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn numbers(bytes: &[u8]) -> Result<Vec<(u32, usize)>, Malformed> {
        Fields(bytes).map(|field| field.map(|field| (field.number, field.bytes.len()))).collect()
    }

    #[test]
    fn every_kind_of_field_is_skipped_whole() {
        let wire =
            [&[0x08, 0x96, 1][..], &[0x11], &[0; 8], &[0x1a, 3], b"abc", &[0x25, 0, 0, 0, 0], &[0x92, 1, 0]].concat();
        assert_eq!(numbers(&wire), Ok([(1, 3), (2, 9), (3, 5), (4, 5), (18, 3)].into()));
        // A group of a number, an inner group with the same number as the outer one, and both ends.
        let group = [0x0b, 0x10, 7, 0x0b, 0x1a, 1, 0x0c, 0x0c, 0x0c];
        assert_eq!(numbers(&[&group[..], &[0x08, 1]].concat()), Ok([(1, 9), (1, 2)].into()));
        assert_eq!(numbers(&[]), Ok([].into()));
    }

    #[test]
    fn cut_and_invalid_fields_are_refused() {
        for wire in [
            &[0x08][..],                                                      // no value
            &[0x1a, 3, b'a', b'b'],                                           // cut bytes
            &[0x11, 0, 0],                                                    // cut fixed
            &[0x00, 0],                                                       // number 0
            &[0x0b],                                                          // a group without an end
            &[0x0b, 0x14],                                                    // a group with another one's end
            &[0x0b, 0x10, 0x0c],                                              // a group whose field is cut
            &[0x0c],                                                          // an end without a group
            &[0x0e],                                                          // an unknown wire type
            &[0x80; 11],                                                      // a varint without end
            &[0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], // a length beyond all memory
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], // more than 64 bits
        ] {
            assert_eq!(numbers(wire), Err(Malformed), "{wire:x?}");
        }
        assert_eq!(Fields(&[0x08]).count(), 1, "nothing comes behind it");
    }

    #[test]
    fn fields_are_those_that_prost_finds() {
        // A message without fields of its own only knows where each field ends.
        let is_prosts = |wire: &[u8]| <() as prost::Message>::decode(wire).is_ok();
        for depth in [1, 99, 100, 101] {
            for inside in [&[][..], &[0x08, 1]] {
                let wire = [&[0x0b].repeat(depth)[..], inside, &[0x0c].repeat(depth)].concat();
                assert_eq!(numbers(&wire).is_ok(), is_prosts(&wire), "{depth} {inside:?}");
            }
        }
        // All sequences of five bytes that have a meaning in protobuf.
        const ALPHABET: [u8; 12] = [0, 1, 2, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x13, 0x14, 0x80];
        let mut good = 0;
        for number in 0..ALPHABET.len().pow(5) {
            let wire: Vec<u8> = (0..5).map(|i| ALPHABET[number / ALPHABET.len().pow(i) % ALPHABET.len()]).collect();
            assert_eq!(numbers(&wire).is_ok(), is_prosts(&wire), "{wire:x?}");
            good += usize::from(numbers(&wire).is_ok());
        }
        assert!(good > 1_000, "{good}");
    }
}
