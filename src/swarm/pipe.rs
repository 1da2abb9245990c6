//! [`PipeTransport`]: the bounds that a transport has to satisfy for its byte pipes to be used by a swarm. [`Pipe`]: one
//! byte pipe, with the connection that runs on it. Only this module knows the type of the byte pipes; the rest of the swarm
//! reads, writes and ends a [`Pipe`].

use super::Transport;
use crate::connection::Connection;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::io;

/// A transport whose connections are ordered byte pipes, for example TCP, WebSocket or memory. The trait is a short name for
/// its bounds on [`Transport`]. Every transport that satisfies the bounds implements it.
///
/// A swarm requires the following of a byte pipe. A read or a write that is pending wakes its task later. After
/// [`poll_close`](AsyncWrite::poll_close) the peer reads all bytes that were written and then an end of file, and can still
/// write. A read of zero bytes means that the peer has ended its direction. Dropping the pipe ends both directions at once.
///
/// ```
/// use core::time::Duration;
/// use swarm_notify::swarm::{PipeTransport, Swarm};
///
/// /// Does a turn of a swarm over pipes of any kind.
/// fn turn<T: PipeTransport>(swarm: &mut Swarm<T>, now: Duration) {
///     swarm.tick(now);
/// }
/// ```
pub trait PipeTransport: Transport<Output: AsyncRead + AsyncWrite + Unpin, Error: 'static> + Unpin {}

impl<T> PipeTransport for T where T: Transport<Output: AsyncRead + AsyncWrite + Unpin, Error: 'static> + Unpin {}

/// A byte pipe and the connection that runs on it.
pub(super) struct Pipe<Io> {
    pub(super) io: Io,
    pub(super) connection: Connection,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Pipe<Io> {
    /// Reads into `space`, and returns the number of bytes. Zero means that the peer has ended its direction.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        retry_interrupted(Pin::new(&mut self.io).poll_read(cx, space), cx)
    }

    /// Writes as many of `bytes` as the pipe accepts now, and returns their number.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        retry_interrupted(Pin::new(&mut self.io).poll_write(cx, bytes), cx)
    }

    /// Flushes the pipe, so that all bytes that were written are sent.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        retry_interrupted(Pin::new(&mut self.io).poll_flush(cx), cx)
    }

    /// Ends our direction of the pipe; the peer can still write.
    pub(super) fn end_ours(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

/// Turns the error of a call that a signal has interrupted (`EINTR`) into `Pending`, and wakes the task at once, so that the
/// call is repeated. Our TCP repeats such calls itself; another transport may not.
fn retry_interrupted<A>(polled: Poll<io::Result<A>>, cx: &Context<'_>) -> Poll<io::Result<A>> {
    match polled {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
            // A call that has returned an error has registered no waker, so that nothing else would wake the slot.
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        polled @ (Poll::Ready(_) | Poll::Pending) => polled,
    }
}
