//! Listeners and dials, as an owner begins them.

use super::Swarm;
use super::address;
use super::error::{self, DialError, ListenError};
use super::link::{Link, Stage};
use super::reactor::Reactor;
use crate::connection::UNTIMED;
use crate::lifecycle::{ConnectionId, Direction, Failure, ListenerId};
use alloc::boxed::Box;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::transport::{DialOpts, PortUse, TransportError};
use libp2p_core::{Endpoint, Multiaddr, Transport};

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Listens on an address, which may end with our own `/p2p/…`. The next turn that finds room for the event binds it.
    ///
    /// # Events
    /// [`Listen`](crate::lifecycle::Event::Listen) once a connect succeeds, or
    /// [`ListenFailed`](crate::lifecycle::Event::ListenFailed) with what was wrong
    /// with the address: unsupported, in use, not this machine's, not permitted, [`WrongPeer`](Failure::WrongPeer) if it
    /// names another peer. A transport that reports an address which nobody can connect to (a wildcard, port 0) fails it
    /// with [`AddressNotAvailable`](Failure::AddressNotAvailable); once the listener is open, such an address is left out.
    ///
    /// # Errors
    /// [`ListenError`]; nothing has changed.
    pub fn listen(&mut self, address: Multiaddr) -> Result<ListenerId, ListenError> {
        if self.is_shutting_down {
            return Err(ListenError::Closing);
        }
        let id = self.ledger.lifecycle.begin_listener().map_err(|_| ListenError::Limit)?;
        self.listeners.insert(id, address);
        self.ledger.wait(id);
        Ok(id)
    }

    /// Dials an address. With `/p2p/…` at its end, no other peer is accepted. Two dials of one address are two
    /// connections.
    ///
    /// # Events
    /// [`Connected`](crate::lifecycle::Event::Connected) once the peer is authenticated and the muxer agreed, or
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed), at the latest after
    /// [`handshake_timeout`](crate::connection::Config::handshake_timeout). Its reason is
    /// [`WrongPeer`](Failure::WrongPeer) if another peer answers, which the connection's
    /// [error](super::ConnectionView::error) names, [`LocalPeer`](Failure::LocalPeer) if the address leads
    /// to ourselves, [`Unsupported`](Failure::Unsupported) if it names more than one peer, and
    /// [`Denied`](Failure::Denied) if our [lists](super::Lists) or our [gate](super::Gate) do not allow the address or the
    /// peer.
    ///
    /// # Errors
    /// [`DialError`]; nothing has changed.
    pub fn dial(&mut self, address: Multiaddr) -> Result<ConnectionId, DialError> {
        if self.is_shutting_down {
            return Err(DialError::Closing);
        }
        if !self.ledger.may_dial() {
            return Err(DialError::Limit);
        }
        let id = self.ledger.lifecycle.begin_connection(Direction::Outbound).map_err(|_| DialError::Limit)?;
        self.ledger.dials.begin();
        let mut link = Link::new(id, Direction::Outbound, address, Stage::Over(None), UNTIMED);
        self.begin_dial(&mut link);
        link.mark_commanded(&mut self.ledger);
        self.insert_link(link);
        self.ledger.access.resume_panic();
        Ok(id)
    }

    fn begin_dial(&mut self, link: &mut Link<T>) {
        let ledger = &mut self.ledger;
        let (plain, expected) = match address::split_peer(&link.remote) {
            Ok(split) => split,
            Err(flaw) => return link.fail(ledger, Failure::Unsupported, &flaw),
        };
        link.expected = expected.map(Box::new);
        if let Some(peer) = expected {
            ledger.dials.name(link.id, peer);
        }
        if expected == Some(ledger.local_peer) {
            return link.fail(ledger, Failure::LocalPeer, &"the address names ourselves");
        }
        if let Err(why) = ledger.access.may_dial(&plain, expected, self.now) {
            return link.fail(ledger, Failure::Denied, &why);
        }
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        match self.transport.dial(plain, options) {
            Ok(dial) => link.stage = Stage::Dialing(Box::pin(dial)),
            Err(TransportError::MultiaddrNotSupported(address)) => {
                link.fail(ledger, Failure::Unsupported, &address::unsupported(&address, true));
            }
            Err(TransportError::Other(error)) => link.fail(ledger, error::failure(&error), &error),
        }
    }
}
