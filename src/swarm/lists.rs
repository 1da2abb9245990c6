//! [`Lists`]: the peers and networks that the owner allows or denies.

mod network;
mod replacing;
mod rules;
#[cfg(test)]
mod tests;
mod timed;

pub use network::{Network, NetworkError};

use super::config::Config;
use crate::clock::Clock;
use crate::connection::PackedPeer;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use rules::NetworkRules;
use timed::TimedDenials;

/// The maximum number of peers with changed rules whose connections are looked up one peer at a time. If the rules of more
/// peers have changed, the swarm checks all connections instead.
const MAX_CHANGED: usize = 64;

/// The rule that a list contains for a peer or a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "who is on a list may come, or may not")]
pub enum ListRule {
    /// The peer or network may connect, and may be dialed.
    Allow,
    /// The peer or network may neither connect nor be dialed.
    Deny,
}

/// The error of a call that would give a list more rules than its bound allows. The call has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ListFull;

impl fmt::Display for ListFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list has as many rules as Config::listed_peers or Config::listed_networks allows")
    }
}

impl core::error::Error for ListFull {}

/// The peers and the networks that a swarm allows or denies. [`Swarm::lists_mut`](super::Swarm::lists_mut) gives access to a
/// swarm's lists at any time. A change also ends open connections that it denies.
///
/// **Rules.** A peer has at most one rule, and a network has at most one rule; a new rule replaces the old one. Of the
/// networks that contain an address, the smallest one that has a rule decides. A peer or an address without a rule is
/// allowed, unless [`deny_unlisted_peers`](Self::deny_unlisted_peers) or
/// [`deny_unlisted_addresses`](Self::deny_unlisted_addresses) was called, after which only peers or addresses with a rule
/// that allows them are allowed. A connection needs both an allowed address and an allowed peer. Besides its rule, a peer
/// can be [denied until a time](Self::deny_peer_until), which overrides a rule that allows it.
/// [`replace_peers`](Self::replace_peers) and [`replace_networks`](Self::replace_networks) replace a whole list at once, for
/// example by a list that was read from a file.
///
/// **IPv4 inside IPv6.** `::ffff:192.0.2.1` is 192.0.2.1. An address of NAT64 with the well-known prefix (64:ff9b::/96), of
/// 6to4 (2002::/16) or of Teredo (2001::/32) leads to a host by the IPv4 address that it contains. Both addresses are
/// judged: if either is denied, the address is denied; if neither has a rule, the address has no rule. So a denial of
/// 192.0.2.0/24 also denies `64:ff9b::192.0.2.1`, and a denial of 64:ff9b::/96 denies every address of that prefix. Other
/// IPv6 addresses do not show whether they contain an IPv4 address: to deny addresses of a NAT64 with a prefix of its own,
/// deny that prefix (64:ff9b:1::/48, for example).
///
/// **When the lists are asked.** The lists judge the address of an accepted socket: a denied socket is closed before memory
/// is kept for it, and before a byte is read or sent. With 1 000 networks of 8 lengths of prefix, closing a denied socket
/// takes some 3 800 instructions on x86-64, including a pipe in memory; 1 500 of these are the lookup
/// (`benches/instructions.sh`). Our half of a handshake takes 2.7 million. The lists judge the address of a dial, and the
/// peer that this address names, when the dial begins. They judge address and peer again when the peer is authenticated. The
/// judged address is the first IP address in a multiaddress; for a connection through a relay, it is the address of the
/// relay. An address without an IP address has no rule. A name in a dial's address is judged by the address to which it has
/// led: if this address is denied, the dial fails as soon as the socket is connected, before a byte is sent.
///
/// **Open connections after a change.** The next turns close each open connection that the lists deny now, as
/// [`ConnectionEnd::Denied`](crate::lifecycle::ConnectionEnd::Denied). The peer is sent yamux's go-away 0, if the byte pipe
/// accepts it at once. After a change for one peer, the next turn closes the connections of this peer and checks no others.
/// After a change for a network, or for more than 64 peers in one turn, all connections are checked, 64 in each unit of a
/// [`turn`](super::Swarm::turn). [`poll_at`](super::Swarm::poll_at) is *now* until all connections are checked. A rule that
/// allows a peer again does not reopen its connections.
///
/// **Dials and handshakes after a change.** A dial fails as [`Failure::Denied`](crate::lifecycle::Failure::Denied) if the
/// lists deny its address now, or the address to which its name has led, or the peer that it names. An accepted socket that
/// is in its handshake ([`inbound_handshakes`](super::Swarm::inbound_handshakes)) is closed if its address is denied now.
/// The peer of such a socket, or of a dial that names no peer, is not known yet. These handshakes and dials go on, and end
/// if the peer turns out to be denied when it is authenticated; a dial ends before it has told the peer who we are. An
/// authenticated connection that waits for room in the event queue fails at the latest when it would open.
///
/// **Bounds.** [`Config::listed_peers`], [`Config::listed_networks`] and [`Config::timed_denials`] bound the number of
/// rules. Looking up a peer costs O(log n), and looking up an address costs O(log n) for each length of prefix in use. A
/// lookup allocates no memory.
///
/// ```
/// use core::time::Duration;
/// use swarm_notify::identity::Keypair;
/// use swarm_notify::lifecycle::{ConnectionEnd, Event};
/// use swarm_notify::swarm::{Config, Swarm};
/// # use libp2p_core::transport::MemoryTransport;
/// # let swarm = |key| {
/// #     let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
/// #     Swarm::new(MemoryTransport::new(), &identity, [key; 32], Config::default())
/// # };
/// # let (mut server, mut client) = (swarm(1)?, swarm(2)?);
/// # server.listen("/memory/4714".parse()?)?;
/// # server.tick(Duration::ZERO);
/// # client.dial("/memory/4714".parse()?)?;
/// # let mut events = Vec::new();
/// # while events.len() < 2 {
/// #     for swarm in [&mut client, &mut server] { swarm.tick(Duration::ZERO); }
/// #     events.extend(std::iter::from_fn(|| server.next_event()));
/// # }
/// // `client` is connected to `server`, and misbehaves: it is cut, and stays away for ten minutes.
/// let now = Duration::from_secs(5);
/// server.lists_mut().deny_peer_until(client.local_peer(), now + Duration::from_secs(600));
/// server.tick(now);
/// assert!(matches!(server.next_event(), Some(Event::Disconnected { reason: ConnectionEnd::Denied, .. })));
///
/// // Nobody from these networks, but for one machine.
/// let lists = server.lists_mut();
/// lists.deny_network("198.51.100.0/24".parse()?)?;
/// lists.deny_network("2001:db8::/32".parse()?)?;
/// lists.allow_network("198.51.100.7".parse()?)?;
/// assert!(lists.denies_address(&"/ip4/198.51.100.8/tcp/4001".parse()?));
/// assert!(!lists.denies_address(&"/ip4/198.51.100.7/tcp/4001".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lists {
    peers: BTreeMap<PackedPeer, ListRule>,
    networks: NetworkRules,
    timed: TimedDenials,
    most_peers: usize,
    most_networks: usize,
    denies_unlisted_peers: bool,
    denies_unlisted_addresses: bool,
    changes: UncutChanges,
    /// A copy of the swarm's clock, which keeps rising when the owner's clock is set back.
    clock: Clock,
}

/// The changes of the lists for which the swarm has not checked its connections yet.
#[derive(Debug, Default)]
struct UncutChanges {
    peers: Vec<PackedPeer>,
    /// `true` if all connections have to be checked.
    all: bool,
}

/// The connections that a change of the lists may have denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Changed {
    Peer(PeerId),
    All,
}

impl Lists {
    /// Makes empty lists with the bounds of a configuration. A swarm has lists of its own; other lists are useful to try out
    /// rules.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            peers: BTreeMap::new(),
            networks: NetworkRules::default(),
            timed: TimedDenials::new(config.timed_denials as usize),
            most_peers: config.listed_peers as usize,
            most_networks: config.listed_networks as usize,
            denies_unlisted_peers: false,
            denies_unlisted_addresses: false,
            changes: UncutChanges::default(),
            clock: Clock::new(),
        }
    }

    // Peers.

    /// Denies a peer. The new rule replaces the peer's previous rule.
    ///
    /// # Errors
    /// [`ListFull`] if the list has as many rules as its bound allows and none of them is replaced. Nothing has changed then.
    pub fn deny_peer(&mut self, peer: PeerId) -> Result<(), ListFull> {
        self.set_peer(peer, ListRule::Deny)
    }

    /// Allows a peer. The new rule replaces the peer's previous rule, and ends a [denial until a
    /// time](Self::deny_peer_until).
    ///
    /// # Errors
    /// [`ListFull`] if the list has as many rules as its bound allows and none of them is replaced. Nothing has changed then.
    pub fn allow_peer(&mut self, peer: PeerId) -> Result<(), ListFull> {
        self.set_peer(peer, ListRule::Allow)
    }

    fn set_peer(&mut self, peer: PeerId, rule: ListRule) -> Result<(), ListFull> {
        let Some(key) = PackedPeer::pack(peer) else { return Err(ListFull) };
        if self.peers.len() >= self.most_peers && !self.peers.contains_key(&key) {
            return Err(ListFull);
        }
        self.peers.insert(key, rule);
        match rule {
            ListRule::Deny => self.peer_changed(key),
            ListRule::Allow => drop(self.timed.remove(key)),
        }
        Ok(())
    }

    /// Denies a peer until `until`, a time on the clock that the owner passes to [`tick`](super::Swarm::tick). If that clock
    /// is set back later, the denial does not last longer. If the peer is already denied until a later time, nothing
    /// changes. The peer keeps its rule, which applies again after the denial.
    ///
    /// At most [`Config::timed_denials`] peers are denied in this way. Beyond that number, the denial that would end first
    /// is dropped. Returns `false` if the new denial would end first, so that the peer is not denied.
    pub fn deny_peer_until(&mut self, peer: PeerId, until: Duration) -> bool {
        self.deny_until(peer, self.clock.of_owners(until))
    }

    /// Denies a peer for the duration `time`, counted from the latest time that the owner has passed to the swarm. Apart
    /// from that, this method works like [`deny_peer_until`](Self::deny_peer_until). Notifees should call this method, since
    /// a notifee does not know whether the owner's clock was set back. In lists that belong to no swarm, the duration counts
    /// from time zero.
    pub fn deny_peer_for(&mut self, peer: PeerId, time: Duration) -> bool {
        self.deny_until(peer, self.clock.now().saturating_add(time))
    }

    fn deny_until(&mut self, peer: PeerId, until: Duration) -> bool {
        let Some(key) = PackedPeer::pack(peer) else { return false };
        let is_kept = self.timed.insert(key, until);
        if is_kept {
            self.peer_changed(key);
        }
        is_kept
    }

    /// Removes the rule of a peer and its denial until a time. Returns `false` if the peer had neither.
    pub fn forget_peer(&mut self, peer: PeerId) -> bool {
        let Some(key) = PackedPeer::pack(peer) else { return false };
        let (rule, timed) = (self.peers.remove(&key), self.timed.remove(key));
        // Only then does the peer lose something by this call.
        if rule == Some(ListRule::Allow) && self.denies_unlisted_peers {
            self.peer_changed(key);
        }
        rule.is_some() || timed.is_some()
    }

    /// Denies all peers that have no rule if `is_denied` is `true`, or allows them if it is `false`, which is the default.
    pub fn deny_unlisted_peers(&mut self, is_denied: bool) {
        self.changes.all |= is_denied && !self.denies_unlisted_peers;
        self.denies_unlisted_peers = is_denied;
    }

    /// Returns whether a peer is denied at the time `now`, on the clock that the owner passes to
    /// [`tick`](super::Swarm::tick).
    #[must_use]
    pub fn denies_peer(&self, peer: PeerId, now: Duration) -> bool {
        self.denies_peer_at(peer, self.clock.of_owners(now))
    }

    /// Returns whether a peer is denied at the time `now`, on the swarm's own clock, which never goes back.
    pub(super) fn denies_peer_at(&self, peer: PeerId, now: Duration) -> bool {
        if self.peers.is_empty() && self.timed.is_empty() {
            return self.denies_unlisted_peers;
        }
        // A peer whose id cannot be packed cannot be on a list.
        let Some(key) = PackedPeer::pack(peer) else { return self.denies_unlisted_peers };
        self.timed.denies(key, now)
            || match self.peers.get(&key) {
                Some(rule) => *rule == ListRule::Deny,
                None => self.denies_unlisted_peers,
            }
    }

    /// Returns the peers that have rules, each with its rule, in the order of the bytes of their ids.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, ListRule)> {
        self.peers.iter().filter_map(|(peer, rule)| Some((peer.unpack()?, *rule)))
    }

    /// Returns the peers that are denied until a time, each with the time at which its denial ends, in the order of these
    /// times.
    pub fn timed_denials(&self) -> impl Iterator<Item = (PeerId, Duration)> {
        self.timed.iter().filter_map(|(peer, end)| Some((peer.unpack()?, self.clock.on_owners(end))))
    }

    // Networks.

    /// Denies a network (`"192.0.2.0/24".parse()?`) or one address (`Network::from(ip)`). Smaller networks within this
    /// network keep their rules.
    ///
    /// # Errors
    /// [`ListFull`] if the list has as many rules as its bound allows and none of them is replaced. Nothing has changed then.
    pub fn deny_network(&mut self, network: Network) -> Result<(), ListFull> {
        self.set_network(network, ListRule::Deny)
    }

    /// Allows a network or one address. Smaller networks within this network keep their rules.
    ///
    /// # Errors
    /// [`ListFull`] if the list has as many rules as its bound allows and none of them is replaced. Nothing has changed then.
    pub fn allow_network(&mut self, network: Network) -> Result<(), ListFull> {
        self.set_network(network, ListRule::Allow)
    }

    fn set_network(&mut self, network: Network, rule: ListRule) -> Result<(), ListFull> {
        if self.networks.len() >= self.most_networks && self.networks.get(network).is_none() {
            return Err(ListFull);
        }
        self.networks.insert(network, rule);
        // A rule that allows can deny nobody. For one that denies, all connections are checked: they are not indexed by
        // network.
        self.changes.all |= rule == ListRule::Deny;
        Ok(())
    }

    /// Removes the rule of exactly this network, but not of smaller or larger networks. Returns `false` if this network has
    /// no rule.
    pub fn forget_network(&mut self, network: Network) -> bool {
        let rule = self.networks.remove(network);
        // Without its exception, an address falls back under a larger network or the default, either of which may deny it.
        self.changes.all |= rule == Some(ListRule::Allow);
        rule.is_some()
    }

    /// Denies all addresses that have no rule if `is_denied` is `true`, or allows them if it is `false`, which is the
    /// default. An address without an IP address never has a rule.
    pub fn deny_unlisted_addresses(&mut self, is_denied: bool) {
        self.changes.all |= is_denied && !self.denies_unlisted_addresses;
        self.denies_unlisted_addresses = is_denied;
    }

    /// Returns whether the first IP address in a multiaddress is denied.
    #[must_use]
    #[inline]
    pub fn denies_address(&self, address: &Multiaddr) -> bool {
        if self.networks.len() == 0 { self.denies_unlisted_addresses } else { self.denies_network_of(address) }
    }

    #[inline(never)]
    fn denies_network_of(&self, address: &Multiaddr) -> bool {
        Network::of(address).map_or(self.denies_unlisted_addresses, |one| self.denies(one))
    }

    /// Returns whether an IP address is denied.
    #[must_use]
    pub fn denies_ip(&self, ip: IpAddr) -> bool {
        self.denies(ip.into())
    }

    fn denies(&self, one: Network) -> bool {
        // If the rules of the two addresses differ, the rule that denies counts.
        let behind = one.ipv4_behind().and_then(|behind| self.networks.of(behind));
        self.networks.of(one).max(behind).map_or(self.denies_unlisted_addresses, |rule| rule == ListRule::Deny)
    }

    /// Returns the networks that have rules, with their rules: IPv4 networks first, and in each family the shortest prefix
    /// first.
    pub fn networks(&self) -> impl Iterator<Item = (Network, ListRule)> {
        self.networks.iter()
    }

    // For the swarm.

    fn peer_changed(&mut self, peer: PackedPeer) {
        let UncutChanges { peers, all } = &mut self.changes;
        // The search is linear, over at most 64 peers.
        if *all || peers.contains(&peer) {
            return;
        }
        *all = peers.len() >= MAX_CHANGED;
        if *all {
            *peers = Vec::new();
        } else {
            peers.push(peer);
        }
    }

    /// Returns whether rules have changed in a way that may deny connections which the swarm has not checked yet.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.changes.all || !self.changes.peers.is_empty()
    }

    /// Removes and returns the next change. A change for all connections includes the changes for single peers.
    pub(super) fn take_changed(&mut self) -> Option<Changed> {
        if core::mem::take(&mut self.changes.all) {
            self.changes.peers = Vec::new();
            return Some(Changed::All);
        }
        let peer = self.changes.peers.pop()?;
        if self.changes.peers.is_empty() {
            self.changes.peers = Vec::new();
        }
        peer.unpack().map(Changed::Peer)
    }

    /// Replaces the copy of the swarm's clock.
    #[inline]
    pub(super) const fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Removes up to two denials whose time is over. Denials that are over have no effect, so that the others can be removed
    /// later.
    #[inline]
    pub(super) fn advance(&mut self, now: Duration) {
        if !self.timed.is_empty() {
            // The second denial is looked at only if a first one was removed.
            let _ = self.timed.forget_one_over(now) && self.timed.forget_one_over(now);
        }
    }
}
