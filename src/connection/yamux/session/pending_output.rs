//! The output of a session: taken, written, lent and given back.

use super::{KEPT_FROM_OTHERS, KEPT_OUTPUT, Session};
use crate::arithmetic::Count;
#[cfg(doc)]
use crate::connection::yamux::Config;
use crate::connection::yamux::Streams;
use crate::connection::yamux::fact::Fact;
use crate::connection::yamux::stream::{Half, Stream};
use alloc::vec::Vec;

impl<K: Copy> Session<K> {
    /// Moves all pending output into `into`, as [`take_output`](Self::take_output) does, and keeps the memory of `into`
    /// for later output. `into` must be empty: bytes in it are lost.
    pub fn swap_output(&mut self, into: &mut Vec<u8>) {
        self.output.swap(into);
        self.output_taken();
    }

    /// What waits to be sent, as one run of whole frames.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.bytes()
    }

    /// Appends what waits to be sent to `into`, and starts a batch (or adds to the one that is being written).
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.output.bytes());
        self.output_taken();
    }

    /// The same without the copy: the caller has used what [`output`](Self::output) gave.
    pub fn output_taken(&mut self) {
        self.output.taken();
        self.fins_taken = self.fins.len();
    }

    /// The caller says that everything that was taken has been written to the socket. Tells one fact a call:
    /// [`Fact::FinSent`] for each FIN of the batch, then [`Fact::Writable`] for streams that wait for room while there
    /// is room; to be called until `None`.
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

    /// Gives back all memory that only waits to be used again, for a connection that has gone quiet. When no stream is
    /// left, most of it is given back without asking.
    pub fn release(&mut self) {
        self.output.shrink(0);
        self.fins.shrink_to_fit();
        self.write_queue.shrink_to_fit();
        self.withheld.shrink_to_fit();
    }

    /// Gives back memory of the output that is beyond twice what waits in it, or beyond 4 KiB if that is more: for a
    /// caller whose byte pipe takes nothing, so that what waits is all that is held.
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

    /// Takes the memory of `spare`, which must be empty, for the output, unless there is some: for a caller with many
    /// sessions, before it writes.
    pub fn borrow_output(&mut self, spare: &mut Vec<u8>) {
        self.output.borrow(spare);
    }

    /// Gives the output's memory to `spare` or frees it, if nothing waits and it is more than 4 KiB: for a caller with
    /// many sessions, after [`written`](Self::written), so that the one that has gone quiet keeps little.
    pub fn give_output(&mut self, spare: &mut Vec<u8>) {
        self.output.give(KEPT_FROM_OTHERS, spare);
    }

    /// Whether the peer makes us answer more than it reads (pongs, resets, acknowledgements, window updates beyond
    /// [`Config::max_control`] bytes, counted until [`written`](Self::written)). The caller then stops reading from it
    /// until the answers have left: a call of [`receive`](Self::receive) adds at most as many bytes as it is given.
    #[must_use]
    pub fn is_clogged(&self) -> bool {
        self.output.unwritten_answers() > self.config.max_control
    }
}
