//! [`SwarmTimers`]: the deadlines of connections and visitors.
//!
//! The timers keep one deadline for each connection, with which the connection is *armed*. Only an earlier deadline replaces
//! it. If the deadline of a connection moves to a later time, this is noticed when the old deadline has passed, and the
//! connection is armed anew. So a busy connection, whose deadlines move with every byte, causes no work here.
//!
//! If the owner takes a turn long after a deadline, all deadlines are postponed once: a peer does not count as silent for
//! the time in which the owner was away.

use crate::lifecycle::ConnectionId;
use crate::pruned_queue::PrunedQueue;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;

/// The number of outdated deadlines that may stay in the heap before they are removed.
const SPARE: usize = 64;

/// The connection to which a passed deadline belongs, or the table of visitors if it is a visitor's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DeadlineOf {
    Connection(ConnectionId),
    /// The [door](super::door), which is the table of visitors: the deadline is the earliest deadline of a visitor.
    Door,
}

/// The deadlines of connections, earliest first, and the earliest deadline of all visitors.
#[derive(Debug, Default)]
pub(super) struct SwarmTimers {
    door: Option<Duration>,
    deadlines: PrunedQueue<BinaryHeap<Reverse<(Duration, ConnectionId)>>, SPARE>,
    /// The time until which all deadlines are postponed; `None` if they are not postponed.
    put_off: Option<Duration>,
    /// The end of the last postponement, or the last time at which the owner was not late. Lateness counts from this time,
    /// so that no deadline is postponed twice.
    excused: Duration,
}

impl SwarmTimers {
    /// Sets the deadline that the timers keep for a connection to `deadline`, unless they keep an earlier one for it.
    /// `armed` is the field in which the connection stores the kept deadline.
    pub(super) fn arm(&mut self, id: ConnectionId, armed: &mut Option<Duration>, deadline: Duration) {
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            // Outdated deadlines are pruned once, at the end of a turn: to tell them from valid ones needs the table of
            // connections, which is borrowed here.
            self.deadlines.push_unpruned(Reverse((deadline, id)));
        }
    }

    /// Sets the deadline of the door, which is the earliest deadline of all visitors; `None` if there is no visitor.
    pub(super) const fn arm_door(&mut self, deadline: Option<Duration>) {
        self.door = deadline;
    }

    /// Returns whether deadlines that have passed at `now` may be handled. If the earliest deadline has passed by more than
    /// `lateness`, all deadlines are postponed by `lateness`, once; then they are handled, in as many turns as needed. A
    /// `lateness` of zero postpones nothing.
    pub(super) fn are_judged(&mut self, now: Duration, lateness: Duration) -> bool {
        if let Some(until) = self.put_off {
            // Meanwhile the turns of the owner read what peers have sent while it was away: a process that was stopped with
            // a ping outstanding has the answer in its socket.
            if now < until {
                return false;
            }
            (self.put_off, self.excused) = (None, now);
        }
        // A turn may handle fewer deadlines than have passed. Without `excused`, each of those that are left would count as
        // late again, and postpone all of them again.
        let first = self.earliest().map_or(now, |first| first.max(self.excused));
        let is_late = now.saturating_sub(first) > lateness && !lateness.is_zero();
        self.put_off = is_late.then(|| now.saturating_add(lateness));
        if !is_late {
            // The owner is on time now: deadlines that this turn leaves unhandled do not count as late in the next turn.
            self.excused = now;
        }
        !is_late
    }

    fn earliest(&self) -> Option<Duration> {
        let first = self.deadlines.peek().map(|Reverse((first, _))| *first);
        first.into_iter().chain(self.door).min()
    }

    /// Returns whether a deadline has passed at `now`. Passed deadlines for which `is_armed` returns `false` are removed
    /// first: no connection is armed with them any more.
    pub(super) fn is_due(&mut self, now: Duration, is_armed: impl Fn(Duration, ConnectionId) -> bool) -> bool {
        while let Some(Reverse((deadline, id))) = self.deadlines.peek()
            && *deadline <= now
        {
            if is_armed(*deadline, *id) {
                return true;
            }
            self.deadlines.pop();
        }
        self.door.is_some_and(|deadline| deadline <= now)
    }

    /// Removes the earliest deadline, if it has passed at `now`, and returns the connection or the door (the table of
    /// visitors) to which it belongs. The deadline of the door is not removed, but stays until [`arm_door`](Self::arm_door)
    /// is called.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<DeadlineOf> {
        let first = self.earliest().filter(|first| *first <= now)?;
        // The door has many deadlines, of which these timers know the earliest. The door sets the next one when it has
        // handled this one.
        if self.door == Some(first) {
            return Some(DeadlineOf::Door);
        }
        self.deadlines.pop().map(|Reverse((_, id))| DeadlineOf::Connection(id))
    }

    /// Removes outdated deadlines, for which `is_armed` returns `false`: always those that are earlier than all valid ones,
    /// so that the owner does not wake up for an outdated deadline, and all of them once they outnumber the `live`
    /// connections. The cost is O(1) for each deadline with which a connection was ever armed.
    pub(super) fn prune(&mut self, live: usize, is_armed: impl Fn(Duration, ConnectionId) -> bool) {
        while let Some(Reverse((deadline, id))) = self.deadlines.peek()
            && !is_armed(*deadline, *id)
        {
            self.deadlines.pop();
        }
        self.deadlines.prune(live, |Reverse((deadline, id))| is_armed(*deadline, *id));
    }

    /// Gives back unused memory of the heap of deadlines.
    pub(super) fn give_up_memory(&mut self) {
        let kept = SPARE.min(2 * self.deadlines.len());
        self.deadlines.shrink_to(kept);
    }

    /// Returns the time at which the earliest deadline is to be handled: the deadline itself, or the end of the postponement
    /// if that is later.
    pub(super) fn first(&self) -> Option<Duration> {
        let deadline = self.earliest()?;
        Some(self.put_off.map_or(deadline, |until| until.max(deadline)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_of_what_is_gone_do_not_pile_up() {
        let id = ConnectionId::FIRST;
        let mut timers = SwarmTimers::default();
        for n in 0..10_000 {
            timers.arm(id, &mut None, Duration::from_secs(n));
            timers.prune(1, |deadline, _| deadline == Duration::from_secs(n));
            assert!(timers.deadlines.len() <= SPARE + 2);
        }
        // As many as another thousand may have; only the first is looked at.
        for n in 10_000..11_000 {
            timers.arm(id, &mut None, Duration::from_secs(n));
            let looks = core::cell::Cell::new(0);
            timers.prune(1_000, |_, _| looks.replace(looks.get() + 1) == 0);
            assert_eq!(looks.get(), 1, "it is worth its while only if most is of nobody");
        }
        timers.prune(1, |deadline, _| deadline == Duration::from_secs(9_999));
        assert_eq!(
            timers.deadlines.iter().map(|Reverse((deadline, _))| *deadline).max(),
            Some(Duration::from_secs(9_999))
        );
    }

    #[test]
    fn a_deadline_armed_again_after_earlier_ones_is_there_once() {
        let id = ConnectionId::FIRST;
        let (mut timers, far) = (SwarmTimers::default(), Duration::from_secs(3_600));
        let mut armed = None;
        timers.arm(id, &mut armed, far);
        for n in 0..10_000 {
            let now = Duration::from_millis(n);
            timers.arm(id, &mut armed, now);
            assert_eq!(timers.take_due(now), Some(DeadlineOf::Connection(id)));
            armed = None;
            timers.arm(id, &mut armed, far);
            timers.prune(1, |deadline, _| Some(deadline) == armed);
            assert!(timers.deadlines.len() <= SPARE + 2, "{}", timers.deadlines.len());
        }
    }

    #[test]
    fn only_an_earlier_deadline_is_put_in() {
        let id = ConnectionId::FIRST;
        let secs = Duration::from_secs;
        let (mut timers, mut armed) = (SwarmTimers::default(), None);
        timers.arm(id, &mut armed, secs(5));
        timers.arm(id, &mut armed, secs(9));
        timers.arm(id, &mut armed, secs(3));
        timers.arm(id, &mut armed, secs(3));
        assert_eq!((armed, timers.first()), (Some(secs(3)), Some(secs(3))));
        assert_eq!(timers.take_due(secs(2)), None);
        assert_eq!(timers.take_due(secs(4)), Some(DeadlineOf::Connection(id)));
        assert_eq!(timers.take_due(secs(4)), None);
        assert_eq!(timers.take_due(secs(9)), Some(DeadlineOf::Connection(id)));
        assert_eq!(timers.take_due(secs(9)), None);
    }

    #[test]
    fn the_door_has_one_deadline_which_is_set_anew() {
        let (id, secs) = (ConnectionId::FIRST, Duration::from_secs);
        let mut timers = SwarmTimers::default();
        timers.arm(id, &mut None, secs(5));
        timers.arm_door(Some(secs(4)));
        assert_eq!((timers.first(), timers.take_due(secs(3))), (Some(secs(4)), None));
        assert!(timers.is_due(secs(4), |_, _| false));
        assert_eq!([(); 2].map(|()| timers.take_due(secs(5))), [Some(DeadlineOf::Door); 2]);
        timers.arm_door(Some(secs(6)));
        assert_eq!((timers.first(), timers.take_due(secs(5))), (Some(secs(5)), Some(DeadlineOf::Connection(id))));
        timers.arm_door(None);
        assert_eq!((timers.first(), timers.is_due(secs(9), |_, _| true)), (None, false));
    }

    #[test]
    fn what_is_found_late_is_put_off_once() {
        let secs = Duration::from_secs;
        let (mut timers, id, late) = (SwarmTimers::default(), ConnectionId::FIRST, secs(1));
        assert!(timers.are_judged(secs(100), late), "nothing is late");
        timers.arm(id, &mut None, secs(5));
        assert!(timers.are_judged(secs(6), late), "not too late");
        assert!(timers.are_judged(secs(7), late), "the owner is there");
        assert!(!timers.are_judged(secs(9), late));
        assert_eq!(timers.first(), Some(secs(10)));
        assert!(!timers.are_judged(secs(9), late));
        assert!(timers.are_judged(secs(10), late), "it has been put off");
        assert_eq!(timers.first(), Some(secs(5)), "which is over");
        assert!(timers.are_judged(secs(11), late), "what a turn has left is judged by the next");
        assert!(!timers.are_judged(secs(13), late), "the owner was away again");
        assert!(timers.are_judged(secs(20), late), "it is not put off twice, however late it is found");
        assert!(timers.are_judged(secs(20), Duration::ZERO));
        assert!(timers.are_judged(secs(20), Duration::MAX));
    }
}
