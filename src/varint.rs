//! Unsigned varints: the lengths before messages, and the numbers of protobuf.

use alloc::vec::Vec;

/// Appends a length.
pub(crate) fn append(length: usize, out: &mut Vec<u8>) {
    // A vector takes any length.
    let _ = prost::encode_length_delimiter(length, out);
}

/// Reads the number at the front of `bytes`. Returns it, and how many bytes it takes; `None` if it is incomplete, or has more
/// than 64 bits.
///
/// It is written by hand. `prost` reads lengths only, and refuses what does not fit in the machine's word. `unsigned-varint`
/// refuses numbers that are longer than they need be, which protobuf allows.
#[cfg(feature = "protocols")]
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for ((shift, byte), len) in (0..u64::BITS).step_by(7).zip(bytes).zip(1..) {
        // The tenth byte has room for one bit only.
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

    /// Returns what prost reads at the front of `bytes`, where a word has 64 bits.
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
