//! [`ReceiveBuffer`]: the bytes of a stream that have arrived and are unread. [`BufferPool`]: buffers that streams have
//! emptied, kept for the next streams that receive data.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// The maximum capacity of a small buffer in bytes, which is enough for a few lines of text.
const SMALL: usize = 2 * 1024;
/// The maximum capacity of a large buffer in bytes: the window that every peer assumes. Buffers of greater windows are not
/// kept.
const LARGE: usize = super::INITIAL_WINDOW as usize;
/// The maximum number of small buffers that are kept. [`LARGE_KEPT`] is the maximum number of large ones.
const SMALL_KEPT: usize = 64;
const LARGE_KEPT: usize = 2;
/// The minimum capacity of a buffer in bytes. A buffer of this capacity need not grow again for a few bytes.
const LEAST: usize = 64;

/// The unread bytes of a stream, in one contiguous piece of memory.
#[derive(Debug, Default)]
pub(super) struct ReceiveBuffer {
    /// The number of bytes at the front of `bytes` that have been read.
    head: usize,
    bytes: Vec<u8>,
}

impl ReceiveBuffer {
    pub(super) fn unread(&self) -> &[u8] {
        // `head` is never greater than the length of the buffer.
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// Returns the bytes of memory that the buffer takes.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn into_unread(mut self) -> Vec<u8> {
        self.clear_read();
        self.bytes
    }

    /// Removes the first `n` unread bytes, or all of them if there are fewer.
    pub(super) fn consume(&mut self, n: usize) {
        self.head = self.head.saturating_add(n).min(self.bytes.len());
    }

    /// Appends bytes that have arrived. `most` is the window, which bounds the unread bytes, including the new bytes. The
    /// buffer takes memory for at most `most` bytes, or for 64 bytes if that is more.
    ///
    /// The number of bytes that are moved within the buffer is proportional to the number of bytes that arrive:
    ///
    /// - The read bytes are cleared away if they are at least half of the buffer. One byte has then been read for each byte
    ///   that is moved.
    /// - When the buffer grows, it doubles. All of its growth together therefore moves fewer bytes than the buffer contains
    ///   afterwards.
    /// - The read bytes are also cleared away if the new bytes would end beyond `most`. This happens at most once for each
    ///   window grant: without a grant, the read, the unread and the new bytes fit in the window. A grant requires that half
    ///   of a window has been read, and clearing moves at most one window.
    pub(super) fn push(&mut self, bytes: &[u8], most: usize) {
        if self.bytes.capacity() > most.max(LEAST) {
            // The buffer is larger than the window: at the beginning of the stream the peer could send more than the window,
            // or the buffer belonged to another stream before.
            self.clear_read();
            self.bytes.shrink_to(most.max(LEAST));
        }
        if bytes.len() > self.bytes.spare_capacity_mut().len() {
            // With the first condition alone, a buffer grew to twice its window: 520 KB for a window of 256 KiB.
            if self.head >= self.bytes.len() / 2 || self.bytes.len().saturating_add(bytes.len()) > most {
                self.clear_read();
            }
            let needed = self.bytes.len().saturating_add(bytes.len());
            if needed > self.bytes.capacity() {
                let wanted = self.bytes.capacity().saturating_mul(2).min(most).max(needed);
                self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
            }
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Moves the unread bytes to the front of the buffer, over the bytes that have been read.
    fn clear_read(&mut self) {
        self.bytes.drain(..self.head);
        self.head = 0;
    }
}

/// A pool of empty receive buffers for all sessions of a caller. A stream has a buffer only while it has unread data, so
/// without the pool a stream that alternates between sending and receiving would cost an allocation each time.
///
/// The pool keeps at most 64 buffers of up to 2 KiB and two of up to 256 KiB. A few bytes are never put into one of the
/// large buffers.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a stream holds a box, so that it is small while nothing is unread")]
pub struct BufferPool {
    small: Vec<Box<ReceiveBuffer>>,
    large: Vec<Box<ReceiveBuffer>>,
    is_shut: bool,
}

impl BufferPool {
    /// Makes an empty pool. The pool allocates memory when it receives its first buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { small: Vec::new(), large: Vec::new(), is_shut: false }
    }

    /// Makes a pool that keeps no buffer.
    pub(super) const fn shut() -> Self {
        Self { small: Vec::new(), large: Vec::new(), is_shut: true }
    }

    /// Returns the bytes of memory of the buffers that the pool keeps.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.small.iter().chain(&self.large).map(|buffer| buffer.bytes.capacity()).sum()
    }

    /// Frees the kept buffers of more than 2 KiB.
    #[cfg(feature = "swarm")]
    pub(crate) fn give_up_large(&mut self) {
        self.large.clear();
    }

    /// Returns an empty buffer with room for `len` bytes. The buffer is taken from the small buffers of the pool if `len` is
    /// at most 2 KiB, and otherwise from the large ones. If the pool has none, a new buffer is made.
    pub(super) fn take(&mut self, len: usize) -> Box<ReceiveBuffer> {
        let mut buffer = if len <= SMALL { self.small.pop() } else { self.large.pop() }.unwrap_or_default();
        if buffer.bytes.capacity() < len {
            buffer.bytes.reserve_exact(len.max(LEAST));
        }
        buffer
    }

    /// Adds a buffer to the pool, and drops its content. If the pool is full, or the buffer is too large, the buffer is
    /// freed.
    pub(super) fn give(&mut self, mut buffer: Box<ReceiveBuffer>) {
        let (kept, most) = match buffer.bytes.capacity() {
            0 => return,
            capacity if self.is_shut || capacity > LARGE => return,
            capacity if capacity <= SMALL => (&mut self.small, SMALL_KEPT),
            _ => (&mut self.large, LARGE_KEPT),
        };
        if kept.len() < most {
            buffer.bytes.clear();
            buffer.head = 0;
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::INITIAL_WINDOW;
    use super::super::window::ReceiveWindow;
    use super::*;
    use alloc::vec;

    fn buffer(capacity: usize) -> Box<ReceiveBuffer> {
        Box::new(ReceiveBuffer { head: 0, bytes: Vec::with_capacity(capacity) })
    }

    /// Makes a buffer of 100 bytes of which `len` are in use and `head` of these have been read, and pushes `more` bytes.
    /// Returns the number of read bytes at the front afterwards, and the capacity.
    fn pushed(len: usize, head: usize, more: usize) -> (usize, usize) {
        let mut bytes = Vec::with_capacity(100);
        bytes.resize(len, 7);
        let mut buffer = ReceiveBuffer { head, bytes };
        buffer.push(&[8; 200][..more], 160);
        assert_eq!(buffer.unread(), [&[7; 100][..len - head], &[8; 200][..more]].concat());
        (buffer.head, buffer.bytes.capacity())
    }

    #[test]
    fn bytes_that_fit_move_nothing() {
        assert_eq!(pushed(50, 25, 50), (25, 100));
        assert_eq!(pushed(99, 99, 1), (99, 100));
    }

    #[test]
    fn read_bytes_are_cleared_once_they_are_half_of_the_buffer() {
        assert_eq!(pushed(100, 60, 50), (0, 100));
        assert_eq!(pushed(100, 50, 50), (0, 100));
        assert_eq!(pushed(100, 60, 60), (0, 100), "to the byte");
        assert_eq!(pushed(100, 49, 50), (49, 160), "less would move too often");
    }

    #[test]
    fn read_bytes_are_cleared_where_the_tail_would_leave_the_window() {
        assert_eq!(pushed(100, 49, 60), (49, 160), "to the byte");
        assert_eq!(pushed(100, 49, 61), (0, 160));
        assert_eq!(pushed(100, 1, 61), (0, 160));
    }

    #[test]
    fn a_buffer_doubles_up_to_its_window() {
        let mut buffer = ReceiveBuffer { head: 0, bytes: Vec::with_capacity(50) };
        buffer.push(&[0; 51], 160);
        assert_eq!(buffer.bytes.capacity(), 100);
        buffer.push(&[0; 50], 160);
        assert_eq!(buffer.bytes.capacity(), 160);
        buffer.push(&[0; 59], 160);
        assert_eq!(buffer.bytes.capacity(), 160);
    }

    #[test]
    fn a_buffer_that_is_greater_than_the_window_shrinks_to_it() {
        for (most, capacity) in [(160, 100), (100, 100), (99, 99), (90, 90), (10, LEAST)] {
            let mut buffer = ReceiveBuffer { head: 0, bytes: Vec::with_capacity(100) };
            buffer.push(&[7; 80], 100);
            buffer.consume(75);
            buffer.push(&[8; 5], most);
            assert_eq!((buffer.unread(), buffer.bytes.capacity()), (&[7, 7, 7, 7, 7, 8, 8, 8, 8, 8][..], capacity));
        }
    }

    /// Simulates a peer that sends all bytes for which it has window, in pieces of `piece` bytes, and an owner that reads
    /// `read` bytes, either after each piece or when no more bytes can arrive. Returns the number of bytes that arrived, and
    /// the number of bytes that were moved inside the buffer.
    fn moved(window: u32, piece: usize, read: usize, after_each: bool) -> (usize, usize) {
        let bytes = vec![7; piece];
        let (mut window, mut buffer) = (ReceiveWindow::new(window), ReceiveBuffer::default());
        let (mut came, mut moved, mut left) = (0, 0, INITIAL_WINDOW as usize);
        let much = (INITIAL_WINDOW + 4 * window.limit()) as usize;
        while came < much {
            let n = piece.min(left);
            if n > 0 {
                window.arrived(n as u32);
                let most = window.most_unread(buffer.unread().len() + n);
                let (head, capacity, unread) = (buffer.head, buffer.bytes.capacity(), buffer.unread().len());
                buffer.push(&bytes[..n], most);
                match buffer.bytes.capacity() {
                    same if same == capacity && buffer.head == head => {}
                    same if same == capacity => moved += unread,
                    // Both read and unread bytes may have moved.
                    _ => moved += head + unread,
                }
                assert!(buffer.bytes.capacity() <= most.max(LEAST), "{} of {most}", buffer.bytes.capacity());
                (came, left) = (came + n, left - n);
            }
            if after_each || left == 0 {
                buffer.consume(read);
                if window.is_worth_a_frame(buffer.unread().len()) {
                    left += window.grant_all(buffer.unread().len()) as usize;
                }
            }
        }
        (came, moved)
    }

    #[test]
    fn each_byte_moves_less_than_three_times() {
        for window in [1, 2, 3, 100, 4_096, INITIAL_WINDOW, 3 * INITIAL_WINDOW] {
            let half = window as usize / 2;
            for read in [1, half / 3, half.saturating_sub(1), half, half + 1, 2 * half] {
                for piece in [1, 100, 16_384, window as usize] {
                    // The other cases take long and move no more bytes.
                    if read == 0 || read < half / 100 || piece < half / 10_000 {
                        continue;
                    }
                    for after_each in [false, true] {
                        let (came, moved) = moved(window, piece, read, after_each);
                        assert!(moved < 3 * came, "{moved} of {came}: {window}, {piece}, {read}, {after_each}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_buffer_begins_with_64_bytes_and_an_empty_one_is_not_kept() {
        let mut buffers = BufferPool::new();
        assert_eq!(buffers.take(1).bytes.capacity(), LEAST);
        assert_eq!(buffers.take(LEAST + 1).bytes.capacity(), LEAST + 1);
        buffers.give(buffer(0));
        assert!(buffers.small.is_empty());
    }

    #[test]
    fn the_kept_buffers_are_bounded() {
        let mut buffers = BufferPool::new();
        for capacity in [1, SMALL, SMALL + 1, LARGE, LARGE + 1] {
            for _ in 0..2 * SMALL_KEPT {
                buffers.give(buffer(capacity));
            }
        }
        assert_eq!((buffers.small.len(), buffers.large.len()), (SMALL_KEPT, LARGE_KEPT));
        assert!(buffers.kept() <= SMALL_KEPT * SMALL + LARGE_KEPT * LARGE, "{}", buffers.kept());
    }

    #[test]
    fn buffers_of_2_kib_are_small_and_those_of_256_kib_are_large() {
        let sizes = [(1, 1, 0), (2_048, 1, 0), (2_049, 0, 1), (262_144, 0, 1), (262_145, 0, 0)];
        for (capacity, small, large) in sizes {
            let mut buffers = BufferPool::new();
            buffers.give(buffer(capacity));
            assert_eq!((buffers.small.len(), buffers.large.len()), (small, large), "{capacity}");
        }
    }

    #[test]
    fn a_buffer_comes_back_empty_and_with_enough_room() {
        let mut buffers = BufferPool::new();
        for len in [1, SMALL, SMALL + 1, LARGE] {
            let mut buffer = buffers.take(len);
            buffer.bytes.resize(len, 7);
            buffer.consume(1);
            let memory = buffer.bytes.as_ptr();
            buffers.give(buffer);
            let buffer = buffers.take(len);
            assert!(buffer.bytes.is_empty() && buffer.unread().is_empty() && buffer.bytes.capacity() >= len);
            assert_eq!(buffer.bytes.as_ptr(), memory, "the same memory");
            buffers.give(buffer);
        }
    }

    #[test]
    fn a_few_bytes_take_no_large_buffer() {
        let mut buffers = BufferPool::new();
        buffers.give(buffer(LARGE));
        assert!(buffers.take(1).bytes.capacity() <= SMALL);
        assert_eq!(buffers.kept(), LARGE);
    }

    #[test]
    fn a_shut_pool_keeps_nothing() {
        let mut buffers = BufferPool::shut();
        buffers.give(buffer(1));
        assert_eq!(buffers.kept(), 0);
    }
}
