//! Trimming: above a high-water mark of connections the least useful ones are closed, down to a low-water mark. Where the
//! system has run out of descriptors, a few that have no stream are closed for newcomers.
//!
//! Nothing is kept in order as connections come, speak and go. A *sweep* looks at each connection once, 256 of them as a
//! unit of a turn, and keeps the least useful ones in a heap of as many as have to go: O(n log k) for k of n. They are
//! closed afterwards, one a unit. There is no more than one sweep a second. One that closes all that it is to close is
//! followed by none before as many connections have opened as are between the marks; one that does not is followed by none
//! before another connection is old enough.

mod protected;
mod protecting;

use super::Swarm;
use super::budget::{Budget, Helping};
use super::config::Config;
use super::reactor::Reactor;
use super::socket_connection::{SocketConnection, Trim};
use super::wake::WakeTarget;
use crate::lifecycle::{ConnectionId, Direction, State};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::task::Context;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;
pub(super) use protected::PROTECTION;
pub use protected::ProtectError;
use protected::Protected;

/// The time from the end of a sweep to the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// A lack of descriptors that is reported again within this time has gone on.
const LACK: Duration = Duration::from_secs(3);

/// The most connections that one unit of a turn looks at.
const LOOKED_AT: usize = 256;

/// The most connections that one tick closes.
const CLOSED_A_TICK: u32 = 64;

/// The smallest number of places for which there is a high-water mark by default. Of fewer, an owner knows who is to have
/// each.
const MANY: u32 = 1_024;

/// The age at which a connection without a stream can be closed for lack of descriptors, if
/// [`trim_grace`](Config::trim_grace) is not shorter. It is long enough to open a stream over a slow line.
const GRACE_IN_NEED: Duration = Duration::from_secs(1);

/// The reasons to keep a connection, the weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Usefulness {
    /// It has never had a stream, and its peer has dialed.
    Unused,
    /// It has no stream, and its peer has dialed.
    Idle,
    /// It has no stream, and we have dialed.
    IdleDial,
    Streams,
    StreamsOfDial,
}

/// A connection that may be closed. The order is that in which they go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct TrimCandidate {
    used: Usefulness,
    /// The time since which it has had no stream, or its peer was silent.
    since: Duration,
    id: ConnectionId,
    /// The time at which it is old enough. Until then it stays, and so does who is more useful.
    ripe_at: Duration,
}

/// The reason for a sweep.
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

/// A look at all connections.
#[derive(Debug)]
struct Sweep {
    why: SweepReason,
    /// The slot to be looked at next.
    next: usize,
    /// The number of candidates that are kept.
    wanted: usize,
    /// The candidates, the most useful one first.
    candidates: BinaryHeap<TrimCandidate>,
    /// The number of open connections that are being closed already.
    leaving: usize,
}

/// The state of trimming.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    protected: Protected,
    sweep: Option<Sweep>,
    /// Those that go, the least useful last, and the reason.
    victims: Vec<TrimCandidate>,
    victims_of: Option<SweepReason>,
    /// The time before which no sweep begins.
    rests_until: Duration,
    /// The time before which no sweep for the high-water mark begins: the last one has found too few.
    ripe_at: Duration,
    /// The time up to which trimming goes on below the high-water mark: the last of those that are to go is old enough then.
    lowers_until: Duration,
    /// The number of connections that are to go for lack of descriptors.
    needed: usize,
    /// The number of the next one at the door when they were asked for. Who has come since has found a descriptor.
    needed_since: u64,
    /// The last sweep for lack of descriptors has found nobody.
    is_in_vain: bool,
    /// The time of that sweep, and the number that it was asked for.
    needed_before: (Duration, usize),
    last: Option<SweepReason>,
}

impl Config {
    /// Returns the high-water mark and the low-water mark.
    fn marks(&self) -> (u32, u32) {
        let places = self.limits.connections;
        let usual = if places >= MANY { places - places / 16 } else { u32::MAX };
        let high = self.high_water.unwrap_or(usual);
        (high, self.low_water.unwrap_or(high - high / 16).min(high))
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Returns the number of open connections, of those that are being closed too.
    fn open_connections(&self) -> u32 {
        let counts = &self.state.lifecycle.counters().connections;
        counts.inbound.open + counts.outbound.open
    }

    /// Returns the time at which there is something to do: zero while a sweep or its closes go on.
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
        // At the end of time a sweep would follow the one before at once.
        for_mark.into_iter().chain(for_need).min().filter(|at| *at < Duration::MAX)
    }

    /// Returns whether there are more connections than the high-water mark allows, or than the low-water mark does while
    /// those grow old enough that a sweep has chosen.
    fn is_to_be_lowered(&self) -> bool {
        let (open, (high, low)) = (self.open_connections(), self.state.config.marks());
        open > high || open > low && self.trimming.rests_until.max(self.trimming.ripe_at) <= self.trimming.lowers_until
    }

    /// Goes on with what trimming has to do. Returns whether it has done anything.
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

    /// Takes a step of a sweep, or closes the next one that goes. Returns whether it has closed one.
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
        // Neither waits for ever beside the other.
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
        let Some(candidate) = self.candidate(id, sweep.why) else { return };
        if sweep.candidates.len() < sweep.wanted {
            sweep.candidates.push(candidate);
        } else if let Some(mut most_useful) = sweep.candidates.peek_mut()
            && candidate < *most_useful
        {
            *most_useful = candidate;
        }
    }

    /// Returns a connection that is open, and that we do not close yet, as one that may be closed once it is old enough.
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
        Some(TrimCandidate { used, since, id, ripe_at: conn.began.saturating_add(grace) })
    }

    fn end_sweep(&mut self, sweep: Sweep) {
        let Sweep { why, candidates, leaving, wanted, .. } = sweep;
        let ((high, low), now) = (self.state.config.marks(), self.now);
        // Those that leave are gone in a moment. They are counted as open.
        let staying = (self.open_connections() as usize).saturating_sub(leaving);
        let (is_high, lowers) = (staying > high as usize, now <= self.trimming.lowers_until);
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
                    let ripe = young.iter().map(|one| one.ripe_at.saturating_add(PAUSE));
                    trimming.lowers_until = ripe.max().unwrap_or(Duration::ZERO);
                }
                // One that opens from now on is old enough no sooner.
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
            self.give_back_handshakes(self.trimming.needed_since);
            // A listener waits for what they have given back.
            self.wakers.mark(WakeTarget::Transport);
        }
    }

    /// Closes a connection that is to go, if it still may. Returns whether it has.
    fn trim_victim(&mut self, victim: TrimCandidate) -> bool {
        let why = self.trimming.victims_of.unwrap_or(SweepReason::HighWater);
        // The stream that makes it useful may be in the socket already.
        self.help(victim.id, Helping::WHOLE);
        let may_go = self.candidate(victim.id, why).is_some_and(|now| now.used <= victim.used);
        if may_go {
            self.trim(victim.id, why.into());
        }
        if self.trimming.victims.is_empty() {
            self.trimming.victims = Vec::new();
            // What the last ones have given back, a listener may be waiting for.
            self.wakers.mark(WakeTarget::Transport);
        }
        may_go
    }

    /// Closes a connection that gives way by a rule: its peer hears yamux's go-away, if its pipe takes that at once.
    pub(super) fn trim(&mut self, id: ConnectionId, why: Trim) {
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Some(conn) = self.connections.get_mut(id) {
            conn.trim(&mut self.state, &mut Context::from_waker(&waker), self.now, why);
            conn.mark_dirty(&mut self.state);
        }
    }

    /// Asks for connections to be closed since the system has run out of descriptors: for one, and while that goes on for
    /// twice as many each time, but for no more than the door has fewer than its reserve. Returns whether somebody at the door
    /// is to go instead.
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
