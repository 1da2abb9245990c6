//! The methods that replace whole [`Lists`] at once, for owners that read their lists from a file.

use super::rules::NetworkRules;
use super::{ListFull, ListRule, Lists, Network};
use crate::connection::PackedPeer;
use alloc::collections::BTreeMap;
use libp2p_identity::PeerId;

impl Lists {
    /// Replaces the rules of all peers by `rules`: a peer that is not in `rules` has no rule afterwards. For each peer whose
    /// rule changes, the call has the effect of [`deny_peer`](Self::deny_peer), [`allow_peer`](Self::allow_peer) or
    /// [`forget_peer`](Self::forget_peer):
    ///
    /// - The next turns end the connections of peers that are newly denied. The connections of up to 64 such peers are
    ///   looked up; if there are more such peers, all connections are checked once.
    /// - A peer whose denial is removed may connect again.
    /// - The connections of a peer whose rule stays the same are not touched. If no rule changes, no connection is checked.
    ///
    /// A [denial until a time](Self::deny_peer_until) stays, unless its peer is newly allowed. If `rules` has several rules
    /// for one peer, the last one counts. The call costs O(n log n), and both lists are in memory while it runs.
    ///
    /// ```
    /// use swarm_notify::identity::PeerId;
    /// use swarm_notify::swarm::{Config, ListRule, Lists};
    /// # use swarm_notify::identity::Keypair;
    /// # let peer = |n| Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id();
    /// # let (alice, bob) = (peer(1), peer(2));
    ///
    /// /// Denies the peers of a text, one in a line, and nobody else.
    /// fn deny_only(lists: &mut Lists, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    ///     let peers: Vec<PeerId> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
    ///     Ok(lists.replace_peers(peers.into_iter().map(|peer| (peer, ListRule::Deny)))?)
    /// }
    ///
    /// let mut lists = Lists::new(&Config::default()); // a swarm lends its own: `swarm.lists_mut()`
    /// deny_only(&mut lists, &alice.to_string())?;
    /// deny_only(&mut lists, &bob.to_string())?; // the file has changed
    /// assert!(lists.peers().eq([(bob, ListRule::Deny)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListFull`] if more peers have rules than [`Config::listed_peers`](super::Config::listed_peers) allows. Nothing has
    /// changed.
    pub fn replace_peers(&mut self, rules: impl IntoIterator<Item = (PeerId, ListRule)>) -> Result<(), ListFull> {
        let mut new = BTreeMap::new();
        for (peer, rule) in rules {
            new.insert(PackedPeer::pack(peer).ok_or(ListFull)?, rule);
            // The bound is checked with each rule, so that a list of any length takes no more memory than a list that fits.
            if new.len() > self.most_peers {
                return Err(ListFull);
            }
        }
        let old = core::mem::take(&mut self.peers);
        for (peer, rule) in &new {
            match rule {
                _ if old.get(peer) == Some(rule) => {}
                ListRule::Deny => self.peer_changed(*peer),
                ListRule::Allow => drop(self.timed.remove(*peer)),
            }
        }
        if self.denies_unlisted_peers {
            let was_allowed = old.iter().filter(|(_, rule)| **rule == ListRule::Allow);
            was_allowed.filter(|(peer, _)| !new.contains_key(peer)).for_each(|(peer, _)| self.peer_changed(*peer));
        }
        self.peers = new;
        Ok(())
    }

    /// Replaces the rules of all networks by `rules`: a network that is not in `rules` has no rule afterwards. If the new
    /// rules may deny an address that the old rules have allowed, the next turns check all connections once; otherwise no
    /// connection is checked.
    ///
    /// ```
    /// use swarm_notify::swarm::{Config, ListRule, Lists, Network};
    ///
    /// let mut lists = Lists::new(&Config::default());
    /// lists.deny_network("192.0.2.0/24".parse()?)?;
    /// let denied: Vec<Network> = "198.51.100.0/24 2001:db8::/32".split(' ').map(str::parse).collect::<Result<_, _>>()?;
    /// lists.replace_networks(denied.into_iter().map(|network| (network, ListRule::Deny)))?;
    /// assert!(lists.denies_ip("198.51.100.1".parse()?) && !lists.denies_ip("192.0.2.1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListFull`] if more networks have rules than [`Config::listed_networks`](super::Config::listed_networks) allows.
    /// Nothing has changed.
    pub fn replace_networks(&mut self, rules: impl IntoIterator<Item = (Network, ListRule)>) -> Result<(), ListFull> {
        let mut new = NetworkRules::default();
        for (network, rule) in rules {
            new.insert(network, rule);
            if new.len() > self.most_networks {
                return Err(ListFull);
            }
        }
        let old = core::mem::replace(&mut self.networks, new);
        let mut denied = self.networks.iter().filter(|(_, rule)| *rule == ListRule::Deny);
        let mut allowed = old.iter().filter(|(_, rule)| *rule == ListRule::Allow);
        self.changes.all |= denied.any(|(network, _)| old.get(network) != Some(ListRule::Deny))
            || allowed.any(|(network, _)| self.networks.get(network).is_none());
        Ok(())
    }
}
