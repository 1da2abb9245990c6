//! [`Reactor`]: where a swarm hears of its transport's sockets.

use core::task::Waker;
use core::time::Duration;
use std::io;

/// What tells a transport's sockets that they are ready, driven by the swarm in its own turn.
///
/// It stands beside the [`Transport`](super::Transport), which need not know it: sockets register their wakers with the
/// reactor, the swarm has the reactor call them. [`tcp::Reactor`](crate::tcp::Reactor) is the one of this crate. A
/// swarm whose transport is woken by something else (memory, a simulation, another runtime's sockets) has the reactor
/// `()`, which hears nothing.
///
/// A swarm calls [`advance`](Self::advance), then [`poll`](Self::poll) without waiting, at the start of each turn; it
/// waits nowhere but in [`Swarm::wait`](super::Swarm::wait).
pub trait Reactor {
    /// Wakes the wakers of all that has become ready, and waits for it for at most `timeout`; without one, until there
    /// is something. Zero does not wait. Returns `true` if there may be more than it had place for, so that it is to be
    /// called again. A signal ends a wait early; that is no error.
    ///
    /// # Errors
    /// The system's. The swarm logs it, keeps it for [`Swarm::last_error`](super::Swarm::last_error), and calls again
    /// in its next turn.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Says what time it is, on the owner's clock, and wakes the wakers of the timers that have come.
    fn advance(&mut self, now: Duration);

    /// The deadline of the earliest timer, on the owner's clock.
    fn poll_at(&self) -> Option<Duration>;

    /// A waker that ends a wait and makes the reactor's descriptor readable. It can be used by any thread. While a
    /// [`poll`](Self::poll) calls wakers it need not do either, since who called that looks for itself what has come.
    fn waker(&self) -> Waker;
}

/// No reactor: everything wakes by itself.
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
