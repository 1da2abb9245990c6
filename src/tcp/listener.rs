//! [`ListeningSocket`]: a socket that listens and accepts connections. It loses no wake-up, and no error makes it accept in
//! a busy loop.

use super::interfaces::{Change, Interfaces, Wildcard};
use super::reactor::Handle;
use super::registered::Registered;
use super::timer::Timer;
use super::{Config, Event, Stream, address};
use core::future::ready;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_core::transport::{ListenerId, TransportEvent};
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;

/// The maximum number of dead connections that one poll of a listener skips. If accept then fails once more, the listener
/// pauses, since an error that looks like a dead connection may be permanent.
const MAX_PASSED_OVER: usize = 64;

/// The minimum duration of a pause of a listener that could not accept for lack of resources.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// The outcome of a poll of a listener.
pub(super) enum ListenerPoll {
    /// The listener has an event to report, and continues.
    Event(Event),
    /// The socket is broken, with this error, and the listener has to end.
    Broken(io::Error),
}

/// The reaction of a listener to an error of `accept`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AcceptError {
    /// The connection died before it was accepted. The listener accepts the next one.
    PassOver,
    /// Descriptors or memory have run out, or the error is unknown. The listener pauses, since the same call would fail
    /// again for a while.
    AcceptPause,
    /// The socket does not listen any more. The listener ends.
    Broken,
}

/// The addresses that a listener reports, and the state of reporting them.
#[derive(Debug)]
enum ListenAddresses {
    /// The address that the listener is bound to, and `true` until the address has been reported.
    One(Multiaddr, bool),
    /// The addresses of the machine's interfaces, which may change, for a listener on a wildcard address.
    Behind(Wildcard),
}

/// A listening socket that is bound to an address.
#[derive(Debug)]
pub(super) struct ListeningSocket {
    id: ListenerId,
    pub(super) socket: Registered<TcpListener>,
    addresses: ListenAddresses,
    /// The pause that the listener makes because accept has failed, or `None` if it does not pause.
    pause: Option<AcceptPause>,
    /// `true` if the listener has made the poller check whether a connection waits, and has accepted none since. Then the
    /// poller wakes the listener only if a connection waits. On Linux, accept fails for lack of descriptors even if no
    /// connection waits. So the failure is reported only if this field is `true`: otherwise the swarm would close another
    /// connection for nothing.
    is_awaited: bool,
}

/// A pause of a listener whose call of accept has failed, for lack of descriptors or memory, for instance. The pause ends
/// when its timer ends, or when a socket of the reactor closes, since that may have freed the lacking resource.
#[derive(Debug)]
struct AcceptPause {
    timer: Timer,
    /// The [count](Handle::closed) of closed sockets when the pause began.
    closed: u64,
}

impl AcceptPause {
    fn poll(&self, cx: &Context<'_>, handle: &Handle) -> Poll<()> {
        if handle.has_closed_since(self.closed, cx.waker()) { Poll::Ready(()) } else { self.timer.poll(cx) }
    }
}

impl ListeningSocket {
    /// Binds a socket to `address` and listens on it. If that fails, no socket is left behind.
    pub(super) fn bind(id: ListenerId, address: SocketAddr, handle: &Handle, config: &Config) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // With this option `0.0.0.0` and `::` can share a port, whatever the system's default is.
            socket.set_only_v6(true)?;
        }
        // Without this option, the port could not be bound again while connections of a closed listener linger in
        // `TIME_WAIT`. On Windows the option would let a socket bind a port on which another socket listens.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        let socket = Registered::new(handle, TcpListener::from_std(socket.into()), Interest::READABLE)?;
        let bound = socket.socket.local_addr()?;
        log::debug!("listening on {bound}");
        let addresses = match bound.ip().is_unspecified() {
            true => ListenAddresses::Behind(Wildcard::new(bound)),
            false => ListenAddresses::One(address::to_multiaddr(bound), true),
        };
        Ok(Self { id, socket, addresses, pause: None, is_awaited: false })
    }

    /// Returns the id of the listener, which the caller of `listen_on` chose.
    pub(super) fn id(&self) -> ListenerId {
        self.id
    }

    /// Returns whether the socket is bound to a wildcard address, so that the listener reports the addresses of the
    /// interfaces.
    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self.addresses, ListenAddresses::Behind(_))
    }

    /// Stops listening and closes the socket at once.
    ///
    /// The socket is also shut down, since closing our descriptor does not end listening while a copy of the descriptor
    /// exists. A child process that another thread starts has a copy of every descriptor between fork and exec.
    pub(super) fn close(self) {
        // Without the shutdown, about one run of the tests in thirty saw a removed listener still accept. Some systems cannot
        // shut down a listening socket and return an error; there, closing the descriptor has to suffice.
        #[cfg(unix)]
        let _ = socket2::SockRef::from(&self.socket.socket).shutdown(std::net::Shutdown::Both);
    }

    /// Returns the next event to report: first changes of addresses, then accepted connections. `Pending` means that there
    /// is no event, and that the waker of `cx` will be woken when a connection waits or a pause ends.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        config: &Config,
        interfaces: &Interfaces,
    ) -> Poll<ListenerPoll> {
        let change = match &mut self.addresses {
            ListenAddresses::One(address, is_new) => core::mem::take(is_new).then(|| Change::New(address.clone())),
            ListenAddresses::Behind(wildcard) => wildcard.next(interfaces, config.wildcard_addresses),
        };
        let listener_id = self.id;
        match change {
            Some(Change::New(listen_addr)) => {
                return Poll::Ready(ListenerPoll::Event(TransportEvent::NewAddress { listener_id, listen_addr }));
            }
            Some(Change::Expired(listen_addr)) => {
                return Poll::Ready(ListenerPoll::Event(TransportEvent::AddressExpired { listener_id, listen_addr }));
            }
            None => {}
        }
        if let Some(pause) = &self.pause {
            ready!(pause.poll(cx, handle));
            self.pause = None;
            // The poller has reported the connections that arrived during the pause, and will not report them again.
            self.socket.assume_readable();
        }
        self.accept(cx, handle, config, |stream| pipe_of(stream, handle, config))
    }

    /// Accepts connections until `pipe` has made a stream from a connection, and returns that stream. A connection for which
    /// `pipe` fails is closed.
    fn accept(
        &mut self,
        cx: &mut Context<'_>,
        handle: &Handle,
        config: &Config,
        mut pipe: impl FnMut(TcpStream) -> io::Result<Stream>,
    ) -> Poll<ListenerPoll> {
        let mut passed_over = 0;
        loop {
            let accepted = ready!(self.socket.poll_read(cx, |socket, _| socket.accept()));
            let error = match accepted {
                Ok((stream, remote)) => {
                    match self.accepted().local_addr(&stream).and_then(|local| Ok((pipe(stream)?, local))) {
                        Ok((stream, local_addr)) => {
                            return Poll::Ready(ListenerPoll::Event(TransportEvent::Incoming {
                                listener_id: self.id,
                                upgrade: ready(Ok(stream)),
                                local_addr,
                                send_back_addr: address::to_multiaddr(remote),
                            }));
                        }
                        // An error of the accepted socket closes only that socket. The listener continues.
                        Err(error) => {
                            log::debug!("an accepted connection from {remote} has failed at once: {error}");
                            if passed_over < MAX_PASSED_OVER {
                                passed_over += 1;
                                continue;
                            }
                            return Poll::Ready(self.rest(error, handle, config));
                        }
                    }
                }
                Err(error) => error,
            };
            match verdict(&error) {
                AcceptError::PassOver if passed_over < MAX_PASSED_OVER => {
                    log::debug!("a connection ended before it was accepted: {error}");
                    passed_over += 1;
                }
                // This call makes the poller check whether a connection waits. If a connection waits, the poller wakes the
                // listener. If accept then fails again, the listener pauses.
                AcceptError::AcceptPause if !self.is_awaited => match self.socket.look_again() {
                    Ok(()) => self.is_awaited = true,
                    Err(_) => return Poll::Ready(self.rest(error, handle, config)),
                },
                AcceptError::PassOver | AcceptError::AcceptPause => {
                    return Poll::Ready(self.rest(error, handle, config));
                }
                AcceptError::Broken => return Poll::Ready(ListenerPoll::Broken(error)),
            }
        }
    }

    /// Records that a connection has been accepted, so that it is unknown whether another connection waits.
    fn accepted(&mut self) -> &Self {
        self.is_awaited = false;
        self
    }

    /// Returns the local address of a connection that this listener has accepted.
    fn local_addr(&self, stream: &TcpStream) -> io::Result<Multiaddr> {
        match &self.addresses {
            // The address is that of the listener itself, so no system call is needed.
            ListenAddresses::One(bound, _) => Ok(bound.clone()),
            ListenAddresses::Behind(_) => stream.local_addr().map(address::to_multiaddr),
        }
    }

    /// Begins a pause before the next attempt to accept, and returns the event that reports the error.
    fn rest(&mut self, error: io::Error, handle: &Handle, config: &Config) -> ListenerPoll {
        let timer = Timer::after(handle, config.accept_pause.max(MIN_PAUSE));
        self.pause = Some(AcceptPause { timer, closed: handle.closed() });
        ListenerPoll::Event(TransportEvent::ListenerError { listener_id: self.id, error })
    }
}

/// Makes a stream from an accepted socket. If that fails, the socket is closed.
fn pipe_of(stream: TcpStream, handle: &Handle, config: &Config) -> io::Result<Stream> {
    stream.set_nodelay(config.nodelay)?;
    Ok(Stream::new(Registered::new(handle, stream, Interest::READABLE)?))
}

/// Decides how a listener reacts to an error of `accept`. An unknown error makes the listener pause, so that no error can
/// cause a busy loop.
pub(super) fn verdict(error: &io::Error) -> AcceptError {
    let kind = error.kind();
    // The socket was shut down or never listened.
    if kind == io::ErrorKind::InvalidInput {
        return AcceptError::Broken;
    }
    // On Linux, accept also returns network errors that are pending on the new connection.
    let of_one_connection = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
        io::ErrorKind::NotConnected,
        io::ErrorKind::TimedOut,
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkDown,
        io::ErrorKind::NetworkUnreachable,
    ];
    if of_one_connection.contains(&kind) { AcceptError::PassOver } else { AcceptError::AcceptPause }
}

#[cfg(test)]
mod tests;
