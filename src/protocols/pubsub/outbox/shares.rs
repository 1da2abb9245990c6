//! [`SendShares`]: the bytes of each sender, and of each author by that sender, in the outbox of a peer.

use super::send_queue::QueueSlots;
use crate::arithmetic::Count;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

/// The bytes of each sender in an outbox, and within these of each author. Each operation costs O(log n).
#[derive(Default, Debug)]
pub(super) struct SendShares {
    senders: BTreeMap<u64, SenderShare>,
    /// The senders by their rank.
    order: BTreeSet<(SenderRank, u64)>,
}

/// The messages that came by one sender.
#[derive(Default, Debug)]
struct SenderShare {
    bytes: usize,
    authors: BTreeMap<u64, AuthorShare>,
    /// The authors by their rank.
    order: BTreeSet<(AuthorRank, u64)>,
}

/// The messages of one author that came by one sender, as a linked list.
#[derive(Clone, Copy, Debug)]
struct AuthorShare {
    rank: AuthorRank,
    first: u32,
    last: u32,
}

/// The bytes of an author, and the number of its oldest message. Of authors with equal bytes, the one with the older
/// message ranks higher.
type AuthorRank = (usize, Reverse<u64>);

/// The bytes of a sender, and the rank of its highest author.
type SenderRank = (usize, AuthorRank);

impl SenderShare {
    fn rank(&self) -> Option<SenderRank> {
        self.order.last().map(|(rank, _)| (self.bytes, *rank))
    }
}

impl SendShares {
    /// Adds the message at `place`, which is the last one of the outbox.
    pub(super) fn add(&mut self, places: &mut QueueSlots, place: u32) {
        self.change(places, place, |author, places, (len, number)| match author {
            Some(author) => {
                places.link(author.last, place);
                let (bytes, oldest) = author.rank;
                Some(AuthorShare { rank: (bytes.saturating_add(len), oldest), last: place, ..author })
            }
            None => Some(AuthorShare { rank: (len, number), first: place, last: place }),
        });
    }

    /// Adds the message at `place`, which is the first one of the outbox.
    pub(super) fn add_first(&mut self, places: &mut QueueSlots, place: u32) {
        self.change(places, place, |author, places, (len, number)| match author {
            Some(author) => {
                places.link(place, author.first);
                Some(AuthorShare { rank: (author.rank.0.saturating_add(len), number), first: place, ..author })
            }
            None => Some(AuthorShare { rank: (len, number), first: place, last: place }),
        });
    }

    /// Removes the message at `place`, which is about to leave it.
    pub(super) fn take(&mut self, places: &mut QueueSlots, place: u32) {
        self.change(places, place, |author, places, (len, _)| {
            let mut author = author?;
            let [earlier, later] = places.unlink(place);
            if author.first == place {
                author.first = later;
            }
            if author.last == place {
                author.last = earlier;
            }
            let oldest = places.message(author.first)?.number;
            author.rank = (author.rank.0.saturating_sub(len), Reverse(oldest));
            Some(author)
        });
    }

    /// Returns the place of the oldest message of the author with most bytes, by the sender with most bytes.
    pub(super) fn greediest(&self) -> Option<u32> {
        let (_, sender) = self.order.last()?;
        let sender = self.senders.get(sender)?;
        let (_, author) = sender.order.last()?;
        Some(sender.authors.get(author)?.first)
    }

    /// Changes the share of a message's author with the function `with`, and updates the ranks.
    fn change(
        &mut self,
        places: &mut QueueSlots,
        place: u32,
        with: impl FnOnce(Option<AuthorShare>, &mut QueueSlots, AuthorRank) -> Option<AuthorShare>,
    ) {
        let Some(message) = places.message(place) else { return };
        let (source, rank) = (message.source, (message.frame.len(), Reverse(message.number)));
        let sender = self.senders.entry(source.sender).or_default();
        if let Some(rank) = sender.rank() {
            self.order.remove(&(rank, source.sender));
        }
        let before = sender.authors.get(&source.author).copied();
        if let Some(before) = before {
            sender.order.remove(&(before.rank, source.author));
            sender.bytes.lower(before.rank.0);
        }
        match with(before, places, rank) {
            Some(author) => {
                sender.authors.insert(source.author, author);
                sender.order.insert((author.rank, source.author));
                sender.bytes.raise(author.rank.0);
            }
            None => drop(sender.authors.remove(&source.author)),
        }
        match sender.rank() {
            Some(rank) => drop(self.order.insert((rank, source.sender))),
            None => drop(self.senders.remove(&source.sender)),
        }
    }
}
