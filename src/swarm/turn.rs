//! The methods that an owner's loop calls: to take a turn, whole or under a budget, to send at once, to wait, and to learn
//! the next deadline.

use super::Swarm;
use super::budget::Budget;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use core::task::{Context, Poll};
use core::time::Duration;
#[cfg(unix)]
use libp2p_core::Transport;
use std::io;

/// The result of a [`turn`](Swarm::turn).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a turn that has left work is to be followed by another"]
#[non_exhaustive]
pub struct Progress {
    /// `true` if another turn would find work at once: the budget was spent, or something arrived during the turn.
    /// [`next_deadline`](Swarm::next_deadline) is *now* then. It does not count undrained events and readiness.
    pub more: bool,
}

/// The most polls of the reactor in one turn. A further poll follows one whose buffer of events came back full.
const MAX_HEARINGS: usize = 4;

impl<T, const EVENTS: usize> Swarm<T, EVENTS>
where
    T: PipeTransport,
{
    /// Takes a [tick](Self::tick) for an owner that waits with a waker: a wake of the transport also wakes the waker of
    /// `cx`.
    ///
    /// It is ready if events or readiness wait to be drained, or if the [`waker`](Self::waker) was used. Otherwise it is
    /// pending, and wakes the waker of `cx` when something arrives; also set a timer for [`poll_at`](Self::poll_at). A swarm
    /// with a reactor has no such method, since its sockets wake in its own turns only.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        self.wakers.set_owner(cx.waker());
        self.tick(now);
        if self.is_called || self.has_pending() {
            return Poll::Ready(());
        }
        if self.is_busy() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Takes a turn: reads what has arrived since the last turn, handles it as far as the event queue has room, and sends
    /// pending output. It never waits. Call it once a frame; or when the descriptor is readable or the time of
    /// [`poll_at`](Self::poll_at) has come.
    ///
    /// One call gives each ready connection a bounded amount of work
    /// ([`Config::reads_per_poll`](super::Config::reads_per_poll)). The rest is for the next turn, and `poll_at` is *now*.
    /// After a [`wait`](Self::wait) it uses what the wait has found ready, without asking the system again.
    ///
    /// Peers give up a swarm that takes no turns: with this crate's defaults 45 s after the last byte that they have
    /// received from it. On an idle connection, that can be 15 s after its last turn.
    ///
    /// `now` is the time since an epoch that the owner chooses. Use a clock that is never set, as
    /// [`Instant`](std::time::Instant). A time before the last one counts as the last one. If it is earlier by more than a
    /// second, the swarm takes it that the clock was set back: no time has passed, and time-outs go on from the new time. If
    /// the clock jumps ahead, peers get [`lateness`](super::Config::lateness) to be heard before they are judged. Errors of
    /// the reactor are logged and kept for [`last_error`](Self::last_error).
    pub fn tick(&mut self, now: Duration) {
        let mut always = || true;
        let mut budget = Budget::new(&mut always);
        budget.shares = true;
        self.take_turn(now, &mut budget);
    }

    /// Takes a turn under a budget: it asks `may` before each unit of work, and ends once `may` has returned `false`. In a
    /// game, `may` looks at the rest of the frame's time; in a test, it counts.
    ///
    /// A unit is one of these: at most 16 KiB read from one connection and 256 of its frames handled, or what was read of an
    /// accepted connection's handshake answered; one batch of output of at most 64 KiB; one event of the transport (an
    /// accepted connection, say); one deadline; the begin of one close. A handshake whose signature costs `n` signatures of
    /// Ed25519 (secp256k1 2, ECDSA 9, RSA 1 to 13) is `n` units, the last `n - 1` of which are asked for afterwards.
    /// Connections alternate in the order in which they became ready, one helping each. Even if `may` refuses at once, a
    /// turn does up to three units, so that everything makes progress: one deadline or close, one helping, one batch. If
    /// `may` agrees `n` times, the turn does at most `n + 3` units, plus the cost of its last signature beyond one.
    ///
    /// If `may` never refuses, the turn goes on as long as there is something to read, except for [signatures of
    /// newcomers](super::Config::handshake_work_per_turn). If `may` panics, nothing is lost, and the next turn goes on.
    pub fn turn(&mut self, now: Duration, may: &mut dyn FnMut() -> bool) -> Progress {
        self.take_turn(now, &mut Budget::new(may));
        Progress { more: self.deadline().is_some_and(|at| at <= self.now) }
    }

    /// Sets the time that the owner gives.
    fn set_clock(&mut self, now: Duration) {
        self.clock.set(now);
        self.now = self.clock.now();
        self.state.access.lists.set_clock(self.clock);
    }

    fn take_turn(&mut self, now: Duration, budget: &mut Budget<'_>) {
        let (awake, is_called) = self.wakers.awake();
        self.is_called = is_called;
        self.set_clock(now);
        self.state.refusals.advance(self.now);
        self.state.access.lists.advance(self.now);
        self.hear();
        self.advance(budget);
        // From here on a wake also wakes the owner. An earlier wake has put its slot in line, which `poll_at` looks at.
        drop(awake);
        self.state.access.resume_panic();
    }

    /// Polls the reactor, which wakes the slots of all sockets and timers that have become ready.
    pub(super) fn hear(&mut self) {
        let now = self.now;
        self.reactor.advance(now);
        // A wait has just polled the reactor, so that this turn need not. But before a deadline is handled, the reactor is
        // polled in any case: the peer's bytes may have arrived.
        let has_waited = core::mem::take(&mut self.has_waited);
        if has_waited && self.timers.first().is_none_or(|first| first > now) {
            return;
        }
        for _ in 0..MAX_HEARINGS {
            match self.reactor.poll(Some(Duration::ZERO)) {
                Ok(true) => self.hears_more = true,
                Ok(false) => {
                    self.hears_more = false;
                    return;
                }
                Err(error) => return self.reactor_failed(error),
            }
        }
    }

    fn reactor_failed(&mut self, error: io::Error) {
        log::warn!("the reactor failed: {error}");
        self.hears_more = false;
        self.last_error = Some(error);
    }

    /// Sends one batch of at most 64 KiB for each connection with pending output, such as that of commands since the last
    /// turn. It reads nothing, opens nothing, and handles no deadline. The time-outs of these commands count from `now`.
    ///
    /// Call it at the end of a frame: with one tick and one `flush_all` in each frame, an answer leaves in the frame in
    /// which its request arrived. Without it the next turn sends the output.
    pub fn flush_all(&mut self, now: Duration) {
        self.set_clock(now);
        self.flush_dirty();
    }

    /// Sleeps until a socket is ready, a deadline passes, another thread uses the [`waker`](Self::waker), a signal arrives,
    /// or `timeout` has passed; `None` is no time-out. It is for programs without another loop: sleep here, then call
    /// [`tick`](Self::tick), which handles what has arrived. It returns at once while there is work
    /// ([`poll_at`](Self::poll_at) is not later than `now`). Waits are rounded up to milliseconds.
    ///
    /// A swarm without a reactor cannot wait, and returns at once.
    ///
    /// # Errors
    /// The reactor's error. The swarm has not changed, and may wait again.
    pub fn wait(&mut self, now: Duration, timeout: Option<Duration>) -> io::Result<()> {
        let due = if self.has_pending() { Some(self.now) } else { self.deadline() };
        self.wait_until(due, now, timeout)
    }

    /// Sleeps as [`wait`](Self::wait) does, but ignores undrained events and readiness, as
    /// [`next_deadline`](Self::next_deadline) does. It is for an owner that leaves them undrained on purpose.
    ///
    /// # Errors
    /// The reactor's error, as for [`wait`](Self::wait).
    pub fn wait_undrained(&mut self, now: Duration, timeout: Option<Duration>) -> io::Result<()> {
        self.wait_until(self.deadline(), now, timeout)
    }

    fn wait_until(&mut self, due: Option<Duration>, now: Duration, timeout: Option<Duration>) -> io::Result<()> {
        self.set_clock(now);
        let until_due = due.map(|at| at.saturating_sub(self.now));
        let timeout = [until_due, timeout].into_iter().flatten().min();
        if timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        self.hears_more = self.reactor.poll(timeout)?;
        // If nothing was ready, the next turn polls the reactor again, for what arrives until then.
        self.has_waited = self.wakers.is_woken();
        Ok(())
    }

    /// Returns the time at which the next turn is due if nothing arrives before, on the clock of [`tick`](Self::tick): the
    /// earliest deadline, or `None` if there is none. It may be too early, but never too late.
    ///
    /// It is *now* (the latest time that the swarm was given) while there is work for which no socket will wake: after
    /// commands, after a turn that has left work, and while events or readiness wait to be drained. So sleep until this time
    /// *and* on the descriptor.
    #[must_use]
    pub fn poll_at(&self) -> Option<Duration> {
        let at = if self.has_pending() { Some(self.now) } else { self.deadline() };
        at.map(|at| self.clock.on_owners(at))
    }

    /// Returns the time of [`poll_at`](Self::poll_at), but ignores undrained events and readiness. It is for an owner that
    /// leaves them undrained on purpose: with `poll_at` its loop would spin.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadline().map(|at| self.clock.on_owners(at))
    }

    /// Returns the next deadline on the swarm's own clock, which never goes back.
    fn deadline(&self) -> Option<Duration> {
        if self.is_busy() {
            return Some(self.now);
        }
        let trims_at = self.trims_at().map(|at| at.max(self.now));
        let first = [self.timers.first(), self.reactor.poll_at(), self.state.refusals.poll_at(), trims_at];
        first.into_iter().flatten().min()
    }

    /// Returns whether events or readiness wait to be drained.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.state.lifecycle.has_events() || self.state.has_ready()
    }

    /// Takes the last error that the reactor has returned in a turn; `None` if there was none since the last call. After an
    /// error the swarm goes on, and polls the reactor again in its next turn. [`wait`](Self::wait) returns its errors
    /// itself.
    pub fn last_error(&mut self) -> Option<io::Error> {
        self.last_error.take()
    }
}

/// Returns the reactor's descriptor, to sleep on in another loop. It is readable while something has arrived from outside
/// the owner's calls (from sockets, or wakers of other threads) that no turn has handled. Work that the owner itself has
/// caused or left does not make it readable; [`poll_at`](Swarm::poll_at) tells of that. So sleep on both. Remove the
/// descriptor from the other loop before the swarm is dropped.
#[cfg(unix)]
impl<T: Transport, const EVENTS: usize, R: std::os::fd::AsFd> std::os::fd::AsFd for Swarm<T, EVENTS, R> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.reactor.as_fd()
    }
}
