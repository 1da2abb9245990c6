//! [`SeqnoValidator`]: a validator that refuses a message if a message of the same author with the same sequence number or a
//! higher one has been delivered.

use super::seen::Digest;
use crate::connection::PackedPeer;
use crate::identity::PeerId;
use crate::swarm::AddressGroup;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// A memory of the highest sequence number of each author's delivered messages. With this memory, a message that somebody
/// has recorded is not delivered again, however late it is sent again. [`PubSub`](super::PubSub) has such a validator only
/// if the owner [sets](super::PubSub::set_seqno_validator) one.
///
/// Without a validator, a message may be delivered again after [`seen_ttl`](super::Config::seen_ttl). With a validator, a
/// message of an author is refused if a message of the same author with the same number or a higher one has been delivered.
/// The refused message is neither delivered nor forwarded, its signature is not verified, it is counted
/// ([`outdated`](super::Counters::outdated)), and it counts against no peer. Only a message with a valid signature that the
/// owner's validator accepts raises the number that is remembered for its author. Our own messages are recognised by their
/// author, with or without a validator. Messages without an author have no number and are not affected. The equivalent in
/// go-libp2p is `BasicSeqnoValidator`.
///
/// **Messages that arrive out of order are lost.** If an author's messages take several paths through a network, a later
/// message may overtake an earlier one, which is then refused. An author has to number its messages in ascending order.
/// js-libp2p uses random numbers, so most of its messages are refused. Use a validator where a message that is delivered
/// twice does more harm than a message that is missing.
///
/// **Bound.** The validator remembers the numbers of a limited number of authors, which [`new`](Self::new) sets, in about
/// 512 bytes each. An author of which a message was delivered within `kept_for` is never forgotten, whatever other peers
/// send. Of the other authors, the one that has been silent for longest is forgotten when a place is needed. The validator
/// treats a forgotten author like one that it has never known.
///
/// Nobody can take all places. The *bringer* of an author is the address that was the first to send us a message of that
/// author (for IPv6: its /64; for loopback and without an IP address: the peer). Within `kept_for` a bringer may bring as
/// many authors as there are free places: half of all places if it is the only one that brings many, a third each if there
/// are two, and so on. Beyond that, messages of new authors from that address are refused, as if they exceeded a share of
/// [`seen`](super::Config::seen). They are counted ([`new_authors_refused`](super::Counters::new_authors_refused)), and
/// count against no peer. A message of an author that was heard within `kept_for` is never refused for this reason. So
/// choose at least twice as many places as there are authors that publish within `kept_for`.
///
/// **Restarts.** The numbers are lost when the validator is dropped, unless the owner stores them. The validator treats
/// restored numbers like those of the present run: each author is kept for `kept_for` after its last message, even if that
/// was delivered in an earlier run.
///
#[cfg_attr(feature = "rand", doc = "```")]
#[cfg_attr(not(feature = "rand"), doc = "```ignore")]
/// use core::time::Duration;
/// use libp2p_core::transport::MemoryTransport;
/// use swarm_notify::identity::Keypair;
/// use swarm_notify::keys;
/// use swarm_notify::notifee::{NotifeeId, Notifees};
/// use swarm_notify::protocols::floodsub::FloodSub;
/// use swarm_notify::protocols::pubsub::{self, Event, KnownAuthor, SeqnoValidator, Signing};
/// use swarm_notify::swarm::{Config, Swarm};
///
/// struct Reader {
///     swarm: Swarm<MemoryTransport>,
///     notifees: Notifees<Swarm<MemoryTransport>>,
///     floodsub: NotifeeId<FloodSub>,
/// }
///
/// impl Reader {
///     /// Creates a reader that knows the authors of an earlier run.
///     fn new(identity: Keypair, kept: &[KnownAuthor]) -> Result<Self, Box<dyn std::error::Error>> {
///         let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::default())?;
///         let mut floodsub = FloodSub::new(Signing::strict_sign(identity, 1), pubsub::Config::default());
///         let mut validator = SeqnoValidator::default();
///         for author in kept {
///             validator.remember(*author);
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
///     /// Returns the authors to store for the next run, with their sequence numbers.
///     fn authors(&mut self) -> Vec<KnownAuthor> {
///         self.floodsub().seqno_validator().map(|validator| validator.authors().collect()).unwrap_or_default()
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
/// let mut reader = Reader::new(identity.clone(), &[])?;
/// // Somebody publishes the message with the number 5.
/// # assert_eq!(hear(&mut reader, 5, 2751)?, (vec![b"7.20".to_vec()], 0));
/// let kept = reader.authors();
/// assert_eq!(kept.iter().map(|author| author.seqno).collect::<Vec<_>>(), [5]);
/// drop(reader);
///
/// let mut reader = Reader::new(identity.clone(), &kept)?;
/// // The same message arrives again. It is not delivered, although this run has not seen it before.
/// # assert_eq!(hear(&mut reader, 5, 2752)?, (vec![], 1));
/// assert_eq!(reader.floodsub().counters().outdated, 1);
/// # let mut reader = Reader::new(identity, &kept)?;
/// # assert_eq!(hear(&mut reader, 6, 2753)?, (vec![b"7.20".to_vec()], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SeqnoValidator {
    max: usize,
    kept_for: Duration,
    authors: BTreeMap<PackedPeer, Author>,
    /// The authors of which a message was delivered within `kept_for`. The author that has been silent for longest is first.
    kept: BTreeMap<Heard, PackedPeer>,
    /// The remembered authors of which no message was delivered within `kept_for`. They may be forgotten. The author that
    /// has been silent for longest is first.
    spare: BTreeMap<Heard, PackedPeer>,
    /// The number of authors in `kept` that each bringer has brought. A bringer is the address or peer that was the first to
    /// send us a message of an author.
    brought: BTreeMap<Digest, usize>,
    /// The time on the validator's own clock, which begins at [`EPOCH`] and advances with the owner's clock. The validator's
    /// clock is never set back, even if the owner's clock is.
    clock: Duration,
    /// The time on the owner's clock in the last turn; `None` before the first turn.
    looked_at: Option<Duration>,
    /// A number that grows with each recorded message and each restored author. It tells apart authors that were heard at
    /// the same time.
    count: u64,
    forgotten: u64,
}

/// An author and its sequence number in a [`SeqnoValidator`], to be stored for a later run of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KnownAuthor {
    /// The author's peer id.
    pub id: PeerId,
    /// The highest sequence number of the author's delivered messages.
    pub seqno: u64,
    /// The time since the author's last message was delivered. After a restart, add the time between the two runs if you
    /// know it.
    pub silent_for: Duration,
}

impl KnownAuthor {
    /// Creates a record from values that were stored in an earlier run.
    #[must_use]
    pub const fn new(id: PeerId, seqno: u64, silent_for: Duration) -> Self {
        Self { id, seqno, silent_for }
    }
}

/// The time at which a message of an author was last delivered, and a number that tells apart authors with the same time.
type Heard = (Duration, u64);

/// The time at which a validator's clock begins. It is so late that a restored author can have been silent for any time
/// before it.
const EPOCH: Duration = Duration::from_secs(1 << 62);

/// The maximum number of authors that move in one turn from `kept`, the authors that must be remembered, to `spare`, the
/// authors that may be forgotten. Moving this number of authors takes about 50 µs.
const SPARED_AT_ONCE: usize = 128;

/// An author whose sequence number is remembered.
#[derive(Clone, Copy, Debug)]
struct Author {
    /// The highest sequence number of the author's delivered messages.
    seqno: u64,
    heard: Heard,
    /// The digest of the address or peer that the author counts for, which was the first to send us a message of the author.
    /// `None` if the owner has restored the author from an earlier run, or if the author is in `spare`.
    by: Option<Digest>,
}

/// The address or peer that was the first to send us a message of an author.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bringer {
    Address(AddressGroup),
    /// A peer at an address that unrelated peers may share.
    Peer(PeerId),
}

impl Bringer {
    /// Returns the digest that identifies this address or peer.
    pub(super) fn digest(self) -> Digest {
        match self {
            Self::Address(group) => Digest::of_address(group),
            Self::Peer(peer) => Digest::of_sender(peer),
        }
    }
}

impl SeqnoValidator {
    /// Creates a validator that remembers at most `authors` authors. Each author is remembered for at least `kept_for` after
    /// its latest message, and longer while there is room. 0 authors count as 1.
    #[must_use]
    pub const fn new(authors: usize, kept_for: Duration) -> Self {
        Self {
            max: if authors == 0 { 1 } else { authors },
            kept_for,
            authors: BTreeMap::new(),
            kept: BTreeMap::new(),
            spare: BTreeMap::new(),
            brought: BTreeMap::new(),
            clock: EPOCH,
            looked_at: None,
            count: 0,
            forgotten: 0,
        }
    }

    /// Restores an author from an earlier run. If the validator knows the author already, the higher of the two numbers and
    /// the later of the two times are kept. If there are too many authors, those that have been silent for longest are
    /// forgotten.
    pub fn remember(&mut self, author: KnownAuthor) {
        let Some(id) = PackedPeer::pack(author.id) else { return };
        let heard = self.clock.saturating_sub(author.silent_for);
        let before = self.take(&id);
        // If a message of the author was delivered in this run, the author still counts for its bringer.
        let by = before.and_then(|(before, _)| before.by);
        let seqno = before.map_or(author.seqno, |(before, _)| before.seqno.max(author.seqno));
        let heard = before.map_or(heard, |(before, _)| before.heard.0.max(heard));
        self.put(id, seqno, heard, by);
        while self.authors.len() > self.max {
            self.forget_one();
        }
    }

    /// Returns whether a message of `author` with the number `seqno` would be refused, because a message of the author with
    /// the same number or a higher one has been delivered.
    #[must_use]
    pub fn is_outdated(&self, author: &PeerId, seqno: u64) -> bool {
        let author = PackedPeer::pack(*author).and_then(|id| self.authors.get(&id));
        author.is_some_and(|author| seqno <= author.seqno)
    }

    /// Returns the remembered authors, the one that has been silent for longest first.
    /// [`silent_for`](KnownAuthor::silent_for) is computed for the time at which the service was last notified.
    pub fn authors(&self) -> impl Iterator<Item = KnownAuthor> {
        self.spare.values().chain(self.kept.values()).filter_map(|id| {
            let author = self.authors.get(id)?;
            let silent_for = self.clock.saturating_sub(author.heard.0);
            Some(KnownAuthor { id: id.unpack()?, seqno: author.seqno, silent_for })
        })
    }

    /// Returns the number of authors that were forgotten to make room for others.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the maximum number of bytes of heap that the validator takes.
    #[must_use]
    pub const fn memory_bound(&self) -> usize {
        self.max.saturating_mul(512)
    }

    /// Begins a turn at the time `now`. Authors that have been silent for `kept_for` may be forgotten from now on, and move
    /// from `kept` to `spare`: at most [`SPARED_AT_ONCE`] in each turn.
    pub(super) fn advance(&mut self, now: Duration) {
        // If the owner's clock is set back, this clock stands still until the owner's moves on.
        let passed = now.saturating_sub(self.looked_at.replace(now).unwrap_or(now));
        self.clock = self.clock.saturating_add(passed);
        for _ in 0..SPARED_AT_ONCE {
            let Some(first) = self.kept.first_entry() else { return };
            if first.key().0.saturating_add(self.kept_for) > self.clock {
                return;
            }
            let (heard, id) = first.remove_entry();
            self.spare.insert(heard, id);
            if let Some(author) = self.authors.get_mut(&id) {
                let by = author.by.take();
                self.discharge(by);
            }
        }
    }

    /// Returns whether the validator can record a message of the author `id` that the address or peer `by` has sent. The
    /// answer holds until another message is recorded.
    pub(super) fn has_room(&self, id: &PeerId, by: Bringer) -> bool {
        let Some(id) = PackedPeer::pack(*id) else { return false };
        if self.authors.get(&id).is_some_and(|author| self.kept.contains_key(&author.heard)) {
            return true;
        }
        // As in the cache of seen messages, the share depends on the number of free places. To forget the bringer's
        // author that has been silent for longest, instead of refusing a new one, was not enough: whoever was the first
        // to send a message of an honest author could have its number forgotten, and its old messages delivered again.
        let free = self.max.saturating_sub(self.kept.len());
        self.brought.get(&by.digest()).copied().unwrap_or(0) < free
    }

    /// Records the sequence number of a delivered message. [`has_room`](Self::has_room) must have returned `true` for its
    /// author.
    pub(super) fn heard(&mut self, id: PeerId, seqno: u64, by: Bringer) {
        let Some(id) = PackedPeer::pack(id) else { return };
        let before = self.take(&id);
        if before.is_none() && self.authors.len() >= self.max {
            self.forget_one();
        }
        // While an author is in `kept`, it counts for its first bringer, or for none.
        let (seqno, by) = match before {
            Some((before, true)) => (before.seqno.max(seqno), before.by),
            Some((before, false)) => (before.seqno.max(seqno), Some(by.digest())),
            None => (seqno, Some(by.digest())),
        };
        self.put(id, seqno, self.clock, by);
    }

    /// Removes an author. Returns the author, and `true` if the author was in `kept`. Returns `None` if the author is not
    /// remembered.
    fn take(&mut self, id: &PackedPeer) -> Option<(Author, bool)> {
        let author = self.authors.remove(id)?;
        let is_kept = self.kept.remove(&author.heard).is_some();
        if is_kept {
            self.discharge(author.by);
        } else {
            self.spare.remove(&author.heard);
        }
        Some((author, is_kept))
    }

    /// Adds an author that is not remembered. If `heard` is within `kept_for`, the author counts for the address or peer
    /// `by`.
    fn put(&mut self, id: PackedPeer, seqno: u64, heard: Duration, by: Option<Digest>) {
        self.count = self.count.saturating_add(1);
        let heard = (heard, self.count);
        let is_kept = heard.0.saturating_add(self.kept_for) > self.clock;
        self.authors.insert(id, Author { seqno, heard, by: by.filter(|_| is_kept) });
        if !is_kept {
            self.spare.insert(heard, id);
            return;
        }
        self.kept.insert(heard, id);
        if let Some(by) = by {
            let brought = self.brought.entry(by).or_default();
            *brought = brought.saturating_add(1);
        }
    }

    /// Lowers by one the number of authors that are charged to `by`, the digest of an address or a peer. It is called when
    /// an author has been removed from `kept`. With `None` it does nothing.
    fn discharge(&mut self, by: Option<Digest>) {
        let Some(by) = by else { return };
        let Some(brought) = self.brought.get_mut(&by) else { return };
        *brought = brought.saturating_sub(1);
        if *brought == 0 {
            self.brought.remove(&by);
        }
    }

    /// Forgets the author that has been silent for longest. It is the first author in `spare` or, if `spare` is empty, the
    /// first in `kept`, since each author in `spare` has been silent for longer than all authors in `kept`.
    fn forget_one(&mut self) {
        let first = self.spare.first_key_value().or_else(|| self.kept.first_key_value());
        let Some(id) = first.map(|(_, id)| *id) else { return };
        self.take(&id);
        self.forgotten = self.forgotten.saturating_add(1);
    }
}

/// Creates a validator that remembers 16 384 authors, each for at least an hour after its latest message.
impl Default for SeqnoValidator {
    fn default() -> Self {
        Self::new(16_384, Duration::from_secs(3_600))
    }
}

#[cfg(test)]
#[path = "seqno/tests.rs"]
mod tests;
