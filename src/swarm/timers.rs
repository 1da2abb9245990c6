//! [`Timers`]: when connections are to be looked at again.
//!
//! A connection is armed with one deadline at a time, and only an earlier one is put in: one that moved away is found
//! out when it comes, and armed anew. So a busy connection, whose deadlines move with every byte, costs nothing here.

use crate::lifecycle::ConnectionId;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;

/// How many deadlines of connections that are gone may always wait to come up.
const SPARE: usize = 64;

/// Deadlines of connections, earliest first.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Duration, ConnectionId)>>);

impl Timers {
    /// Makes sure that a connection comes up by `deadline`. `armed` is the connection's own memory of what is in here.
    pub(super) fn arm(&mut self, id: ConnectionId, armed: &mut Option<Duration>, deadline: Duration) {
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.0.push(Reverse((deadline, id)));
        }
    }

    /// Takes the earliest that has come by `now`. The connection asked for it only if it is still armed with it.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(Duration, ConnectionId)> {
        let due = self.0.peek()?.0;
        (due.0 <= now).then(|| {
            self.0.pop();
            due
        })
    }

    /// Forgets what nobody waits for any more, once that is most of what is in here: `live` says who there is, and
    /// `is_armed` whether one of them is armed so. It costs O(1) for each deadline that was put in.
    pub(super) fn sweep(&mut self, live: usize, is_armed: impl Fn(Duration, ConnectionId) -> bool) {
        if self.0.len() > SPARE + 4 * live {
            self.0.retain(|Reverse((deadline, id))| is_armed(*deadline, *id));
        }
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_of_what_is_gone_do_not_pile_up() {
        let id = ConnectionId::FIRST;
        let mut timers = Timers::default();
        for n in 0..10_000 {
            timers.arm(id, &mut None, Duration::from_secs(n));
            timers.sweep(1, |deadline, _| deadline == Duration::from_secs(n));
            assert!(timers.0.len() <= SPARE + 4);
        }
        // As many as some other thousand may have left.
        for n in 10_000..11_000 {
            timers.arm(id, &mut None, Duration::from_secs(n));
            timers.sweep(1_000, |_, _| panic!("it is worth its while only if most is of nobody"));
        }
        timers.sweep(1, |deadline, _| deadline == Duration::from_secs(9_999));
        assert_eq!(timers.0.iter().map(|Reverse((deadline, _))| *deadline).max(), Some(Duration::from_secs(9_999)));
    }

    #[test]
    fn only_an_earlier_deadline_is_put_in() {
        let id = ConnectionId::FIRST;
        let secs = Duration::from_secs;
        let (mut timers, mut armed) = (Timers::default(), None);
        timers.arm(id, &mut armed, secs(5));
        timers.arm(id, &mut armed, secs(9));
        timers.arm(id, &mut armed, secs(3));
        timers.arm(id, &mut armed, secs(3));
        assert_eq!((armed, timers.first()), (Some(secs(3)), Some(secs(3))));
        assert_eq!(timers.take_due(secs(2)), None);
        assert_eq!(timers.take_due(secs(9)), Some((secs(3), id)));
        assert_eq!(timers.take_due(secs(9)), Some((secs(5), id)));
        assert_eq!(timers.take_due(secs(9)), None);
    }
}
