//! [`Input`]: a fuzzer's bytes as decisions, one byte for most. What has run out decides for 0.

/// What is left of the bytes.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl Input<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Once in `n` times.
    pub(crate) fn once_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    /// A length: mostly small, at times around the sizes of frames and windows.
    pub(crate) fn length(&mut self) -> usize {
        let n = usize::from(self.byte());
        match n {
            0..=199 => n,
            200..=239 => (n - 200) * 1000 + usize::from(self.byte()),
            _ => (n - 239) * 16 * 1024 + usize::from(self.byte()),
        }
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let mut from = from;
        let n = usize::from(self.byte()).checked_rem(from.len())?;
        from.nth(n)
    }
}
