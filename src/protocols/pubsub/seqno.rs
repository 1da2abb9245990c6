//! [`SeqnoValidator`]: refuses messages that their author has numbered below others that were told already.

use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use alloc::collections::{BTreeMap, BTreeSet};

/// The numbers of authors' latest messages, so that a message that somebody has kept is not told again, however late it
/// comes. [`PubSub`](super::PubSub) does without, unless it is [given](super::PubSub::set_seqno_validator) one.
///
/// [`seen_ttl`](super::Config::seen_ttl) is the time for which a message is not told twice. With this a message of an
/// author is refused for good once another one of that author with the same number or a higher one was told: it is
/// neither told nor forwarded, its signature costs nothing, and it is counted ([`outdated`](super::Counters::outdated)) and
/// held against nobody. Only what is validly signed, and what the validator accepts, raises an author's number. Ours are
/// known by their author anyway. Messages without an author have no number, and are not looked at. go-libp2p has the same
/// as `BasicSeqnoValidator`.
///
/// **It loses messages that come out of order.** Where an author's messages take several ways through a network, a later one
/// may overtake an earlier one, which is refused then. And an author has to number its messages upwards: those of
/// js-libp2p have numbers at random, so that most of them are refused. Choose it where a message that is told twice does more
/// harm than one that is missing.
///
/// **Bound.** As many authors as [`new`](Self::new) says are remembered, in some 512 bytes each. For one more, another
/// one's number is forgotten: of the address whose peers have brought most authors (an IPv6 address: its /64; of loopback,
/// and without an IP address, of the peer), the author that was silent for longest. So who makes up authors pushes out
/// those that it has made up, and with them authors of others whose first message came by it. An author that is forgotten is
/// as one that never said anything.
///
/// **Restarts.** The numbers are gone with it, unless you keep them:
///
#[cfg_attr(feature = "rand", doc = "```")]
#[cfg_attr(not(feature = "rand"), doc = "```ignore")]
/// use core::time::Duration;
/// use libp2p_core::transport::MemoryTransport;
/// use std::collections::BTreeMap;
/// use swarm_notify::identity::{Keypair, PeerId};
/// use swarm_notify::keys;
/// use swarm_notify::notifee::{NotifeeId, Notifees};
/// use swarm_notify::protocols::floodsub::FloodSub;
/// use swarm_notify::protocols::pubsub::{self, Event, SeqnoValidator, Signing};
/// use swarm_notify::swarm::{Config, Swarm};
///
/// struct Reader {
///     swarm: Swarm<MemoryTransport>,
///     notifees: Notifees<Swarm<MemoryTransport>>,
///     floodsub: NotifeeId<FloodSub>,
/// }
///
/// impl Reader {
///     /// Begins with the numbers that an earlier life has kept.
///     fn new(identity: Keypair, kept: &BTreeMap<PeerId, u64>) -> Result<Self, Box<dyn std::error::Error>> {
///         let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::default())?;
///         let mut floodsub = FloodSub::new(Signing::strict_sign(identity, 1), pubsub::Config::default());
///         let mut validator = SeqnoValidator::default();
///         for (author, number) in kept {
///             validator.remember(*author, *number);
///         }
///         floodsub.set_seqno_validator(validator);
///         floodsub.subscribe(&mut swarm, "prices")?;
///         let mut notifees = Notifees::new();
///         let floodsub = notifees.install(&mut swarm, floodsub);
///         Ok(Self { swarm, notifees, floodsub })
///     }
///
///     fn turn(&mut self, now: Duration) -> Vec<Vec<u8>> {
///         self.swarm.tick(now);
///         self.notifees.drive(&mut self.swarm, now);
///         let floodsub = self.floodsub();
///         let events = std::iter::from_fn(|| floodsub.next_event());
///         events.filter_map(|event| if let Event::Message { message, .. } = event { Some(message.data) } else { None }).collect()
///     }
///
///     fn floodsub(&mut self) -> &mut FloodSub {
///         self.notifees.get_mut(self.floodsub).unwrap()
///     }
///
///     /// What is to be kept for the next life.
///     fn numbers(&mut self) -> BTreeMap<PeerId, u64> {
///         self.floodsub().seqno_validator().map(|validator| validator.numbers().collect()).unwrap_or_default()
///     }
/// }
/// # // A publisher whose first message has a given number.
/// # struct Writer(Swarm<MemoryTransport>, Notifees<Swarm<MemoryTransport>>, NotifeeId<FloodSub>);
/// # impl Writer {
/// #     fn new(first: u64, port: u64) -> Result<Self, Box<dyn std::error::Error>> {
/// #         let identity = Keypair::ed25519_from_bytes([9; 32])?;
/// #         let mut swarm = Swarm::new(MemoryTransport::new(), &identity, [9; 32], Config::default())?;
/// #         let mut notifees = Notifees::new();
/// #         let floodsub = FloodSub::new(Signing::strict_sign(identity, first), pubsub::Config::default());
/// #         let floodsub = notifees.install(&mut swarm, floodsub);
/// #         swarm.dial(format!("/memory/{port}").parse()?)?;
/// #         Ok(Self(swarm, notifees, floodsub))
/// #     }
/// #     fn turn(&mut self, now: Duration) -> bool {
/// #         self.0.tick(now);
/// #         self.1.drive(&mut self.0, now);
/// #         self.1.get_mut(self.2).unwrap().peers_of("prices").next().is_some()
/// #     }
/// # }
/// # fn hear(reader: &mut Reader, first: u64, port: u64) -> Result<(Vec<Vec<u8>>, u64), Box<dyn std::error::Error>> {
/// #     reader.swarm.listen(format!("/memory/{port}").parse()?)?;
/// #     reader.turn(Duration::ZERO);
/// #     let mut writer = Writer::new(first, port)?;
/// #     while !writer.turn(Duration::ZERO) {
/// #         reader.turn(Duration::ZERO);
/// #     }
/// #     let mut heard = Vec::new();
/// #     writer.1.get_mut(writer.2).unwrap().publish(&mut writer.0, "prices", b"7.20")?;
/// #     for _ in 0..100 {
/// #         writer.turn(Duration::ZERO);
/// #         heard.extend(reader.turn(Duration::ZERO));
/// #     }
/// #     Ok((heard, reader.floodsub().counters().outdated))
/// # }
///
/// let identity = keys::generate()?;
/// let mut reader = Reader::new(identity.clone(), &BTreeMap::new())?;
/// // Somebody publishes the message with the number 5.
/// # assert_eq!(hear(&mut reader, 5, 2751)?, (vec![b"7.20".to_vec()], 0));
/// let kept = reader.numbers();
/// assert_eq!(kept.values().collect::<Vec<_>>(), [&5]);
/// drop(reader);
///
/// let mut reader = Reader::new(identity.clone(), &kept)?;
/// // It comes again: it is not told, although nothing has been seen in this life.
/// # assert_eq!(hear(&mut reader, 5, 2752)?, (vec![], 1));
/// assert_eq!(reader.floodsub().counters().outdated, 1);
/// # let mut reader = Reader::new(identity, &kept)?;
/// # assert_eq!(hear(&mut reader, 6, 2753)?, (vec![b"7.20".to_vec()], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SeqnoValidator {
    max: usize,
    authors: BTreeMap<PeerId, Author>,
    /// The authors that each has brought, by the time when they were heard.
    brought: BTreeMap<Bringer, BTreeSet<(u64, PeerId)>>,
    /// The peers and addresses that have brought authors, by the number of these.
    sizes: BTreeSet<(usize, Bringer)>,
    /// A number that grows with each message.
    time: u64,
    forgotten: u64,
}

/// An author whose number is remembered.
#[derive(Clone, Copy, Debug)]
struct Author {
    /// The highest number of a message of it that was told.
    seqno: u64,
    by: Bringer,
    heard: u64,
}

/// The peer or address that was the first to send a message of an author.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Bringer {
    /// The owner has said the number.
    Owner,
    Address(AddressGroup),
    /// A peer at an address where anybody may be.
    Peer(PeerId),
}

impl SeqnoValidator {
    /// Remembers the numbers of at most so many authors. 0 counts as 1.
    #[must_use]
    pub const fn new(authors: usize) -> Self {
        let max = if authors == 0 { 1 } else { authors };
        Self { max, authors: BTreeMap::new(), brought: BTreeMap::new(), sizes: BTreeSet::new(), time: 0, forgotten: 0 }
    }

    /// Has messages of an author refused up to a number, as if that one had been told. A lower number than is remembered
    /// changes nothing.
    pub fn remember(&mut self, author: PeerId, seqno: u64) {
        self.heard(author, seqno, Bringer::Owner);
    }

    /// Returns whether a message of an author would be refused.
    #[must_use]
    pub fn is_outdated(&self, author: &PeerId, seqno: u64) -> bool {
        self.authors.get(author).is_some_and(|author| seqno <= author.seqno)
    }

    /// The authors with their highest numbers that were told, in order of the authors' ids.
    pub fn numbers(&self) -> impl Iterator<Item = (PeerId, u64)> {
        self.authors.iter().map(|(id, author)| (*id, author.seqno))
    }

    /// Returns how many authors were forgotten, since there were others to be remembered.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the bytes of heap that it takes at worst.
    #[must_use]
    pub const fn memory_bound(&self) -> usize {
        self.max.saturating_mul(512)
    }

    /// A message was told that this author has given this number.
    pub(super) fn heard(&mut self, id: PeerId, seqno: u64, by: Bringer) {
        self.time = self.time.saturating_add(1);
        let before = self.authors.get(&id).copied();
        if before.is_none() && self.authors.len() >= self.max {
            self.forget_one();
        }
        let time = self.time;
        let before = before.unwrap_or(Author { seqno, by, heard: time });
        self.resize(before.by, |brought| {
            brought.remove(&(before.heard, id));
            brought.insert((time, id));
        });
        self.authors.insert(id, Author { seqno: before.seqno.max(seqno), heard: time, ..before });
    }

    /// Forgets the author of who has brought most that was silent for longest.
    fn forget_one(&mut self) {
        let Some((_, by)) = self.sizes.last().copied() else { return };
        let mut silent = None;
        self.resize(by, |brought| silent = brought.pop_first());
        if let Some((_, id)) = silent {
            self.authors.remove(&id);
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    fn resize(&mut self, by: Bringer, change: impl FnOnce(&mut BTreeSet<(u64, PeerId)>)) {
        let brought = self.brought.entry(by).or_default();
        self.sizes.remove(&(brought.len(), by));
        change(brought);
        match brought.len() {
            0 => drop(self.brought.remove(&by)),
            len => drop(self.sizes.insert((len, by))),
        }
    }
}

/// Of 16 384 authors.
impl Default for SeqnoValidator {
    fn default() -> Self {
        Self::new(16_384)
    }
}

#[cfg(test)]
#[path = "seqno/tests.rs"]
mod tests;
