//! [`Seen`]: the messages that have come or gone lately, so that each is accepted once; and the shares of the cache that
//! authors, senders and addresses have.

mod accounts;
mod chains;
mod digest;
mod sent_by;

pub(super) use digest::Digest;
pub(super) use sent_by::SentBy;

use super::config::Config;
use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use accounts::Accounts;
use alloc::collections::VecDeque;
use chains::{Chained, Chains, END};
use core::time::Duration;

/// The maximum number of entries: their places stay different, and each may have three accounts.
pub(super) const MOST: usize = (u32::MAX / 4) as usize;

/// The mask of the bits of a place.
const LOWER: u32 = u32::MAX >> 1;

/// The expiry of an entry that was made between two turns, and has no time yet.
const UNTIMED: u64 = u64::MAX;

/// The expiry of an entry that is never forgotten. All other times are earlier; 64 bits of nanoseconds are five hundred
/// years.
const FOREVER: u64 = UNTIMED - 1;

/// The number of entries whose memory is kept when there are fewer.
const KEPT: usize = 1_024;

/// The maximum number of entries that are forgotten in one turn: about 50 µs of work.
const FORGOTTEN_AT_ONCE: usize = 512;

/// The cache of messages. An entry stays for its time, whatever comes, so that no message is accepted twice within it. A
/// message for which there is no room is refused: see [`ExceededShare`].
#[derive(Debug)]
pub(super) struct Seen {
    entries: Entries,
    chains: Chains,
    accounts: Accounts,
    /// The number of entries at the end that have no time yet.
    untimed: usize,
    ttl: Duration,
    max: usize,
    shares: ShareLimits,
}

/// The entries, oldest first. They are numbered in the order in which they came.
#[derive(Default, Debug)]
struct Entries {
    queue: VecDeque<SeenMessage>,
    /// The number of the oldest entry.
    first: u64,
}

/// A remembered message.
#[derive(Debug)]
struct SeenMessage {
    digest: Digest,
    /// The time at which it is forgotten, in nanoseconds.
    until: u64,
    /// The place of the next entry of its chain.
    next: u32,
    /// The accounts of its author, its sender, and its sender's address.
    accounts: [u32; 3],
    /// True if the message was delivered and not forwarded.
    is_held_back: bool,
}

/// The shares, as multiples of the free places.
#[derive(Clone, Copy, Debug)]
struct ShareLimits {
    author: usize,
    sender: usize,
    address: usize,
}

/// The origin of a message. The message counts for each part of it that there is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct MessageOrigin {
    pub(super) author: Option<PeerId>,
    /// The peer that has sent it to us.
    pub(super) sender: Option<PeerId>,
    /// The address of the sender; `None` if anybody may be at that address.
    pub(super) address: Option<AddressGroup>,
    /// True if the message is ours and has no author.
    pub(super) is_ours: bool,
}

/// The share that a message would exceed. An owner of a share may have as many messages in the cache as there are free
/// places, times a factor. One owner that takes all it can has `factor / (factor + 1)` of the cache, and several that do
/// have `factor / (number * factor + 1)` each. So there is always room for another that has fewer than they.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExceededShare {
    Author,
    /// The share of the sender or of its address, or the size of the cache.
    Sender,
}

/// The permission to add one message, valid until another is added.
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
    /// Returns the index of an entry in the queue.
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

    /// Returns the number of an entry.
    fn number(&self, place: u32) -> u64 {
        self.first.saturating_add(self.behind_first(place).into())
    }

    /// Returns the number of the next entry.
    fn next_number(&self) -> u64 {
        self.first.saturating_add(self.queue.len() as u64)
    }
}

/// Returns the place of an entry: the lower bits of its number. No two entries share a place, and none has [`END`].
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

    /// Begins a turn. Messages that were added between the last turn and this one expire `seen_ttl` from now. Expired
    /// messages are forgotten, a limited number in each turn.
    pub(super) fn advance(&mut self, now: Duration) {
        let until = self.until(now);
        for entry in self.entries.queue.iter_mut().rev().take(core::mem::take(&mut self.untimed)) {
            entry.until = until;
        }
        let now = nanos(now).min(FOREVER - 1);
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.entries.queue.front().is_none_or(|oldest| oldest.until > now) {
                return;
            }
            self.forget_oldest();
        }
    }

    /// Returns the time of the next turn: at once if a message without a time was added, else when the oldest is to be
    /// forgotten.
    pub(super) fn next_turn(&self) -> Option<Duration> {
        if self.untimed > 0 {
            return Some(Duration::ZERO);
        }
        let until = self.entries.queue.front().map(|oldest| oldest.until).filter(|until| *until != FOREVER);
        until.map(Duration::from_nanos)
    }

    /// Returns the number of a message that is remembered, or `None`.
    pub(super) fn number(&self, digest: &Digest) -> Option<u64> {
        self.chains.find(&self.entries, digest).map(|place| self.entries.number(place))
    }

    /// Returns the room for one more message, which must not be remembered yet.
    ///
    /// # Errors
    /// The [`ExceededShare`] that the message would exceed.
    pub(super) fn room(&self, origin: &MessageOrigin) -> Result<CacheRoom, ExceededShare> {
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

    /// Adds a message, which must not be remembered yet, with the room that was just found for it. Returns its number.
    /// `now` is `None` between two turns; the message then gets its time in the next [`advance`](Self::advance).
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
        self.entries.queue.push_back(SeenMessage { digest, until, next: END, accounts, is_held_back: false });
        self.chains.add(&mut self.entries, place_of(number));
        number
    }

    /// Marks a remembered message as delivered and not forwarded.
    pub(super) fn hold_back(&mut self, digest: &Digest) {
        self.set_held_back(digest, true);
    }

    /// Returns whether the message was delivered and not forwarded.
    pub(super) fn is_held_back(&self, digest: &Digest) -> bool {
        let place = self.chains.find(&self.entries, digest);
        place.and_then(|place| self.entries.get(place)).is_some_and(|entry| entry.is_held_back)
    }

    /// Removes the mark of [`hold_back`](Self::hold_back).
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

    /// Gives memory back after a rush: half of that for entries when less than a quarter of it is used, and all when the
    /// last entry is gone.
    fn give_back(&mut self) {
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
