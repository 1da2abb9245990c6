//! The methods with which an owner protects peers from trimming.

use super::protected::ProtectError;
use crate::swarm::Swarm;
use crate::swarm::pipe::PipeTransport;
use crate::swarm::reactor::Reactor;
use core::time::Duration;
use libp2p_identity::PeerId;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Protects a peer from trimming; `tag` names the reason. Until [`unprotect`](Self::unprotect) is called with the same
    /// tag, no connection of the peer is closed with [`ConnectionEnd::Trimmed`](crate::lifecycle::ConnectionEnd::Trimmed),
    /// with one exception: a connection that has no stream and whose peer is silent is still closed to make room for a new
    /// connection of the same peer. A peer is protected as long as it has at least one tag, so that the parts of a program
    /// can protect it independently of each other. The peer need not be connected. A second call with the same tag changes
    /// nothing.
    ///
    /// Protection does not let a peer connect beyond a limit, and all other rules apply to a protected peer.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// # use libp2p_core::transport::MemoryTransport;
    /// # use swarm_notify::keys;
    /// use swarm_notify::swarm::{Config, Swarm};
    ///
    /// let mut config = Config::default();
    /// (config.high_water, config.low_water) = (Some(900), Some(800));
    /// # let (key, relay) = (keys::generate()?, keys::generate()?.public().to_peer_id());
    /// let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &key, config)?;
    /// swarm.protect(relay, "relay")?;
    /// swarm.protect(relay, "backup")?;
    /// assert!(swarm.unprotect(relay, "backup"), "it is the relay still");
    /// assert!(swarm.is_protected(relay));
    /// assert!(!swarm.unprotect(relay, "relay") && !swarm.is_protected(relay));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProtectError`] if the peer cannot be protected; nothing has changed then.
    pub fn protect(&mut self, peer: PeerId, tag: &str) -> Result<(), ProtectError> {
        self.trimming.protected.insert(peer, tag, self.state.config.protections)
    }

    /// Removes the protection of a peer by `tag`, and returns whether another tag still protects the peer. If the peer was
    /// not protected by `tag`, nothing changes.
    pub fn unprotect(&mut self, peer: PeerId, tag: &str) -> bool {
        self.trimming.protected.remove(peer, tag);
        // The last sweep may have found too few connections because of this protection.
        self.trimming.ripe_at = Duration::ZERO;
        self.trimming.protected.contains(peer)
    }

    /// Returns whether a peer is protected from trimming, by any tag.
    #[must_use]
    pub fn is_protected(&self, peer: PeerId) -> bool {
        self.trimming.protected.contains(peer)
    }

    /// Returns the tags that protect a peer, in the order of their bytes.
    pub fn protections_of(&self, peer: PeerId) -> impl Iterator<Item = &str> {
        self.trimming.protected.tags(peer)
    }
}
