//! The address book: [`AddressBook`] learns the addresses at which peers listen, dials a peer by its id, and keeps peers
//! that the owner chooses connected.
//!
//! The address book is a notifee. [Register](crate::notifee::Notifees::register) it before anything connects. If connections
//! are open already, register it [with a replay](crate::notifee::Notifees::register_and_replay), since the book would
//! otherwise dial peers that are connected. If an [`Identify`](super::identify::Identify) service is installed beside the
//! book, the book learns the addresses that peers send in identify messages.
//!
//! - **Sources of addresses**, in the order of trust, which is also the order of dialing: the owner
//!   ([`AddressBook::add_address`]), dials that have connected, records that the peer has signed, and unsigned addresses
//!   that the peer sends. The address from which a peer dialed us is not learned, since the peer does not listen at that
//!   port. An address is left out if nobody can connect to it (a wildcard, port 0), if it names another peer, or if it leads
//!   to ourselves. A loopback address is left out unless the peer is connected over loopback.
//! - **[`dial_peer`](AddressBook::dial_peer)** dials the addresses of a peer until one connects, and then gives up the other
//!   dials to the peer. The next address is dialed when a dial has failed, or after [`Config::attempt_delay`]. Each call has
//!   one outcome, an [`Event`], which may be shared with other calls.
//! - **[`keep`](AddressBook::keep)** dials the peer in the same way whenever the peer is not connected. After each failure
//!   the book waits twice as long as before, with jitter. After our own side has closed the connection
//!   ([`Requested`](ConnectionEnd::Requested)), the peer is not dialed until `keep` is called again.
//! - **An address that has failed is dialed after the others.** After [`Config::attempts`] consecutive failures it is dialed
//!   only if all other addresses of the peer have failed. An address at which another peer answers is forgotten, unless the
//!   owner has added the address: then the dial counts as a failure of the address.
//! - **A peer can name addresses of others.** The addresses of a peer are dialed only if the owner dials or keeps that peer:
//!   at most [`Config::addresses_per_peer`] addresses in a round, [`Config::dials_per_peer`] at a time, with the waits of
//!   `keep` between rounds. A dial that reaches anybody but the expected peer fails. Addresses of private networks are
//!   dialed like others.
//! - **Unregistering** the book does not end dials that are under way: they connect or fail, and the owner is told by the
//!   swarm.
//! - **The book is bounded.** When the book is full, a new peer replaces a peer that is not connected, not being dialed, not
//!   kept connected and not added by the owner. Peers to which no dial has ever connected are replaced first, and among
//!   equals the peer of which an address was added least recently.
//!
//! The example `reconnecting` is a whole program. The following node reconnects to a peer whenever the peer has closed the
//! connection:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::address_book::{AddressBook, Config};
//! use swarm_notify::swarm::{self, Swarm};
//!
//! let node = || -> Result<Swarm<MemoryTransport>, Box<dyn core::error::Error>> {
//!     let identity = keys::generate()?;
//!     Ok(Swarm::from_os_rng((), MemoryTransport::new(), &identity, swarm::Config::default())?)
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! let peer = server.local_peer();
//! server.listen("/memory/4715".parse()?)?;
//!
//! let mut notifees = Notifees::new();
//! let book = notifees.register(AddressBook::new(client.local_peer(), keys::seed()?, Config::default()));
//! let contacts = notifees.get_mut(book).unwrap();
//! contacts.add_address(peer, "/memory/4715".parse()?)?;
//! contacts.keep(peer)?;
//!
//! let mut times = 0;
//! for second in 0..60 {
//!     let now = Duration::from_secs(second);
//!     for _ in 0..10 {
//!         server.tick(now);
//!         client.tick(now);
//!         notifees.drive(&mut client, now);
//!     }
//!     while server.next_event().is_some() {}
//!     // The peer closes each connection, and finds itself connected again some seconds later.
//!     times += server.disconnect_peer(client.local_peer());
//! }
//! assert!((3..20).contains(&times), "{times}");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod book;
mod dialing;
mod entry;
mod known_address;
mod notifee;

pub use known_address::AddressSource;

use super::deadlines::Deadlines;
use super::event_queue::EventQueue;
use crate::identity::PeerId;
#[cfg(doc)]
use crate::lifecycle::ConnectionEnd;
use crate::lifecycle::{ConnectionId, Failure, Limits, Table};
use crate::swarm::Multiaddr;
use alloc::collections::VecDeque;
use book::Book;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use core::fmt;
use core::time::Duration;

/// The bounds and durations of an [`AddressBook`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The maximum number of peers in the book. 0 counts as 1. Default 1 024.
    pub peers: usize,
    /// The maximum number of addresses of one peer. When a peer has this number of addresses, a new address replaces the
    /// address that is last in the order of dialing. 0 counts as 1. Default 16.
    pub addresses_per_peer: usize,
    /// The maximum length of an address in bytes. A longer address is left out. Default 256.
    pub address_bytes: usize,
    /// The maximum number of peers that are dialed at a time. Further peers wait in a queue. 0 counts as 1. Default 16.
    pub peers_at_a_time: usize,
    /// The maximum number of simultaneous dials to one peer. 0 counts as 1. Default 3.
    pub dials_per_peer: usize,
    /// The time after which the next address of a peer is dialed if the previous dial has neither connected nor failed by
    /// then. At least 1 ms. Default 1 s.
    pub attempt_delay: Duration,
    /// The number of consecutive failures after which an address counts as dead. A dead address is dialed only once all
    /// other addresses of the peer have failed. Default 3.
    pub attempts: u32,
    /// The initial base of the wait before a peer that is kept connected is dialed again, after a failure to connect or the
    /// end of its last connection. Each further failure doubles the base. The wait is chosen at random between half of the
    /// base and the whole base, and is at least 1 ms. Default 1 s.
    pub min_backoff: Duration,
    /// The maximum of the base that [`min_backoff`](Self::min_backoff) describes. The base is not doubled beyond this
    /// maximum. Default 5 min.
    pub max_backoff: Duration,
    /// The lifetime after which a connection counts as stable. When a stable connection ends, the wait before its peer is
    /// dialed again begins at [`min_backoff`](Self::min_backoff). Default 1 min.
    pub stable_after: Duration,
    /// The maximum number of events that are queued for the owner. A further event drops the oldest, and [`Event::Lagged`]
    /// tells the number of dropped events. 0 counts as 1. Default 256.
    pub events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            peers: 1_024,
            addresses_per_peer: 16,
            address_bytes: 256,
            peers_at_a_time: 16,
            dials_per_peer: 3,
            attempt_delay: Duration::from_secs(1),
            attempts: 3,
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(300),
            stable_after: Duration::from_secs(60),
            events: 256,
        }
    }
}

impl Config {
    /// Returns the bounds for a small machine: 32 peers with 4 addresses of 128 bytes each, and dials to 2 peers at a
    /// time. See [`swarm::Config::small`](crate::swarm::Config::small).
    #[must_use]
    pub fn small() -> Self {
        Self {
            peers: 32,
            addresses_per_peer: 4,
            address_bytes: 128,
            peers_at_a_time: 2,
            dials_per_peer: 2,
            events: 16,
            ..Self::default()
        }
    }

    /// Returns the maximum number of bytes of heap that an [`AddressBook`] with these bounds takes in a swarm with these
    /// limits.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        let address = self.address_bytes.saturating_add(const { 2 * size_of::<known_address::KnownAddress>() + 64 });
        let peer = self.addresses_per_peer.max(1).saturating_mul(address).saturating_add(1024);
        let connection = const { 4 * size_of::<Option<BookConnection>>() + 4 * size_of::<Option<PeerDial>>() + 256 };
        let parts = [
            (self.peers.max(1), peer),
            // A peer that is being dialed has a second list, with the addresses that are left in the present round.
            (self.peers_at_a_time.max(1), peer),
            (limits.connections as usize, connection),
            (self.events.max(1), const { 2 * size_of::<Event>() }),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(16 * 1024, usize::saturating_add)
    }
}

/// The outcome of dialing a peer. Each outcome is also [emitted](crate::notifee::NotifeeContext::emit) to all notifees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer is connected. This event is the outcome of [`dial_peer`](AddressBook::dial_peer). The event is also told
    /// whenever a peer connects that the owner wants to be kept connected, by a dial of either side.
    Connected {
        /// The peer that is connected.
        peer: PeerId,
        /// The oldest open connection of the peer.
        connection: ConnectionId,
    },
    /// No address of the peer has connected. This event is the outcome of [`dial_peer`](AddressBook::dial_peer). The event
    /// is also told after each failed round of dials to a peer that is kept connected.
    Failed {
        /// The peer that was dialed.
        peer: PeerId,
        /// The reason for which the last dial to the peer failed. [`Limit`](Failure::Limit) means that the swarm allowed no
        /// further dial.
        reason: Failure,
        /// The time of the next round of dials on the owner's clock, or `None` if the book will not dial the peer again
        /// without a call of the owner, for instance because the peer is not kept connected.
        again_at: Option<Duration>,
    },
    /// An event in place of dropped events: the owner did not take its events in time, so the oldest were dropped. Only the
    /// owner is told. To find out which peers are connected, ask the swarm.
    Lagged {
        /// The number of dropped events.
        events: u64,
    },
}

/// Formats the event as one line of text, without a line feed.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, connection } => write!(f, "{peer} is connected: {connection}"),
            Self::Failed { peer, reason, again_at: None } => write!(f, "{peer} cannot be reached: {reason}"),
            Self::Failed { peer, reason, again_at: Some(at) } => {
                write!(f, "{peer} cannot be reached: {reason}; it is dialed again at {at:?}")
            }
            Self::Lagged { events } => write!(f, "{events} outcomes of dials are missing"),
        }
    }
}

/// The reason for which the address book refused a command. The command has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AddressBookError {
    /// No address of the peer is known.
    NoAddress,
    /// The peer is this node itself.
    LocalPeer,
    /// Nobody can connect to the address: it is a wildcard or too long, its port is 0, or it names another peer.
    BadAddress,
    /// The book is full, and every peer in it is connected, being dialed, kept connected or added by the owner. Or the
    /// peer's list of addresses is full, and the owner has added every address in the list.
    Limit,
}

impl core::error::Error for AddressBookError {}

impl fmt::Display for AddressBookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "no address of the peer is known",
            Self::LocalPeer => "the peer is ourselves",
            Self::BadAddress => "nobody can connect to the address",
            Self::Limit => "the address book is full",
        })
    }
}

/// The address book. [Register](crate::notifee::Notifees::register) it with the notifees of a swarm. The [module](self)
/// describes what it does.
pub struct AddressBook {
    config: Config,
    rng: ChaCha20Rng,
    book: Book,
    connections: Table<ConnectionId, BookConnection>,
    dials: Table<ConnectionId, PeerDial>,
    /// For each peer, the time at which to begin the next round of dials to it, or to dial its next address.
    deadlines: Deadlines<PeerId>,
    /// The peers that the owner has told the book to dial although they were connected. The next drive tells the owner
    /// [`Event::Connected`] for each of them. Some may have disconnected in the meantime.
    to_tell: VecDeque<PeerId>,
    /// The peers that wait to be dialed, oldest first, until [`Config::peers_at_a_time`] allows the dial. Some may have
    /// connected, or may have been released by the owner, after they were queued.
    line: VecDeque<PeerId>,
    /// The number of peers that are being dialed.
    dialing: usize,
    events: EventQueue<Event>,
}

/// The state that the book keeps of an open connection.
#[derive(Debug)]
struct BookConnection {
    peer: PeerId,
    since: Duration,
    /// True if the book gave up the dial that led to this connection, but the connection was open already. The book then
    /// closes the connection itself, so its end does not mean that the owner wants no connection with the peer.
    is_surplus: bool,
}

/// A dial of the book whose connection has not opened yet.
#[derive(Debug)]
struct PeerDial {
    peer: PeerId,
    is_given_up: bool,
}

impl AddressBook {
    /// Creates an empty book for the node with the id `local_peer`. The random part of the waits between dials is computed
    /// from `seed`, which should differ from node to node.
    #[must_use]
    pub fn new(local_peer: PeerId, seed: [u8; 32], config: Config) -> Self {
        Self {
            rng: ChaCha20Rng::from_seed(seed),
            book: Book::new(local_peer, &config),
            connections: Table::new(),
            dials: Table::new(),
            deadlines: Deadlines::new(),
            to_tell: VecDeque::new(),
            line: VecDeque::new(),
            dialing: 0,
            events: EventQueue::new(config.events, |events| Event::Lagged { events }),
            config,
        }
    }

    /// Adds an address at which a peer listens, with or without `/p2p/…` at its end. The address is dialed before the
    /// addresses from other sources, and stays until the owner [removes](Self::remove_address) it.
    ///
    /// # Errors
    /// [`AddressBookError`] if the address cannot be added. Nothing has changed.
    pub fn add_address(&mut self, peer: PeerId, address: Multiaddr) -> Result<(), AddressBookError> {
        self.book.add(peer, &address, AddressSource::Owner)?;
        self.may_be_reached(peer);
        Ok(())
    }

    /// Removes an address of a peer, whatever its source. Returns false if the address was not known. If the book learns the
    /// address again later, the address is added again.
    pub fn remove_address(&mut self, peer: &PeerId, address: &Multiaddr) -> bool {
        self.book.remove(peer, address)
    }

    /// Returns the addresses of a peer, without `/p2p/…`, in the order of dialing, each with its most trusted source.
    pub fn addresses(&self, peer: &PeerId) -> impl Iterator<Item = (&Multiaddr, AddressSource)> {
        self.book.addresses(peer)
    }

    /// Returns the peers that have an address or are kept connected, sorted by peer id.
    pub fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.book.peers()
    }

    /// Dials a peer in the next [`drive`](crate::notifee::Notifees::drive); until then
    /// [`poll_at`](crate::notifee::Notifees::poll_at) reports that a drive is due. If [`keep`](Self::keep) is waiting to
    /// dial the peer again, the wait is cut short. If the peer is connected already, the outcome is [`Event::Connected`]. If
    /// the method is called several times before the outcome, all these calls share one [`Event`].
    ///
    /// # Errors
    /// [`AddressBookError`] if the peer cannot be dialed. Nothing has changed.
    pub fn dial_peer(&mut self, peer: PeerId) -> Result<(), AddressBookError> {
        self.book.check_peer(peer)?;
        let is_connected = self.book.connection(&peer).is_some();
        // This check comes before `get_or_insert`, which may remove another peer from a full book.
        let is_known = self.book.get(&peer).is_some_and(entry::PeerEntry::has_addresses);
        if !is_connected && !is_known {
            return Err(AddressBookError::NoAddress);
        }
        let was_asked = core::mem::replace(&mut self.book.get_or_insert(peer)?.is_asked, true);
        if !is_connected {
            self.stand_in_line(peer);
        } else if !was_asked {
            // An event can be emitted only in a drive, so the outcome is told then. The queue has one entry for each
            // peer, however often it is asked for.
            self.to_tell.push_back(peer);
        }
        Ok(())
    }

    /// Keeps a peer connected from now on: the book dials the peer whenever it is not connected. If no address of the peer
    /// is known, the peer is dialed as soon as an address is known. After our own side has closed the last connection to the
    /// peer, the peer is not dialed until `keep` is called again.
    ///
    /// # Errors
    /// [`AddressBookError`] if there is no room for the peer, or if it is this node itself. Nothing has changed.
    pub fn keep(&mut self, peer: PeerId) -> Result<(), AddressBookError> {
        let entry = self.book.get_or_insert(peer)?;
        entry.keep();
        self.may_be_reached(peer);
        Ok(())
    }

    /// Stops keeping a peer connected. Its connections stay open, its known addresses stay in the book, and dials under way
    /// continue. Returns false if the peer was not being kept connected.
    pub fn release(&mut self, peer: &PeerId) -> bool {
        let Some(entry) = self.book.get_mut(peer) else { return false };
        let was_kept = entry.release();
        if was_kept && !entry.is_dialing() {
            self.deadlines.set(*peer, &mut entry.deadline, None);
        }
        was_kept
    }

    /// Returns whether the book [keeps](Self::keep) a peer connected.
    #[must_use]
    pub fn is_kept(&self, peer: &PeerId) -> bool {
        self.book.get(peer).is_some_and(entry::PeerEntry::is_kept)
    }

    /// Removes the oldest event from the queue and returns it, or returns `None` if the queue is empty.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Returns the total number of events that were dropped because the owner did not take them in time. Each of them is
    /// also counted in an [`Event::Lagged`].
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.events.dropped()
    }
}

impl fmt::Debug for AddressBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressBook")
            .field("config", &self.config)
            .field("peers", &self.book.len())
            .field("dialing", &self.dialing)
            .field("dials", &self.dials.len())
            .finish_non_exhaustive()
    }
}
