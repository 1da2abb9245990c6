//! [`Stream`]: a stream of a host. The task or the handler that holds this value reads and writes the stream.

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

/// An open stream whose protocol is agreed, or a stream that was [opened lazily](super::Handle::open_stream_lazy).
///
/// **Reading** returns the bytes that have arrived. The end of the peer's side is `Ok(0)`. A stream that was cut off returns
/// an error, so that it can always be distinguished from a stream whose peer has ended its side. The error is
/// `ConnectionReset` if the peer reset the stream, `ConnectionAborted` if its connection has ended or the host was dropped,
/// `TimedOut` if the stream was half-open for the [`half_open_timeout`](crate::connection::Config::half_open_timeout), ten
/// minutes by default. A stream that was opened lazily and could not open has no bytes to read, and returns the reason as an
/// error: `Unsupported` if the peer refused the protocol. In any case, the bytes that had arrived before are read first. If
/// the peer had finished its side before the connection ended, all bytes have arrived, and the end is `Ok(0)`. Unread bytes
/// are bounded by the [receive window](crate::connection::yamux::Config::max_receive_window): a peer that has more to send
/// waits until they are read. The unread bytes of ended streams have a [bound](super::Config::unread_bytes) of their own. If
/// that bound is exceeded and the stream loses its bytes, reading returns the error at once, and never `Ok(0)`.
///
/// **Writing** accepts as many bytes as there is room for. If there is no room because the peer does not read, writing
/// waits. The host's next turn sends the bytes; no flush is necessary.
///
/// **Flushing** waits until all bytes that were written, and the output that is sent together with them, have been handed to
/// the socket. It does not tell whether the peer has received them. If the stream has ended, flushing succeeds only if both
/// sides had finished. Otherwise it is an error, since it is not known which bytes were sent.
///
/// **Closing** ends our side: the peer reads all bytes that were written and then the end. Closing does not wait for the
/// peer, and the other direction stays open.
///
/// **Dropping** a stream resets it, in both directions, unless it was closed. If it was closed, the bytes that were written
/// are still sent, and bytes that still arrive from the peer are discarded, for at most
/// [`close_timeout`](crate::connection::Config::close_timeout).
///
/// **Holding** a stream that has not ended makes a [shutdown](super::Handle::shutdown) wait, for the whole
/// [`shutdown_timeout`](super::Config::shutdown_timeout). Drop the stream before you await a shutdown.
///
/// A stream belongs to the thread of its host. Several tasks may use its halves, through `split` of `futures-lite` or
/// `smol`. At most one task at a time waits to read, and at most one to write.
pub struct Stream {
    shared: Rc<HostShared>,
    opened: StreamParts,
}

impl Stream {
    pub(super) const fn new(shared: Rc<HostShared>, opened: StreamParts) -> Self {
        Self { shared, opened }
    }

    /// Returns the id of the stream, which notifees are also told.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.opened.id
    }

    /// Returns the id of the connection that carries the stream.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.opened.connection
    }

    /// Returns the id of the peer at the other end of the stream.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.opened.peer
    }

    /// Returns the direction of the stream: inbound if the peer opened it, outbound if we opened it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.opened.direction
    }

    /// Returns the protocol of the stream. For a stream that was opened lazily, the proposed protocol is returned.
    #[must_use]
    pub const fn protocol(&self) -> &Protocol {
        &self.opened.protocol
    }

    /// Sets the half-open timeout of this stream, in place of
    /// [`half_open_timeout`](crate::connection::Config::half_open_timeout). A longer timeout is useful for a request whose
    /// answer may take long, for example. `None` means no limit. If the stream is half-open already, the time begins with
    /// this call. If the stream has ended, this call has no effect.
    pub fn set_half_open_timeout(&self, time: Option<Duration>) {
        self.shared.act(HostCommand::SetHalfOpenTimeout(self.opened.id, time));
    }

    /// Calls `act` with the swarm. If `act` returns a result, wakes the driver and returns the result. If `act` returns
    /// `None`, or if `act` cannot be called because the swarm is borrowed already, stores the waker of `cx` in `waiting` and
    /// returns `Pending`. In the second case the waker is called after the turn.
    fn with<R>(
        &self,
        waiting: &Cell<Option<Waker>>,
        cx: &Context<'_>,
        act: impl FnOnce(&mut dyn Node) -> Option<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match self.shared.try_world(|host_swarm| act(host_swarm.node())) {
            Ok(Some(done)) => {
                // A read may have window to grant, and a write has output to send. Both happen in the driver's next turn.
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
            // If the stream has ended, its last event will be told soon and will make its unread bytes available.
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
            // As in `poll_read`: the last event of the stream will wake the task, which then finds how the stream has ended.
            Err(WriteError::Blocked | WriteError::Ended | WriteError::Stale) => None,
            Err(WriteError::Closed) => Some(Err(closed())),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (ends, id) = (&self.opened.ends, self.opened.id);
        match ends.end.get() {
            // The stream has finished, so all bytes that were written were sent before the end of our side.
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
        // A stream that was closed stays in the host's table until it has ended, and would keep the wakers of a task that is
        // perhaps gone.
        drop(self.opened.ends.wakers());
        self.opened.ends.is_let_go.set(self.opened.ends.is_finished.get());
        if self.opened.ends.end.get().is_none() {
            self.shared
                .act(HostCommand::LetGo { stream: self.opened.id, is_finished: self.opened.ends.is_finished.get() });
        }
    }
}

/// Formats the stream as one line: `s0.1 on c0.1 with PEER: /echo/1.0.0`.
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
