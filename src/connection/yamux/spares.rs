//! [`Spares`]: the memory of streams that have been read empty, for those to which data comes next.

use alloc::vec::Vec;

/// How much a buffer for a few lines may hold.
const SMALL: usize = 2 * 1024;
/// How much the others may hold: that of a stream with the window that every peer assumes stays below.
const LARGE: usize = 2 * super::INITIAL_WINDOW as usize;
/// How many of each are kept.
const SMALL_KEPT: usize = 64;
const LARGE_KEPT: usize = 2;
/// No buffer begins with less, so that a few bytes are no reason to grow.
const LEAST: usize = 64;

/// Receive buffers that nothing is in. One serves all sessions of a caller: a stream has a buffer only while it has
/// unread data, and without a place like this each turn of a conversation would be an allocation.
///
/// It keeps at most 64 buffers of up to 2 KiB and two of up to 512 KiB. A few bytes never come to sit in one of the
/// latter.
#[derive(Debug, Default)]
pub struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    is_shut: bool,
}

impl Spares {
    /// An empty one; it allocates when it is given the first buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { small: Vec::new(), large: Vec::new(), is_shut: false }
    }

    /// One that keeps nothing.
    pub(super) const fn shut() -> Self {
        Self { small: Vec::new(), large: Vec::new(), is_shut: true }
    }

    /// How many bytes of memory wait here.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.small.iter().chain(&self.large).map(Vec::capacity).sum()
    }

    /// An empty buffer that `len` bytes fit in.
    pub(super) fn take(&mut self, len: usize) -> Vec<u8> {
        let mut buffer = if len <= SMALL { self.small.pop() } else { self.large.pop() }.unwrap_or_default();
        if buffer.capacity() < len {
            buffer.reserve_exact(len.max(LEAST));
        }
        buffer
    }

    /// Keeps a buffer whose content is done with, or frees it.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        let (kept, most) = match buffer.capacity() {
            0 => return,
            capacity if self.is_shut || capacity > LARGE => return,
            capacity if capacity <= SMALL => (&mut self.small, SMALL_KEPT),
            _ => (&mut self.large, LARGE_KEPT),
        };
        if kept.len() < most {
            buffer.clear();
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut spares = Spares::new();
        for capacity in [1, SMALL, SMALL + 1, LARGE, LARGE + 1] {
            for _ in 0..2 * SMALL_KEPT {
                spares.give(Vec::with_capacity(capacity));
            }
        }
        assert_eq!((spares.small.len(), spares.large.len()), (SMALL_KEPT, LARGE_KEPT));
        assert!(spares.kept() <= SMALL_KEPT * SMALL + LARGE_KEPT * LARGE, "{}", spares.kept());
    }

    #[test]
    fn a_buffer_comes_back_empty_and_with_room_for_what_it_is_taken_for() {
        let mut spares = Spares::new();
        for len in [1, SMALL, SMALL + 1, LARGE] {
            let mut buffer = spares.take(len);
            buffer.resize(len, 7);
            let memory = buffer.as_ptr();
            spares.give(buffer);
            let buffer = spares.take(len);
            assert!(buffer.is_empty() && buffer.capacity() >= len);
            assert_eq!(buffer.as_ptr(), memory, "the same memory");
            spares.give(buffer);
        }
    }

    #[test]
    fn a_few_bytes_take_no_large_buffer() {
        let mut spares = Spares::new();
        spares.give(Vec::with_capacity(LARGE));
        assert!(spares.take(1).capacity() <= SMALL);
        assert_eq!(spares.kept(), LARGE);
    }

    #[test]
    fn a_shut_one_keeps_nothing() {
        let mut spares = Spares::shut();
        spares.give(Vec::with_capacity(1));
        assert_eq!(spares.kept(), 0);
    }
}
