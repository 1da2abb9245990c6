//! [`Registered`]: a socket that is registered with a reactor.

use super::reactor::{Handle, Registration};
use super::source::{Marks, Source};
use alloc::sync::Arc;
use core::fmt;
use core::task::{Context, Poll};
use mio::Interest;
use std::io;

/// A socket that is registered with a reactor.
///
/// Dropping it deregisters the socket before the socket closes. Otherwise the system would go on reporting events while a
/// copy of the descriptor exists, and a child process holds one between fork and exec.
pub(super) struct Registered<S: mio::event::Source> {
    pub(super) socket: S,
    source: Arc<Source>,
    place: Registration,
    /// The kinds of readiness that the system reports.
    interest: Interest,
}

impl<S: mio::event::Source> Registered<S> {
    /// Registers a socket for `interest`. It is not marked ready. On an error, the socket is closed.
    pub(super) fn new(handle: &Handle, mut socket: S, interest: Interest) -> io::Result<Self> {
        let source = Arc::new(Source::default());
        let place = handle.register(&mut socket, source.clone(), interest)?;
        Ok(Self { socket, source, place, interest })
    }

    /// Calls `attempt` while the socket is marked readable, until a call neither would block nor is interrupted, and
    /// returns the result of that call. `Pending` means that the socket is not readable, and that the waker of `cx` is
    /// registered. `attempt` is given the marks as they were before its call.
    pub(super) fn poll_read<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S, Marks) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        self.source.poll_read(cx, |seen| attempt(&mut self.socket, seen))
    }

    /// Does the same as [`poll_read`](Self::poll_read) for a write. Once a write has been pending, the system reports when
    /// the socket is writable.
    pub(super) fn poll_write<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        let polled = self.source.poll_write(cx, || attempt(&mut self.socket));
        if polled.is_pending() && !self.interest.is_writable() {
            // No wake-up is lost if the socket became writable since the attempt: the system looks again when the interest
            // changes.
            self.reregister(Interest::READABLE | Interest::WRITABLE)?;
        }
        polled
    }

    /// Has the system report only that the socket is readable, until a write is pending.
    ///
    /// Otherwise the system would also report a socket as writable when its handshake is over, when it ends, and with
    /// each event that makes it readable. That costs two useless waits for each connection, and a third one at the dialer.
    pub(super) fn report_reads_only(&mut self) -> io::Result<()> {
        self.reregister(Interest::READABLE)
    }

    fn reregister(&mut self, interest: Interest) -> io::Result<()> {
        self.place.reregister(&mut self.socket, interest)?;
        self.interest = interest;
        Ok(())
    }

    /// Marks the socket unreadable, since a read has brought fewer bytes than it had space for. The system has no more bytes,
    /// and reports when it has, so the next read is spared the system call that would find nothing.
    ///
    /// Two kinds of sockets stay readable: those of a system that reports again only after an attempt that would block
    /// (IOCP), and those whose peer has ended its direction, since that end has to be read.
    ///
    /// `before` are the marks that the attempt was given. Marks that a poll on another thread has set since then stay.
    pub(super) fn read_short(&self, before: Marks) {
        if cfg!(unix) {
            self.source.read_short(before);
        }
    }

    /// Marks the socket unreadable, and has the system report it again if it is readable.
    pub(super) fn look_again(&mut self) -> io::Result<()> {
        self.source.set_unreadable();
        self.reregister(self.interest)
    }

    /// Marks the socket writable, as one that has just been connected is.
    pub(super) fn assume_writable(&self) {
        self.source.set_writable();
    }

    /// Marks the socket readable until an attempt would block.
    pub(super) fn assume_readable(&self) {
        self.source.set_readable();
    }
}

impl<S: mio::event::Source> Drop for Registered<S> {
    fn drop(&mut self) {
        // The error is ignored: it means that the system has no registration of this socket.
        let _ = self.place.deregister(&mut self.socket);
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}
