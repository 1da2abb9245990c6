//! [`OwnTimes`]: the half-open timeouts that owners have set for single streams.

use super::super::Now;
use crate::lifecycle::StreamId;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// The half-open timeouts of the streams of one connection for which the owner has set one. Few streams have a time of
/// their own, so the times are kept apart from the streams: the map costs 8 bytes for each connection, and nothing for a
/// stream without a time of its own. Each call costs O(log n), where n is the number of streams with a time of their own.
#[derive(Debug)]
pub(super) struct OwnTimes(Option<Box<Times>>);

#[derive(Debug, Default)]
struct Times {
    /// The half-open timeout of each stream, or `None` if the stream may wait without a limit.
    times: BTreeMap<StreamId, Option<Duration>>,
    /// The deadlines of the streams that wait now and have a limit.
    deadlines: BTreeSet<(Duration, StreamId)>,
}

impl OwnTimes {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Sets the half-open timeout of a stream. The stream must be in no queue now.
    pub(super) fn set(&mut self, id: StreamId, time: Option<Duration>) {
        self.0.get_or_insert_default().times.insert(id, time);
    }

    /// Removes the half-open timeout of a stream. The stream must be in no queue now.
    pub(super) fn forget(&mut self, id: StreamId) {
        let Some(own) = &mut self.0 else { return };
        own.times.remove(&id);
        if own.times.is_empty() {
            self.0 = None;
        }
    }

    /// Records that a stream has waited since `since`, and computes its deadline.
    pub(super) fn begin(&mut self, id: StreamId, since: Now) {
        if let (Some(deadline), Some(own)) = (self.deadline(id, since), &mut self.0) {
            own.deadlines.insert((deadline, id));
        }
    }

    /// Records that a stream no longer waits. `since` is the time at which it began to wait.
    pub(super) fn end(&mut self, id: StreamId, since: Now) {
        if let (Some(deadline), Some(own)) = (self.deadline(id, since), &mut self.0) {
            own.deadlines.remove(&(deadline, id));
        }
    }

    /// Returns the earliest deadline, and the stream that has it. `lives` returns whether a stream is still in its table: a
    /// stream that its owner removed too early is skipped.
    pub(super) fn first(&self, lives: impl Fn(StreamId) -> bool) -> Option<(Duration, StreamId)> {
        self.0.as_ref()?.deadlines.iter().copied().find(|(_, id)| lives(*id))
    }

    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the deadline of a stream that waits since `since`. Returns `None` for a stream without a limit, and for an
    /// untimed wait, which begins again when the time is known.
    fn deadline(&self, id: StreamId, since: Now) -> Option<Duration> {
        let time = (*self.0.as_ref()?.times.get(&id)?)?;
        match since {
            Now::At(since) => Some(since.saturating_add(time)),
            Now::Untimed => None,
        }
    }
}
