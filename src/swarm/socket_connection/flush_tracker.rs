//! [`FlushTracker`]: the batches of a connection's output, and the streams that wait until a batch has been written. The
//! output is written in batches: while one batch is being written, new output gathers and becomes the next batch.

use crate::lifecycle::StreamId;
use crate::pruned_queue::PrunedQueue;
use alloc::vec::Vec;

/// The number of ended streams that may stay in the queue of waiting streams, and the number of entries for which memory is
/// never given back.
const SPARE: usize = 8;

/// The highest number of a batch. `readiness::StreamReadiness` stores the number of a batch in 24 bits. It has no more than
/// three bytes to spare there, since an idle stream is to take less than 200 bytes in all.
const LAST: u32 = (1 << 24) - 1;

/// The state of the batches of one connection. A connection writes its output in batches: one batch gathers output while the
/// batch before it is being written, and all earlier batches have been written.
#[derive(Default)]
pub(super) struct FlushTracker {
    /// The number of the batch that gathers output, modulo 2^24. If 2^24 batches were written after the last data of a
    /// stream, the number of the stream's last batch may be equal to that of a new batch. A flush of the stream then waits
    /// until the new batch is written, which is soon.
    gathering: u32,
    /// The streams that wait for a flush, each with its batch, in the order in which they began to wait.
    waiting: PrunedQueue<Vec<(u32, StreamId)>, SPARE>,
}

impl FlushTracker {
    /// Returns the number of the batch that gathers output now.
    pub(super) const fn gathering(&self) -> u32 {
        self.gathering
    }

    /// Returns whether the batch number `batch` has been written. `is_due` is `true` if the batch that gathers output is not
    /// empty, and `is_taken` if the batch before it is being written.
    pub(super) const fn is_written(&self, batch: u32, is_due: bool, is_taken: bool) -> bool {
        // At most two batches are not written: the one that gathers output, and the one before it. So the number of a
        // stream's last batch, in three bytes, is all that a stream has to keep for its flush.
        let (gathers, is_next) = (batch == self.gathering, batch == self.gathering.wrapping_sub(1) & LAST);
        !(gathers && is_due || is_next && is_taken)
    }

    /// Begins the next batch. The batch that has gathered output until now is about to be written.
    pub(super) fn taken(&mut self) {
        self.gathering = self.gathering.wrapping_add(1) & LAST;
    }

    /// Calls `tell` for each stream that waits for the batch that has just been written.
    pub(super) fn written(&mut self, mut tell: impl FnMut(StreamId)) {
        let gathering = self.gathering;
        self.waiting.retain(|(batch, id)| {
            // All batches but the one that gathers output have been written now.
            if *batch != gathering {
                tell(*id);
            }
            *batch == gathering
        });
        if self.waiting.is_empty() {
            self.waiting.shrink_to(SPARE);
        }
    }

    /// Adds a stream that does not wait yet to the queue of streams that wait for a batch. `live` is the number of the
    /// connection's live streams, and `lives` returns whether a stream still lives.
    pub(super) fn wait(&mut self, batch: u32, id: StreamId, live: usize, lives: impl Fn(StreamId) -> bool) {
        // Ended streams are pruned here. Otherwise an owner that writes, flushes and resets new streams while the pipe
        // accepts nothing would make the queue grow without bound.
        self.waiting.push((batch, id), live, |(_, id)| lives(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Direction, Lifecycle, Limits};

    fn ids() -> Vec<StreamId> {
        let mut lifecycle = Lifecycle::<8>::new(Limits::default());
        let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
        lifecycle.opened(connection).unwrap();
        (0..100).map(|_| lifecycle.begin_stream(connection, Direction::Outbound).unwrap()).collect()
    }

    #[test]
    fn a_batch_is_told_in_order_of_asking_and_the_next_one_waits() {
        let (ids, mut flush_tracker, mut told) = (ids(), FlushTracker::default(), Vec::new());
        let first = flush_tracker.gathering();
        flush_tracker.taken();
        flush_tracker.wait(flush_tracker.gathering(), ids[0], 4, |_| true);
        flush_tracker.wait(first, ids[2], 4, |_| true);
        flush_tracker.wait(first, ids[1], 4, |_| true);
        flush_tracker.written(|id| told.push(id));
        assert_eq!(told, [ids[2], ids[1]]);
        flush_tracker.taken();
        flush_tracker.written(|id| told.push(id));
        assert_eq!(told[2..], [ids[0]]);
        flush_tracker.written(|_| panic!("nobody waits"));
    }

    #[test]
    fn a_batch_is_written_when_neither_gathering_nor_being_written() {
        let mut flush_tracker = FlushTracker { gathering: LAST, waiting: PrunedQueue::default() };
        let first = flush_tracker.gathering();
        assert!(flush_tracker.is_written(first, false, true));
        assert!(!flush_tracker.is_written(first, true, false));
        flush_tracker.taken();
        assert!(!flush_tracker.is_written(first, true, true));
        assert!(flush_tracker.is_written(first, true, false));
        flush_tracker.taken();
        assert!(flush_tracker.is_written(first, true, true));
    }

    #[test]
    fn who_has_ended_does_not_pile_up_in_line() {
        let (ids, mut flush_tracker) = (ids(), FlushTracker::default());
        for id in &ids {
            flush_tracker.wait(0, *id, 2, |id| id == ids[0] || id == ids[1]);
            assert!(flush_tracker.waiting.len() <= SPARE + 2 * 2 + 1, "{}", flush_tracker.waiting.len());
        }
        assert_eq!(flush_tracker.waiting[..2], [(0, ids[0]), (0, ids[1])]);
    }

    #[test]
    fn who_has_ended_is_let_go_of_when_less_lives_than_did() {
        let (ids, mut flush_tracker) = (ids(), FlushTracker::default());
        for id in &ids {
            flush_tracker.wait(0, *id, ids.len(), |_| panic!("it is worth its while only if most have ended"));
        }
        flush_tracker.wait(0, ids[0], 2, |id| id == ids[1]);
        assert_eq!(*flush_tracker.waiting, [(0, ids[1]), (0, ids[0])]);
    }
}
