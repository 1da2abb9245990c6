//! [`Reactor`]: the poller that wakes the sockets of a transport when they are ready.

use super::Multiaddr;
use core::task::Waker;
use core::time::Duration;
use std::io;

/// A poller of sockets and timers that a swarm drives in its own turns.
///
/// A swarm has a reactor besides its [`Transport`](super::Transport): the sockets register their wakers with the reactor,
/// and the reactor calls these wakers when the swarm polls it. A transport that wraps another transport need not know of the
/// reactor. The reactor of this crate is [`tcp::Reactor`](crate::tcp::Reactor). A swarm whose transport is woken by
/// something else (memory, a simulation, the sockets of another runtime) has the reactor `()`, which does nothing.
///
/// At the start of each turn a swarm calls [`advance`](Self::advance), then [`poll`](Self::poll) with a timeout of zero.
/// The swarm omits `poll` if [`Swarm::wait`](super::Swarm::wait), the only method that waits, has just called it.
pub trait Reactor {
    /// Waits until a socket is ready or the [waker](Self::waker) is called, for at most `timeout`, and calls the wakers of
    /// all ready sockets. With `None` the call waits without limit, and with zero it does not wait. A signal ends a wait
    /// early, without an error.
    ///
    /// Returns `true` if the reactor's buffer for ready sockets is full, so that more sockets may be ready; the swarm then
    /// calls `poll` again.
    ///
    /// # Errors
    /// The system's error. If `poll` fails in a turn, the swarm logs the error, keeps it for
    /// [`Swarm::last_error`](super::Swarm::last_error), and polls again in its next turn.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Sets the reactor's time to `now`, on the owner's clock, and calls the wakers of the timers whose deadline has passed.
    fn advance(&mut self, now: Duration);

    /// Returns the deadline of the earliest timer, on the owner's clock, or `None` if there is no timer.
    fn poll_at(&self) -> Option<Duration>;

    /// Returns a waker that ends a wait and makes the reactor's descriptor readable. Any thread may call this waker. If it
    /// is called from within [`poll`](Self::poll), by a socket's waker that `poll` calls in the same thread, it may do
    /// nothing: the caller of `poll` looks for woken sockets anyway.
    fn waker(&self) -> Waker;

    /// Removes and returns the local address of the socket that a dial has last connected on this reactor in this thread, if
    /// the address was not removed yet. A swarm calls this method before and after each poll of a dial, so that the second
    /// result belongs to that dial. The default implementation returns `None`.
    fn dialed_from(&mut self) -> Option<Multiaddr> {
        None
    }

    /// Returns the remote address of the socket whose local address [`dialed_from`](Self::dialed_from) returns next: for a
    /// dialed name, the address to which the name has led. A swarm calls this method right before `dialed_from`, and asks
    /// its lists and its gate whether the address may be dialed. The default implementation returns `None`.
    fn dialed_to(&mut self) -> Option<Multiaddr> {
        None
    }
}

/// The reactor of a transport that wakes its sockets without a reactor. It has no sockets and no timers, and never waits.
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
