//! The outcomes of listening, dialing and opening a stream; and [`StreamEnds`], the state of a stream that its holder and the
//! host share.

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

/// The outcome of listening: the id of the listener, and its addresses.
pub(super) type Listening = (ListenerId, Vec<Multiaddr>);

/// The outcome of a dial: the id of the connection, its peer, and the address that was dialed.
pub(super) type Dialed = (ConnectionId, PeerId, Multiaddr);

/// The parts of an open stream: its properties, and its state.
pub(super) struct StreamParts {
    pub(super) id: StreamId,
    pub(super) connection: ConnectionId,
    pub(super) peer: PeerId,
    pub(super) direction: Direction,
    pub(super) protocol: Protocol,
    pub(super) ends: Rc<StreamEnds>,
}

/// The state of a stream, which its holder and, until the stream has ended, the host's notifee share.
#[derive(Default)]
pub(super) struct StreamEnds {
    pub(super) reader: Cell<Option<Waker>>,
    pub(super) writer: Cell<Option<Waker>>,
    /// `true` once the peer's end has been read.
    pub(super) is_read: Cell<bool>,
    /// `true` once our side is closed.
    pub(super) is_finished: Cell<bool>,
    /// `true` once its holder has closed and then dropped it.
    pub(super) is_let_go: Cell<bool>,
    /// `true` while its tasks are to be woken after the turn.
    pub(super) is_retrying: Cell<bool>,
    /// The end of the stream, once it has ended.
    pub(super) end: Cell<Option<StreamOutcome>>,
    /// `true` if the peer had finished its side when the stream ended, so that all its bytes have arrived.
    is_complete: Cell<bool>,
    /// The bytes that had arrived and were not read when the stream ended.
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
        if self.start == self.bytes.len() {
            *self = Self::default();
        }
        n
    }
}

impl StreamEnds {
    /// Records that the stream has ended, with the bytes that were not read.
    pub(super) fn end(&self, end: StreamOutcome, unread: Vec<u8>, is_complete: bool) {
        self.end.set(Some(end));
        self.is_complete.set(is_complete);
        *self.unread.borrow_mut() = Unread { bytes: unread, ..Unread::default() };
    }

    /// Takes the waker of the reading task, since there is something to read.
    pub(super) fn readable(&self) -> Option<Waker> {
        self.reader.take()
    }

    /// Takes the waker of the writing task, since there is room to write.
    pub(super) fn writable(&self) -> Option<Waker> {
        self.writer.take()
    }

    /// Takes the wakers of both tasks.
    pub(super) fn wakers(&self) -> impl Iterator<Item = Waker> + use<> {
        self.reader.take().into_iter().chain(self.writer.take())
    }

    /// Reads the bytes that are left of an ended stream, and then its end.
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
        self.is_complete.set(false);
        *self.unread.borrow_mut() = Unread::default();
    }
}

/// The end of a stream of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamOutcome {
    /// The end that the event `closed_stream` has told.
    Told(StreamEnd),
    /// The stream was opened lazily, and could not open.
    Failed(Failure),
    /// The host was dropped.
    Gone,
}

impl StreamOutcome {
    /// Returns the result of a read after all bytes that arrived were read. `is_complete` says whether the peer had finished
    /// its side.
    pub(super) fn read(self, is_complete: bool) -> io::Result<usize> {
        match self {
            Self::Told(StreamEnd::Finished) => Ok(0),
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
