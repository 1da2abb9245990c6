//! What an owner's loop calls: a turn, whole or under a budget; sending at once; waiting; when to come again.

use super::reactor::Reactor;
use super::{Swarm, drive};
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;
use std::io;

/// What a turn has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a turn that has left something is to be followed by another"]
pub struct Progress {
    /// There is more to do at once: the budget was spent, or something came meanwhile.
    /// [`poll_at`](Swarm::poll_at) says so, too.
    pub more: bool,
}

/// How much work a turn does at most: its owner is asked before each unit, until it refuses.
pub(super) struct Budget<'a> {
    may: &'a mut dyn FnMut() -> bool,
    is_spent: bool,
    /// Each connection, and the transport, get only their share of one turn.
    pub(super) shares: bool,
}

impl<'a> Budget<'a> {
    fn new(may: &'a mut dyn FnMut() -> bool) -> Self {
        Self { may, is_spent: false, shares: false }
    }

    /// Whether there may be another unit of work. Nothing is taken out of any queue before it is asked, so that an
    /// owner that panics here loses nothing.
    pub(super) fn allows(&mut self) -> bool {
        self.is_spent = self.is_spent || !(self.may)();
        !self.is_spent
    }
}

impl<T, const EVENTS: usize> Swarm<T, EVENTS>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// A [tick](Self::tick) for those who wait with a waker: the transport's wakers wake the one of `cx`.
    ///
    /// Ready: events or readiness wait to be drained, or somebody has used the [`waker`](Self::waker). Pending: the
    /// waker of `cx` is woken when something comes; [`poll_at`](Self::poll_at) tells when time will have something to
    /// do. A swarm with a reactor has no such method: its wakers are called in its own turns only.
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
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Makes progress, as far as there is room for events: hears all that has come since the last turn, does what it
    /// says, and sends what is due. It never waits. One call does a bounded amount of work for each connection that is
    /// ready ([`Config::reads_per_poll`](super::Config::reads_per_poll)); what is left then is for the next, and
    /// [`poll_at`](Self::poll_at) says so.
    ///
    /// `now` is the time since an epoch of the owner's choosing; one that is earlier than the last counts as the last.
    pub fn tick(&mut self, now: Duration) {
        let mut always = || true;
        let mut budget = Budget::new(&mut always);
        budget.shares = true;
        self.take_turn(now, &mut budget);
    }

    /// A [tick](Self::tick) under a budget: `may` is asked before each unit of work, and once it has refused, the turn
    /// comes to its end. For a game, `may` looks at the time that is left of the frame; for a test, it counts.
    ///
    /// A unit is the least that can be done at once: at most 16 KiB read from one connection and 256 of its frames
    /// handled, one batch of output of at most 64 KiB, one event of the transport (a connection accepted, say), one
    /// deadline, one connection begun to close. Connections take turns, one helping each, in the order in which they
    /// became ready. Even if `may` refuses at once, a turn does up to three units, so that nothing ever stands still:
    /// one of deadlines and closes, one helping, one batch. With `n` agreements it does at most `n + 3`.
    ///
    /// Without a refusal it goes on while there is something to read. If `may` panics, nothing is lost, and the next
    /// turn goes on.
    pub fn turn(&mut self, now: Duration, may: &mut dyn FnMut() -> bool) -> Progress {
        self.take_turn(now, &mut Budget::new(may));
        Progress { more: self.next_deadline().is_some_and(|at| at <= self.now) }
    }

    fn take_turn(&mut self, now: Duration, budget: &mut Budget<'_>) {
        let (awake, is_called) = self.wakers.awake();
        self.is_called = is_called;
        self.now = self.now.max(now);
        self.hear();
        self.advance(budget);
        // Whoever wakes from here on wakes the owner; who did before stands in line, which `poll_at` looks at.
        drop(awake);
    }

    /// Has the reactor call the wakers of all that has come.
    fn hear(&mut self) {
        let now = self.now;
        self.reactor.advance(now);
        // What a wait has just heard need not be asked for again, unless a deadline is about to be judged by it.
        let has_waited = core::mem::take(&mut self.has_waited);
        if has_waited && self.timers.first().is_none_or(|first| first > now) {
            return;
        }
        for _ in 0..drive::MAX_HEARINGS {
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

    /// Sends what is due: one batch of at most 64 KiB for each connection that commands have given something to send
    /// since the last turn. Nothing is read, opened or judged; what commands have begun counts from `now`. One tick and
    /// one `flush_all` a frame answer in the frame in which a request came, instead of the next one.
    pub fn flush_all(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.flush_dirty();
    }

    /// Waits until there is something to do: something comes, a deadline, a wake from another thread, a signal, or
    /// `timeout` has passed. For programs that have no other loop: sleep here, then [`tick`](Self::tick). While there
    /// is something to do already ([`poll_at`](Self::poll_at) is not later than `now`) it does not wait. What it hears
    /// it leaves to the next turn. Waits are rounded up to milliseconds.
    ///
    /// A swarm without a reactor cannot wait, and returns at once.
    ///
    /// # Errors
    /// The reactor's.
    pub fn wait(&mut self, now: Duration, timeout: Option<Duration>) -> io::Result<()> {
        self.now = self.now.max(now);
        let until_due = self.poll_at().map(|at| at.saturating_sub(self.now));
        let timeout = [until_due, timeout].into_iter().flatten().min();
        if timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        self.has_waited = true;
        self.hears_more = self.reactor.poll(timeout).inspect_err(|_| self.has_waited = false)?;
        Ok(())
    }

    /// When the next turn is due if nothing comes, on the clock of [`tick`](Self::tick): the earliest deadline, or
    /// `None` if there is none. It may be early, never late. It is the time of the last turn, that is *now*, while
    /// there is something to do that no socket will wake for: after commands, after a turn that has left something, and
    /// while events or readiness wait to be drained.
    #[must_use]
    pub fn poll_at(&self) -> Option<Duration> {
        if self.has_pending() { Some(self.now) } else { self.next_deadline() }
    }

    /// [`poll_at`](Self::poll_at) without regard to undrained events and readiness, for an owner who leaves them
    /// undrained on purpose and must not spin meanwhile.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.is_busy() {
            return Some(self.now);
        }
        [self.timers.first(), self.reactor.poll_at()].into_iter().flatten().min()
    }

    /// Whether events or readiness wait to be drained.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.ledger.lifecycle.has_events() || self.ledger.has_ready()
    }

    /// What the reactor has failed of last, if it has since this was last asked. The swarm goes on as well as it can.
    pub fn last_error(&mut self) -> Option<io::Error> {
        self.last_error.take()
    }
}

/// The reactor's descriptor, to sleep on in another loop: readable while something has come from outside the owner's
/// calls (sockets, wakers of other threads) that no turn has heard. What the owner has caused or left itself is told by
/// [`poll_at`](Swarm::poll_at) alone: sleep on both. Take it out of the other loop before the swarm is dropped.
#[cfg(unix)]
impl<T: Transport, const EVENTS: usize, R: std::os::fd::AsFd> std::os::fd::AsFd for Swarm<T, EVENTS, R> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.reactor.as_fd()
    }
}
