//! Arithmetic in which nothing that a peer does causes a wrap-around or a panic.

/// An unsigned integer that counts something that a peer can influence, such as the peer's live streams or unread bytes. The
/// integer saturates at 0 and at the maximum of its type, so that no peer can make the integer wrap around, or make a build
/// with overflow checks panic.
pub(crate) trait Count: Copy {
    /// Adds `by`. If the sum exceeds the maximum of the type, the result is that maximum.
    fn raise(&mut self, by: Self);

    /// Subtracts `by`, which must not exceed the present number. If `by` is greater because of a defect in this crate, the
    /// result is 0, and a build with debug assertions panics, so that tests and fuzzers find the defect.
    fn lower(&mut self, by: Self);
}

macro_rules! count {
    ($($number:ty),*) => {$(
        impl Count for $number {
            #[inline]
            fn raise(&mut self, by: Self) {
                // Saturating, and not checked: an overflow would need an error path that no caller can reach. Wrapping to 0
                // would lift the limit that the count enforces.
                *self = self.saturating_add(by);
            }

            #[inline]
            fn lower(&mut self, by: Self) {
                debug_assert!(by <= *self, "more is taken away than there is");
                // Wrapping below 0 would make the count nearly the maximum of its type, so that the limit seems reached for
                // ever. 0 admits a few too many instead.
                *self = self.saturating_sub(by);
            }
        }
    )*};
}

count!(u8, u16, u32, u64, usize);

/// Returns the sum of the sizes, in bytes, of memory blocks that are allocated at the same time. The sum cannot overflow,
/// since all of these blocks together fit into the address space.
#[inline]
pub(crate) fn memory_in_all<const N: usize>(sizes: [usize; N]) -> usize {
    // `sum` would be the same where nothing overflows. The proof that nothing does is stated here once, for all callers in
    // `connection` and `protocols`, where clippy refuses operators that could overflow.
    sizes.into_iter().fold(0, usize::wrapping_add)
}

/// Copies bytes from the front of `from` to the front of `to`, until either slice ends. Returns the number of copied bytes.
#[inline]
pub(crate) fn copy_front(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
    // Both are `Some`, since `n` is the smaller of the two lengths. Slicing by an index would be a panic in the code that
    // handles a peer's bytes if this were ever wrong.
    if let (Some(from), Some(to)) = (from.get(..n), to.get_mut(..n)) {
        to.copy_from_slice(from);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_stops_at_its_greatest_value() {
        let mut count = u8::MAX - 1;
        count.raise(1);
        assert_eq!(count, u8::MAX);
        count.raise(1);
        assert_eq!(count, u8::MAX);
        count.lower(u8::MAX);
        assert_eq!(count, 0);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic = "more is taken away than there is")]
    fn a_count_below_0_is_0_or_is_found_by_a_debug_build() {
        let mut count = 1_u32;
        count.lower(2);
        assert_eq!(count, 0);
    }

    #[test]
    fn the_copy_is_as_long_as_the_shorter_slice() {
        let mut to = [0; 3];
        assert_eq!((copy_front(&[1, 2], &mut to), to), (2, [1, 2, 0]));
        assert_eq!((copy_front(&[3, 4, 5, 6], &mut to), to), (3, [3, 4, 5]));
        assert_eq!((copy_front(&[], &mut to), copy_front(&[7], &mut [])), (0, 0));
    }
}
