//! The types of the outcomes of listening, dialing and opening a stream. [`StreamEnds`]: the state of a stream that its
//! holder and the host share.

use super::error::Error;
use super::unread::{Counted, KeepsUnread};
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Direction, Failure, ListenerId, Side, StreamEnd, StreamId};
use crate::swarm::Multiaddr;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::task::Waker;
use std::io;

/// The outcome of listening: the id of the listener, and the addresses on which it listens.
pub(super) type Listening = (ListenerId, Vec<Multiaddr>);

/// The outcome of a dial: the id of the connection, the id of its peer, and the address that was dialed.
pub(super) type Dialed = (ConnectionId, PeerId, Multiaddr);

/// The properties of a stream and its shared state, from which a [`Stream`](super::Stream) is created for the task that will
/// hold it.
pub(super) struct StreamParts {
    pub(super) id: StreamId,
    pub(super) connection: ConnectionId,
    pub(super) peer: PeerId,
    pub(super) direction: Direction,
    pub(super) protocol: Protocol,
    pub(super) ends: Rc<StreamEnds>,
}

/// The state of a stream that the host's notifee and the stream's holder (a task or a handler) share until the stream has
/// ended. After the end only the holder keeps this state.
#[derive(Default)]
pub(super) struct StreamEnds {
    pub(super) reader: Cell<Option<Waker>>,
    pub(super) writer: Cell<Option<Waker>>,
    /// `true` once the task that holds the stream has read the end of the peer's side.
    pub(super) is_read: Cell<bool>,
    /// `true` once the task that holds the stream has closed our side.
    pub(super) is_finished: Cell<bool>,
    /// `true` once the task that held the stream has closed and then dropped it.
    pub(super) is_let_go: Cell<bool>,
    /// `true` while the stream is on the list of streams whose tasks will be woken after the turn.
    pub(super) is_retrying: Cell<bool>,
    /// The way in which the stream has ended, or `None` while it lives.
    pub(super) end: Cell<Option<StreamOutcome>>,
    /// `true` if the peer had finished its side when the stream ended, so that all bytes of the peer have arrived.
    is_complete: Cell<bool>,
    /// The bytes that had arrived when the stream ended, and that were not read yet.
    unread: RefCell<Unread>,
}

#[derive(Default)]
struct Unread {
    bytes: Vec<u8>,
    start: usize,
    _counted: Option<Counted<StreamEnds>>,
}

impl Unread {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let left = &self.bytes[self.start..];
        let n = left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&left[..n]);
        self.start += n;
        // The memory and the guard that counts it are freed with the last byte, and not when the holder drops the stream,
        // which may be much later.
        if self.start == self.bytes.len() {
            *self = Self::default();
        }
        n
    }
}

impl StreamEnds {
    /// Records that the stream has ended in the way that `end` says. `unread` are the bytes that had arrived and were not
    /// read. `is_complete` is true if the peer had finished its side, so that no byte of the peer is missing.
    pub(super) fn end(&self, end: StreamOutcome, unread: Vec<u8>, is_complete: bool) {
        self.end.set(Some(end));
        self.is_complete.set(is_complete);
        *self.unread.borrow_mut() = Unread { bytes: unread, ..Unread::default() };
    }

    /// Removes and returns the waker of the reading task, since the stream can be read.
    pub(super) fn readable(&self) -> Option<Waker> {
        self.reader.take()
    }

    /// Removes and returns the waker of the writing task, since the stream can be written.
    pub(super) fn writable(&self) -> Option<Waker> {
        self.writer.take()
    }

    /// Removes and returns the wakers of the reading and the writing task.
    pub(super) fn wakers(&self) -> impl Iterator<Item = Waker> + use<> {
        self.reader.take().into_iter().chain(self.writer.take())
    }

    /// Reads the remaining bytes of an ended stream. After the last byte, returns `Ok(0)` or the error with which the stream
    /// has ended.
    pub(super) fn read_rest(&self, end: StreamOutcome, buffer: &mut [u8]) -> io::Result<usize> {
        match self.unread.borrow_mut().read(buffer) {
            0 => end.read(self.is_complete.get()),
            n => Ok(n),
        }
    }
}

impl KeepsUnread for StreamEnds {
    fn keeps(&self) -> Option<(usize, bool)> {
        let bytes = self.unread.borrow().bytes.capacity();
        (bytes > 0).then(|| (bytes, !self.is_complete.get()))
    }

    fn set_counted(&self, counted: Counted<Self>) {
        self.unread.borrow_mut()._counted = Some(counted);
    }

    fn lose_unread(&self) {
        // Bytes are missing now, even if the peer had finished: a reader must get an error, and never an end.
        self.is_complete.set(false);
        *self.unread.borrow_mut() = Unread::default();
    }
}

/// The way in which a stream of a host has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamOutcome {
    /// The stream has ended in this way, which the event `closed_stream` has told.
    Told(StreamEnd),
    /// The stream was opened lazily, and could not open.
    Failed(Failure),
    /// The host was dropped.
    Gone,
}

impl StreamOutcome {
    /// Returns the result of a read after the last byte that arrived: `Ok(0)` if the peer has ended its side, or an error if
    /// the stream was cut off. `is_complete` is true if the peer had finished its side.
    pub(super) fn read(self, is_complete: bool) -> io::Result<usize> {
        match self {
            Self::Told(StreamEnd::Finished) => Ok(0),
            // A peer that finishes its streams and leaves at once ends them in this way. All of its bytes have arrived, so
            // its reader must not get an error.
            Self::Told(StreamEnd::ConnectionClosed) | Self::Gone if is_complete => Ok(0),
            Self::Told(_) | Self::Failed(_) | Self::Gone => Err(self.error()),
        }
    }

    /// Returns the error of a read or write after the end of the stream.
    pub(super) fn error(self) -> io::Error {
        use io::ErrorKind as Kind;
        let (kind, text) = match self {
            Self::Told(StreamEnd::Finished) => (Kind::BrokenPipe, "the stream is finished"),
            Self::Told(StreamEnd::Reset(Side::Remote)) => (Kind::ConnectionReset, "the peer reset the stream"),
            Self::Told(StreamEnd::Reset(Side::Local)) => (Kind::ConnectionAborted, "the stream was reset on our side"),
            Self::Told(StreamEnd::ConnectionClosed) => (Kind::ConnectionAborted, "the stream's connection has ended"),
            Self::Told(StreamEnd::Timeout) => (Kind::TimedOut, "the stream was half-open for too long"),
            Self::Told(StreamEnd::Limit) => {
                (Kind::ConnectionAborted, "the stream was reset because a limit was reached")
            }
            Self::Told(StreamEnd::Denied) => (Kind::PermissionDenied, "the gate now denies the stream's protocol"),
            Self::Failed(reason) => return Error::Failed { reason, text: None }.into(),
            Self::Gone => (Kind::ConnectionAborted, "the host is gone"),
        };
        io::Error::new(kind, text)
    }
}
