//! [`Frames`]: a buffer for length-prefixed messages, which identify and pub/sub send on their streams. The length is an
//! unsigned varint.

use crate::connection::ReadError;
use crate::lifecycle::StreamId;
use crate::notifee::Node;
use crate::varint;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// The maximum length of a length prefix in bytes. Each byte carries seven bits of the length, so five bytes are enough for
/// any length below 32 GiB.
const MAX_LENGTH: usize = 5;

/// The maximum number of bytes that one call reads from a stream.
const READ: usize = 4_096;

/// A buffer that cuts the bytes of a stream into messages. Each message follows its length in bytes, an unsigned varint. The
/// buffer holds at most one message of the maximum length and the bytes of one read. It frees its memory at the next read
/// after the caller has taken all messages.
///
/// ```
/// use swarm_notify::protocols::parts::{Frames, with_length};
///
/// let wire = [with_length(b"hello"), with_length(b"world")].concat();
/// let (mut frames, mut messages) = (Frames::new(1024), Vec::new());
/// for piece in wire.chunks(4) {
///     frames.extend(piece); // a service reads: `frames.read(node, stream)`
///     while let Some(message) = frames.next()? {
///         messages.push(message.to_vec());
///     }
/// }
/// assert_eq!(messages, [b"hello", b"world"]);
/// # Ok::<(), swarm_notify::protocols::parts::BadLength>(())
/// ```
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// The number of bytes at the front of `buffer` that belong to messages which the caller has taken.
    start: usize,
    /// The length in bytes of the message that the caller has taken last, which ends at `start`.
    last: usize,
    /// The maximum length of a message in bytes.
    max: usize,
    /// The number of bytes of a skipped message that have not arrived yet. A peer may announce a message that is longer than
    /// the address space of a machine of 32 bits.
    passed_over: u64,
}

/// Returns a message with its length in bytes, an unsigned varint, in front of it: the form that [`Frames`] reads.
#[must_use]
pub fn with_length(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(message.len().saturating_add(prost::length_delimiter_len(message.len())));
    varint::append(message.len(), &mut framed);
    framed.extend_from_slice(message);
    framed
}

/// The error for a length prefix that is malformed, or that is greater than the maximum length of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BadLength;

impl Frames {
    /// Creates an empty buffer for messages of at most `max` bytes.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, last: 0, max, passed_over: 0 }
    }

    /// Reads from a stream once, at most 4 096 bytes, and appends them to the buffer. Returns `Ok(true)` if bytes were read,
    /// and `Ok(false)` if the peer has finished its side of the stream.
    ///
    /// # Errors
    /// The errors of [`Swarm::read`](crate::swarm::Swarm::read). No byte was read.
    pub fn read(&mut self, node: &mut dyn Node, stream: StreamId) -> Result<bool, ReadError> {
        self.let_go();
        // The bytes are read to the stack first, so that the buffer grows only by bytes that have arrived. A peer that
        // announces a message of the maximum length and sends none of it makes us allocate nothing.
        let mut chunk = [0; READ];
        let n = node.read(stream, &mut chunk)?;
        self.extend(chunk.get(..n).unwrap_or_default());
        Ok(n > 0)
    }

    /// Removes the messages that the caller has taken with `next` from the buffer, and frees the memory that a large message
    /// took. Removing them moves at most the bytes of the last read, so it costs no more than that read.
    fn let_go(&mut self) {
        // Draining alone would keep the capacity: a peer that has sent one message of 1 MiB would have us hold 1 MiB for
        // as long as the stream is open. The bytes are copied only if more than half of the capacity would stay unused.
        match self.rest() {
            [] => self.buffer = Vec::new(),
            rest if self.buffer.capacity() / 2 > rest.len().max(READ) => self.buffer = rest.to_vec(),
            // `start` is at most the length of the buffer.
            _ => drop(self.buffer.drain(..self.start)),
        }
        (self.start, self.last) = (0, 0);
    }

    /// Returns the bytes of the buffer behind the messages that the caller has taken.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Returns the number of bytes in the buffer, including the message that the caller has taken last.
    pub(super) const fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the message that the caller has taken last. The buffer keeps it until the next read.
    pub(super) fn last(&self) -> &[u8] {
        self.buffer.get(self.start.saturating_sub(self.last)..self.start).unwrap_or_default()
    }

    /// Returns the number of bytes of heap that the buffer takes.
    pub(super) const fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Returns the number of bytes that can be appended until the buffer contains one message of the maximum length and its
    /// length prefix.
    pub(super) const fn missing(&self) -> usize {
        self.max.saturating_add(MAX_LENGTH).saturating_sub(self.buffer.len())
    }

    /// Appends bytes that were read from the stream. When the capacity is exhausted, it doubles, up to one message of the
    /// maximum length and one read.
    pub fn extend(&mut self, bytes: &[u8]) {
        let n = usize::try_from(self.passed_over).unwrap_or(usize::MAX).min(bytes.len());
        self.passed_over = self.passed_over.saturating_sub(n as u64);
        let bytes = bytes.get(n..).unwrap_or_default();
        let len = self.buffer.len();
        if self.buffer.capacity().saturating_sub(len) < bytes.len() {
            // `Vec::reserve` would double the capacity beyond `most`, and nearly twice the longest message would be
            // allocated.
            let most = self.max.saturating_add(const { MAX_LENGTH + READ });
            self.buffer.reserve_exact(bytes.len().max(len.min(most.saturating_sub(len))));
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether [`next`](Self::next) would return an error for the next length prefix in the buffer.
    pub(super) fn is_refused(&self) -> bool {
        self.body().is_err()
    }

    /// Skips the next message after [`next`](Self::next) has refused it because it is too long. The bytes of the skipped
    /// message are not kept, and `next` then returns the message behind it. Returns `false` if the length prefix itself is
    /// malformed, so that the end of its message is unknown.
    pub(super) fn pass_over(&mut self) -> bool {
        let Some((length, from)) = self.length() else { return false };
        let here = self.buffer.len().saturating_sub(from) as u64;
        let left = length.saturating_sub(here);
        self.passed_over = left;
        self.start = match left {
            0 => from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)),
            _ => self.buffer.len(),
        };
        // The bytes before `start` belong to the skipped message, which `last` must not return.
        self.last = 0;
        true
    }

    /// Returns whether a message has arrived in part: the buffer contains bytes that the caller has not taken, or a message
    /// is being skipped. If the stream ended now, that message would be cut off.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.start < self.buffer.len() || self.passed_over > 0
    }

    /// Takes the next whole message from the buffer. Returns `None` if no whole message has arrived.
    ///
    /// # Errors
    /// [`BadLength`] if the next length prefix is malformed or too large. All later calls fail as well, since the start of
    /// the following message is unknown.
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, BadLength> {
        let Some(body) = self.body()? else { return Ok(None) };
        let (end, len) = (body.end, body.len());
        let Some(message) = self.buffer.get(body) else { return Ok(None) };
        (self.start, self.last) = (end, len);
        Ok(Some(message))
    }

    /// Returns the length of the next message in bytes and the position of its first byte in `buffer`. Returns `None` if the
    /// length prefix has not arrived whole.
    fn length(&self) -> Option<(u64, usize)> {
        let rest = self.rest();
        let (length, len) = varint::read(rest.get(..MAX_LENGTH).unwrap_or(rest))?;
        Some((length, self.start.saturating_add(len)))
    }

    /// Returns the range of the next message in `buffer`, even if the message has not arrived whole. Returns `None` if the
    /// length prefix has not arrived whole.
    fn body(&self) -> Result<Option<Range<usize>>, BadLength> {
        if let Some((length, from)) = self.length() {
            let length = usize::try_from(length).ok().filter(|length| *length <= self.max).ok_or(BadLength)?;
            // With 32-bit addresses the end of a long message may not be representable.
            let end = from.checked_add(length).ok_or(BadLength)?;
            return Ok(Some(from..end));
        }
        // A length prefix that does not end within the maximum number of bytes is malformed.
        if self.rest().len() >= MAX_LENGTH { Err(BadLength) } else { Ok(None) }
    }
}

impl core::error::Error for BadLength {}

impl fmt::Display for BadLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a malformed length, or one beyond the maximum")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_whatever_the_pieces() {
        let wire = [&[3][..], b"abc", &[0], &[0x80, 1], &[7; 128]].concat();
        for piece in 1..=wire.len() {
            let (mut frames, mut messages) = (Frames::new(128), Vec::new());
            for bytes in wire.chunks(piece) {
                frames.extend(bytes);
                while let Some(message) = frames.next().unwrap() {
                    messages.push(message.to_vec());
                    assert_eq!(frames.last(), messages[messages.len() - 1]);
                }
                frames.let_go();
                assert_eq!(frames.last(), b"");
            }
            assert_eq!(messages, [b"abc".to_vec(), Vec::new(), [7; 128].to_vec()]);
            assert!(!frames.is_cut());
        }
    }

    #[test]
    fn a_large_message_that_was_taken_leaves_no_memory_behind() {
        let large = [&[0x80, 0x80, 0x40][..], &[7; 1 << 20]].concat();
        for rest in [&[][..], &[3, b'a']] {
            let mut frames = Frames::new(1 << 20);
            frames.extend(&large);
            frames.extend(rest);
            assert_eq!(frames.next().unwrap().map(<[u8]>::len), Some(1 << 20));
            frames.let_go();
            assert!(frames.buffer.capacity() <= READ, "{}", frames.buffer.capacity());
            assert_eq!(frames.is_cut(), !rest.is_empty());
        }
    }

    #[test]
    fn a_message_longer_than_allowed_is_refused_by_its_length() {
        let mut frames = Frames::new(127);
        frames.extend(&[0x80, 1]);
        assert_eq!(frames.next(), Err(BadLength));
    }

    #[test]
    fn a_skipped_message_is_not_kept_and_the_next_comes_out() {
        let long = [&[0x80, 0x80, 1][..], &[7; 1 << 14]].concat();
        let wire = [&[3][..], b"abc", &long, &long, &[2], b"de"].concat();
        for piece in [1, 2, 3, 5, 100, 16_387, 16_388, wire.len()] {
            let (mut frames, mut messages, mut passed_over) = (Frames::new(127), Vec::new(), 0);
            for bytes in wire.chunks(piece) {
                frames.extend(bytes);
                loop {
                    match frames.next() {
                        Ok(Some(message)) => messages.push(message.to_vec()),
                        Ok(None) => break,
                        Err(BadLength) => {
                            assert!(frames.pass_over());
                            passed_over += 1;
                        }
                    }
                }
                frames.let_go();
                assert!(frames.len() < 127);
            }
            assert_eq!((passed_over, &messages[..]), (2, &[b"abc".to_vec(), b"de".to_vec()][..]), "{piece}");
            assert!(!frames.is_cut());
        }
        let mut frames = Frames::new(127);
        frames.extend(&long[..100]);
        assert!(frames.next().is_err() && frames.pass_over() && frames.is_cut());
        let mut frames = Frames::new(127);
        frames.extend(&[0x80; 5]);
        assert!(frames.next().is_err() && !frames.pass_over());
    }

    #[test]
    fn a_length_without_end_is_refused() {
        let mut frames = Frames::new(usize::MAX);
        frames.extend(&[0x80; 4]);
        assert_eq!(frames.next(), Ok(None));
        frames.extend(&[0x80]);
        assert_eq!(frames.next(), Err(BadLength));
    }
}
