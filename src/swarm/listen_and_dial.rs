//! The commands [`listen`](Swarm::listen) and [`dial`](Swarm::dial).

use super::Swarm;
use super::address;
use super::error::{self, DialError, ListenError};
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::socket_connection::{ConnectionStage, SocketConnection};
use crate::connection::Now;
use crate::lifecycle::{ConnectionId, Direction, Failure, ListenerId};
use alloc::boxed::Box;
use libp2p_core::transport::{DialOpts, PortUse, TransportError};
use libp2p_core::{Endpoint, Multiaddr};

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Listens on an address, which may end with our own `/p2p/…`. The next turn in which the event queue has room for the
    /// `Listen` event binds the socket.
    ///
    /// # Events
    /// [`Listen`](crate::lifecycle::Event::Listen) once peers can connect to the socket, or
    /// [`ListenFailed`](crate::lifecycle::Event::ListenFailed) with a failure that tells what is wrong with the address: it
    /// is unsupported, in use, not an address of this machine, not permitted, or names another peer
    /// ([`WrongPeer`](Failure::WrongPeer)). If nobody can connect to the first address that the transport reports (a
    /// wildcard, port 0), the listener fails with [`AddressNotAvailable`](Failure::AddressNotAvailable). If the transport
    /// reports such an address later, the listener stays open, and the address is not listed among its addresses.
    ///
    /// # Errors
    /// [`ListenError`] if the command is refused; nothing has changed then.
    pub fn listen(&mut self, address: Multiaddr) -> Result<ListenerId, ListenError> {
        if self.is_shutting_down {
            return Err(ListenError::Closing);
        }
        let id = self.state.lifecycle.begin_listener().map_err(|_| ListenError::Limit)?;
        self.listeners.insert(id, address);
        self.state.enqueue_opening(id);
        Ok(id)
    }

    /// Dials an address. If the address ends with `/p2p/…`, no other peer is accepted. Two dials to one address make two
    /// connections.
    ///
    /// # Events
    /// [`Connected`](crate::lifecycle::Event::Connected) once the peer is authenticated and both sides have agreed on the
    /// muxer, or [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed), at the latest after
    /// [`handshake_timeout`](crate::connection::Config::handshake_timeout). The reason of the failure is
    /// [`WrongPeer`](Failure::WrongPeer) if another peer answers (the connection's [error](super::ConnectionView::error)
    /// names this peer), [`LocalPeer`](Failure::LocalPeer) if the address leads to ourselves,
    /// [`Unsupported`](Failure::Unsupported) if the address names more than one peer, and [`Denied`](Failure::Denied) if our
    /// [lists](super::Lists) or our [gate](super::Gate) do not allow the address or the peer.
    ///
    /// # Errors
    /// [`DialError`] if the command is refused; nothing has changed then.
    pub fn dial(&mut self, address: Multiaddr) -> Result<ConnectionId, DialError> {
        if self.is_shutting_down {
            return Err(DialError::Closing);
        }
        if !self.state.may_dial() {
            return Err(DialError::Limit);
        }
        let id = self.state.lifecycle.begin_connection(Direction::Outbound).map_err(|_| DialError::Limit)?;
        self.state.dials.begin();
        let mut conn =
            // Nothing is dialed yet: the next call either stores the dial or fails the connection. A fault of the address is
            // an event, and not an error of the command.
            SocketConnection::new(id, Direction::Outbound, address, ConnectionStage::Over(None), Now::Untimed);
        self.begin_dial(&mut conn);
        conn.mark_commanded(&mut self.state);
        self.insert_connection(conn);
        // A panic of the gate goes on only now, when the connection is in the table: its event could not be told otherwise,
        // and it would keep its place for ever.
        self.state.access.resume_panic();
        Ok(id)
    }

    fn begin_dial(&mut self, conn: &mut SocketConnection<T>) {
        let state = &mut self.state;
        let (plain, expected) = match address::split_peer(&conn.remote) {
            Ok(split) => split,
            Err(flaw) => return conn.fail(state, Failure::Unsupported, &flaw),
        };
        conn.expected = expected.map(Box::new);
        if let Some(peer) = expected {
            state.dials.name(conn.id, peer);
        }
        // An address that names ourselves fails before a socket is made, and before the gate is asked. Other ways to
        // ourselves are found in the handshake.
        if expected == Some(state.local_peer) {
            return conn.fail(state, Failure::LocalPeer, &"the address names ourselves");
        }
        if let Err(why) = state.access.may_dial(&plain, expected, self.now) {
            return conn.fail(state, Failure::Denied, &why);
        }
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        match self.transport.dial(plain, options) {
            Ok(dial) => conn.stage = ConnectionStage::Dialing(Box::pin(dial)),
            Err(TransportError::MultiaddrNotSupported(address)) => {
                conn.fail(state, Failure::Unsupported, &address::unsupported(&address, true));
            }
            Err(TransportError::Other(error)) => conn.fail(state, error::failure(&error), &error),
        }
    }
}
