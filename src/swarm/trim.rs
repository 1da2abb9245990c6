//! Trimming: when the number of connections exceeds the high-water mark, the least useful connections are closed, down to
//! the low-water mark. If the system has run out of descriptors, a few connections without a stream are closed, so that new
//! ones can be accepted.
//!
//! Connections are not kept in an order of usefulness, so that trimming costs nothing when connections open, transfer data
//! and close. A *sweep* looks at each connection once, 256 in one unit of a turn, and keeps the k least useful of n
//! connections in a heap, where k is the number to close: O(n log k). The chosen connections are closed afterwards, one in
//! each unit. There is at most one sweep a second. After a sweep that has found enough connections to close, the next sweep
//! begins only when the number of connections has risen from the low-water mark above the high-water mark again; after a
//! sweep that has not, only when another connection is old enough.

mod protected;
mod protecting;

use super::Swarm;
use super::budget::{Budget, Helping};
use super::config::Config;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::socket_connection::{SocketConnection, Trim};
use super::wake::WakeTarget;
use crate::lifecycle::{ConnectionId, Direction, State};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::task::Context;
use core::time::Duration;
pub(super) use protected::PROTECTION;
pub use protected::ProtectError;
use protected::Protected;

/// The minimum time from the end of one sweep to the beginning of the next. A sweep is a pass over all connections that
/// chooses those to close.
const PAUSE: Duration = Duration::from_secs(1);

/// The maximum time between two reports that descriptors are lacking for which the second report counts as the same lack.
const LACK: Duration = Duration::from_secs(3);

/// The maximum number of connections that a sweep (a pass over all connections) examines in one unit of a turn.
const LOOKED_AT: usize = 256;

/// The maximum number of connections that trimming closes in one tick.
const CLOSED_A_TICK: u32 = 64;

/// The smallest value of `limits.connections` for which there is a high-water mark by default. The owner of a node with
/// fewer connections usually chooses its peers, and no connection is closed without the owner's word.
const MANY: u32 = 1_024;

/// The age below which no connection is closed for lack of descriptors, if [`trim_grace`](Config::trim_grace) is not
/// shorter. A peer with a slow link can open a stream in that time.
const GRACE_IN_NEED: Duration = Duration::from_secs(1);

/// The usefulness of a connection, from the least useful to the most useful kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Usefulness {
    /// The peer has dialed the connection, which has never had a stream.
    Unused,
    /// The peer has dialed the connection, which has no stream now.
    Idle,
    /// We have dialed the connection, which has no stream now.
    IdleDial,
    Streams,
    StreamsOfDial,
}

/// A connection that may be closed to lower the number of connections. Candidates compare in the order in which they are
/// closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct TrimCandidate {
    used: Usefulness,
    /// The time since which the connection has had no stream, or, if it has streams, since which its peer has been silent.
    since: Duration,
    id: ConnectionId,
    /// The time at which the connection is old enough to be closed. Until then it stays, and no more useful connection is
    /// closed in its place.
    ripe_at: Duration,
}

/// The reason for a sweep, which is a pass over all connections that chooses those to close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SweepReason {
    HighWater,
    /// The system has run out of descriptors or memory.
    Need,
}

impl From<SweepReason> for Trim {
    fn from(why: SweepReason) -> Self {
        match why {
            SweepReason::HighWater => Self::HighWater,
            SweepReason::Need => Self::Need,
        }
    }
}

/// A sweep in progress: a pass over all connections that chooses the least useful ones.
#[derive(Debug)]
struct Sweep {
    why: SweepReason,
    /// The index of the next slot in the table of connections to look at.
    next: usize,
    /// The number of connections to close, which is also the maximum number of candidates that are kept.
    wanted: usize,
    /// The least useful connections that were found up to now, in a heap with the most useful of them on top.
    candidates: BinaryHeap<TrimCandidate>,
    /// The number of open connections that are being closed already, among those that the sweep has examined.
    leaving: usize,
}

/// The state of trimming: the protected peers, the sweep in progress, and the connections that are still to be closed.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    protected: Protected,
    sweep: Option<Sweep>,
    /// The connections that the last sweep has chosen and that are still to be closed, the least useful last. `victims_of`
    /// is the reason.
    victims: Vec<TrimCandidate>,
    victims_of: Option<SweepReason>,
    /// The time before which no pass over all connections begins, for any reason.
    rests_until: Duration,
    /// The time before which no connections are chosen for the high-water mark, because the last choice has found too few
    /// that are old enough.
    ripe_at: Duration,
    /// The time until which trimming continues although the number of connections is below the high-water mark. At that time
    /// the youngest of the chosen connections is old enough.
    lowers_until: Duration,
    /// The number of connections that are to be chosen and closed because the system lacks descriptors.
    needed: usize,
    /// The number of the next visitor at the time when `needed` was set. A visitor with this number or a greater one has
    /// been accepted since, and is not closed for lack of descriptors.
    needed_since: u64,
    /// `true` if the last search for connections to close for lack of descriptors has found none.
    is_in_vain: bool,
    /// The time of the last search for connections to close for lack of descriptors, and the number of connections that it
    /// was to find.
    needed_before: (Duration, usize),
    last: Option<SweepReason>,
}

impl Config {
    /// Returns the high-water mark and the low-water mark, in connections.
    fn marks(&self) -> (u32, u32) {
        let places = self.limits.connections;
        // By default the mark is below the reserve (the last 1/64) of the shares: a node that is full of idle strangers
        // closes those before newcomers are refused.
        let usual = if places >= MANY { places - places / 16 } else { u32::MAX };
        let high = self.high_water.unwrap_or(usual);
        (high, self.low_water.unwrap_or(high - high / 16).min(high))
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Returns the number of open connections, including those that are being closed.
    fn open_connections(&self) -> u32 {
        let counts = &self.state.lifecycle.counters().connections;
        counts.inbound.open + counts.outbound.open
    }

    /// Returns the time at which trimming has work to do: zero while connections are being chosen, or chosen connections are
    /// still to be closed; `None` if there is no such time.
    pub(super) fn trims_at(&self) -> Option<Duration> {
        let trimming = &self.trimming;
        if self.is_shutting_down {
            return None;
        }
        if trimming.sweep.is_some() || !trimming.victims.is_empty() {
            return Some(Duration::ZERO);
        }
        let for_mark = self.is_to_be_lowered().then(|| trimming.rests_until.max(trimming.ripe_at));
        let for_need = (trimming.needed > 0).then_some(trimming.rests_until);
        // `Duration::MAX` stands for no time. If it were used as a deadline, sweeps would follow each other without a pause
        // at the end of the clock's range.
        for_mark.into_iter().chain(for_need).min().filter(|at| *at < Duration::MAX)
    }

    /// Returns whether connections have to be closed for the marks: their number is above the high-water mark, or it is
    /// above the low-water mark and some of the chosen connections are not old enough yet.
    fn is_to_be_lowered(&self) -> bool {
        let (open, (high, low)) = (self.open_connections(), self.state.config.marks());
        open > high || open > low && self.trimming.rests_until.max(self.trimming.ripe_at) <= self.trimming.lowers_until
    }

    /// Does the work of trimming, as far as the budget allows. Returns whether it has done any unit of work.
    pub(super) fn trim_due(&mut self, budget: &mut Budget<'_>) -> bool {
        let (mut has_done, mut closed) = (false, 0);
        while self.trims_at().is_some_and(|at| at <= self.now)
            && (budget.allows() || !has_done)
            && !(budget.shares && closed == CLOSED_A_TICK)
        {
            has_done = true;
            closed += u32::from(self.trim_step());
        }
        has_done
    }

    /// Examines up to [`LOOKED_AT`] connections to choose those to close, or closes the next chosen connection. Returns
    /// whether it has closed a connection.
    fn trim_step(&mut self) -> bool {
        if let Some(victim) = self.trimming.victims.pop() {
            return self.trim_victim(victim);
        }
        let mut sweep = self.trimming.sweep.take().unwrap_or_else(|| self.begin_sweep());
        let end = self.connections.slots().min(sweep.next + LOOKED_AT);
        for index in sweep.next..end {
            if let Some(id) = self.connections.key_at(index) {
                self.look_at(id, &mut sweep);
            }
        }
        sweep.next = end;
        match end < self.connections.slots() {
            true => self.trimming.sweep = Some(sweep),
            false => self.end_sweep(sweep),
        }
        false
    }

    fn begin_sweep(&self) -> Sweep {
        let needed = self.trimming.needed;
        let excess = self.open_connections().saturating_sub(self.state.config.marks().1) as usize;
        // The two reasons alternate, so that neither waits for ever.
        // A sweep for lack of descriptors spares connections with a stream, and one for the marks spares younger ones, so
        // that one sweep cannot serve both reasons.
        let is_mark = self.is_to_be_lowered() && (needed == 0 || self.trimming.last == Some(SweepReason::Need));
        let (why, wanted) = if is_mark { (SweepReason::HighWater, excess) } else { (SweepReason::Need, needed) };
        Sweep { why, next: 0, wanted, candidates: BinaryHeap::new(), leaving: 0 }
    }

    fn look_at(&self, id: ConnectionId, sweep: &mut Sweep) {
        if self.state.lifecycle.state(id) == Some(State::Leaving)
            && self.connections.get(id).is_some_and(SocketConnection::is_closing)
        {
            sweep.leaving += 1;
        }
        // Young connections are candidates, too. If they were left out, more useful ones would be closed in their place; so
        // the sweep chooses them, and they are closed only when they are old enough.
        let Some(candidate) = self.candidate(id, sweep.why) else { return };
        if sweep.candidates.len() < sweep.wanted {
            sweep.candidates.push(candidate);
        } else if let Some(mut most_useful) = sweep.candidates.peek_mut()
            && candidate < *most_useful
        {
            *most_useful = candidate;
        }
    }

    /// Returns a connection as a candidate for being closed, if the connection is open, not being closed, and its peer is
    /// not protected. If connections are to be closed for lack of descriptors, the connection must also have no stream.
    fn candidate(&self, id: ConnectionId, why: SweepReason) -> Option<TrimCandidate> {
        let conn = self.connections.get(id)?;
        let is_dial = conn.direction == Direction::Outbound;
        let (used, since) = match (conn.idle_times(), conn.last_heard()) {
            (Some(rest), _) => {
                let idle = if conn.has_had_stream { Usefulness::Idle } else { Usefulness::Unused };
                (if is_dial { Usefulness::IdleDial } else { idle }, rest.since)
            }
            (None, Some(heard)) => (if is_dial { Usefulness::StreamsOfDial } else { Usefulness::Streams }, heard),
            (None, None) => return None,
        };
        let is_protected = || conn.peer().is_some_and(|peer| self.trimming.protected.contains(peer));
        if why == SweepReason::Need && used >= Usefulness::Streams || is_protected() {
            return None;
        }
        let usual = self.state.config.trim_grace;
        let grace = if why == SweepReason::Need { usual.min(GRACE_IN_NEED) } else { usual };
        Some(TrimCandidate { used, since, id, ripe_at: conn.began.or_never().saturating_add(grace) })
    }

    fn end_sweep(&mut self, sweep: Sweep) {
        let Sweep { why, candidates, leaving, wanted, .. } = sweep;
        let ((high, low), now) = (self.state.config.marks(), self.now);
        // Connections that are being closed are counted as open, but will be gone in a moment.
        let staying = (self.open_connections() as usize).saturating_sub(leaving);
        let (is_high, lowers) = (staying > high as usize, now <= self.trimming.lowers_until);
        // A sweep may take many turns, in which connections open and end, so that its aim is computed anew at its end.
        let wanted = match why {
            SweepReason::HighWater if is_high || lowers => staying.saturating_sub(low as usize),
            SweepReason::HighWater => 0,
            SweepReason::Need => wanted,
        };
        let mut least_useful = candidates.into_sorted_vec();
        least_useful.truncate(wanted);
        let is_enough = least_useful.len() == wanted;
        let (mut victims, young): (Vec<_>, Vec<_>) = least_useful.into_iter().partition(|one| one.ripe_at <= now);
        victims.reverse();
        log::debug!("trimming: {} of {staying} connections go, {wanted} should, for {why:?}", victims.len());
        let trimming = &mut self.trimming;
        trimming.rests_until = now.saturating_add(PAUSE);
        match why {
            SweepReason::HighWater => {
                if is_high {
                    // The sweep that closes the youngest of them may begin as late as `PAUSE` after it is old enough.
                    let ripe = young.iter().map(|one| one.ripe_at.saturating_add(PAUSE));
                    trimming.lowers_until = ripe.max().unwrap_or(Duration::ZERO);
                }
                // A connection that opens from now on is not old enough before this time.
                let newest = (!is_enough).then(|| now.saturating_add(self.state.config.trim_grace));
                let ripe_at = young.iter().map(|one| one.ripe_at).chain(newest).min();
                trimming.ripe_at = ripe_at.unwrap_or(Duration::ZERO);
            }
            SweepReason::Need => {
                (trimming.needed, trimming.is_in_vain) = (0, victims.is_empty());
                trimming.needed_before = (now, wanted);
            }
        }
        (trimming.victims, trimming.victims_of, trimming.last) = (victims, Some(why), Some(why));
        if why == SweepReason::Need && self.trimming.is_in_vain {
            // No connection could be closed, so that handshakes are. Visitors that were accepted since the lack was reported
            // are spared: they are newcomers that have got a descriptor in spite of it.
            self.give_back_handshakes(self.trimming.needed_since);
            // A listener may wait for the descriptors that the closed connections have given back.
            self.wakers.mark(WakeTarget::Transport);
        }
    }

    /// Closes a chosen connection, if it is still a candidate and has not become more useful. Returns whether it was closed.
    fn trim_victim(&mut self, victim: TrimCandidate) -> bool {
        let why = self.trimming.victims_of.unwrap_or(SweepReason::HighWater);
        // The bytes of a new stream, which make the connection more useful, may be in the socket unread.
        self.help(victim.id, Helping::WHOLE);
        let may_go = self.candidate(victim.id, why).is_some_and(|now| now.used <= victim.used);
        if may_go {
            self.trim(victim.id, why.into());
        }
        if self.trimming.victims.is_empty() {
            self.trimming.victims = Vec::new();
            // A listener may wait for the descriptor that the closed connection has given back.
            self.wakers.mark(WakeTarget::Transport);
        }
        may_go
    }

    /// Closes a connection by the rule `why`. Its peer is sent yamux's go-away, if the byte pipe accepts it at once.
    pub(super) fn trim(&mut self, id: ConnectionId, why: Trim) {
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Some(conn) = self.connections.get_mut(id) {
            conn.trim(&mut self.state, &mut Context::from_waker(&waker), self.now, why);
            conn.mark_dirty(&mut self.state);
        }
    }

    /// Requests that connections are closed, since the system has run out of descriptors: first one connection, then twice
    /// as many each time while the lack lasts. Never more are requested than are needed to have
    /// [`Config::descriptor_reserve`] handshakes under way. Returns `true` if handshakes have to be closed instead.
    pub(super) fn need_descriptors(&mut self) -> bool {
        let missing = (self.state.config.descriptor_reserve as usize).saturating_sub(self.inbound_handshakes());
        if missing == 0 || self.is_shutting_down {
            return true;
        }
        let next_number = self.next_at_door();
        let trimming = &mut self.trimming;
        if trimming.is_in_vain && self.now < trimming.rests_until {
            return true;
        }
        trimming.needed_since = next_number;
        let (at, before) = trimming.needed_before;
        let goes_on = self.now <= at.saturating_add(LACK);
        // One descriptor lets one newcomer in. Doubling reaches the usual reserve of 16 at the fifth report, and a lack
        // that is over after one newcomer has cost one idle connection.
        trimming.needed = if goes_on { before.saturating_mul(2).clamp(1, missing) } else { 1 };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_follow_the_limit_of_a_large_node_alone() {
        let mut config = Config::default();
        assert_eq!(config.marks(), (15_360, 14_400));
        config.limits.connections = 1_023;
        assert_eq!(config.marks().0, u32::MAX);
        config.high_water = Some(100);
        assert_eq!(config.marks(), (100, 94));
        config.low_water = Some(200);
        assert_eq!(config.marks(), (100, 100));
        assert_eq!(Config::small().marks().0, u32::MAX);
    }
}
