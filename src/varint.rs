//! Unsigned varints, which encode the length in front of a message, and the numbers in protobuf.

use alloc::vec::Vec;

/// Appends a length to `out`, encoded as a varint.
pub(crate) fn append(length: usize, out: &mut Vec<u8>) {
    // An error is ignored, since appending to a vector cannot fail.
    let _ = prost::encode_length_delimiter(length, out);
}

/// Reads the varint at the front of `bytes`. Returns its value and its length in bytes, or `None` if the varint is
/// incomplete or its value has more than 64 bits.
///
/// This function does not use a library, since two libraries are unsuitable. `prost` reads only lengths, and refuses values
/// that exceed the machine's word. `unsigned-varint` refuses encodings that are longer than necessary, which protobuf
/// allows.
#[cfg(feature = "protocols")]
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    // The loop ends without a return only if `bytes` ends first: the tenth byte, whose shift is 63, is always returned or
    // refused.
    for ((shift, byte), len) in (0..u64::BITS).step_by(7).zip(bytes).zip(1..) {
        // The tenth byte may contain only the last of the 64 bits.
        if shift == 63 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, len));
        }
    }
    None
}

#[cfg(all(test, feature = "protocols"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads the varint at the front of `bytes` with `prost`, on a machine with 64-bit words. Returns its value and its
    /// length in bytes.
    fn by_prost(mut bytes: &[u8]) -> Option<(u64, usize)> {
        let before = bytes.len();
        let value = prost::decode_length_delimiter(&mut bytes).ok()?;
        Some((value as u64, before - bytes.len()))
    }

    proptest! {
        #[test]
        fn what_is_appended_is_read(length in any::<usize>(), shift in 0..usize::BITS, rest in any::<[u8; 2]>()) {
            let (length, mut bytes) = (length >> shift, Vec::new());
            append(length, &mut bytes);
            let len = bytes.len();
            prop_assert!((0..len).all(|end| read(&bytes[..end]).is_none()), "it is incomplete");
            bytes.extend(rest);
            prop_assert_eq!(read(&bytes), Some((length as u64, len)));
        }

        #[test]
        #[cfg(target_pointer_width = "64")]
        fn it_reads_what_prost_reads(
            bytes in proptest::collection::vec(prop_oneof![0..3_u8, 0x7e..0x83_u8, 0xfe..=0xff_u8, any::<u8>()], 0..12),
        ) {
            prop_assert_eq!(read(&bytes), by_prost(&bytes));
        }
    }

    #[test]
    fn a_number_may_be_longer_than_it_need_be_and_has_64_bits() {
        assert_eq!(read(&[0x81, 0x80, 0, 7]), Some((1, 3)));
        let mut greatest = [0xff; 10];
        assert_eq!(read(&greatest), None);
        greatest[9] = 1;
        assert_eq!(read(&greatest), Some((u64::MAX, 10)));
        greatest[9] = 2;
        assert_eq!(read(&greatest), None);
    }
}
