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
/// Its drop deregisters the socket before the socket closes. Otherwise the system would continue to report events while a
/// copy of the descriptor exists, and a child process has such a copy between fork and exec.
pub(super) struct Registered<S: mio::event::Source> {
    pub(super) socket: S,
    source: Arc<Source>,
    place: Registration,
    /// The kinds of readiness that the system reports for the socket.
    interest: Interest,
}

impl<S: mio::event::Source> Registered<S> {
    /// Registers a socket for the readiness in `interest`. The socket is not marked ready. If registering fails, the socket
    /// is closed.
    pub(super) fn new(handle: &Handle, mut socket: S, interest: Interest) -> io::Result<Self> {
        let source = Arc::new(Source::default());
        let place = handle.register(&mut socket, source.clone(), interest)?;
        Ok(Self { socket, source, place, interest })
    }

    /// Calls `attempt` while the socket is marked readable, until a call returns neither `WouldBlock` nor `Interrupted`, and
    /// returns the result of that call. `Pending` means that the socket is not readable, and that the waker of `cx` is
    /// registered. The second argument of `attempt` tells whether the socket was marked readable, writable or ended by its
    /// peer before the call.
    pub(super) fn poll_read<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S, Marks) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        self.source.poll_read(cx, |seen| attempt(&mut self.socket, seen))
    }

    /// Calls `attempt` while the socket is marked writable, until a call returns neither `WouldBlock` nor `Interrupted`, and
    /// returns the result of that call. `Pending` means that the socket is not writable, and that the waker of `cx` is
    /// registered. Once a write has been pending, the system reports when the socket is writable.
    pub(super) fn poll_write<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        let polled = self.source.poll_write(cx, || attempt(&mut self.socket));
        if polled.is_pending() && !self.interest.is_writable() {
            // If the socket has become writable since the attempt, no wake-up is lost: the system checks the socket again
            // when the interest changes.
            self.reregister(Interest::READABLE | Interest::WRITABLE)?;
        }
        polled
    }

    /// Until a write is pending, makes the system report only when the socket is readable.
    ///
    /// Otherwise the system would also report a socket as writable when its handshake ends, when the connection ends, and
    /// with each event that makes the socket readable. Each such report ends a wait of the poller for nothing: two waits for
    /// each connection, and a third one on the side of the dialer.
    pub(super) fn report_reads_only(&mut self) -> io::Result<()> {
        // Without these reports, and with a few calls less elsewhere, a dial and its close cost 34 system calls on both
        // sides together, in place of 38.
        self.reregister(Interest::READABLE)
    }

    fn reregister(&mut self, interest: Interest) -> io::Result<()> {
        self.place.reregister(&mut self.socket, interest)?;
        self.interest = interest;
        Ok(())
    }

    /// Marks the socket as not readable, since a read has returned fewer bytes than its buffer has space for. The system
    /// then has no more bytes, and reports when new bytes arrive. The next read therefore does not make a system call that
    /// would find no bytes.
    ///
    /// Two kinds of sockets stay marked as readable: sockets on a system that reports again only after an attempt that would
    /// block (Windows, with IOCP), and sockets whose peer has ended its direction, since that end has to be read.
    ///
    /// `before` are the marks that were passed to `attempt` in [`poll_read`](Self::poll_read). If a poll on another thread
    /// has marked the socket readable since then, it stays marked.
    pub(super) fn read_short(&self, before: Marks) {
        // With IOCP `mio` asks the system for the next report only when an attempt would block, so that a mark which is
        // cleared here would never be set again.
        if cfg!(unix) {
            self.source.read_short(before);
        }
    }

    /// Marks the socket as not readable, and makes the system report again whether it is readable.
    pub(super) fn look_again(&mut self) -> io::Result<()> {
        self.source.set_unreadable();
        self.reregister(self.interest)
    }

    /// Marks the socket as writable, without asking the system. The caller knows that the socket has just connected, so it
    /// is writable.
    pub(super) fn assume_writable(&self) {
        self.source.set_writable();
    }

    /// Marks the socket as readable, without asking the system. The mark stays until an attempt to read would block.
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
