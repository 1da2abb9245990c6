//! [`Attempt`]: one attempt to connect to one address.

use super::address::SocketAddresses;
use super::reactor::Handle;
use super::registered::Registered;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};
use mio::Interest;
use mio::net::TcpStream;
use std::io;

/// A connected socket, and the addresses of both ends of its connection.
pub(super) type Connected = (Registered<TcpStream>, SocketAddresses);

/// One attempt to connect to one address.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) address: SocketAddr,
    /// The socket, or `None` once the attempt has connected or failed.
    socket: Option<Registered<TcpStream>>,
}

impl Attempt {
    /// Begins to connect to an address: the system sends the first packet. If the system refuses, its error is returned.
    pub(super) fn begin(handle: &Handle, address: SocketAddr) -> io::Result<Self> {
        // The system reports the end of a connect as writable, both if it has succeeded and if it has failed.
        let socket = Registered::new(handle, TcpStream::connect(address)?, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { address, socket: Some(socket) })
    }

    /// Returns the connected socket with its addresses, or the error with which the attempt has failed. Returns `Pending`
    /// while the attempt is under way. A poll after the attempt has ended returns the error `NotConnected`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connected>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let address = self.address;
        let connected = ready!(socket.poll_write(cx, |socket| {
            // Only a socket without a peer is asked for its error: that saves a system call for each connection.
            match socket.peer_addr() {
                Ok(_) => match socket.local_addr()? {
                    // TCP's simultaneous open: the system chose the dialed port itself as our local port, and the socket is
                    // connected to itself.
                    local if local == address => Err(io::ErrorKind::ConnectionRefused.into()),
                    local => Ok(local),
                },
                // The attempt has failed, or the poller has reported a socket as writable although it is not connected yet.
                Err(error) => match (socket.take_error()?, error.kind()) {
                    (Some(failure), _) => Err(failure),
                    (None, io::ErrorKind::NotConnected) => Err(io::ErrorKind::WouldBlock.into()),
                    (None, _) => Err(error),
                },
            }
        }));
        let socket = self.socket.take();
        Poll::Ready(connected.and_then(|local| match socket {
            Some(socket) => Ok((socket, SocketAddresses { local, remote: address })),
            None => Err(io::ErrorKind::NotConnected.into()),
        }))
    }
}
