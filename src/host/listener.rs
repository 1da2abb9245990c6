//! [`Listener`]: an open listener of a host, as a value that a task can keep.

use super::command::HostCommand;
#[cfg(doc)]
use super::handle::Handle;
use super::shared::HostShared;
use super::wait::AwaitOutcome;
use crate::lifecycle::ListenerId;
use crate::swarm::Multiaddr;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

/// An open listener. Dropping this value does not close the listener.
#[derive(Clone)]
pub struct Listener {
    pub(super) shared: Rc<HostShared>,
    pub(super) id: ListenerId,
    pub(super) addresses: Vec<Multiaddr>,
}

impl Listener {
    /// Returns the id of the listener, which notifees are also told.
    #[must_use]
    pub const fn id(&self) -> ListenerId {
        self.id
    }

    /// Returns the addresses on which the listener listened when it opened, without `/p2p/…` at their ends. There is at
    /// least one.
    #[must_use]
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Closes the listener: see [`Handle::close_listener`].
    pub async fn close(&self) {
        // The listener has ended after this, whatever the outcome is.
        let _ = AwaitOutcome::begin(&self.shared, |slot| HostCommand::CloseListener(self.id, slot)).await;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id).field("addresses", &self.addresses).finish()
    }
}

/// Formats the listener as one line: `l0.1 on ADDRESS, ADDRESS`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on ", self.id)?;
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
