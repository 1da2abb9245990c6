//! [`Stream`]: a stream of the host's, to be read and written by whatever task holds it.

use super::command::HostCommand;
use super::error::Absent;
use super::opened_stream::{StreamOutcome, StreamParts};
use super::outcome::remember;
use super::shared::HostShared;
use crate::connection::{Protocol, ReadError, WriteError};
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Direction, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::text::for_log;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::io;

/// A stream, open and with an agreed protocol, or [opened lazily](super::Handle::open_stream_lazy).
///
/// **Reading** gives what has come. The peer's end is `Ok(0)`; a stream that was cut is an error, so that the two are
/// never mistaken for each other: `ConnectionReset` if the peer reset it, `ConnectionAborted` if its connection has
/// ended or the host was dropped, `TimedOut` if the peer let half of it hang for the
/// [`half_open_timeout`](crate::connection::Config::half_open_timeout), ten minutes by default. One that was opened
/// lazily and could not open has nothing to read, and says what it failed of: `Unsupported` if the peer refused it. In
/// any case what had arrived before is read first, and if the peer had finished its side before the connection ended,
/// then all of it has arrived, and the end is `Ok(0)`. What is unread is bounded by the
/// [receive window](crate::connection::yamux::Config::max_receive_window): a peer that sends more waits until it is
/// read. What ended streams have unread has a [bound](super::Config::unread_bytes) of its own; where that is exceeded, the
/// error comes at once, and never an end.
///
/// **Writing** takes what there is place for, and waits where the peer does not read. What was written is sent by the
/// host's next turn, without a flush.
///
/// **Flushing** waits until what was written has been handed to the socket, with what leaves together with it; what the
/// peer has of it nobody knows. Once the stream has ended it is an error, since nobody knows what was sent, unless the
/// stream finished.
///
/// **Closing** ends our side behind what was written: the peer reads the end. It does not wait for the peer, and the
/// other direction goes on.
///
/// **Dropping** a stream resets it, in both directions, unless it was closed: then what was written is still sent, and
/// what the peer still has to say is passed over, for a [`close_timeout`](crate::connection::Config::close_timeout) at
/// most.
///
/// **Holding** a stream that has not ended keeps a [shutdown](super::Handle::shutdown) waiting, for the whole
/// [`shutdown_timeout`](super::Config::shutdown_timeout): drop it before you await that.
///
/// It belongs to the thread of its host. Its halves may be used by several tasks, through `split` of `futures-lite` or
/// `smol`: one task at a time waits to read, and one to write.
pub struct Stream {
    shared: Rc<HostShared>,
    opened: StreamParts,
}

impl Stream {
    pub(super) const fn new(shared: Rc<HostShared>, opened: StreamParts) -> Self {
        Self { shared, opened }
    }

    /// Its id, as notifees are told it.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.opened.id
    }

    /// The connection it runs on.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.opened.connection
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.opened.peer
    }

    /// Who opened it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.opened.direction
    }

    /// What is spoken on it, or, if it was opened lazily, proposed.
    #[must_use]
    pub const fn protocol(&self) -> &Protocol {
        &self.opened.protocol
    }

    /// Gives the stream a time of its own in the place of
    /// [`half_open_timeout`](crate::connection::Config::half_open_timeout), or `None` for no limit: for a request whose
    /// answer may take long, say. If the stream is half-open already, the time begins with this call. It changes nothing
    /// on a stream that has ended.
    pub fn set_half_open_timeout(&self, time: Option<Duration>) {
        self.shared.act(HostCommand::SetHalfOpenTimeout(self.opened.id, time));
    }

    /// Does something with the stream in the swarm, and has the driver do what follows from it. Pending: the swarm is
    /// taken, and who waits in `waiting` will be woken after the turn; or `act` found nothing to do.
    fn with<R>(
        &self,
        waiting: &Cell<Option<Waker>>,
        cx: &Context<'_>,
        act: impl FnOnce(&mut dyn Node) -> Option<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match self.shared.try_world(|host_swarm| act(host_swarm.node())) {
            Ok(Some(done)) => {
                self.shared.wake_driver();
                return Poll::Ready(done);
            }
            Ok(None) => {}
            Err(Absent::Taken) => self.shared.retry(&self.opened.ends),
            Err(Absent::Gone) => return Poll::Ready(Err(StreamOutcome::Gone.error())),
        }
        remember(waiting, cx.waker());
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let (ends, id) = (&self.opened.ends, self.opened.id);
        if buffer.is_empty() || ends.is_read.get() {
            return Poll::Ready(Ok(0));
        }
        if let Some(end) = ends.end.get() {
            return Poll::Ready(ends.read_rest(end, buffer));
        }
        self.with(&ends.reader, cx, |node| match node.read(id, buffer) {
            Ok(n) => {
                ends.is_read.set(n == 0);
                Some(Ok(n))
            }
            // Once it has ended, what is left comes with its last event, which is on its way.
            Err(ReadError::Blocked | ReadError::Ended | ReadError::Stale) => None,
            Err(ReadError::Closed) => Some(Err(closed())),
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let (ends, id) = (&self.opened.ends, self.opened.id);
        if ends.is_finished.get() {
            return Poll::Ready(Err(closed()));
        }
        if let Some(end) = ends.end.get() {
            return Poll::Ready(Err(end.error()));
        }
        self.with(&ends.writer, cx, |node| match node.write(id, data) {
            Ok(n) => Some(Ok(n)),
            Err(WriteError::Blocked | WriteError::Ended | WriteError::Stale) => None,
            Err(WriteError::Closed) => Some(Err(closed())),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (ends, id) = (&self.opened.ends, self.opened.id);
        match ends.end.get() {
            // Its end was sent behind what was written.
            Some(StreamOutcome::Told(StreamEnd::Finished)) => return Poll::Ready(Ok(())),
            Some(end) => return Poll::Ready(Err(end.error())),
            None => {}
        }
        self.with(&ends.writer, cx, |node| match node.flush(id) {
            Ok(()) => Some(Ok(())),
            Err(WriteError::Blocked | WriteError::Ended | WriteError::Stale) => None,
            Err(WriteError::Closed) => Some(Err(closed())),
        })
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (ends, id) = (&self.opened.ends, self.opened.id);
        if ends.is_finished.get() {
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = ends.end.get() {
            return Poll::Ready(Err(end.error()));
        }
        self.with(&ends.writer, cx, |node| match node.finish(id) {
            Ok(()) => {
                ends.is_finished.set(true);
                Some(Ok(()))
            }
            Err(WriteError::Blocked | WriteError::Ended | WriteError::Stale) => None,
            Err(WriteError::Closed) => Some(Err(closed())),
        })
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "our side is closed, or the connection is closing")
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.opened.ends.wakers());
        self.opened.ends.is_let_go.set(self.opened.ends.is_finished.get());
        if self.opened.ends.end.get().is_none() {
            self.shared
                .act(HostCommand::LetGo { stream: self.opened.id, is_finished: self.opened.ends.is_finished.get() });
        }
    }
}

/// One line: `s0.1 on c0.1 with PEER: /echo/1.0.0`.
impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamParts { id, connection, peer, protocol, .. } = &self.opened;
        write!(f, "{id} on {connection} with {peer}: {}", for_log(protocol))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamParts { id, connection, peer, direction, protocol, .. } = &self.opened;
        f.debug_struct("Stream")
            .field("id", id)
            .field("connection", connection)
            .field("peer", peer)
            .field("direction", direction)
            .field("protocol", protocol)
            .finish()
    }
}
