//! [`Source`]: the marks that say whether a socket is ready, and the tasks that wait for them.

use atomic_waker::AtomicWaker;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
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

    /// Calls `attempt` to read while the socket is marked readable. `attempt` is given the marks as they were before its call.
    pub(super) fn poll_read<A>(
        &self,
        cx: &Context<'_>,
        attempt: impl FnMut(Marks) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        poll(&self.marks, READABLE, &self.reader, cx, attempt)
    }

    /// Calls `attempt` to write while the socket is marked writable.
    pub(super) fn poll_write<A>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        poll(&self.marks, WRITABLE, &self.writer, cx, |_| attempt())
    }

    /// Marks the socket unreadable, unless its peer has ended its direction, or an event of the poller has come since the
    /// attempt that was given the marks `before`.
    pub(super) fn read_short(&self, before: Marks) {
        if before.0 & READ_CLOSED == 0 {
            clear(&self.marks, before.0, READABLE);
        }
    }

    /// Marks the socket unreadable, even if an event has come.
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
