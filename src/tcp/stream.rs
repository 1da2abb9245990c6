//! [`Stream`]: an established TCP connection as a byte pipe.

use super::registered::Registered;
use super::source::Marks;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_lite::io::{AsyncRead, AsyncWrite};
use mio::net::TcpStream;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::Shutdown;

/// An established TCP connection, neither authenticated nor multiplexed.
///
/// A poll of the reactor wakes pending reads and writes. Closing the stream ([`AsyncWrite::poll_close`]) ends our direction:
/// the peer reads all bytes that were written and then the end, and can still write. Dropping the stream closes the socket
/// at once.
#[derive(Debug)]
pub struct Stream {
    socket: Registered<TcpStream>,
    /// `true` once our direction has been ended.
    is_shut: bool,
}

impl Stream {
    pub(super) fn new(socket: Registered<TcpStream>) -> Self {
        // A socket that has just been connected is writable.
        socket.assume_writable();
        Self { socket, is_shut: false }
    }

    /// Calls the function `read`, whose buffer has `space` bytes, if the socket is marked readable. After a read that does
    /// not fill the buffer, the socket is marked as not readable.
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        space: usize,
        mut read: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let mut before = Marks::default();
        let polled = self.socket.poll_read(cx, |socket, marks| {
            before = marks;
            read(socket)
        });
        // A read of zero bytes means that the peer has ended its direction. The socket then stays marked as readable, so
        // that later reads also find the end.
        if let Poll::Ready(Ok(n)) = polled
            && n > 0
            && n < space
        {
            // Otherwise each message that arrives whole would cost a second call, which finds nothing. Without these calls
            // a stream that was opened and closed alone took 31 system calls in place of 42, on both sides together.
            self.socket.read_short(before);
        }
        polled
    }
}

/// Ends our direction before the socket closes. A child process between fork and exec has a copy of the socket. While that
/// copy is open, closing our socket would not end the connection.
impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_shut {
            // The call fails if the peer has already ended the connection, and then nothing is left to do.
            let _ = self.socket.socket.shutdown(Shutdown::Write);
        }
    }
}

/// Returns the descriptor of the socket, to read its options (with `socket2::SockRef`, for instance). Do not read from the
/// descriptor or write to it.
#[cfg(unix)]
impl std::os::fd::AsFd for Stream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.socket.as_fd()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, buffer.len(), |socket| socket.read(buffer))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let space = buffers.iter().map(|buffer| buffer.len()).sum();
        self.poll_read_with(cx, space, |socket| socket.read_vectored(buffers))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, |socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, |socket| socket.write_vectored(slices))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A write has handed its bytes to the system when it returns, so that nothing is left to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.socket.shutdown(Shutdown::Write) {
            // `NotConnected` means that the peer has reset the connection, so that no direction is left to end.
            Err(error) if error.kind() != io::ErrorKind::NotConnected => return Poll::Ready(Err(error)),
            Ok(()) | Err(_) => {}
        }
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}
