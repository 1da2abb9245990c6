//! [`Counters`]: the numbers of listeners, connections and streams that have opened, failed and closed since the start, and
//! that are open now.

use super::event::Direction;

/// The counts of all listeners, or of the connections or streams of one direction. A transition is counted when it takes
/// place, which may be before its event is drained.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// The number of listeners, connections or streams that have opened.
    pub opened: u64,
    /// The number of listeners, connections or streams that have failed to open.
    pub failed: u64,
    /// The number of listeners, connections or streams that have opened and closed.
    pub closed: u64,
    /// The number of listeners, connections or streams that are open now, including those that are being closed politely.
    pub open: u32,
    /// The greatest number of listeners, connections or streams that were ever open at the same time.
    pub peak: u32,
    /// The number of connections or streams that ended, or were refused, before they had an id, so that no event reports
    /// them. A swarm gives an id to an accepted connection when its peer is authenticated, and to a peer's stream when the
    /// first whole proposal of a protocol has arrived.
    pub without_id: u64,
}

impl Counts {
    #[inline]
    pub(super) fn count_opened(&mut self) {
        // The sum does not overflow: at 12.5 ns for a transition, 2^64 of them take more than 7 000 years.
        self.opened += 1;
        self.open += 1;
        self.peak = self.peak.max(self.open);
    }

    #[inline]
    pub(super) fn count_failed(&mut self, many: u32) {
        self.failed += u64::from(many);
    }

    pub(super) const fn count_without_id(&mut self) {
        self.without_id += 1;
    }

    #[inline]
    pub(super) fn count_closed(&mut self, many: u32) {
        self.closed += u64::from(many);
        self.open -= many;
    }
}

/// The [`Counts`] of connections or streams, by the side that began them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Directions {
    /// The counts of the connections or streams that peers began.
    pub inbound: Counts,
    /// The counts of the connections or streams that we began.
    pub outbound: Counts,
}

impl Directions {
    /// Returns the counts of the connections or streams with this direction.
    #[must_use]
    pub const fn of(&self, direction: Direction) -> &Counts {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    #[inline]
    pub(super) const fn of_mut(&mut self, direction: Direction) -> &mut Counts {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }
}

/// The numbers of listeners, connections and streams that a [`Lifecycle`](super::Lifecycle) has counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// The numbers of listeners that have opened, failed and closed since the start, and that are open now.
    pub listeners: Counts,
    /// The numbers of connections that have opened, failed and closed since the start, and that are open now. Inbound
    /// connections were accepted, outbound ones were dialed.
    pub connections: Directions,
    /// The numbers of streams, on all connections, that have opened, failed and closed since the start, and that are open
    /// now.
    pub streams: Directions,
}

// A constant, since a `const fn` cannot call `Default`.
const NOTHING: Counts = Counts { opened: 0, failed: 0, closed: 0, open: 0, peak: 0, without_id: 0 };

impl Counters {
    pub(super) const fn new() -> Self {
        let none = Directions { inbound: NOTHING, outbound: NOTHING };
        Self { listeners: NOTHING, connections: none, streams: none }
    }
}
