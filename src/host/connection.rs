//! [`Connection`]: a dialed connection of a host, as a value that a task can keep.

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

/// A connection that was dialed and has opened. It may have ended in the meantime. Dropping this value does not close the
/// connection.
#[derive(Clone)]
pub struct Connection {
    pub(super) shared: Rc<HostShared>,
    pub(super) id: ConnectionId,
    pub(super) peer: PeerId,
    pub(super) remote: Multiaddr,
}

impl Connection {
    /// Returns the id of the connection, which notifees are also told.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns the id of the peer at the other end of the connection.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Returns the address that was dialed to open the connection.
    #[must_use]
    pub const fn remote(&self) -> &Multiaddr {
        &self.remote
    }

    /// Opens a stream on the connection: see [`Handle::open_stream`].
    ///
    /// # Errors
    /// The errors of [`Handle::open_stream`].
    pub fn open_stream(&self, protocols: &[Protocol]) -> OpenStream {
        OpenStream::new(&self.shared, Target::Connection(self.id), Proposal::Agreed(protocols.to_vec()))
    }

    /// Opens a stream on the connection without waiting for the peer to accept the protocol: see
    /// [`Handle::open_stream_lazy`].
    ///
    /// # Errors
    /// The errors of [`Handle::open_stream_lazy`].
    pub fn open_stream_lazy(&self, protocol: Protocol) -> OpenStream {
        OpenStream::new(&self.shared, Target::Connection(self.id), Proposal::Lazy(protocol))
    }

    /// Closes the connection politely, after its pending output is sent: see [`Handle::close_connection`].
    pub async fn close(&self) {
        close(&self.shared, self.id, Close::Politely).await;
    }

    /// Closes the connection at once, without sending its pending output: see [`Handle::abort_connection`].
    pub async fn abort(&self) {
        close(&self.shared, self.id, Close::AtOnce).await;
    }

    /// Waits until the connection has ended: see [`Handle::connection_closed`].
    pub async fn closed(&self) {
        close(&self.shared, self.id, Close::ByItself).await;
    }
}

/// Closes a connection in the way that `how` says, and waits until the connection has ended. Returns at once if the
/// connection has ended already.
pub(super) async fn close(shared: &Rc<HostShared>, id: ConnectionId, how: Close) {
    // The connection has ended after this, whatever the outcome is.
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

/// Formats the connection as one line: `c0.1 to PEER at ADDRESS`.
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
