//! [`SendShares`]: what each sender, and each author by it, has in the line of a peer.

use super::queue_slots::QueueSlots;
use crate::arithmetic::Count;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

/// What each sender has in a line, and of that each author. All steps cost O(log n).
#[derive(Default, Debug)]
pub(super) struct SendShares {
    senders: BTreeMap<u64, SenderShare>,
    /// The senders by what they have.
    order: BTreeSet<(SenderRank, u64)>,
}

/// What has come by one sender.
#[derive(Default, Debug)]
struct SenderShare {
    bytes: usize,
    authors: BTreeMap<u64, AuthorShare>,
    /// The authors by what they have.
    order: BTreeSet<(AuthorRank, u64)>,
}

/// What has come of one author by one sender: messages that are linked.
#[derive(Clone, Copy, Debug)]
struct AuthorShare {
    rank: AuthorRank,
    first: u32,
    last: u32,
}

/// The bytes of an author, and the number of its oldest message: the older one ranks higher.
type AuthorRank = (usize, Reverse<u64>);

/// The bytes of a sender, and the rank of the author by it that ranks highest.
type SenderRank = (usize, AuthorRank);

impl SenderShare {
    fn rank(&self) -> Option<SenderRank> {
        self.order.last().map(|(rank, _)| (self.bytes, *rank))
    }
}

impl SendShares {
    /// Adds a message that stands behind all others.
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

    /// Adds a message that stands before all others.
    pub(super) fn add_first(&mut self, places: &mut QueueSlots, place: u32) {
        self.change(places, place, |author, places, (len, number)| match author {
            Some(author) => {
                places.link(place, author.first);
                Some(AuthorShare { rank: (author.rank.0.saturating_add(len), number), first: place, ..author })
            }
            None => Some(AuthorShare { rank: (len, number), first: place, last: place }),
        });
    }

    /// Takes a message that is about to leave its place.
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

    /// Returns the place of the oldest message of the author with most, by the sender that has brought most.
    pub(super) fn greediest(&self) -> Option<u32> {
        let (_, sender) = self.order.last()?;
        let sender = self.senders.get(sender)?;
        let (_, author) = sender.order.last()?;
        Some(sender.authors.get(author)?.first)
    }

    /// Changes what there is of a message's author, and the ranks with that.
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
