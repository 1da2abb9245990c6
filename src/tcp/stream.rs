//! An established connection as a byte pipe.

use async_io::Async;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, TcpStream};

/// An established TCP connection, not authenticated and not multiplexed.
///
/// Closing it ([`AsyncWrite::poll_close`]) ends our direction: the other side reads what was written and then an end of
/// file, and can still write. Dropping it closes the socket at once.
#[derive(Debug)]
pub struct Stream {
    socket: Async<TcpStream>,
    /// The last read took less than it could have: the system has no more, and says when it does.
    drained: bool,
}

impl Stream {
    pub(super) fn new(socket: Async<TcpStream>) -> Self {
        Self { socket, drained: false }
    }
}

/// Closes the socket. A child of this process that is between fork and exec has a copy of it, so that closing alone may
/// not end the connection yet; the other side is told here.
impl Drop for Stream {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.socket.get_ref().shutdown(Shutdown::Write);
    }
}

/// The socket, to look at its options (with `socket2::SockRef`, say).
#[cfg(unix)]
impl std::os::fd::AsFd for Stream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Stream {
    /// Reads with `read`, if there is something to be read: a message that came whole costs one system call to receive,
    /// not a second one that finds nothing.
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        space: usize,
        read: impl FnOnce(Pin<&mut Async<TcpStream>>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.drained {
            ready!(self.socket.poll_readable(cx))?;
            self.drained = false;
        }
        let n = ready!(read(Pin::new(&mut self.socket), cx))?;
        // None is the end of the file, which a next read is to find again.
        self.drained = n > 0 && n < space;
        Poll::Ready(Ok(n))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, buffer.len(), |socket, cx| socket.poll_read(cx, buffer))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let space = buffers.iter().map(|buffer| buffer.len()).sum();
        self.poll_read_with(cx, space, |socket, cx| socket.poll_read_vectored(cx, buffers))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.get_ref().shutdown(Shutdown::Write) {
            // The other side has reset the connection: there is no direction left to end.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }
}
