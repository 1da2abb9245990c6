//! [`VisitorTable`]: the bounded table of visitors at the door, with the rule for which one is closed when a bound is
//! reached.
//!
//! Attackers can connect all the time, from as many addresses as they have, and each can stop at any step of its handshake.
//! Nothing distinguishes an honest newcomer from them before it is authenticated, which takes two round trips. So three
//! rules decide, in this order:
//!
//! 1. **Greed.** If an address or a site (an IPv6 /48) has all of its places, one of its own visitors is closed for its
//!    newcomer. If all places of the table are taken, a visitor of the site or IPv4 address with the most places is closed.
//! 2. **Time.** A visitor that is not settled is passed over, even if it is the least advanced one. It settles once half as
//!    many have come after it as its crowd has members, or, if its crowd has fewer than eight, as the whole table has.
//!    Without this rule the newcomer itself would be closed first, and attackers that have once reached a step and stay
//!    there would keep everybody else out.
//! 3. **Progress,** then age. Of the settled visitors the least advanced one is closed, so that a visitor that has paid for
//!    a step is kept. Of equals the oldest is closed, since it has had the most time.
//!
//! So a newcomer among `n` places is safe until `n / 2` others have come, and, if no other is more advanced by then, until
//! `n` have. The factor of a half is chosen for dialers that send Noise's first message after one of their two round trips,
//! as go-libp2p does: to push them out, attackers have to connect `n / 2` times in a round trip, which is 5 120 times a
//! second with 1 024 places and 100 ms. Above that rate newcomers are pushed out, since nothing distinguishes them; more
//! places help. A turn asks the reactor again after every 16 visitors that come, so that a visitor that has sent something
//! is heard before it can be closed. A site has fewer than half of the places, so that one site alone never fills the table,
//! nor shortens the time for others' first bytes.

use super::crowd::{Crowd, HandshakeProgress, Standing};
use crate::swarm::address_group::AddressGroup;
use crate::swarm::config::Config;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;
use core::time::Duration;
use libp2p_core::Multiaddr;

/// The smallest crowd of an address or a site in which members settle by the crowd's own newcomers. In a smaller crowd they
/// settle by the newcomers of the whole table: so few members leave hardly any to pass over.
const GREEDY: usize = 8;

/// The origin of a visitor: the crowds to which it belongs besides that of the whole table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VisitorOrigin {
    /// Its IPv4 address, or its /64.
    pub(super) address: AddressGroup,
    /// Its /48, if it has an IPv6 address.
    pub(super) site: Option<AddressGroup>,
}

impl VisitorOrigin {
    pub(super) fn of(remote: &Multiaddr) -> Self {
        Self { address: AddressGroup::of(remote), site: AddressGroup::wide(remote) }
    }

    fn crowds(self) -> impl Iterator<Item = AddressGroup> {
        [Some(self.address), self.site].into_iter().flatten()
    }

    /// Returns the widest group of it: its site, or else its address.
    fn widest(self) -> AddressGroup {
        self.site.unwrap_or(self.address)
    }
}

#[derive(Debug)]
struct VisitorEntry<V> {
    origin: VisitorOrigin,
    /// Its turns in the crowds of its origin.
    turns: [u64; 2],
    progress: HandshakeProgress,
    began: Duration,
    /// Boxed, so that the nodes of the tree stay small.
    visitor: Box<V>,
}

/// The order in which origins give up places: the one with the most places first; of equals, the one whose next visitor to
/// go is less advanced or older.
type Payer = (Reverse<usize>, Standing);

/// The visitors of one address or site.
#[derive(Debug, Default)]
struct LocalCrowd {
    crowd: Crowd,
    /// Its entry in [`VisitorTable::payers`].
    payer: Option<Payer>,
    /// Its entry in [`VisitorTable::hurried`].
    hurried: Option<u64>,
}

/// The visitors by number, in the order in which they came. Every change costs O(log n), and a visitor that has left leaves
/// no memory behind.
#[derive(Debug)]
pub(super) struct VisitorTable<V> {
    most: usize,
    most_of_address: usize,
    most_of_site: usize,
    first_byte_timeout: Duration,
    handshake_timeout: Duration,
    places: BTreeMap<u64, VisitorEntry<V>>,
    /// The crowd of all visitors. Their turns are their numbers.
    all: Crowd,
    locals: BTreeMap<AddressGroup, LocalCrowd>,
    /// Each site, or each address without a site, with its place in the order. Those with fewer than [`GREEDY`] visitors,
    /// none of which is settled in the whole table, are missing.
    payers: BTreeSet<(Payer, AddressGroup)>,
    /// The oldest visitor that has sent no byte, of each address and site that has taken half of its places.
    hurried: BTreeSet<(u64, AddressGroup)>,
    /// The first number that was not settled in the whole table when `payers` was brought up to date.
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

    /// Returns whether the configuration lets in no visitor of this origin at all.
    pub(super) fn is_shut(&self, origin: VisitorOrigin) -> bool {
        self.most == 0 || origin.crowds().any(|key| self.most_of(key) == 0)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut V> {
        self.places.get_mut(&number).map(|place| &mut *place.visitor)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.places.iter().map(|(number, place)| (*number, &*place.visitor))
    }

    /// Returns the first visitor whose number is at least `from`.
    pub(super) fn first_from(&self, from: u64) -> Option<(u64, &V)> {
        self.places.range(from..).next().map(|(number, place)| (*number, &*place.visitor))
    }

    /// Returns the oldest visitor.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.places.keys().next().copied()
    }

    /// Returns the number that the next visitor gets.
    pub(super) const fn next_number(&self) -> u64 {
        self.all.came()
    }

    /// Returns the visitor that has to be closed before one more of an origin comes in; `None` if there is a place for it.
    ///
    /// If its address or its site has all of its places, it is one of their visitors. If all places of the table are taken,
    /// it is one of the greediest address or site, where the newcomer counts, too.
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

    /// Returns the visitor that goes first if the system has fewer descriptors than there are places.
    pub(super) fn greediest(&self) -> Option<u64> {
        self.payers.first().map(|((_, standing), _)| standing.number)
    }

    /// Lets a visitor in, as [silent](HandshakeProgress::Silent). There has to be a place for it.
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

    /// Notes a visitor's new progress.
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

    /// Brings the orders up to date after the crowds of `origin` have changed, and for the visitors that have settled in the
    /// whole table since the last call, of which each change makes one or two.
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

    /// Returns the number of places that an address or a site may have.
    const fn most_of(&self, key: AddressGroup) -> usize {
        match key {
            AddressGroup::Net48(_) => self.most_of_site,
            AddressGroup::V4(_) | AddressGroup::Net64(_) | AddressGroup::Other(_) => self.most_of_address,
        }
    }

    /// Returns the earliest deadline with its visitor.
    pub(super) fn first_due(&self) -> Option<(Duration, u64)> {
        let oldest = self.places.first_key_value().map(|(number, place)| (self.whole_deadline(place), *number));
        // The oldest silent visitor of all is at least as old as that of each crowd, so that the crowds need no look.
        let hurried = || self.hurried.first().map(|(number, _)| *number);
        let silent = if is_half(self.len(), self.most) { self.all.oldest_silent() } else { hurried() };
        let silent = silent.and_then(|number| Some((self.first_byte_deadline(self.places.get(&number)?), number)));
        oldest.into_iter().chain(silent).min()
    }

    /// Returns the present deadline of a visitor.
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
