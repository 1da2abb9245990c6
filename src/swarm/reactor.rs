//! [`Reactor`]: the source of the wakes of a transport's sockets.

use super::Multiaddr;
use core::task::Waker;
use core::time::Duration;
use std::io;

/// A poller of sockets and timers that a swarm drives in its own turns.
///
/// It stands beside the [`Transport`](super::Transport): sockets register their wakers with the reactor, and the reactor
/// calls the wakers when the swarm polls it. A transport that wraps another one need not know of the reactor. This crate has
/// [`tcp::Reactor`](crate::tcp::Reactor). A swarm whose transport is woken by something else (memory, a simulation, the
/// sockets of another runtime) has the reactor `()`, which does nothing.
///
/// At the start of each turn a swarm calls [`advance`](Self::advance), then [`poll`](Self::poll) with a time-out of zero. It
/// leaves `poll` out if [`Swarm::wait`](super::Swarm::wait), the only method that waits, has just called it.
pub trait Reactor {
    /// Waits until a socket is ready or the [waker](Self::waker) is used, for at most `timeout`, and wakes the wakers of
    /// all ready sockets. `None` waits without limit, zero does not wait. A signal ends a wait early, without an error.
    ///
    /// Returns `true` if its buffer came back full, so that more sockets may be ready: the swarm then calls it again.
    ///
    /// # Errors
    /// The system's error. In a turn the swarm logs it, keeps it for
    /// [`Swarm::last_error`](super::Swarm::last_error), and calls again in its next turn.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Sets the time to `now`, on the owner's clock, and wakes the wakers of the timers whose deadline has come.
    fn advance(&mut self, now: Duration);

    /// Returns the deadline of the earliest timer, on the owner's clock, or `None` if there is no timer.
    fn poll_at(&self) -> Option<Duration>;

    /// Returns a waker that ends a wait and makes the reactor's descriptor readable. Any thread may use it. A use of it from
    /// within [`poll`](Self::poll), by a waker that `poll` calls in the same thread, may do nothing: the caller of `poll`
    /// looks for woken sockets anyway.
    fn waker(&self) -> Waker;

    /// Takes the local address of the socket that a dial has last connected on this reactor in this thread, if it was not
    /// taken yet. A swarm asks before and after each poll of a dial, so that the answer belongs to that dial. By default the
    /// address is not known.
    fn dialed_from(&mut self) -> Option<Multiaddr> {
        None
    }

    /// Returns the remote address of the socket whose local address [`dialed_from`](Self::dialed_from) returns next: for a
    /// dialed name, the address to which the name has led. A swarm asks right before that call, and has lists and gate judge
    /// the name by this address. By default the address is not known.
    fn dialed_to(&mut self) -> Option<Multiaddr> {
        None
    }
}

/// The reactor of a transport that wakes by itself. It has no sockets and no timers, and never waits.
impl Reactor for () {
    fn poll(&mut self, _timeout: Option<Duration>) -> io::Result<bool> {
        Ok(false)
    }

    fn advance(&mut self, _now: Duration) {}

    fn poll_at(&self) -> Option<Duration> {
        None
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }
}
