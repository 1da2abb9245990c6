//! The output of a session. The caller takes it and writes it to a byte pipe. The memory of the output can be lent to a
//! session and given back.

use super::{KEPT_FROM_OTHERS, KEPT_OUTPUT, Session};
use crate::arithmetic::Count;
#[cfg(doc)]
use crate::connection::yamux::Config;
use crate::connection::yamux::Streams;
use crate::connection::yamux::fact::Fact;
use crate::connection::yamux::stream::{Half, Stream};
use alloc::vec::Vec;

impl<K: Copy> Session<K> {
    /// Moves all pending output into `into`, and keeps the memory of `into` for later output. The output counts as taken, as
    /// after [`take_output`](Self::take_output). `into` must be empty: bytes in it are lost.
    pub fn swap_output(&mut self, into: &mut Vec<u8>) {
        self.output.swap(into);
        self.output_taken();
    }

    /// Returns the pending output, which consists of whole frames in one contiguous piece.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.bytes()
    }

    /// Appends the pending output to `into`. The output counts as taken: the next call of [`written`](Self::written) means
    /// that all taken output has been written.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.output.bytes());
        self.output_taken();
    }

    /// Records that the caller has used the bytes of [`output`](Self::output) itself. The output counts as taken, as after
    /// [`take_output`](Self::take_output), but nothing is copied.
    pub fn output_taken(&mut self) {
        self.output.taken();
        self.fins_taken = self.fins.len();
    }

    /// Records that all taken output has been written to the byte pipe. Each call reports one fact: [`Fact::FinSent`] for
    /// each FIN in the taken output, then [`Fact::Writable`] for streams that wait for room in the output, while there is
    /// room. Call this method until it returns `None`.
    pub fn written(&mut self, streams: &mut impl Streams<K>) -> Option<Fact<K>> {
        self.output.written();
        while self.fins_taken > 0 {
            self.fins_taken.lower(1);
            let (id, key) = self.fins.pop_front()?;
            match streams.stream_mut(key) {
                // A stream that was reset after its FIN has had its end reported as a reset.
                Some(stream) if stream.id == id && stream.sending == Half::Finished => return Some(Fact::FinSent(key)),
                _ => {}
            }
        }
        if let Some(key) = self.next_in_line(streams) {
            return Some(Fact::Writable(key));
        }
        if self.wire_ids.is_empty() {
            // An idle connection is to take at most 2 KB of heap, of which this is the part for output.
            self.output.shrink(KEPT_OUTPUT);
            self.wire_ids.shrink();
        }
        None
    }

    /// Frees all memory that is only kept for later use, for a connection on which nothing happens. When the last stream has
    /// ended, most of this memory is freed without this call.
    pub fn release(&mut self) {
        self.output.shrink(0);
        self.fins.shrink_to_fit();
        self.write_queue.shrink_to_fit();
        self.withheld.shrink_to_fit();
    }

    /// Shrinks the output buffer to twice the bytes that wait in it, or to 4 KiB if that is more. The method is for a caller
    /// whose byte pipe accepts no more output, so that little more memory is held than these bytes need.
    pub fn trim_output(&mut self) {
        let waits = self.output.bytes().len();
        if self.output.capacity() > waits.saturating_mul(2).max(KEPT_FROM_OTHERS) {
            self.output.shrink(waits);
        }
    }

    /// Returns the number of bytes that [`write`](Self::write) would accept now.
    #[must_use]
    pub fn write_room(&self, stream: &Stream) -> usize {
        if !stream.sending.is_open() || self.output.is_closed() {
            return 0;
        }
        self.room().min(stream.send_window as usize)
    }

    /// Moves the memory of `spare`, which must be empty, into the output, unless the output has memory of its own. A caller
    /// with many sessions calls this method before it writes.
    pub fn borrow_output(&mut self, spare: &mut Vec<u8>) {
        self.output.borrow(spare);
    }

    /// Moves the output's memory to `spare` or frees it, if no output is pending and the memory is more than 4 KiB. A caller
    /// with many sessions calls this method after [`written`](Self::written), so that a quiet session keeps little memory.
    pub fn give_output(&mut self, spare: &mut Vec<u8>) {
        // Otherwise a session would keep what its greatest burst needed, up to `max_output`, for as long as it has a stream.
        self.output.give(KEPT_FROM_OTHERS, spare);
    }

    /// Returns whether more than [`Config::max_control`] bytes of our answers wait to be written, because the peer makes us
    /// send more answers than it reads: pongs, resets, acknowledgements and window updates. These bytes count until
    /// [`written`](Self::written). The caller then stops reading from the peer until the answers have been written. A call
    /// of [`receive`](Self::receive) adds at most as many bytes of answers as it is passed.
    #[must_use]
    pub fn is_clogged(&self) -> bool {
        self.output.unwritten_answers() > self.config.max_control
    }
}
