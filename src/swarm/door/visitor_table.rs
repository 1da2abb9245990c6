//! [`VisitorTable`]: the bounded table of visitors, with the rule that chooses which visitor is closed when a bound is
//! reached. A visitor is an accepted connection whose peer is not authenticated yet.
//!
//! Attackers can connect all the time, from as many addresses as they have, and each can stop at any step of its handshake.
//! Nothing distinguishes an honest new visitor from an attacker before its peer is authenticated, which takes two round
//! trips. So three rules decide, in this order:
//!
//! 1. **Greed.** If an address or a site (an IPv6 /48) has as many visitors as allowed, one of its own visitors is closed to
//!    make room for its next visitor. If the whole table is full, a visitor of the site or IPv4 address with the most
//!    visitors is closed.
//! 2. **Time.** A visitor that is not settled is not closed, even if its handshake is the least advanced. A visitor settles
//!    once the number of visitors that have connected from its address or site after it is half the number of visitors that
//!    are there now. If fewer than eight are there, the visitors of the whole table are counted instead. Without this rule
//!    the newest visitor would always be closed first, and attackers that have once reached a step and stay there would keep
//!    everybody else out.
//! 3. **Progress,** then age. Of the settled visitors, one whose handshake is least advanced is closed, so that a visitor
//!    that has paid for a step is kept. Of several equally advanced visitors the oldest is closed, since it has had the most
//!    time.
//!
//! So a new visitor in a table of `n` places is safe until `n / 2` others have connected after it, and, if no other visitor
//! is more advanced by then, until `n` others have. The factor of a half is chosen for dialers that send Noise's first
//! message after one of their two round trips, as go-libp2p does: to push such a dialer out, attackers have to connect `n /
//! 2` times in a round trip, which is 5 120 times a second with 1 024 places and a round trip of 100 ms. Above that rate
//! honest visitors are pushed out, too; a larger table raises that rate. A turn polls the reactor again after every 16
//! accepted connections, so that the bytes of a visitor are read before it can be closed. One site may have fewer than half
//! of the places, so that one site alone can neither fill the table nor shorten the time that others have for their first
//! bytes.

use super::crowd::{Crowd, HandshakeProgress, Standing};
use crate::swarm::address_group::AddressGroup;
use crate::swarm::config::Config;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;
use core::time::Duration;
use libp2p_core::Multiaddr;

/// The smallest number of visitors from one address or site for which these visitors are protected by their own number: such
/// a visitor may be closed once half as many have connected from the same address or site after it. With fewer visitors,
/// half as many as the whole table contains have to connect after it, since half of fewer than eight would protect it hardly
/// at all.
const GREEDY: usize = 8;

/// The address and the site of a visitor. The visitor is counted in the [`Crowd`] of each, besides the crowd of all
/// visitors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VisitorOrigin {
    /// The IPv4 address or the IPv6 /64 of the visitor.
    pub(super) address: AddressGroup,
    /// The /48 of the visitor, if its address is an IPv6 address.
    pub(super) site: Option<AddressGroup>,
}

impl VisitorOrigin {
    pub(super) fn of(remote: &Multiaddr) -> Self {
        Self { address: AddressGroup::of(remote), site: AddressGroup::wide(remote) }
    }

    fn crowds(self) -> impl Iterator<Item = AddressGroup> {
        [Some(self.address), self.site].into_iter().flatten()
    }

    /// Returns the site of the visitor, or, if it has none, its address.
    fn widest(self) -> AddressGroup {
        self.site.unwrap_or(self.address)
    }
}

#[derive(Debug)]
struct VisitorEntry<V> {
    origin: VisitorOrigin,
    /// The visitor's sequence number among the visitors from its address, and its sequence number among the visitors from
    /// its site.
    turns: [u64; 2],
    progress: HandshakeProgress,
    began: Duration,
    /// The visitor itself. It is boxed so that the nodes of the tree stay small.
    visitor: Box<V>,
}

/// The position of an address or a site in the order in which addresses and sites have to give up places: those with the
/// most visitors first. Of two with equally many visitors, the first is that whose next visitor to be closed is less
/// advanced in its handshake, or is older.
type Payer = (Reverse<usize>, Standing);

/// The visitors of one address or of one site.
#[derive(Debug, Default)]
struct LocalCrowd {
    crowd: Crowd,
    /// The entry of this address or site in [`VisitorTable::payers`], the order in which addresses and sites give up places;
    /// `None` if it has no entry.
    payer: Option<Payer>,
    /// The entry of this address or site in [`VisitorTable::hurried`], which is the number of its oldest visitor that has
    /// sent no byte; `None` if it has no entry.
    hurried: Option<u64>,
}

/// The table of all visitors, which are accepted connections whose peers are not authenticated yet. Each visitor has a
/// number, and the numbers rise in the order in which the connections were accepted. Every change costs O(log n), and a
/// visitor that was removed leaves no memory behind.
#[derive(Debug)]
pub(super) struct VisitorTable<V> {
    most: usize,
    most_of_address: usize,
    most_of_site: usize,
    first_byte_timeout: Duration,
    handshake_timeout: Duration,
    places: BTreeMap<u64, VisitorEntry<V>>,
    /// The crowd of all visitors. In this crowd, the sequence number of a visitor is its number in the table.
    all: Crowd,
    locals: BTreeMap<AddressGroup, LocalCrowd>,
    /// The sites, and the addresses without a site, in the order in which they have to give up a visitor if the table is
    /// full. Sites and addresses with fewer than [`GREEDY`] visitors are missing until one of their visitors is settled in
    /// the crowd of all visitors, that is, until half as many visitors have connected after it as the table contains.
    payers: BTreeSet<(Payer, AddressGroup)>,
    /// One entry for each address and each site that has at least half of the visitors that it may have: the number of its
    /// oldest visitor that has sent no byte. This visitor has to send a byte within `first_byte_timeout`.
    hurried: BTreeSet<(u64, AddressGroup)>,
    /// The lowest number of a visitor that was not settled in the crowd of all visitors when `payers` was last updated. A
    /// visitor is settled once half as many have connected after it as the table contains.
    settled: u64,
}

impl<V> VisitorTable<V> {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            most: config.inbound_handshakes as usize,
            most_of_address: config.handshakes_per_address as usize,
            most_of_site: config.handshakes_per_site as usize,
            first_byte_timeout: config.first_byte_timeout,
            handshake_timeout: config.connection.handshake_timeout,
            places: BTreeMap::new(),
            all: Crowd::default(),
            locals: BTreeMap::new(),
            payers: BTreeSet::new(),
            hurried: BTreeSet::new(),
            settled: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether the configuration allows no visitor from this address or site at all.
    pub(super) fn is_shut(&self, origin: VisitorOrigin) -> bool {
        self.most == 0 || origin.crowds().any(|key| self.most_of(key) == 0)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        self.places.get_mut(&number).map(|place| &mut *place.visitor)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.places.iter().map(|(number, place)| (*number, &*place.visitor))
    }

    /// Returns the visitor with the smallest number that is at least `from`, and its number.
    pub(super) fn first_from(&self, from: u64) -> Option<(u64, &V)> {
        self.places.range(from..).next().map(|(number, place)| (*number, &*place.visitor))
    }

    /// Returns the number of the oldest visitor.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.places.keys().next().copied()
    }

    /// Returns the number that the next visitor gets. Numbers rise by one with each visitor.
    pub(super) const fn next_number(&self) -> u64 {
        self.all.came()
    }

    /// Returns the number of the visitor that has to be closed before one more visitor from `origin` is inserted; `None` if
    /// there is room.
    ///
    /// If the address or the site of `origin` has as many visitors as allowed, one of these visitors is returned. If the
    /// whole table is full, a visitor of the address or site with the most visitors is returned; in this comparison the new
    /// visitor counts, too.
    pub(super) fn victim(&self, origin: VisitorOrigin) -> Option<u64> {
        for key in origin.crowds() {
            if let Some(local) = self.locals.get(&key)
                && local.crowd.len() >= self.most_of(key)
            {
                return local.crowd.first().map(|standing| standing.number);
            }
        }
        if self.len() < self.most {
            return None;
        }
        let own = self.locals.get(&origin.widest()).and_then(|local| local.payer);
        let own = own.map(|(Reverse(places), standing)| (Reverse(places + 1), standing));
        let payer = self.payers.first().map(|(payer, _)| *payer).into_iter().chain(own).min();
        payer.map(|(_, standing)| standing.number)
    }

    /// Returns the number of the visitor that is to be closed first if the system has run out of descriptors before the
    /// table is full: a visitor of the site or address with the most visitors.
    pub(super) fn greediest(&self) -> Option<u64> {
        self.payers.first().map(|((_, standing), _)| standing.number)
    }

    /// Adds a visitor, with the progress [silent](HandshakeProgress::Silent), and returns its number. The caller has made
    /// room: see [`victim`](Self::victim).
    pub(super) fn insert(&mut self, origin: VisitorOrigin, began: Duration, visitor: V) -> u64 {
        let number = self.next_number();
        self.all.enter(number);
        let mut turns = [0; 2];
        for (key, turn) in origin.crowds().zip(&mut turns) {
            *turn = self.locals.entry(key).or_default().crowd.enter(number);
        }
        let progress = HandshakeProgress::Silent;
        self.places.insert(number, VisitorEntry { origin, turns, progress, began, visitor: Box::new(visitor) });
        self.settle(origin);
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<V> {
        let VisitorEntry { origin, turns, progress, visitor, .. } = self.places.remove(&number)?;
        self.all.leave(progress, number);
        for (key, turn) in origin.crowds().zip(turns) {
            if let Some(local) = self.locals.get_mut(&key) {
                local.crowd.leave(progress, turn);
            }
        }
        self.settle(origin);
        Some(*visitor)
    }

    /// Records the progress of a visitor's handshake.
    pub(super) fn advance(&mut self, number: u64, progress: HandshakeProgress) {
        let Some(place) = self.places.get_mut(&number) else { return };
        let before = core::mem::replace(&mut place.progress, progress);
        if before == progress {
            return;
        }
        let (origin, turns) = (place.origin, place.turns);
        self.all.advance(number, before, progress);
        for (key, turn) in origin.crowds().zip(turns) {
            if let Some(local) = self.locals.get_mut(&key) {
                local.crowd.advance(turn, before, progress);
            }
        }
        self.settle(origin);
    }

    /// Updates `payers` and `hurried` after the crowds of `origin` have changed, and for the visitors that have become
    /// settled in the crowd of all visitors since the last call. After each change of the table, one or two more visitors
    /// are settled.
    fn settle(&mut self, origin: VisitorOrigin) {
        while self.settled < self.all.settled() {
            let settled = self.places.get(&self.settled).map(|place| place.origin.widest());
            self.settled += 1;
            settled.into_iter().for_each(|key| self.arrange(key));
        }
        origin.crowds().for_each(|key| self.arrange(key));
    }

    fn arrange(&mut self, key: AddressGroup) {
        let most = self.most_of(key);
        let Some(local) = self.locals.get_mut(&key) else { return };
        let len = local.crowd.len();
        // A /64 gives up no places by itself: its site does.
        let first = if matches!(key, AddressGroup::Net64(_)) {
            None
        } else if len >= GREEDY {
            local.crowd.first()
        } else {
            local.crowd.iter().find(|standing| standing.number < self.settled)
        };
        let payer = first.map(|first| (Reverse(len), first));
        let before = core::mem::replace(&mut local.payer, payer);
        if before != payer {
            before.map(|before| self.payers.remove(&(before, key)));
            self.payers.extend(payer.map(|payer| (payer, key)));
        }
        let hurried = local.crowd.oldest_silent().filter(|_| is_half(len, most));
        let before = core::mem::replace(&mut local.hurried, hurried);
        if before != hurried {
            before.map(|before| self.hurried.remove(&(before, key)));
            self.hurried.extend(hurried.map(|hurried| (hurried, key)));
        }
        if len == 0 {
            self.locals.remove(&key);
        }
    }

    /// Returns the maximum number of visitors that an address or a site may have.
    const fn most_of(&self, key: AddressGroup) -> usize {
        match key {
            AddressGroup::Net48(_) => self.most_of_site,
            AddressGroup::V4(_) | AddressGroup::Net64(_) | AddressGroup::Other(_) => self.most_of_address,
        }
    }

    /// Returns the earliest deadline of all visitors, and the number of the visitor that it belongs to.
    pub(super) fn first_due(&self) -> Option<(Duration, u64)> {
        let oldest = self.places.first_key_value().map(|(number, place)| (self.whole_deadline(place), *number));
        // The oldest silent visitor of all is at least as old as that of each crowd, so that the crowds need no look.
        let hurried = || self.hurried.first().map(|(number, _)| *number);
        let silent = if is_half(self.len(), self.most) { self.all.oldest_silent() } else { hurried() };
        let silent = silent.and_then(|number| Some((self.first_byte_deadline(self.places.get(&number)?), number)));
        oldest.into_iter().chain(silent).min()
    }

    /// Returns the present deadline of a visitor. The deadline changes when the peer sends its first byte, and when half of
    /// the visitors that the table, the address or the site may have is reached, or no longer reached.
    pub(super) fn deadline(&self, number: u64) -> Option<Duration> {
        let place = self.places.get(&number)?;
        let whole = self.whole_deadline(place);
        let is_half_taken =
            |key| self.locals.get(&key).is_some_and(|local| is_half(local.crowd.len(), self.most_of(key)));
        let is_crowded = is_half(self.len(), self.most) || place.origin.crowds().any(is_half_taken);
        let is_hurried = place.progress == HandshakeProgress::Silent && is_crowded;
        Some(if is_hurried { whole.min(self.first_byte_deadline(place)) } else { whole })
    }

    fn whole_deadline(&self, place: &VisitorEntry<V>) -> Duration {
        place.began.saturating_add(self.handshake_timeout)
    }

    fn first_byte_deadline(&self, place: &VisitorEntry<V>) -> Duration {
        place.began.saturating_add(self.first_byte_timeout)
    }
}

/// Returns whether `taken` is at least half of `most`.
const fn is_half(taken: usize, most: usize) -> bool {
    taken >= most - most / 2
}

#[cfg(test)]
mod tests;
