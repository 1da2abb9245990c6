//! Arithmetic that neither wraps nor panics, for numbers that follow from what a peer does.

/// A number that goes up and down with a peer's actions: streams that live, bytes that wait, events that were counted. It
/// stops at either end of its type, so no peer can make it wrap, or make a build with overflow checks panic.
pub(crate) trait Count: Copy {
    /// Adds `by`.
    fn raise(&mut self, by: Self);

    /// Subtracts `by`. Whoever lowers a number has raised it before. A build with debug assertions panics otherwise, so that
    /// tests and fuzzers find a wrong account.
    fn lower(&mut self, by: Self);
}

macro_rules! count {
    ($($number:ty),*) => {$(
        impl Count for $number {
            #[inline]
            fn raise(&mut self, by: Self) {
                *self = self.saturating_add(by);
            }

            #[inline]
            fn lower(&mut self, by: Self) {
                debug_assert!(by <= *self, "more is taken away than there is");
                *self = self.saturating_sub(by);
            }
        }
    )*};
}

count!(u8, u16, u32, u64, usize);

/// Adds sizes of memory blocks that are allocated at the same time. The sum does not wrap, since no more can be allocated
/// than the addresses allow.
#[inline]
pub(crate) fn memory_in_all<const N: usize>(sizes: [usize; N]) -> usize {
    sizes.into_iter().fold(0, usize::wrapping_add)
}

/// Copies the front of `from` to the front of `to`, as many bytes as both have, and returns that number.
#[inline]
pub(crate) fn copy_front(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
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
