//! [`Lists`]: peers and networks that the owner allows or denies.

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

/// The most peers with changed rules that are looked up one by one. If more have changed, the swarm checks all connections.
const MAX_CHANGED: usize = 64;

/// The rule of a peer or a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ListRule {
    /// The peer or network may connect, and may be dialed.
    Allow,
    /// The peer or network may neither connect nor be dialed.
    Deny,
}

/// The error of a list that has as many rules as its bound allows. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListFull;

impl fmt::Display for ListFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list has as many rules as Config::listed_peers or Config::listed_networks allows")
    }
}

impl core::error::Error for ListFull {}

/// The peers and the networks that a swarm allows or denies. [`Swarm::lists_mut`](super::Swarm::lists_mut) gives access to
/// them at any time. A change also ends open connections that it denies.
///
/// **Rules.** A peer has at most one rule, and so has a network; the last one that was given counts. Of the networks that
/// contain an address, the smallest one with a rule decides. A peer or an address without a rule is allowed, unless
/// [`deny_unlisted_peers`](Self::deny_unlisted_peers) or [`deny_unlisted_addresses`](Self::deny_unlisted_addresses) was
/// called, which turns the list into one of permissions. A connection needs an allowed address and an allowed peer. Besides
/// its rule, a peer can be [denied until a time](Self::deny_peer_until), which overrides a rule that allows it.
/// [`replace_peers`](Self::replace_peers) and [`replace_networks`](Self::replace_networks) replace a whole list at once, by
/// one that was read from a file, say.
///
/// **IPv4 inside IPv6.** `::ffff:192.0.2.1` is 192.0.2.1. An address of NAT64 with the well-known prefix (64:ff9b::/96), of
/// 6to4 (2002::/16) or of Teredo (2001::/32) leads to a host by the IPv4 address that it contains. Both addresses are
/// judged: if either is denied, the address is denied; if neither has a rule, it has none. So a denial of 192.0.2.0/24 also
/// denies `64:ff9b::192.0.2.1`, and a denial of 64:ff9b::/96 denies every address of that prefix. Other IPv6 addresses do
/// not show whether they contain an IPv4 address: to deny a network's own NAT64, deny its prefix (64:ff9b:1::/48, say).
///
/// **When they are asked.** They judge the address of an accepted socket: a denied one is closed before anything is kept of
/// it, and before a byte is read or sent. With 1 000 networks of 8 lengths of prefix, that takes some 3 800 instructions on
/// x86-64, including a pipe in memory, and 1 500 of them for the look-up (`benches/instructions.sh`); our half of a
/// handshake takes 2.7 million. They judge the address of a dial, and the peer that it names, when the dial begins. They
/// judge address and peer again when the peer is authenticated. The address is the first IP address of a multiaddress; for a
/// connection through a relay, that is the relay's. An address without an IP address has no rule. The name in a dial's
/// address is judged once it has led to an address: if that is denied, the dial fails as soon as it is connected, before a
/// byte is sent.
///
/// **Open connections after a change.** The next turns close each open connection that the lists deny now, as
/// [`ConnectionEnd::Denied`](crate::lifecycle::ConnectionEnd::Denied). The peer is sent yamux's go-away 0, if the pipe takes
/// that at once. After a change for one peer, the next turn closes that peer's connections and looks at no others. After a
/// change for a network, or for more than 64 peers in one turn, all connections are checked, 64 in each unit of a
/// [`turn`](super::Swarm::turn). [`poll_at`](super::Swarm::poll_at) is *now* until all is done. A later permission reopens
/// nothing.
///
/// **Dials and handshakes after a change.** A dial fails as [`Failure::Denied`](crate::lifecycle::Failure::Denied) if its
/// address is denied now, or the address to which its name has led, or the peer that it names. An accepted socket that is in
/// its handshake ([`inbound_handshakes`](super::Swarm::inbound_handshakes)) is closed if its address is denied now. The peer
/// behind such a socket, or behind a dial that names no peer, is not known yet: these go on, and end when a denied peer is
/// authenticated, a dial before it has told that peer who we are. An authenticated connection that waits for room in the
/// event queue fails at the latest when it would open.
///
/// **Bounds.** [`Config::listed_peers`], [`Config::listed_networks`] and [`Config::timed_denials`]. Looking up a peer costs
/// O(log n), looking up an address O(log n) for each length of prefix in use. Neither allocates.
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
    /// The swarm's clock, which goes on when the owner's clock is set back.
    clock: Clock,
}

/// Changes after which the swarm has not checked its connections yet.
#[derive(Debug, Default)]
struct UncutChanges {
    peers: Vec<PackedPeer>,
    /// All connections have to be checked.
    all: bool,
}

/// The connections that a change may deny.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Changed {
    Peer(PeerId),
    All,
}

impl Lists {
    /// Makes empty lists with the bounds of a configuration. A swarm has its own; make others to try out rules.
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

    /// Denies a peer. It replaces the rule that the peer had.
    ///
    /// # Errors
    /// [`ListFull`].
    pub fn deny_peer(&mut self, peer: PeerId) -> Result<(), ListFull> {
        self.set_peer(peer, ListRule::Deny)
    }

    /// Allows a peer. It replaces the rule that the peer had, and ends a [denial until a time](Self::deny_peer_until).
    ///
    /// # Errors
    /// [`ListFull`].
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

    /// Denies a peer until `until`, a time on the present clock of [`tick`](super::Swarm::tick): if that clock is set back
    /// later, the denial does not last longer for it. A denial of the peer that lasts longer stays as it is. The peer keeps
    /// its rule, which counts again afterwards.
    ///
    /// At most [`Config::timed_denials`] peers are denied in this way. Beyond that, the denial that ends next is dropped.
    /// Returns `false` if that is the new one, so that the peer is not denied.
    pub fn deny_peer_until(&mut self, peer: PeerId, until: Duration) -> bool {
        self.deny_until(peer, self.clock.of_owners(until))
    }

    /// Denies a peer for a duration, counted from the latest time that the swarm was given; otherwise it does what
    /// [`deny_peer_until`](Self::deny_peer_until) does. Notifees should call this one, since they do not know whether the
    /// owner's clock was set back. In lists outside of a swarm the time is zero.
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

    /// Removes the rule of a peer, and a denial until a time. Returns `false` if there was neither.
    pub fn forget_peer(&mut self, peer: PeerId) -> bool {
        let Some(key) = PackedPeer::pack(peer) else { return false };
        let (rule, timed) = (self.peers.remove(&key), self.timed.remove(key));
        if rule == Some(ListRule::Allow) && self.denies_unlisted_peers {
            self.peer_changed(key);
        }
        rule.is_some() || timed.is_some()
    }

    /// Denies all peers without a rule (`true`), or allows them (`false`, the default).
    pub fn deny_unlisted_peers(&mut self, is_denied: bool) {
        self.changes.all |= is_denied && !self.denies_unlisted_peers;
        self.denies_unlisted_peers = is_denied;
    }

    /// Returns whether a peer is denied at the time `now`, on the clock of [`tick`](super::Swarm::tick).
    #[must_use]
    pub fn denies_peer(&self, peer: PeerId, now: Duration) -> bool {
        self.denies_peer_at(peer, self.clock.of_owners(now))
    }

    /// Returns whether a peer is denied at the time `now`, on the swarm's own clock.
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

    /// Returns the peers that have rules, in the order of their bytes.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, ListRule)> {
        self.peers.iter().filter_map(|(peer, rule)| Some((peer.unpack()?, *rule)))
    }

    /// Returns the peers that are denied until a time, with that time, in the order in which the denials end.
    pub fn timed_denials(&self) -> impl Iterator<Item = (PeerId, Duration)> {
        self.timed.iter().filter_map(|(peer, end)| Some((peer.unpack()?, self.clock.on_owners(end))))
    }

    // Networks.

    /// Denies a network, or one address: `"192.0.2.0/24".parse()?`, `Network::from(ip)`. Smaller networks in it keep their
    /// rules.
    ///
    /// # Errors
    /// [`ListFull`].
    pub fn deny_network(&mut self, network: Network) -> Result<(), ListFull> {
        self.set_network(network, ListRule::Deny)
    }

    /// Allows a network, or one address. Smaller networks in it keep their rules.
    ///
    /// # Errors
    /// [`ListFull`].
    pub fn allow_network(&mut self, network: Network) -> Result<(), ListFull> {
        self.set_network(network, ListRule::Allow)
    }

    fn set_network(&mut self, network: Network, rule: ListRule) -> Result<(), ListFull> {
        if self.networks.len() >= self.most_networks && self.networks.get(network).is_none() {
            return Err(ListFull);
        }
        self.networks.insert(network, rule);
        self.changes.all |= rule == ListRule::Deny;
        Ok(())
    }

    /// Removes the rule of exactly this network. Returns `false` if it has none.
    pub fn forget_network(&mut self, network: Network) -> bool {
        let rule = self.networks.remove(network);
        self.changes.all |= rule == Some(ListRule::Allow);
        rule.is_some()
    }

    /// Denies all addresses without a rule (`true`), or allows them (`false`, the default). An address without an IP address
    /// never has a rule.
    pub fn deny_unlisted_addresses(&mut self, is_denied: bool) {
        self.changes.all |= is_denied && !self.denies_unlisted_addresses;
        self.denies_unlisted_addresses = is_denied;
    }

    /// Returns whether the first IP address of an address is denied.
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
        // Of the two, the rule that denies counts.
        let behind = one.ipv4_behind().and_then(|behind| self.networks.of(behind));
        self.networks.of(one).max(behind).map_or(self.denies_unlisted_addresses, |rule| rule == ListRule::Deny)
    }

    /// Returns the networks that have rules: IPv4 first, and in each family the shortest prefix first.
    pub fn networks(&self) -> impl Iterator<Item = (Network, ListRule)> {
        self.networks.iter()
    }

    // For the swarm.

    fn peer_changed(&mut self, peer: PackedPeer) {
        let UncutChanges { peers, all } = &mut self.changes;
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

    /// Returns whether rules have changed so that something open may have to be ended.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.changes.all || !self.changes.peers.is_empty()
    }

    /// Takes the next change. A change for all connections includes those for single peers.
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

    /// Takes the clock from the swarm.
    #[inline]
    pub(super) const fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Forgets denials that are over, at most a few at a time. Those that are left deny nobody either.
    #[inline]
    pub(super) fn advance(&mut self, now: Duration) {
        if !self.timed.is_empty() {
            let _ = self.timed.forget_one_over(now) && self.timed.forget_one_over(now);
        }
    }
}
