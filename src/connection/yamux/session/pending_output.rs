//! The output of a session: it is taken and written, and its memory is lent and given back.

use super::{KEPT_FROM_OTHERS, KEPT_OUTPUT, Session};
use crate::arithmetic::Count;
#[cfg(doc)]
use crate::connection::yamux::Config;
use crate::connection::yamux::Streams;
use crate::connection::yamux::fact::Fact;
use crate::connection::yamux::stream::{Half, Stream};
use alloc::vec::Vec;

impl<K: Copy> Session<K> {
    /// Moves all pending output into `into`, as [`take_output`](Self::take_output) does, and keeps the memory of `into` for
    /// later output. `into` must be empty: its bytes are lost.
    pub fn swap_output(&mut self, into: &mut Vec<u8>) {
        self.output.swap(into);
        self.output_taken();
    }

    /// Returns the pending output, as one run of whole frames.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.bytes()
    }

    /// Appends the pending output to `into`, and starts a batch, or adds to the batch that is being written.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.output.bytes());
        self.output_taken();
    }

    /// Does what [`take_output`](Self::take_output) does without the copy: the caller has used the bytes of
    /// [`output`](Self::output).
    pub fn output_taken(&mut self) {
        self.output.taken();
        self.fins_taken = self.fins.len();
    }

    /// Takes note that all taken output has been written to the socket. Reports one fact a call: [`Fact::FinSent`] for each
    /// FIN of the batch, then [`Fact::Writable`] for streams that wait for room while there is room. Call it until it
    /// returns `None`.
    pub fn written(&mut self, streams: &mut impl Streams<K>) -> Option<Fact<K>> {
        self.output.written();
        while self.fins_taken > 0 {
            self.fins_taken.lower(1);
            let (id, key) = self.fins.pop_front()?;
            match streams.stream_mut(key) {
                Some(stream) if stream.id == id && stream.sending == Half::Finished => return Some(Fact::FinSent(key)),
                _ => {}
            }
        }
        if let Some(key) = self.next_in_line(streams) {
            return Some(Fact::Writable(key));
        }
        if self.wire_ids.is_empty() {
            self.output.shrink(KEPT_OUTPUT);
            self.wire_ids.shrink();
        }
        None
    }

    /// Frees all memory that is only kept for later use, for a connection that has gone quiet. When the last stream has
    /// ended, most of this memory is freed without this call.
    pub fn release(&mut self) {
        self.output.shrink(0);
        self.fins.shrink_to_fit();
        self.write_queue.shrink_to_fit();
        self.withheld.shrink_to_fit();
    }

    /// Frees memory of the output beyond twice the bytes that wait in it, or beyond 4 KiB if that is more. It is for a
    /// caller whose byte pipe takes no more output, so that little more is held than the bytes that wait.
    pub fn trim_output(&mut self) {
        let waits = self.output.bytes().len();
        if self.output.capacity() > waits.saturating_mul(2).max(KEPT_FROM_OTHERS) {
            self.output.shrink(waits);
        }
    }

    /// Returns the number of bytes that [`write`](Self::write) would take now.
    #[must_use]
    pub fn write_room(&self, stream: &Stream) -> usize {
        if !stream.sending.is_open() || self.output.is_closed() {
            return 0;
        }
        self.room().min(stream.send_window as usize)
    }

    /// Takes the memory of `spare`, which must be empty, for the output, unless the output has memory. A caller with many
    /// sessions calls it before it writes.
    pub fn borrow_output(&mut self, spare: &mut Vec<u8>) {
        self.output.borrow(spare);
    }

    /// Gives the output's memory to `spare` or frees it, if no output is pending and the memory is more than 4 KiB. A caller
    /// with many sessions calls it after [`written`](Self::written), so that a quiet session keeps little.
    pub fn give_output(&mut self, spare: &mut Vec<u8>) {
        self.output.give(KEPT_FROM_OTHERS, spare);
    }

    /// Returns whether the peer makes us send more answers than it reads: pongs, resets, acknowledgements and window updates
    /// of more than [`Config::max_control`] bytes, which count until [`written`](Self::written). The caller then stops
    /// reading from the peer until the answers have left. A call of [`receive`](Self::receive) adds at most as many bytes of
    /// answers as it is given.
    #[must_use]
    pub fn is_clogged(&self) -> bool {
        self.output.unwritten_answers() > self.config.max_control
    }
}
