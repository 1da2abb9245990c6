//! [`Timers`]: when connections are to be looked at again.
//!
//! A connection is armed with one deadline at a time, and only an earlier one is put in: one that moved away is found
//! out when it comes, and armed anew. So a busy connection, whose deadlines move with every byte, costs nothing here.

use crate::lifecycle::ConnectionId;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;

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

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_deadline_is_put_in() {
        let id = ConnectionId::FIRST;
        let secs = Duration::from_secs;
        let (mut timers, mut armed) = (Timers::default(), None);
        timers.arm(id, &mut armed, secs(5));
        timers.arm(id, &mut armed, secs(9));
        timers.arm(id, &mut armed, secs(3));
        assert_eq!((armed, timers.first()), (Some(secs(3)), Some(secs(3))));
        assert_eq!(timers.take_due(secs(2)), None);
        assert_eq!(timers.take_due(secs(9)), Some((secs(3), id)));
        assert_eq!(timers.take_due(secs(9)), Some((secs(5), id)));
        assert_eq!(timers.take_due(secs(9)), None);
    }
}
