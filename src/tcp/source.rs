//! [`Registered`]: a socket that is registered with a reactor, with marks that say whether it is ready.

use super::reactor::Registration;
use alloc::sync::Arc;
use atomic_waker::AtomicWaker;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use mio::Interest;
use mio::event::Event;
use std::io;

/// The mark of a socket on which a read may succeed.
const READABLE: u32 = 1;
/// The mark of a socket on which a write may succeed.
const WRITABLE: u32 = 2;
/// The mark of a socket whose peer has ended its direction. That end has to be read, so a short read must not clear
/// [`READABLE`].
const READ_CLOSED: u32 = 4;
/// The lowest bit above the marks: one event in the counter that the upper bits hold.
const ONE_EVENT: u32 = 8;

/// The readiness of one socket, and the tasks that wait for it.
///
/// The poller sets marks, and a socket clears one when an attempt would block. The upper bits of `marks` count the poller's
/// events: [`clear`] does not clear a mark if an event came after the attempt began.
#[derive(Default)]
pub(super) struct Source {
    marks: AtomicU32,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Source {
    /// Sets the marks that an event of the poller stands for, and wakes the tasks that wait for them.
    pub(super) fn happened(&self, event: &Event) {
        let (mut marks, mut reads, mut writes) = (0, false, false);
        // An error sets all marks, so that the next attempt to read or to write returns it.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            (marks, reads) = (marks | READABLE, true);
        }
        if event.is_read_closed() || event.is_error() {
            marks |= READ_CLOSED;
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            (marks, writes) = (marks | WRITABLE, true);
        }
        let _ = self
            .marks
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| Some((before | marks).wrapping_add(ONE_EVENT)));
        if reads {
            self.reader.wake();
        }
        if writes {
            self.writer.wake();
        }
    }
}

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
    /// Joins a socket with its registration, which is for `interest`.
    pub(super) fn new(socket: S, source: Arc<Source>, place: Registration, interest: Interest) -> Self {
        Self { socket, source, place, interest }
    }

    /// Calls `attempt` while the socket is marked readable, until a call neither would block nor is interrupted, and
    /// returns the result of that call. `Pending` means that the socket is not readable, and that the waker of `cx` is
    /// registered. `attempt` is given the marks as they were before its call.
    pub(super) fn poll_read<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S, Marks) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        poll(&self.source.marks, READABLE, &self.source.reader, cx, |seen| attempt(&mut self.socket, seen))
    }

    /// Does the same as [`poll_read`](Self::poll_read) for a write. Once a write has been pending, the system reports when
    /// the socket is writable.
    pub(super) fn poll_write<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        let polled = poll(&self.source.marks, WRITABLE, &self.source.writer, cx, |_| attempt(&mut self.socket));
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
        if cfg!(unix) && before.0 & READ_CLOSED == 0 {
            clear(&self.source.marks, before.0, READABLE);
        }
    }

    /// Marks the socket unreadable, and has the system report it again if it is readable.
    pub(super) fn look_again(&mut self) -> io::Result<()> {
        self.source.marks.fetch_and(!READABLE, Ordering::AcqRel);
        self.reregister(self.interest)
    }

    /// Marks the socket writable, as one that has just been connected is.
    pub(super) fn assume_writable(&self) {
        self.source.marks.fetch_or(WRITABLE, Ordering::AcqRel);
    }

    /// Marks the socket readable until an attempt would block.
    pub(super) fn assume_readable(&self) {
        self.source.marks.fetch_or(READABLE, Ordering::AcqRel);
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

/// The marks of a socket as they were before an attempt.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Marks(u32);

/// Calls `attempt` while `mark` is set in `marks`. An attempt that would block clears the mark.
fn poll<A>(
    marks: &AtomicU32,
    mark: u32,
    waiting: &AtomicWaker,
    cx: &Context<'_>,
    mut attempt: impl FnMut(Marks) -> io::Result<A>,
) -> Poll<io::Result<A>> {
    loop {
        let mut seen = marks.load(Ordering::Acquire);
        if seen & mark == 0 {
            waiting.register(cx.waker());
            // The poller may have set the mark before it could see the waker, and would then have woken nobody.
            seen = marks.load(Ordering::Acquire);
            if seen & mark == 0 {
                return Poll::Pending;
            }
        }
        match attempt(Marks(seen)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => clear(marks, seen, mark),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Clears `mark`, unless an event of the poller has come since `marks` had the value `seen`.
fn clear(marks: &AtomicU32, seen: u32, mark: u32) {
    let mut current = seen;
    // A reader and a writer of one socket may clear their marks at the same time.
    while let Err(changed) = marks.compare_exchange(current, current & !mark, Ordering::AcqRel, Ordering::Acquire) {
        if changed / ONE_EVENT != seen / ONE_EVENT {
            return;
        }
        current = changed;
    }
}
