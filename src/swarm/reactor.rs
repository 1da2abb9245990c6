//! [`Reactor`]: the source of the wakes of a transport's sockets.

use super::Multiaddr;
use core::task::Waker;
use core::time::Duration;
use std::io;

/// A poller of sockets and timers that a swarm drives in its own turns.
///
/// It stands beside the [`Transport`](super::Transport): sockets register their wakers with the reactor, and the swarm has
/// the reactor call them. A transport that wraps another one need not know of it. This crate has
/// [`tcp::Reactor`](crate::tcp::Reactor). A swarm whose transport is woken by something else (memory, a simulation, the
/// sockets of another runtime) has the reactor `()`, which hears nothing.
///
/// At the start of each turn a swarm calls [`advance`](Self::advance), then [`poll`](Self::poll) with a time-out of zero.
/// It leaves `poll` out where [`Swarm::wait`](super::Swarm::wait), the only place that waits, has just called it.
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

    /// Returns a waker that ends a wait and makes the reactor's descriptor readable. Any thread may use it. If a wake is
    /// caused by the wakers that [`poll`](Self::poll) calls, in the same thread, it may do nothing: the caller of `poll`
    /// looks at what has woken anyway.
    fn waker(&self) -> Waker;

    /// Takes the local address of the last socket that a dial has connected on this reactor, if it was in this thread and the
    /// address was not taken since. A swarm asks before and after each poll of a dial, and so has the one of its connection.
    /// Without this method it is not known.
    fn dialed_from(&mut self) -> Option<Multiaddr> {
        None
    }

    /// Returns the remote address of the socket whose local one [`dialed_from`](Self::dialed_from) gives next: for a name that
    /// was dialed, the address that it has led to. A swarm asks right before, and judges a name by it. Without this method it
    /// is not known.
    fn dialed_to(&mut self) -> Option<Multiaddr> {
        None
    }
}

/// No reactor: the transport wakes by itself. It has no sockets and no timers, and never waits.
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
