//! [`PipeTransport`]: which kind of pipe a connection has. [`Pipe`]: one, with the connection on it. It is decided here
//! alone: the rest of the swarm reads, writes and ends a [`Pipe`].

use super::Transport;
use crate::connection::Connection;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::io;

/// A transport whose connections are ordered byte pipes, as those of TCP, WebSocket and memory are. It stands for these
/// bounds of a [`Transport`], so that nothing has to be implemented.
///
/// This is what a swarm asks of a pipe. A read and a write that are pending wake their task. After
/// [`poll_close`](AsyncWrite::poll_close) the peer reads all that was written and then an end of file, and can still write.
/// A read of zero bytes says that the peer has ended its direction. Dropping the pipe ends both at once.
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

/// A byte pipe and the connection on it.
pub(super) struct Pipe<Io> {
    pub(super) io: Io,
    pub(super) connection: Connection,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Pipe<Io> {
    /// Reads into `space`. Zero bytes are the end of the peer's direction.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        retry_interrupted(Pin::new(&mut self.io).poll_read(cx, space), cx)
    }

    /// Writes some of `bytes`.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        retry_interrupted(Pin::new(&mut self.io).poll_write(cx, bytes), cx)
    }

    /// Has what was written leave.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        retry_interrupted(Pin::new(&mut self.io).poll_flush(cx), cx)
    }

    /// Ends our direction.
    pub(super) fn end_ours(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

/// Turns the result of a call that a signal has interrupted (`EINTR`) into `Pending`, and wakes its task at once, so that
/// the call is repeated. Our TCP repeats such calls itself; another transport may not.
fn retry_interrupted<A>(polled: Poll<io::Result<A>>, cx: &Context<'_>) -> Poll<io::Result<A>> {
    match polled {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        polled @ (Poll::Ready(_) | Poll::Pending) => polled,
    }
}
