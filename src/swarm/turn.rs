//! The methods that an owner's loop calls: to do a turn (with or without a budget), to send output at once, to wait, and to
//! get the next deadline.

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
    /// `true` if another turn would find work at once, because the budget was spent or input arrived during the turn.
    /// [`next_deadline`](Swarm::next_deadline) is *now* in this case. Undrained events and readiness alone do not make
    /// `more` true.
    pub more: bool,
}

/// The maximum number of times that the reactor is polled in a row. It is polled again only if the last poll has filled its
/// buffer of ready sockets.
const MAX_HEARINGS: usize = 4;

impl<T, const EVENTS: usize> Swarm<T, EVENTS>
where
    T: PipeTransport,
{
    /// Does a [`tick`](Self::tick) for an asynchronous owner: when the transport wakes later, the waker of `cx` is called.
    ///
    /// The result is `Ready` if events or readiness wait to be drained, or if the [`waker`](Self::waker) was called.
    /// Otherwise the result is `Pending`, and the waker of `cx` is called when input arrives; also set a timer for
    /// [`poll_at`](Self::poll_at). A swarm with a reactor does not have this method, since its sockets wake only within its
    /// own turns.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        self.wakers.set_owner(cx.waker());
        self.tick(now);
        if self.is_called || self.has_pending() {
            return Poll::Ready(());
        }
        // No socket wakes for work that the turn has left, so that the swarm wakes the task itself.
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
    /// Does a turn: reads the bytes that have arrived since the last turn, handles them as far as the event queue has room,
    /// and sends pending output. It never waits. Call `tick` once in each frame of a game loop; or whenever the descriptor
    /// is readable or the time of [`poll_at`](Self::poll_at) has come.
    ///
    /// One call gives each ready connection a bounded amount of work
    /// ([`Config::reads_per_poll`](super::Config::reads_per_poll)). The rest is left for the next turn, and `poll_at` is
    /// *now*. After a [`wait`](Self::wait), `tick` uses the sockets that the wait has found ready, without polling the
    /// system again.
    ///
    /// Peers close their connections to a swarm that does no turns: a peer with this crate's defaults does so 45 s after the
    /// last byte that it has received. On an idle connection, that can be 15 s after the swarm's last turn.
    ///
    /// `now` is the time since an epoch that the owner chooses. Use a monotonic clock, for example
    /// [`Instant`](std::time::Instant). A `now` that is earlier than the last one counts as the last one. If it is earlier
    /// by more than a second, the swarm concludes that the clock was set back: no time has passed, and timeouts go on from
    /// the new time. If the clock jumps ahead, deadlines are postponed once by [`lateness`](super::Config::lateness), so
    /// that bytes which have arrived from peers are read before any timeout is handled. Errors of the reactor are logged
    /// and kept for [`last_error`](Self::last_error).
    pub fn tick(&mut self, now: Duration) {
        let mut always = || true;
        let mut budget = Budget::new(&mut always);
        budget.shares = true;
        self.take_turn(now, &mut budget);
    }

    /// Does a turn under a budget: the swarm calls `may` before each unit of work, and ends the turn once `may` has returned
    /// `false`. In a game, `may` checks whether time is left in the frame; in a test, it can count units.
    ///
    /// A unit is one of these: a helping of input, in which at most 16 KiB are read from one connection and at most 256 of
    /// its frames are handled, or in which a handshake is read and answered; a batch of output of at most 64 KiB; one event
    /// of the transport (an accepted connection, for example); the handling of one deadline; or the beginning of one close.
    /// A handshake whose signature costs as much as `n` signatures of Ed25519 (secp256k1 2, ECDSA 9, RSA 1 to 13) is `n`
    /// units; `may` is called for the last `n - 1` of these afterwards. Connections alternate in the order in which they
    /// became ready, with one helping each. Even if `may` refuses at once, a turn does up to three units, so that every kind
    /// of work makes progress: one deadline or close, one helping, one batch. If `may` agrees `n` times, the turn does at
    /// most `n + 3` units, plus the cost of its last signature beyond one.
    ///
    /// If `may` never refuses, the turn goes on as long as any socket has bytes to read; only the work on [signatures of
    /// handshakes](super::Config::handshake_work_per_turn) is still limited. If `may` panics, nothing is lost, and the next
    /// turn continues the work.
    pub fn turn(&mut self, now: Duration, may: &mut dyn FnMut() -> bool) -> Progress {
        self.take_turn(now, &mut Budget::new(may));
        Progress { more: self.deadline().is_some_and(|at| at <= self.now) }
    }

    /// Sets the swarm's time to the time `now` that the owner has passed, or, if the owner's clock was set back, to a later
    /// time, so that the swarm's time never goes back.
    fn set_clock(&mut self, now: Duration) {
        self.clock.set(now);
        self.now = self.clock.now();
        // Denials for a while end by this clock, so that they last as long as they should although the owner's clock is set
        // back.
        self.state.access.lists.set_clock(self.clock);
    }

    fn take_turn(&mut self, now: Duration, budget: &mut Budget<'_>) {
        // From here on a wake does not call the owner. Otherwise each socket that the reactor reports would wake the owner,
        // which is doing a turn already.
        let (awake, is_called) = self.wakers.awake();
        self.is_called = is_called;
        self.set_clock(now);
        self.state.refusals.advance(self.now);
        self.state.access.lists.advance(self.now);
        self.hear();
        self.advance(budget);
        // From here on a wake also wakes the owner. A wake before this line has added its slot to the queue, which `poll_at`
        // takes into account.
        drop(awake);
        // A panic of the gate is caught where the gate is asked, and goes on to the owner only here: the turn is done, and
        // what the gate was asked about is denied.
        self.state.access.resume_panic();
    }

    /// Polls the reactor, which wakes the slots (connections, visitors or the transport) whose sockets or timers have become
    /// ready.
    pub(super) fn hear(&mut self) {
        let now = self.now;
        self.reactor.advance(now);
        // If a wait has just polled the reactor, this turn need not poll it. But before a deadline is handled, the reactor
        // is polled in any case: the peer's bytes may have arrived.
        let has_waited = core::mem::take(&mut self.has_waited);
        if has_waited && self.timers.first().is_none_or(|first| first > now) {
            return;
        }
        // After the last of these polls `hears_more` stays set, so that the next turn is due at once and polls the reactor
        // again.
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
        // Otherwise `poll_at` would stay *now*, and the owner would spin as long as the reactor fails.
        self.hears_more = false;
        self.last_error = Some(error);
    }

    /// Sends one batch of at most 64 KiB for each connection with pending output, for example the output of commands that
    /// were given since the last turn. The call reads nothing, opens nothing, and handles no deadline. The timeouts of
    /// these commands count from `now`.
    ///
    /// Call `flush_all` at the end of each frame of a game loop: with one `tick` and one `flush_all` in each frame, an
    /// answer is sent in the frame in which its request arrived. Without this call the next turn sends the output.
    pub fn flush_all(&mut self, now: Duration) {
        self.set_clock(now);
        // The output of a command is not written by the command itself: a write for each of them would cost a system call
        // each, where 64 streams that open and close together now cost 0.19 calls a stream. Without this method, an owner
        // that ticks once a frame would see an echo after three frames (50 ms at 60 a second); with it, after one.
        self.flush_dirty();
    }

    /// Sleeps until a socket is ready, a deadline passes, another thread calls the [`waker`](Self::waker), a signal arrives,
    /// or `timeout` has passed; `None` means no timeout. The method is for programs without another event loop: sleep in
    /// `wait`, then call [`tick`](Self::tick), which handles the input that has arrived. `wait` returns at once while there
    /// is work, that is, if [`poll_at`](Self::poll_at) is not later than `now`. Waits are rounded up to milliseconds.
    ///
    /// A swarm without a reactor cannot wait, and returns at once.
    ///
    /// # Errors
    /// The error of the reactor. The swarm has not changed, and may wait again.
    pub fn wait(&mut self, now: Duration, timeout: Option<Duration>) -> io::Result<()> {
        // Without this, a loop that drains a few events, and then sleeps, would sleep beside events that wait.
        let due = if self.has_pending() { Some(self.now) } else { self.deadline() };
        self.wait_until(due, now, timeout)
    }

    /// Sleeps like [`wait`](Self::wait), but does not return early because of undrained events and readiness. The method is
    /// for an owner that leaves events or readiness undrained on purpose.
    ///
    /// # Errors
    /// The error of the reactor. The swarm has not changed, and may wait again, as after [`wait`](Self::wait).
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
        // The owner counts as asleep in this poll, and its waker is the reactor's own. The reactor ignores a call of that
        // waker in this thread while it polls: otherwise the next wait would end at once, for nothing.
        self.hears_more = self.reactor.poll(timeout)?;
        // If nothing was ready, the next turn polls the reactor again, for what arrives until then.
        self.has_waited = self.wakers.is_woken();
        Ok(())
    }

    /// Returns the time at which the next turn is due if nothing arrives before, on the clock of [`tick`](Self::tick): the
    /// earliest deadline, or `None` if there is no deadline. The returned time may be too early, but is never too late.
    ///
    /// The result is *now* (the latest time that the owner has passed to the swarm) while there is work for which no socket
    /// will wake: after commands, after a turn that has left work, and while events or readiness wait to be drained. So
    /// sleep until this time *and* on the descriptor.
    #[must_use]
    pub fn poll_at(&self) -> Option<Duration> {
        let at = if self.has_pending() { Some(self.now) } else { self.deadline() };
        at.map(|at| self.clock.on_owners(at))
    }

    /// Returns the time of [`poll_at`](Self::poll_at), but ignores undrained events and readiness. The method is for an
    /// owner that leaves events or readiness undrained on purpose: with `poll_at`, the owner's loop would spin.
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

    /// Removes and returns the last error that the reactor has returned in a turn; `None` if there was no error since the
    /// last call. After an error the swarm continues, and polls the reactor again in its next turn. Errors of the reactor in
    /// [`wait`](Self::wait) are returned by that call instead.
    pub fn last_error(&mut self) -> Option<io::Error> {
        self.last_error.take()
    }
}

/// Returns the descriptor of the reactor, for use in another event loop. The descriptor is readable while sockets are ready,
/// or another thread has called a waker, and no turn has handled that. Work that the owner's own calls have caused or left
/// does not make the descriptor readable, but makes [`poll_at`](Swarm::poll_at) *now*. So sleep until the descriptor is
/// readable or the time of `poll_at` has come. Remove the descriptor from the other loop before the swarm is dropped.
#[cfg(unix)]
impl<T: Transport, const EVENTS: usize, R: std::os::fd::AsFd> std::os::fd::AsFd for Swarm<T, EVENTS, R> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.reactor.as_fd()
    }
}
