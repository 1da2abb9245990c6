//! [`Listener`]: a listener of a host, as its tasks have it.

use super::command::HostCommand;
#[cfg(doc)]
use super::handle::Handle;
use super::shared::Shared;
use super::wait::AwaitOutcome;
use crate::lifecycle::ListenerId;
use crate::swarm::Multiaddr;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

/// A listener that is open. Dropping this does not close it.
#[derive(Clone)]
pub struct Listener {
    pub(super) shared: Rc<Shared>,
    pub(super) id: ListenerId,
    pub(super) addresses: Vec<Multiaddr>,
}

impl Listener {
    /// Its id, as notifees are told it.
    #[must_use]
    pub const fn id(&self) -> ListenerId {
        self.id
    }

    /// Where it listened when it opened, without `/p2p/…`: at least one address.
    #[must_use]
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Closes it: [`Handle::close_listener`].
    pub async fn close(&self) {
        // Whatever it says, there is no listener any more.
        let _ = AwaitOutcome::begin(&self.shared, |slot| HostCommand::CloseListener(self.id, slot)).await;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id).field("addresses", &self.addresses).finish()
    }
}

/// One line: `l0.1 on ADDRESS, ADDRESS`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on ", self.id)?;
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
