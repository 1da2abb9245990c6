//! [`Source`]: the marks that say whether a socket can be read and written, and the tasks that wait until it can.

use atomic_waker::AtomicWaker;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use mio::event::Event;
use std::io;

/// The mark that says that a read from the socket may succeed.
const READABLE: u32 = 1;
/// The mark that says that a write to the socket may succeed.
const WRITABLE: u32 = 2;
/// The mark that says that the peer has ended its direction of the connection. That end has to be read, so a read that does
/// not fill its buffer must not clear [`READABLE`].
const READ_CLOSED: u32 = 4;
/// The lowest bit of the event counter. The counter consists of the bits above the marks, so adding this value counts one
/// event.
const ONE_EVENT: u32 = 8;

/// The readiness of one socket, and the tasks that wait for the socket.
///
/// There are three marks: [`READABLE`], [`WRITABLE`] and [`READ_CLOSED`]. The poller sets a mark when the system reports an
/// event. The socket clears a mark when an attempt to read or write would block. The upper bits of the field `marks` count
/// the events of the poller, so that [`clear`] can leave a mark set if an event has arrived since the attempt began.
#[derive(Default)]
pub(super) struct Source {
    marks: AtomicU32,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Source {
    /// Records an event of the poller: sets the mark of each kind of readiness that the event reports, and wakes the tasks
    /// that wait for it.
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
        // The closure always returns `Some`, so this call cannot fail. The marks and the counter change in one step. So no
        // `clear` can see a new mark beside the old counter, and remove it.
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

    /// Calls `attempt`, which tries to read, while the socket is marked readable, until a call returns neither `WouldBlock`
    /// nor `Interrupted`, and returns the result of that call. The argument of `attempt` is a copy of the socket's marks
    /// before the call.
    pub(super) fn poll_read<A>(
        &self,
        cx: &Context<'_>,
        attempt: impl FnMut(Marks) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        poll(&self.marks, READABLE, &self.reader, cx, attempt)
    }

    /// Calls `attempt`, which tries to write, while the socket is marked writable, until a call returns neither `WouldBlock`
    /// nor `Interrupted`, and returns the result of that call.
    pub(super) fn poll_write<A>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        poll(&self.marks, WRITABLE, &self.writer, cx, |_| attempt())
    }

    /// Marks the socket as not readable. The mark stays if the peer has ended its direction, or if an event of the poller
    /// has arrived since the read attempt to which `before` was passed.
    pub(super) fn read_short(&self, before: Marks) {
        if before.0 & READ_CLOSED == 0 {
            clear(&self.marks, before.0, READABLE);
        }
    }

    /// Marks the socket as not readable, even if an event of the poller has arrived since the last attempt to read.
    pub(super) fn set_unreadable(&self) {
        self.marks.fetch_and(!READABLE, Ordering::AcqRel);
    }

    pub(super) fn set_readable(&self) {
        self.marks.fetch_or(READABLE, Ordering::AcqRel);
    }

    pub(super) fn set_writable(&self) {
        self.marks.fetch_or(WRITABLE, Ordering::AcqRel);
    }
}

/// A copy of the marks of a socket (readable, writable, ended by the peer) and of its event counter, from the time before an
/// attempt to read or write.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Marks(u32);

/// Calls `attempt` while `mark` is set in `marks`, until a call returns neither `WouldBlock` nor `Interrupted`. After
/// `WouldBlock` the mark is cleared. If the mark is not set, registers the waker of `cx` in `waiting` and returns `Pending`.
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
            // The mark is checked again: if the poller has set it before the waker was registered, the poller has woken no
            // task.
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

/// Clears `mark`, unless an event of the poller has arrived since `marks` had the value `seen`.
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
