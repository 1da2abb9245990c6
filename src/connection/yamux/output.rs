//! [`FrameQueue`]: the frames that wait to be sent, in one contiguous piece of memory.

use super::Config;
use super::frame::{ACK, FIN, FrameType, HEADER, Header, RST, SYN};
use crate::arithmetic::{Count, memory_in_all};
use alloc::vec::Vec;
use core::mem;

/// The minimum capacity of the output in bytes. An output of this capacity need not grow again for a few frames.
const LEAST: usize = 64;

/// The frames that wait to be sent, in the order in which they are sent. The last frame can still change: it can be
/// extended, or get an ACK.
#[derive(Debug, Default)]
pub(super) struct FrameQueue {
    bytes: Vec<u8>,
    /// The capacity in bytes up to which the memory doubles when it is full. Beyond this capacity, it grows only by the
    /// bytes that are needed.
    most: usize,
    /// The offset in `bytes` at which the last frame begins. `last_id` is the wire id of that frame's stream.
    last: usize,
    last_id: u32,
    /// The number of bytes in `bytes` that count as answers to the peer, and so take no room from data: see
    /// [`answer`](Self::answer).
    answers: usize,
    /// The number of bytes of answers that the caller has taken and has not written to the byte pipe yet.
    answers_taken: usize,
    /// `true` if our go-away has been added to the output: no frame follows it.
    closed: bool,
}

impl FrameQueue {
    /// Makes an empty queue. Its memory doubles when it is full, up to the sum of `max_output` and `max_control` in
    /// `config`.
    pub(super) fn new(config: &Config) -> Self {
        Self { most: config.max_output.saturating_add(config.max_control), ..Self::default() }
    }

    /// Returns the bytes of memory that the queue takes.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    fn reserve(&mut self, more: usize) {
        if more > self.bytes.spare_capacity_mut().len() {
            self.make_room(more);
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len().saturating_add(more);
        let wanted = self.bytes.capacity().saturating_mul(2).max(LEAST).min(self.most).max(needed);
        self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the number of bytes of the waiting frames that are not answers to the peer.
    pub(super) fn data(&self) -> usize {
        self.bytes.len().saturating_sub(self.answers)
    }

    pub(super) fn unwritten_answers(&self) -> usize {
        memory_in_all([self.answers, self.answers_taken])
    }

    /// Appends a frame without payload that is not an answer to a frame of the peer.
    pub(super) fn push(&mut self, header: Header) {
        if !self.closed {
            self.reserve(HEADER);
            (self.last, self.last_id) = (self.bytes.len(), header.id);
            self.bytes.extend_from_slice(&header.encode());
        }
    }

    /// Appends a frame without payload that takes no room from data: an answer to a frame of the peer, a window grant, a
    /// ping that measures a round trip, or a frame with SYN, ACK, FIN or RST.
    pub(super) fn answer(&mut self, header: Header) {
        if !self.closed {
            self.push(header);
            self.answers.raise(HEADER);
        }
    }

    /// Counts `bytes` bytes of the output as answers to the peer. These bytes were counted as data when they were pushed.
    pub(super) fn count_answers(&mut self, bytes: usize) {
        self.answers.raise(bytes);
    }

    /// Appends our go-away, which is our last frame.
    pub(super) fn close(&mut self, code: u32) {
        self.push(Header::new(FrameType::GoAway, 0, 0, code));
        self.closed = true;
    }

    /// Appends a data frame to the queue.
    pub(super) fn push_data(&mut self, flags: u16, id: u32, payload: &[u8]) {
        self.reserve(payload.len().saturating_add(HEADER));
        (self.last, self.last_id) = (self.bytes.len(), id);
        // Callers pass no more payload than `max_frame`, which is a `u32`, so the cast loses nothing.
        self.bytes.extend_from_slice(&Header::new(FrameType::Data, flags, id, payload.len() as u32).encode());
        self.bytes.extend_from_slice(payload);
    }

    /// Adds payload to the last frame, if it is a data frame of this stream, up to `max_frame` bytes of payload in total.
    /// Returns the number of bytes that were added.
    pub(super) fn grow(&mut self, id: u32, data: &[u8], max_frame: usize) -> usize {
        let Some(mut header) = self.last_of(id) else { return 0 };
        if header.kind != FrameType::Data || header.has(FIN | RST) {
            return 0;
        }
        let n = data.len().min(max_frame.saturating_sub(header.length as usize));
        // `n` is at most `max_frame`, which is a `u32`, so the cast loses nothing.
        header.length.raise(n as u32);
        self.replace_last(header);
        self.reserve(n);
        self.bytes.extend_from_slice(data.get(..n).unwrap_or_default());
        n
    }

    /// Sets ACK on the last frame, if that frame belongs to this stream and has no flag yet. Returns whether ACK was set.
    pub(super) fn add_ack(&mut self, id: u32) -> bool {
        match self.last_of(id) {
            // A frame with FIN is left alone: py-libp2p would not see the FIN beside an ACK.
            Some(header) if header.flags == 0 => {
                self.replace_last(Header { flags: ACK, ..header });
                true
            }
            _ => false,
        }
    }

    /// Appends FIN, in an empty data frame of its own. js-libp2p handles a frame's flags before its payload, and drops the
    /// payload if its own side has ended; py-libp2p looks for FIN only in a data frame that has neither SYN nor ACK.
    pub(super) fn finish(&mut self, id: u32) {
        // FIN counts as an answer: the FINs of many streams take no room from data.
        self.answer(Header::new(FrameType::Data, FIN, id, 0));
    }

    /// Adds `delta` to the last frame, if that frame is a window update of this stream. Returns whether `delta` was added.
    pub(super) fn add_delta(&mut self, id: u32, delta: u32) -> bool {
        match self.last_of(id) {
            Some(header) if header.kind == FrameType::WindowUpdate && !header.has(RST) => {
                let Some(length) = header.length.checked_add(delta) else { return false };
                self.replace_last(Header { length, ..header });
                true
            }
            _ => false,
        }
    }

    /// Returns whether the last frame is the answer to a ping with this value.
    pub(super) fn ends_with_pong(&self, opaque: u32) -> bool {
        self.last_of(0) == Some(Header::new(FrameType::Ping, ACK, 0, opaque))
    }

    /// Records that the caller has taken all bytes of the output.
    pub(super) fn taken(&mut self) {
        self.bytes.clear();
        self.last = 0;
        self.answers_taken.raise(self.answers);
        self.answers = 0;
    }

    /// Swaps the bytes of the output with `into`, which must be empty, so that the queue reuses the memory of `into`. The
    /// caller then calls [`taken`](Self::taken).
    pub(super) fn swap(&mut self, into: &mut Vec<u8>) {
        mem::swap(&mut self.bytes, into);
    }

    /// Records that all bytes that were taken have been written to the byte pipe.
    pub(super) fn written(&mut self) {
        self.answers_taken = 0;
    }

    /// Frees memory of the queue, down to the bytes that wait in it, or to `keep` bytes if that is more.
    pub(super) fn shrink(&mut self, keep: usize) {
        self.bytes.shrink_to(keep);
    }

    /// Moves the memory of `spare`, which must be empty, into the queue, if the queue has no memory.
    pub(super) fn borrow(&mut self, spare: &mut Vec<u8>) {
        if self.bytes.capacity() == 0 {
            mem::swap(&mut self.bytes, spare);
        }
    }

    /// Gives up the memory of the queue if no frame waits and the memory is more than `keep` bytes. If `spare` has less
    /// memory than the queue, the memory is moved to `spare`; otherwise it is freed.
    pub(super) fn give(&mut self, keep: usize, spare: &mut Vec<u8>) {
        if self.bytes.is_empty() && self.bytes.capacity() > keep {
            let bytes = mem::take(&mut self.bytes);
            if bytes.capacity() > spare.capacity() {
                *spare = bytes;
            }
        }
    }

    /// Returns the header of the last frame, if that frame belongs to this stream and can still change.
    #[inline]
    fn last_of(&self, id: u32) -> Option<Header> {
        // The id is compared first, so that the header is decoded only if the last frame belongs to the same stream.
        if self.last_id != id || self.closed {
            return None;
        }
        Header::decode(self.bytes.get(self.last..)?.first_chunk()?).ok()
    }

    fn replace_last(&mut self, header: Header) {
        if let Some(place) = self.bytes.get_mut(self.last..).and_then(<[u8]>::first_chunk_mut) {
            *place = header.encode();
        }
    }
}

const _: () = assert!(SYN | ACK | FIN | RST == 0xF);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_do_not_count_as_data() {
        let mut output = FrameQueue::default();
        output.push_data(0, 1, b"data");
        output.answer(Header::new(FrameType::Ping, ACK, 0, 1));
        assert_eq!((output.data(), output.unwritten_answers()), (HEADER + 4, HEADER));
        output.count_answers(4);
        assert_eq!((output.data(), output.unwritten_answers()), (HEADER, HEADER + 4));
    }

    #[test]
    fn a_frame_that_ends_its_stream_does_not_grow() {
        for (flags, taken) in [(0, 4), (SYN, 4), (ACK, 4), (FIN, 0), (RST, 0)] {
            let mut output = FrameQueue::default();
            output.push_data(flags, 1, b"data");
            assert_eq!(output.grow(1, b"more", 100), taken, "{flags}");
        }
    }

    #[test]
    fn only_a_window_update_without_rst_takes_a_delta() {
        let cases =
            [(FrameType::Data, 0, false), (FrameType::WindowUpdate, RST, false), (FrameType::WindowUpdate, ACK, true)];
        for (kind, flags, taken) in cases {
            let mut output = FrameQueue::default();
            output.push(Header::new(kind, flags, 1, 7));
            assert_eq!(output.add_delta(1, 5), taken);
            let length = if taken { 12 } else { 7 };
            assert_eq!(output.bytes(), Header::new(kind, flags, 1, length).encode());
        }
    }

    #[test]
    fn memory_is_given_away_only_while_no_frame_waits() {
        let (mut output, mut spare) = (FrameQueue::default(), Vec::with_capacity(100));
        output.borrow(&mut spare);
        assert_eq!(spare.capacity(), 0);
        output.push(Header::new(FrameType::Ping, SYN, 0, 1));
        output.give(50, &mut spare);
        assert_eq!((spare.capacity(), output.bytes().len()), (0, HEADER), "something waits");
        output.taken();
        output.give(100, &mut spare);
        assert_eq!(spare.capacity(), 0, "it may keep so much");
        output.give(99, &mut spare);
        assert!(spare.capacity() >= 100 && output.bytes.capacity() == 0);
        output.bytes.reserve_exact(10);
        output.give(0, &mut spare);
        assert!(spare.capacity() >= 100 && output.bytes.capacity() == 0, "the greater one is kept");
    }
}
