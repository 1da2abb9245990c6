//! [`Input`]: the bytes of one read that are not decoded yet.
//!
//! One value serves all connections of an owner, one after the other, and contains no bytes of a connection when that
//! connection's turn is over. The connection itself keeps the rest of its bytes: a part of a Noise message, or plaintext
//! that waits for permission to open.

use super::security::{self, MAX_MESSAGE, MAX_PLAINTEXT};
use crate::arithmetic::{Count, copy_front, memory_in_all};
use alloc::vec::Vec;

/// The size of the buffer for encrypted bytes, in bytes. The buffer has room for two Noise messages of the greatest size:
/// one for a message that has arrived in part, and one for the bytes of the next read.
const WIRE: usize = 2 * (2 + MAX_MESSAGE);

/// The size of the buffer for plaintext, in bytes: room for the plaintext of one message after the unread rest of another
/// message.
const PLAIN: usize = 2 * MAX_PLAINTEXT;

/// A cursor over the bytes that were read from a byte pipe, and over their plaintext.
///
/// The owner reads into [`space`](Self::space), reports the number of bytes with [`filled`](Self::filled), and calls
/// [`Connection::receive`](super::Connection::receive) until that method returns `None`.
#[derive(Debug)]
pub struct Input {
    /// The encrypted bytes, as they were read from the byte pipe.
    wire: FixedBuffer,
    /// The decrypted bytes that have not been handled yet.
    plain: FixedBuffer,
    /// `true` if bytes of the peer have been read since the last [`take_fresh`](Self::take_fresh). Bytes that were kept from
    /// an earlier turn do not count.
    is_fresh: bool,
    /// The number of yamux frames that may still be handled until the next [`begin`](Self::begin).
    frames_left: u32,
    /// A limit on the memory of receive buffers, in bytes, that was set and does not apply yet. The next call that handles
    /// frames turns this limit into `most_unread`.
    memory: Option<usize>,
    /// The limit on the memory of the connection's receive buffers, in bytes. Once the limit is reached, no further frame is
    /// handled.
    most_unread: usize,
    /// `true` if the connection has kept frames, which must be handled before more bytes are read.
    is_blocked: bool,
}

impl Input {
    /// Makes an empty input. The call allocates 256 KiB, half of which is the space for reads.
    #[must_use]
    pub fn new() -> Self {
        Self {
            wire: FixedBuffer::new(WIRE),
            plain: FixedBuffer::new(PLAIN),
            is_fresh: false,
            frames_left: u32::MAX,
            memory: None,
            most_unread: usize::MAX,
            is_blocked: false,
        }
    }

    /// Sets the maximum number of yamux frames that are handled from now on to `frames`. The next call of
    /// [`Connection::begin_input`](super::Connection::begin_input) lifts the limit. A Noise message counts as a frame, too.
    /// An owner of many connections sets this limit so that a peer that sends tiny frames does not use up a whole turn.
    pub fn limit_frames(&mut self, frames: u32) {
        self.frames_left = frames;
    }

    /// Returns the number of yamux frames that may still be handled under the [limit](Self::limit_frames).
    #[must_use]
    pub const fn frames_left(&self) -> u32 {
        self.frames_left
    }

    /// Limits the growth of the memory that the receive buffers of streams take: once they have taken `bytes` more bytes, no
    /// further frame is handled. The next call of [`Connection::begin_input`](super::Connection::begin_input) lifts the
    /// limit. An owner with a memory budget sets this limit so that it can act before much more data has arrived.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.memory = Some(bytes);
    }

    /// Starts the limit that [`limit_memory`](Self::limit_memory) has set, if there is one. The limit counts the growth
    /// beyond `unread`, which is the present memory of the connection's receive buffers in bytes.
    pub(super) const fn count_memory_from(&mut self, unread: usize) {
        if let Some(bytes) = self.memory.take() {
            self.most_unread = unread.saturating_add(bytes);
        }
    }

    /// Returns whether a limit of this turn is reached: the limit of frames, or the limit of memory. `unread` is the present
    /// memory of the connection's receive buffers in bytes.
    pub(super) const fn is_exhausted(&self, unread: usize) -> bool {
        // Bytes alone do not bound the work: 16 KiB can be 1 365 frames of 12 bytes. A tick with 64 connections full of
        // empty frames took 248 ms before there were these limits.
        self.frames_left == 0 || unread >= self.most_unread
    }

    pub(super) const fn set_frames_left(&mut self, frames: u32) {
        self.frames_left = frames;
    }

    /// Returns the free space to read bytes into. The space is not empty once
    /// [`Connection::receive`](super::Connection::receive) has returned `None`, except for a connection that waits for
    /// permission to open, or whose input was [cut short](super::Connection::is_cut_short).
    pub fn space(&mut self) -> &mut [u8] {
        // Bytes that are read now would follow the kept frames, so they would only wait in memory.
        if self.is_blocked { &mut [] } else { self.wire.space() }
    }

    /// Records that the first `n` bytes of [`space`](Self::space) have been filled. If `n` is greater than the space, the
    /// whole space counts as filled.
    pub fn filled(&mut self, n: usize) {
        self.wire.filled(n);
        self.is_fresh |= n > 0;
    }

    /// Copies as many of `bytes` as the free space can hold, and returns the number of bytes copied. The method is for
    /// owners whose bytes are already in a buffer of their own.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let n = copy_front(bytes, self.space());
        self.filled(n);
        n
    }

    /// Returns whether bytes of the peer have been read since the last call of this method.
    pub(super) fn take_fresh(&mut self) -> bool {
        core::mem::take(&mut self.is_fresh)
    }

    pub(super) fn wire(&self) -> &[u8] {
        self.wire.unread()
    }

    pub(super) fn consume_wire(&mut self, n: usize) {
        self.wire.consume(n);
    }

    pub(super) fn plain(&self) -> &[u8] {
        self.plain.unread()
    }

    pub(super) fn consume_plain(&mut self, n: usize) {
        self.plain.consume(n);
    }

    /// Decrypts one message and appends its plaintext to the unread plaintext. The message counts as one frame. Returns
    /// `false` if no whole message has arrived.
    pub(super) fn decrypt(&mut self, transport: &mut security::Transport) -> Result<bool, security::Error> {
        match transport.open(self.wire.unread(), self.plain.space())? {
            security::Opened::Incomplete => Ok(false),
            security::Opened::Message { consumed, len } => {
                self.plain.filled(len);
                self.wire.consume(consumed);
                // A message without plaintext takes 18 bytes on the wire, contains no frame, and costs a decryption. It
                // would be free under the limit of frames if the message itself did not count.
                self.frames_left = self.frames_left.saturating_sub(1);
                Ok(true)
            }
        }
    }

    /// Drops all content, and starts a turn with the bytes that a connection kept from its last turn.
    pub(super) fn begin(&mut self, kept: &mut Kept) {
        self.clear();
        // The kept bytes are from an earlier turn. If they counted as fresh, a peer that has fallen silent would seem to be
        // alive whenever kept bytes are handled.
        (self.is_fresh, self.frames_left) = (false, u32::MAX);
        (self.memory, self.most_unread) = (None, usize::MAX);
        kept.is_cut_short = false;
        self.is_blocked = !kept.frames().is_empty();
        self.load(kept);
    }

    /// Copies the bytes that a connection kept into this input, unless the connection has kept frames. Kept frames are
    /// handled in the connection's own buffer: to copy the rest of them in each turn would cost O(n²). Bytes that arrived
    /// after kept frames stay in the connection, too.
    pub(super) fn load(&mut self, kept: &mut Kept) {
        if kept.frames().is_empty() && kept.len() > 0 {
            self.wire.set(&kept.wire);
            self.plain.set(&kept.plain);
            (kept.wire, kept.plain) = (Vec::new(), Vec::new());
        }
    }

    /// Ends a turn: moves all unread bytes to `kept`, in which the connection keeps them until its next turn.
    pub(super) fn end(&mut self, kept: &mut Kept) {
        keep(&mut kept.wire, self.wire());
        keep(&mut kept.plain, self.plain());
        self.clear();
    }

    /// Ends a turn early: the connection keeps the unread plaintext, which consists of yamux frames, and handles it in its
    /// next turn.
    pub(super) fn cut_short(&mut self, kept: &mut Kept) {
        kept.is_cut_short = true;
        if kept.frames().is_empty() {
            (kept.frames, kept.frames_at) = (self.plain().to_vec(), 0);
            self.consume_plain(self.plain().len());
        }
    }

    fn clear(&mut self) {
        self.wire.clear();
        self.plain.clear();
        self.is_blocked = false;
    }
}

/// A buffer of a fixed size. The bytes `bytes[at..end]` are unread, and the bytes after them are free.
#[derive(Debug)]
struct FixedBuffer {
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

impl FixedBuffer {
    fn new(size: usize) -> Self {
        Self { bytes: alloc::vec![0; size], at: 0, end: 0 }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`consume` keeps `at` within `end`, and `filled` keeps `end` within `bytes`"
    )]
    fn unread(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    fn consume(&mut self, n: usize) {
        self.at.raise(n);
        if self.at >= self.end {
            self.clear();
        }
    }

    fn space(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Records that the first `n` bytes of the free space have been filled. If `n` is greater than the space, the whole
    /// space counts as filled.
    fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.bytes.len());
    }

    fn clear(&mut self) {
        (self.at, self.end) = (0, 0);
    }

    /// Replaces the unread bytes by a copy of `bytes`, which must not be longer than the buffer.
    fn set(&mut self, bytes: &[u8]) {
        self.clear();
        let n = copy_front(bytes, self.space());
        self.filled(n);
    }
}

impl Default for Input {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends `bytes` to `kept`, and reserves no more memory than these bytes need, since they may be kept for a long time and
/// are appended in few pieces.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.reserve_exact(bytes.len());
    kept.extend_from_slice(bytes);
}

/// The input that a connection keeps between two turns. A connection that keeps nothing has no memory allocated for it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    wire: Vec<u8>,
    plain: Vec<u8>,
    /// The plaintext that was left when a turn ended early: the bytes `frames[frames_at..]`. They precede the bytes of
    /// `plain` and `wire`.
    frames: Vec<u8>,
    frames_at: usize,
    is_cut_short: bool,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.wire.len().saturating_add(self.plain.len())
    }

    /// Returns the number of bytes of memory that the kept input takes.
    pub(super) fn held(&self) -> usize {
        memory_in_all([self.wire.capacity(), self.plain.capacity(), self.frames.capacity()])
    }

    /// Returns whether the last turn ended early: at its limit of frames or of memory, or because the peer does not read our
    /// answers.
    pub(super) const fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    pub(super) fn frames(&self) -> &[u8] {
        self.frames.get(self.frames_at..).unwrap_or_default()
    }

    pub(super) fn consume_frames(&mut self, n: usize) {
        self.frames_at.raise(n);
        if self.frames_at >= self.frames.len() {
            (self.frames, self.frames_at) = (Vec::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_holds_two_messages_of_the_greatest_size() {
        let input = Input::new();
        assert_eq!((input.wire.bytes.len(), input.plain.bytes.len()), (131_074, 131_038));
    }

    #[test]
    fn the_length_of_kept_input_counts_wire_bytes_and_plaintext() {
        let kept = Kept { wire: alloc::vec![0; 5], plain: alloc::vec![0; 2], ..Kept::default() };
        assert_eq!(kept.len(), 7);
    }
}
