//! [`Seen`]: the cache of messages that were received or published lately, so that each message is accepted only once; and
//! the shares of the cache that authors, senders and addresses may have.

mod accounts;
mod chains;
mod digest;
mod sent_by;

pub(in crate::protocols) use digest::Digest;
pub(super) use sent_by::SentBy;

use super::config::Config;
use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use accounts::Accounts;
use alloc::collections::VecDeque;
use chains::{Chained, Chains, END};
use core::time::Duration;

/// The maximum number of entries of the cache. It is low enough that the numbers of all entries differ in their lower 31
/// bits, and that a `u32` can count three accounts for each entry.
pub(super) const MOST: usize = (u32::MAX / 4) as usize;

/// The mask that selects the lower 31 bits of an entry's number, which are the entry's [place](place_of).
const LOWER: u32 = u32::MAX >> 1;

/// The expiry of an entry that was added between two turns, when the time was unknown. The next turn sets the expiry.
const UNTIMED: u64 = u64::MAX;

/// The expiry of an entry that is never forgotten. All other expiries are earlier, since 64 bits of nanoseconds are more
/// than five hundred years.
const FOREVER: u64 = UNTIMED - 1;

/// The number of entries for which memory remains allocated when the cache contains fewer entries.
const KEPT: usize = 1_024;

/// The maximum number of entries that are forgotten in one turn. Forgetting this number of entries takes about 50 µs.
const FORGOTTEN_AT_ONCE: usize = 512;

/// The cache of messages that were received or published lately. An entry is kept for a fixed time, whatever messages
/// arrive, so that no message is accepted twice within that time. A message for which there is no room is refused: see
/// [`ExceededShare`].
#[derive(Debug)]
pub(super) struct Seen {
    entries: Entries,
    chains: Chains,
    accounts: Accounts,
    /// The number of entries at the end of the queue whose expiry is not set yet.
    untimed: usize,
    ttl: Duration,
    max: usize,
    shares: ShareLimits,
}

/// The entries of the cache, oldest first. They are numbered in the order in which they were added. All entries are kept for
/// the same time, so this is also the order in which they expire, and a queue is enough. If the owner's clock is set back, an
/// entry that would expire earlier waits for those before it.
#[derive(Default, Debug)]
struct Entries {
    queue: VecDeque<SeenMessage>,
    /// The number of the oldest entry, which is the first in the queue.
    first: u64,
}

/// An entry of the cache: a message that is remembered.
#[derive(Debug)]
struct SeenMessage {
    digest: Digest,
    /// The time at which the entry is forgotten, in nanoseconds on the owner's clock.
    until: u64,
    /// The [place](place_of) of the next entry of the same chain of the hash table, or [`END`].
    next: u32,
    /// The indices of the accounts of the message's author, its sender, and its sender's address. An index is [`END`] if the
    /// message does not count for an author, a sender or an address.
    accounts: [u32; 3],
    /// The time of the verdict on the message, in nanoseconds on the owner's clock.
    settled_at: u64,
    /// The verdict on the message.
    settled: Settled,
    /// True if the message was delivered and not forwarded.
    is_held_back: bool,
}

/// The verdict on a message that is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// There is no verdict: we have published the message, or the verdict was put off.
    Not,
    /// We have published the message, and there was no peer to send it to.
    Unsent,
    Accepted,
    Ignored,
    Rejected,
}

/// The maximum numbers of messages in the cache of one author, one sender and one address, as multiples of the number of
/// free places.
#[derive(Clone, Copy, Debug)]
struct ShareLimits {
    author: usize,
    sender: usize,
    address: usize,
}

/// The origin of a message: its author, its sender, and its sender's address. The message counts for each of them that is
/// known.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct MessageOrigin {
    pub(super) author: Option<PeerId>,
    /// The peer that has sent the message to us.
    pub(super) sender: Option<PeerId>,
    /// The address of the sender; `None` if unrelated peers may share that address.
    pub(super) address: Option<AddressGroup>,
    /// True if we publish the message and it has no author.
    pub(super) is_ours: bool,
}

/// The share that a message would exceed. An author, a sender or an address may have at most as many messages in the cache
/// as there are free places, times a factor. One author that sends as much as it can takes `factor / (factor + 1)` of the
/// cache; `number` such authors take `factor / (number * factor + 1)` each. Senders and addresses take the same fractions
/// with their own factors. So those that send as much as they can leave `1 / (number * factor + 1)` of the cache to messages
/// of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExceededShare {
    Author,
    /// The share of the sender or of its address is exceeded, or the cache is full.
    Sender,
}

/// A permission to add one message to the cache. It is valid until another message is added.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheRoom([Option<Digest>; 3]);

impl Chained for Entries {
    fn digest(&self, place: u32) -> Option<&Digest> {
        self.get(place).map(|entry| &entry.digest)
    }

    fn next(&self, place: u32) -> u32 {
        self.get(place).map_or(END, |entry| entry.next)
    }

    fn set_next(&mut self, place: u32, next: u32) {
        if let Some(entry) = self.get_mut(place) {
            entry.next = next;
        }
    }
}

impl Entries {
    /// Returns the index in the queue of the entry with the given [place](place_of).
    fn at(&self, place: u32) -> Option<usize> {
        if place == END {
            return None;
        }
        usize::try_from(self.behind_first(place)).ok()
    }

    fn behind_first(&self, place: u32) -> u32 {
        place.wrapping_sub(place_of(self.first)) & LOWER
    }

    fn get(&self, place: u32) -> Option<&SeenMessage> {
        self.queue.get(self.at(place)?)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut SeenMessage> {
        let at = self.at(place)?;
        self.queue.get_mut(at)
    }

    /// Returns the number of the entry with the given [place](place_of).
    fn number(&self, place: u32) -> u64 {
        self.first.saturating_add(self.behind_first(place).into())
    }

    /// Returns the number that the next entry will get.
    fn next_number(&self) -> u64 {
        self.first.saturating_add(self.queue.len() as u64)
    }
}

/// Returns the place of the entry with this number, which is the lower 31 bits of the number. The hash table refers to
/// entries by their places. No two entries of the cache have the same place, and no entry has the place [`END`].
#[allow(clippy::cast_possible_truncation, reason = "the upper bits are left out")]
const fn place_of(number: u64) -> u32 {
    number as u32 & LOWER
}

impl Seen {
    pub(super) fn new(config: &Config) -> Self {
        let shares = ShareLimits {
            author: config.seen_author_share.max(1),
            sender: config.seen_sender_share.max(1),
            address: config.seen_address_share.max(1),
        };
        Self {
            entries: Entries::default(),
            chains: Chains::default(),
            accounts: Accounts::new(),
            untimed: 0,
            ttl: config.seen_ttl,
            max: config.seen.clamp(1, MOST),
            shares,
        }
    }

    /// Begins a turn at the time `now`. Messages that were added between the last turn and this one expire `seen_ttl` after
    /// `now`. Expired messages are forgotten, at most [`FORGOTTEN_AT_ONCE`] in each turn.
    pub(super) fn advance(&mut self, now: Duration) {
        let until = self.until(now);
        for entry in self.entries.queue.iter_mut().rev().take(core::mem::take(&mut self.untimed)) {
            entry.until = until;
        }
        // An owner may pass `Duration::MAX` as the time. An entry that is never forgotten must not be due even then.
        let now = nanos(now).min(FOREVER - 1);
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.entries.queue.front().is_none_or(|oldest| oldest.until > now) {
                return;
            }
            self.forget_oldest();
        }
    }

    /// Returns the time at which the next turn is needed. It is 0, which means at once, if the expiry of a message is not
    /// set yet. Otherwise it is the time at which the oldest message is to be forgotten.
    pub(super) fn next_turn(&self) -> Option<Duration> {
        if self.untimed > 0 {
            return Some(Duration::ZERO);
        }
        // No turn is requested for an entry that is never forgotten. At `Duration::MAX` it would be due in each turn, and
        // the driver would never wait.
        let until = self.entries.queue.front().map(|oldest| oldest.until).filter(|until| *until != FOREVER);
        until.map(Duration::from_nanos)
    }

    /// Returns the number that the cache has given to a message, or `None` if the message is not remembered.
    pub(super) fn number(&self, digest: &Digest) -> Option<u64> {
        self.chains.find(&self.entries, digest).map(|place| self.entries.number(place))
    }

    /// Returns a permission to add one more message with this origin to the cache. The message must not be remembered yet.
    ///
    /// # Errors
    /// Returns the [`ExceededShare`] if there is no room.
    pub(super) fn room(&self, origin: &MessageOrigin) -> Result<CacheRoom, ExceededShare> {
        // The shares are multiples of the free places, and not fixed numbers. If each author had a fixed share, either a
        // few authors could fill the cache, or one author could use only a small part of an empty cache. With a multiple,
        // the share of everybody shrinks as the cache fills, so those that have sent most are refused first, and the
        // places that are left go to those that have sent little.
        let free = self.max.saturating_sub(self.entries.queue.len());
        let has_room = |owner: &Option<Digest>, share: usize| {
            owner.is_none_or(|owner| self.accounts.held(&owner) < free.saturating_mul(share))
        };
        let author = origin.author.map(Digest::of_author);
        if !has_room(&author, self.shares.author) {
            return Err(ExceededShare::Author);
        }
        let sender = origin.sender.map(Digest::of_sender);
        let address = origin.address.map(Digest::of_address).or(origin.is_ours.then(Digest::of_ourselves));
        let has_share = has_room(&sender, self.shares.sender) && has_room(&address, self.shares.address);
        if free > 0 && has_share { Ok(CacheRoom([author, sender, address])) } else { Err(ExceededShare::Sender) }
    }

    /// Adds a message, which must not be remembered yet, with the room that [`room`](Self::room) has just returned for it.
    /// Returns the message's number. `now` is `None` between two turns; the message then gets its expiry in the next
    /// [`advance`](Self::advance).
    pub(super) fn insert(&mut self, digest: Digest, room: CacheRoom, now: Option<Duration>) -> u64 {
        let until = match now {
            Some(now) => self.until(now),
            None => {
                self.untimed = self.untimed.saturating_add(1);
                UNTIMED
            }
        };
        let accounts = room.0.map(|owner| owner.map_or(END, |owner| self.accounts.charge(owner)));
        let number = self.entries.next_number();
        self.entries.queue.push_back(SeenMessage {
            digest,
            until,
            next: END,
            accounts,
            settled_at: 0,
            settled: Settled::Not,
            is_held_back: false,
        });
        self.chains.add(&mut self.entries, place_of(number));
        number
    }

    /// Records the verdict on a remembered message, and its time. Between two turns the time is unknown; the message then
    /// counts as judged at time zero, so that a later copy is no near-first delivery.
    pub(super) fn settle(&mut self, digest: &Digest, settled: Settled, now: Option<Duration>) {
        let place = self.chains.find(&self.entries, digest);
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            (entry.settled, entry.settled_at) = (settled, now.map_or(0, nanos));
        }
    }

    /// Returns the verdict on a message, and its time.
    pub(super) fn settled(&self, digest: &Digest) -> (Settled, Duration) {
        let place = self.chains.find(&self.entries, digest);
        let entry = place.and_then(|place| self.entries.get(place));
        entry.map_or((Settled::Not, Duration::ZERO), |entry| (entry.settled, Duration::from_nanos(entry.settled_at)))
    }

    /// Marks a remembered message as one that was delivered and not forwarded.
    pub(super) fn hold_back(&mut self, digest: &Digest) {
        self.set_held_back(digest, true);
    }

    /// Returns whether a message is marked as one that was delivered and not forwarded.
    pub(super) fn is_held_back(&self, digest: &Digest) -> bool {
        let place = self.chains.find(&self.entries, digest);
        place.and_then(|place| self.entries.get(place)).is_some_and(|entry| entry.is_held_back)
    }

    /// Removes the mark that [`hold_back`](Self::hold_back) sets on a message.
    pub(super) fn let_go(&mut self, digest: &Digest) {
        self.set_held_back(digest, false);
    }

    fn set_held_back(&mut self, digest: &Digest, is_held_back: bool) {
        let place = self.chains.find(&self.entries, digest);
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.is_held_back = is_held_back;
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = place_of(self.entries.first);
        self.chains.remove(&mut self.entries, oldest);
        if let Some(entry) = self.entries.queue.pop_front() {
            self.entries.first = self.entries.first.saturating_add(1);
            entry.accounts.into_iter().for_each(|place| self.accounts.discharge(place));
        }
        self.give_back();
    }

    /// Frees memory after a burst of messages. Half of the memory of the queue is freed when less than a quarter of it is
    /// used, and all memory when the last entry is forgotten.
    fn give_back(&mut self) {
        // The memory halves at a quarter of its use, so that a number of entries that goes up and down by one does not
        // cause a reallocation each time.
        let (len, taken) = (self.entries.queue.len(), self.entries.queue.capacity());
        if len == 0 && self.chains.count() > KEPT {
            self.entries.queue = VecDeque::new();
            (self.chains, self.accounts) = (Chains::default(), Accounts::new());
        } else if taken > KEPT && len < taken / 4 {
            self.entries.queue.shrink_to(taken / 2);
        }
    }

    fn until(&self, now: Duration) -> u64 {
        nanos(now.saturating_add(self.ttl)).min(FOREVER)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
