//! What has opened, as it is given to whoever asked for it; of a stream, [`StreamEnds`], which its holder and the host
//! both know.

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

/// A listener: its id, and where it listens.
pub(super) type Listening = (ListenerId, Vec<Multiaddr>);

/// A connection: its id, who is at the other end, and what was dialed.
pub(super) type Dialed = (ConnectionId, PeerId, Multiaddr);

/// A stream: what does not change of it, and what does.
pub(super) struct StreamParts {
    pub(super) id: StreamId,
    pub(super) connection: ConnectionId,
    pub(super) peer: PeerId,
    pub(super) direction: Direction,
    pub(super) protocol: Protocol,
    pub(super) ends: Rc<StreamEnds>,
}

/// What changes of a stream, and is known to the notifee too while the stream has not ended.
#[derive(Default)]
pub(super) struct StreamEnds {
    pub(super) reader: Cell<Option<Waker>>,
    pub(super) writer: Cell<Option<Waker>>,
    /// The peer's end has been read.
    pub(super) is_read: Cell<bool>,
    /// Our side is closed.
    pub(super) is_finished: Cell<bool>,
    /// It was closed and then dropped.
    pub(super) is_let_go: Cell<bool>,
    /// It is in line to be woken after the turn.
    pub(super) is_retrying: Cell<bool>,
    pub(super) end: Cell<Option<StreamOutcome>>,
    /// The peer had finished its side when the stream ended.
    is_complete: Cell<bool>,
    /// What had arrived and was not read when the stream ended.
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
    /// The stream has ended.
    pub(super) fn end(&self, end: StreamOutcome, unread: Vec<u8>, is_complete: bool) {
        self.end.set(Some(end));
        self.is_complete.set(is_complete);
        *self.unread.borrow_mut() = Unread { bytes: unread, ..Unread::default() };
    }

    /// There is something to read.
    pub(super) fn readable(&self) -> Option<Waker> {
        self.reader.take()
    }

    /// There is place to write.
    pub(super) fn writable(&self) -> Option<Waker> {
        self.writer.take()
    }

    /// Everybody who waits.
    pub(super) fn wakers(&self) -> impl Iterator<Item = Waker> + use<> {
        self.reader.take().into_iter().chain(self.writer.take())
    }

    /// Reads what is left of a stream that has ended.
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

/// How a stream of the host's has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamOutcome {
    Told(StreamEnd),
    /// It was opened lazily, and could not open.
    Failed(Failure),
    /// The host was dropped.
    Gone,
}

impl StreamOutcome {
    /// What the reader hears once it has read all that arrived. `is_complete`: the peer had finished its side.
    pub(super) fn read(self, is_complete: bool) -> io::Result<usize> {
        match self {
            Self::Told(StreamEnd::Finished) => Ok(0),
            Self::Told(StreamEnd::ConnectionClosed) | Self::Gone if is_complete => Ok(0),
            Self::Told(_) | Self::Failed(_) | Self::Gone => Err(self.error()),
        }
    }

    /// What the writer hears.
    pub(super) fn error(self) -> io::Error {
        use io::ErrorKind as Kind;
        let (kind, text) = match self {
            Self::Told(StreamEnd::Finished) => (Kind::BrokenPipe, "the stream is finished"),
            Self::Told(StreamEnd::Reset(Side::Remote)) => (Kind::ConnectionReset, "the peer reset the stream"),
            Self::Told(StreamEnd::Reset(Side::Local)) => (Kind::ConnectionAborted, "the stream was reset on our side"),
            Self::Told(StreamEnd::ConnectionClosed) => (Kind::ConnectionAborted, "the stream's connection has ended"),
            Self::Told(StreamEnd::Timeout) => (Kind::TimedOut, "the peer let half of the stream hang"),
            Self::Told(StreamEnd::Limit) => {
                (Kind::ConnectionAborted, "the stream was reset because a limit was reached")
            }
            Self::Told(StreamEnd::Denied) => {
                (Kind::PermissionDenied, "the gate has come to deny the stream's protocol")
            }
            Self::Failed(reason) => return Error::Failed { reason, text: None }.into(),
            Self::Gone => (Kind::ConnectionAborted, "the host is gone"),
        };
        io::Error::new(kind, text)
    }
}
