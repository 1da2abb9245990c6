//! [`FairShares`]: the number of bytes that each sender, and each author from that sender, has in the outbox of a peer.

use super::queue_slots::QueueSlots;
use crate::arithmetic::Count;
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

/// The number of bytes of each sender in an outbox, and for each sender the number of bytes of each author. Each operation
/// costs O(log n) for n senders and authors.
///
/// Senders are compared first, since a sender can make up any number of authors. If authors alone were compared, a sender
/// that signs each message with another key would have less per author than any honest author, which would lose its messages
/// instead.
#[derive(Default, Debug)]
pub(super) struct FairShares {
    senders: BTreeMap<u64, SenderShare>,
    /// The senders in ascending order of rank. If a message has to be dropped, it is one that the last sender in this order
    /// has sent.
    order: BTreeSet<(SenderRank, u64)>,
}

/// The messages in the outbox that one sender has sent to us.
#[derive(Default, Debug)]
struct SenderShare {
    bytes: usize,
    authors: BTreeMap<u64, AuthorShare>,
    /// The authors in ascending order of rank. If a message of this sender has to be dropped, it is a message of the last
    /// author in this order.
    order: BTreeSet<(AuthorRank, u64)>,
}

/// The messages in the outbox that one sender has sent to us and that have the same author, as a linked list.
#[derive(Clone, Copy, Debug)]
struct AuthorShare {
    rank: AuthorRank,
    first: u32,
    last: u32,
}

/// The rank of an author: the number of its bytes, and the number of its oldest message. If two authors have the same number
/// of bytes, the author with the older message has the higher rank.
type AuthorRank = (usize, Reverse<u64>);

/// The rank of a sender: the number of its bytes, and the rank of its author with the highest rank.
type SenderRank = (usize, AuthorRank);

impl SenderShare {
    fn rank(&self) -> Option<SenderRank> {
        self.order.last().map(|(rank, _)| (self.bytes, *rank))
    }
}

impl FairShares {
    /// Counts the message at index `place` for its sender and author. The message is the last one in the outbox.
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

    /// Counts the message at index `place` for its sender and author. The message is the first one in the outbox.
    pub(super) fn add_first(&mut self, places: &mut QueueSlots, place: u32) {
        self.change(places, place, |author, places, (len, number)| match author {
            Some(author) => {
                places.link(place, author.first);
                Some(AuthorShare { rank: (author.rank.0.saturating_add(len), number), first: place, ..author })
            }
            None => Some(AuthorShare { rank: (len, number), first: place, last: place }),
        });
    }

    /// Stops counting the message at index `place`, which is about to be removed from `places`.
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

    /// Returns the index of the message that is the first to be dropped: of the sender with the most bytes, the oldest
    /// message of the author with the most bytes.
    pub(super) fn greediest(&self) -> Option<u32> {
        let (_, sender) = self.order.last()?;
        let sender = self.senders.get(sender)?;
        let (_, author) = sender.order.last()?;
        Some(sender.authors.get(author)?.first)
    }

    /// Changes the share of the author of the message at index `place` with the function `with`, and updates the ranks. The
    /// function gets the author's present share, if there is one, and the length and number of the message. It returns the
    /// new share, or `None` if no message of the author is left.
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
