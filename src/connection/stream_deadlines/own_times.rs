//! [`OwnTimes`]: the half-open times that owners have given to single streams.

use super::super::UNTIMED;
use crate::lifecycle::StreamId;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// The half-open times of those streams of a connection that have one of their own. Few streams have one, so the times lie
/// apart from the streams: 8 bytes a connection, and nothing for a stream without one. Each call costs O(log n), where n is
/// the number of streams with a time of their own.
#[derive(Debug)]
pub(super) struct OwnTimes(Option<Box<Times>>);

#[derive(Debug, Default)]
struct Times {
    /// The time of each stream; `None` if the stream waits without a limit.
    times: BTreeMap<StreamId, Option<Duration>>,
    /// The deadlines of the streams that wait now, and not without a limit.
    deadlines: BTreeSet<(Duration, StreamId)>,
}

impl OwnTimes {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Sets the half-open time of a stream, which must not wait now.
    pub(super) fn set(&mut self, id: StreamId, time: Option<Duration>) {
        self.0.get_or_insert_default().times.insert(id, time);
    }

    /// Removes the half-open time of a stream, which must not wait now.
    pub(super) fn forget(&mut self, id: StreamId) {
        let Some(own) = &mut self.0 else { return };
        own.times.remove(&id);
        if own.times.is_empty() {
            self.0 = None;
        }
    }

    /// Starts the wait of a stream.
    pub(super) fn begin(&mut self, id: StreamId, since: Duration) {
        if let (Some(deadline), Some(own)) = (self.deadline(id, since), &mut self.0) {
            own.deadlines.insert((deadline, id));
        }
    }

    /// Ends the wait of a stream, which began at `since`.
    pub(super) fn end(&mut self, id: StreamId, since: Duration) {
        if let (Some(deadline), Some(own)) = (self.deadline(id, since), &mut self.0) {
            own.deadlines.remove(&(deadline, id));
        }
    }

    /// Returns the earliest deadline and its stream. `lives` tells whether a stream is still in its table: a stream that its
    /// owner took out too early is skipped.
    pub(super) fn first(&self, lives: impl Fn(StreamId) -> bool) -> Option<(Duration, StreamId)> {
        self.0.as_ref()?.deadlines.iter().copied().find(|(_, id)| lives(*id))
    }

    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the deadline of a wait; `None` for an untimed wait, which begins again when the time is known.
    fn deadline(&self, id: StreamId, since: Duration) -> Option<Duration> {
        let time = (*self.0.as_ref()?.times.get(&id)?)?;
        (since != UNTIMED).then(|| since.saturating_add(time))
    }
}
