//! [`SwarmTimers`]: when connections are to be looked at again.
//!
//! A connection is armed with one deadline at a time, and only an earlier one is put in: one that moved away is found
//! out when it comes, and armed anew. So a busy connection, whose deadlines move with every byte, costs nothing here.
//!
//! Deadlines that are found late are put off once: a peer is not silent because its owner was away.

use crate::lifecycle::ConnectionId;
use crate::pruned_queue::PrunedQueue;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;

/// How many deadlines of connections that are gone may always wait to come up.
const SPARE: usize = 64;

/// What a deadline that has come is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DeadlineOf {
    Connection(ConnectionId),
    /// The earliest of those that stand at the [door](super::door).
    Door,
}

/// Deadlines of connections, earliest first, and the earliest of the door.
#[derive(Debug, Default)]
pub(super) struct SwarmTimers {
    door: Option<Duration>,
    deadlines: PrunedQueue<BinaryHeap<Reverse<(Duration, ConnectionId)>>, SPARE>,
    /// The time to which all deadlines are put off, while they are.
    put_off: Option<Duration>,
    /// The end of the last time that deadlines were put off. Lateness counts from there, so that none is put off twice.
    excused: Duration,
}

impl SwarmTimers {
    /// Makes sure that a connection comes up by `deadline`. `armed` is the connection's own memory of what is in here.
    pub(super) fn arm(&mut self, id: ConnectionId, armed: &mut Option<Duration>, deadline: Duration) {
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.deadlines.push_unpruned(Reverse((deadline, id)));
        }
    }

    /// Sets the earliest deadline of the door.
    pub(super) const fn arm_door(&mut self, deadline: Option<Duration>) {
        self.door = deadline;
    }

    /// Returns whether deadlines that have come by `now` may be judged. If the earliest is more than `lateness` late, all
    /// are put off by `lateness`, once; afterwards they are judged, in however many turns that takes. A `lateness` of
    /// zero puts off nothing.
    pub(super) fn are_judged(&mut self, now: Duration, lateness: Duration) -> bool {
        if let Some(until) = self.put_off {
            if now < until {
                return false;
            }
            (self.put_off, self.excused) = (None, now);
        }
        let first = self.earliest().map_or(now, |first| first.max(self.excused));
        let is_late = now.saturating_sub(first) > lateness && !lateness.is_zero();
        self.put_off = is_late.then(|| now.saturating_add(lateness));
        if !is_late {
            // The owner is there: what this turn leaves is not late in the next.
            self.excused = now;
        }
        !is_late
    }

    fn earliest(&self) -> Option<Duration> {
        let first = self.deadlines.peek().map(|Reverse((first, _))| *first);
        first.into_iter().chain(self.door).min()
    }

    /// Returns whether a deadline has come by `now`. It forgets deadlines that no connection is armed with any more, as
    /// `is_armed` says.
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

    /// Takes the earliest deadline, if it has come by `now`. That of the door stays until it is set anew.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<DeadlineOf> {
        let first = self.earliest().filter(|first| *first <= now)?;
        if self.door == Some(first) {
            return Some(DeadlineOf::Door);
        }
        self.deadlines.pop().map(|Reverse((_, id))| DeadlineOf::Connection(id))
    }

    /// Forgets deadlines that no connection is armed with, as `is_armed` says: those at the front, so that no owner wakes
    /// for them, and all of them once they are most of the heap. `live` is the number of connections. It costs O(1) for
    /// each deadline that was put in.
    pub(super) fn prune(&mut self, live: usize, is_armed: impl Fn(Duration, ConnectionId) -> bool) {
        while let Some(Reverse((deadline, id))) = self.deadlines.peek()
            && !is_armed(*deadline, *id)
        {
            self.deadlines.pop();
        }
        self.deadlines.prune(live, |Reverse((deadline, id))| is_armed(*deadline, *id));
    }

    /// Gives memory back that no deadline takes.
    pub(super) fn give_up_memory(&mut self) {
        let kept = SPARE.min(2 * self.deadlines.len());
        self.deadlines.shrink_to(kept);
    }

    /// When the earliest deadline is judged.
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
    fn a_deadline_that_is_armed_again_after_earlier_ones_is_there_once() {
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
