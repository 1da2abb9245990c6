//! One listening socket: binding it, and accepting from it without ever losing a wake-up or spinning on an error.

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

/// How many dead connections one poll passes over before it takes the error for a lack and rests: what looks like a
/// dead connection might be an error that stays.
const MAX_PASSED_OVER: usize = 64;

/// The shortest rest after a lack of resources.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// What a poll of a listener came to.
pub(super) enum ListenerPoll {
    /// Something to report; the listener goes on.
    Event(Event),
    /// The socket is of no more use.
    Broken(io::Error),
}

/// What an error of accept says of the listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AcceptError {
    /// One connection died early; the next may be fine.
    PassOver,
    /// Something has run out, or it cannot be told: the same call will fail again for a while.
    AcceptPause,
    /// The socket does not listen.
    Broken,
}

/// What a listener has to say of its addresses.
#[derive(Debug)]
enum ListenAddresses {
    /// The address that it is bound to, and `true` while that has not been reported.
    One(Multiaddr, bool),
    /// Those of the interfaces, which come and go.
    Behind(Wildcard),
}

/// A bound, listening socket.
#[derive(Debug)]
pub(super) struct ListeningSocket {
    id: ListenerId,
    pub(super) socket: Registered<TcpListener>,
    addresses: ListenAddresses,
    /// The rest after a lack of resources, if one is being taken.
    pause: Option<AcceptPause>,
    /// The poller has reported since the last accept that somebody waits. Linux answers a lack of descriptors also where
    /// nobody does, and then nobody has to make way.
    is_awaited: bool,
}

/// A rest after a lack of resources: until its time is over, or a socket has closed, which may have given back what was
/// missing.
#[derive(Debug)]
struct AcceptPause {
    timer: Timer,
    /// The [count](Handle::closed) of closed sockets when it began.
    closed: u64,
}

impl AcceptPause {
    fn poll(&self, cx: &Context<'_>, handle: &Handle) -> Poll<()> {
        if handle.has_closed_since(self.closed, cx.waker()) { Poll::Ready(()) } else { self.timer.poll(cx) }
    }
}

impl ListeningSocket {
    /// Binds and listens. On an error, no socket is left behind.
    pub(super) fn bind(id: ListenerId, address: SocketAddr, handle: &Handle, config: &Config) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // On Windows the option would let a socket take a port that another one listens on.
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

    /// The name that the owner gave it.
    pub(super) fn id(&self) -> ListenerId {
        self.id
    }

    /// Whether it is bound to a wildcard address, so that those of the interfaces matter to it.
    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self.addresses, ListenAddresses::Behind(_))
    }

    /// Ends listening and closes the socket at once.
    ///
    /// Closing alone would not be enough while a copy of the descriptor exists, and one does whenever another thread is
    /// just starting a process: from fork to exec, its child has them all.
    pub(super) fn close(self) {
        // A system that cannot shut a listening socket down gives an error. Closing is all there is then.
        #[cfg(unix)]
        let _ = socket2::SockRef::from(&self.socket.socket).shutdown(std::net::Shutdown::Both);
    }

    /// The next thing to report. `Pending` means that the waker is registered with the socket, or with the rest that
    /// is being taken.
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
            // The poller has reported connections that came during the rest, and will not report them again.
            self.socket.assume_readable();
        }
        self.accept(cx, handle, config, |stream| pipe_of(stream, handle, config))
    }

    /// Accepts the next connection of which `pipe` makes a stream.
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
                        // An error of the accepted socket closes that connection, and not the listener.
                        Err(error) => {
                            log::debug!("a connection from {remote} could not be taken: {error}");
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

    /// Somebody has been accepted: whether another one waits is not known.
    fn accepted(&mut self) -> &Self {
        self.is_awaited = false;
        self
    }

    /// Returns our address that an accepted connection came to.
    fn local_addr(&self, stream: &TcpStream) -> io::Result<Multiaddr> {
        match &self.addresses {
            // It is the listener's own, unless that is a wildcard.
            ListenAddresses::One(bound, _) => Ok(bound.clone()),
            ListenAddresses::Behind(_) => stream.local_addr().map(address::to_multiaddr),
        }
    }

    /// Reports the error and rests before the next attempt.
    fn rest(&mut self, error: io::Error, handle: &Handle, config: &Config) -> ListenerPoll {
        let timer = Timer::after(handle, config.accept_pause.max(MIN_PAUSE));
        self.pause = Some(AcceptPause { timer, closed: handle.closed() });
        ListenerPoll::Event(TransportEvent::ListenerError { listener_id: self.id, error })
    }
}

/// Makes a pipe of an accepted socket. On an error the socket is closed.
fn pipe_of(stream: TcpStream, handle: &Handle, config: &Config) -> io::Result<Stream> {
    stream.set_nodelay(config.nodelay)?;
    Ok(Stream::new(Registered::new(handle, stream, Interest::READABLE)?))
}

/// Sorts an error of accept. What is not known to be harmless rests, so that no error can make a spin.
pub(super) fn verdict(error: &io::Error) -> AcceptError {
    let kind = error.kind();
    // The socket was shut down or never listened.
    if kind == io::ErrorKind::InvalidInput {
        return AcceptError::Broken;
    }
    // Linux hands out errors of the new connection's network here, too.
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
