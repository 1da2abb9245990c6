//! [`Connection`]: a connection of a host, as its tasks have it.

use super::command::{Close, HostCommand, Proposal};
#[cfg(doc)]
use super::handle::Handle;
use super::open_stream::OpenStream;
use super::shared::HostShared;
use super::wait::AwaitOutcome;
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::ConnectionId;
use crate::protocols::Target;
use crate::swarm::Multiaddr;
use alloc::rc::Rc;
use core::fmt;

/// A connection that was dialed, and is open or was. Dropping this does not close it.
#[derive(Clone)]
pub struct Connection {
    pub(super) shared: Rc<HostShared>,
    pub(super) id: ConnectionId,
    pub(super) peer: PeerId,
    pub(super) remote: Multiaddr,
}

impl Connection {
    /// Its id, as notifees are told it.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// What was dialed.
    #[must_use]
    pub const fn remote(&self) -> &Multiaddr {
        &self.remote
    }

    /// Opens a stream over it: [`Handle::open_stream`].
    ///
    /// # Errors
    /// As there.
    pub fn open_stream(&self, protocols: &[Protocol]) -> OpenStream {
        OpenStream::new(&self.shared, Target::Connection(self.id), Proposal::Agreed(protocols.to_vec()))
    }

    /// Opens a stream over it without waiting for the peer's word: [`Handle::open_stream_lazy`].
    ///
    /// # Errors
    /// As there.
    pub fn open_stream_lazy(&self, protocol: Protocol) -> OpenStream {
        OpenStream::new(&self.shared, Target::Connection(self.id), Proposal::Lazy(protocol))
    }

    /// Closes it politely: [`Handle::close_connection`].
    pub async fn close(&self) {
        close(&self.shared, self.id, Close::Politely).await;
    }

    /// Closes it at once: [`Handle::abort_connection`].
    pub async fn abort(&self) {
        close(&self.shared, self.id, Close::AtOnce).await;
    }

    /// Waits until it has ended: [`Handle::connection_closed`].
    pub async fn closed(&self) {
        close(&self.shared, self.id, Close::ByItself).await;
    }
}

/// Closes a connection, and waits until that is done, or nothing is left to be done.
pub(super) async fn close(shared: &Rc<HostShared>, id: ConnectionId, how: Close) {
    // Whatever it says, there is no connection any more.
    let _ = AwaitOutcome::begin(shared, |slot| HostCommand::CloseConnection(id, how, slot)).await;
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("remote", &self.remote)
            .finish()
    }
}

/// One line: `c0.1 to PEER at ADDRESS`.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} at {}", self.id, self.peer, self.remote)
    }
}

impl From<&Connection> for Target {
    fn from(connection: &Connection) -> Self {
        Self::Connection(connection.id())
    }
}
