//! The addresses of peers, and connections by peer: [`AddressBook`] learns where peers listen, dials a peer by its id, and
//! keeps the owner's chosen peers connected.
//!
//! It is a notifee beside the others: [register](crate::notifee::Notifees::register) it, and where connections are open
//! already, [with a replay](crate::notifee::Notifees::register_and_replay), since it would dial their peers. With an
//! [`Identify`](super::identify::Identify) beside it, it learns what peers say of themselves.
//!
//! - **Where addresses come from**, those that are dialed first first: the owner ([`AddressBook::add_address`]), dials that
//!   have connected, records that the peer has signed, and what it says otherwise. The address from which a peer dialed us
//!   is not taken: its port is not one where it listens. What nobody can connect to (a wildcard, port 0), what names another
//!   peer, and what leads to ourselves is left out; and loopback addresses, unless the peer is connected over loopback.
//! - **[`dial_peer`](AddressBook::dial_peer)** dials the peer's addresses, the next one whenever one has failed or
//!   [`Config::attempt_delay`] has passed, until one connects, and gives the others up. It has one outcome, an [`Event`].
//! - **[`keep`](AddressBook::keep)** does the same whenever the peer is not connected, and after each failure waits twice as
//!   long, with jitter. After our own close ([`Requested`](ConnectionEnd::Requested)) it rests until it is told to keep the
//!   peer again.
//! - **An address that fails is dialed behind the others**, and after [`Config::attempts`] failures in a row only if there
//!   is no better one. One at which another peer answers is forgotten, unless the owner has added it: then it is as one that
//!   fails.
//! - **A peer can name others' addresses.** What it says is dialed only if the owner dials or keeps that peer, and then at
//!   most [`Config::addresses_per_peer`] addresses a round, [`Config::dials_per_peer`] at a time, with the waits of `keep`
//!   between rounds. Whoever answers there and is not the peer is not spoken with. Addresses of private networks are dialed
//!   like others.
//! - **Unregistered while it dials**, it leaves those dials to the owner: they connect or fail by themselves.
//! - **It is bounded.** For a new peer the one gives way that is not connected, kept or added by the owner, has not been
//!   dialed with success, and was heard of the longest ago.
//!
//! The example `reconnecting` is a whole program. A node that stays connected with another, through its end:
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

/// The bounds and times of an [`AddressBook`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The most peers that it knows. 0 counts as 1. Default 1 024.
    pub peers: usize,
    /// The most addresses of one peer. For one more, the one that is dialed last gives way. 0 counts as 1. Default 16.
    pub addresses_per_peer: usize,
    /// The longest address in bytes. A longer one is left out. Default 256.
    pub address_bytes: usize,
    /// The most peers that are dialed at a time; others wait in line. 0 counts as 1. Default 16.
    pub peers_at_a_time: usize,
    /// The most dials to one peer at a time. 0 counts as 1. Default 3.
    pub dials_per_peer: usize,
    /// The time after which the next address is dialed beside one that has not answered. Default 1 s.
    pub attempt_delay: Duration,
    /// After so many failures in a row an address is taken for dead. Default 3.
    pub attempts: u32,
    /// The wait after the first failure to connect with a peer that is kept, and after the end of its connection.
    /// After each further failure it is twice as long as before. Each time it takes between half of that and all of it,
    /// at random. It is at least 1 ms. Default 1 s.
    pub min_backoff: Duration,
    /// The longest wait. Default 5 min.
    pub max_backoff: Duration,
    /// After a connection that lasted as long, it waits for [`min_backoff`](Self::min_backoff) again. Default 1 min.
    pub stable_after: Duration,
    /// The most events that may wait for the owner. One more, and the oldest is lost, which [`Event::Lagged`] tells. 0
    /// counts as 1. Default 256.
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
    /// The bounds for a small machine: 32 peers with 4 addresses of 128 bytes each, 2 of which are dialed at a time. See
    /// [`swarm::Config::small`](crate::swarm::Config::small).
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

    /// Returns the bytes of heap that an [`AddressBook`] with these bounds takes at worst, in a swarm with these limits.
    #[must_use]
    pub fn memory_bound(&self, limits: &Limits) -> usize {
        let address = self.address_bytes.saturating_add(const { 2 * size_of::<known_address::KnownAddress>() + 64 });
        let peer = self.addresses_per_peer.max(1).saturating_mul(address).saturating_add(1024);
        let connection = const { 4 * size_of::<Option<BookConnection>>() + 4 * size_of::<Option<PeerDial>>() + 256 };
        let parts = [
            (self.peers.max(1), peer),
            // The addresses of a round are its own.
            (self.peers_at_a_time.max(1), peer),
            (limits.connections as usize, connection),
            (self.events.max(1), const { 2 * size_of::<Event>() }),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(16 * 1024, usize::saturating_add)
    }
}

/// The outcome of dialing a peer. Each is also [emitted](crate::notifee::NotifeeContext::emit) to all notifees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer is connected. It is the outcome of [`dial_peer`](AddressBook::dial_peer), and is told whenever a peer that
    /// is kept has connected, whoever dialed.
    Connected {
        /// The peer.
        peer: PeerId,
        /// A connection with it, the first of several.
        connection: ConnectionId,
    },
    /// No address of the peer has connected. It is the outcome of [`dial_peer`](AddressBook::dial_peer), and is told of each
    /// failure to connect with a peer that is kept.
    Failed {
        /// The peer that was dialed.
        peer: PeerId,
        /// The reason for which the last address failed. [`Limit`](Failure::Limit): the swarm had no place for a dial.
        reason: Failure,
        /// The time at which it is dialed again, if it is kept, on the owner's clock.
        again_at: Option<Duration>,
    },
    /// Here so many events are missing, the oldest that waited: they were not taken in time. It is told to the owner
    /// alone. The peers that are connected can be looked up.
    Lagged {
        /// The number of events that are missing.
        events: u64,
    },
}

/// One line.
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

/// The reason for which a command to the book was refused. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AddressBookError {
    /// No address of the peer is known.
    NoAddress,
    /// The peer is ourselves.
    LocalPeer,
    /// Nobody can connect to the address: it is a wildcard or too long, its port is 0, or it names another peer.
    BadAddress,
    /// All places are taken by peers that are connected, kept or added by the owner, or all of a peer's by addresses that
    /// the owner has added.
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

/// The notifee. [Register](crate::notifee::Notifees::register) it. See the [module](self) for what it does.
pub struct AddressBook {
    config: Config,
    rng: ChaCha20Rng,
    book: Book,
    connections: Table<ConnectionId, BookConnection>,
    dials: Table<ConnectionId, PeerDial>,
    /// The times at which a peer is looked at again: to dial it, or its next address.
    deadlines: Deadlines<PeerId>,
    /// Peers that were connected when the owner asked for them. Some may have changed their mind.
    to_tell: VecDeque<PeerId>,
    /// Peers to be dialed, as far as [`Config::peers_at_a_time`] lets them. Some may have changed their mind.
    line: VecDeque<PeerId>,
    /// The number of peers that are being dialed.
    dialing: usize,
    events: EventQueue<Event>,
}

/// A connection that was told to be open.
#[derive(Debug)]
struct BookConnection {
    peer: PeerId,
    since: Duration,
    /// It is a dial that was given up too late.
    is_surplus: bool,
}

/// A dial of the book's that is not open yet.
#[derive(Debug)]
struct PeerDial {
    peer: PeerId,
    is_given_up: bool,
}

impl AddressBook {
    /// A book of the node whose id this is. It draws jitter from `seed`, which should differ from node to node.
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

    /// Adds an address at which a peer listens, with or without `/p2p/…`. It is dialed before those that others have told,
    /// and stays until it is [removed](Self::remove_address).
    ///
    /// # Errors
    /// [`AddressBookError`]; nothing has changed.
    pub fn add_address(&mut self, peer: PeerId, address: Multiaddr) -> Result<(), AddressBookError> {
        self.book.add(peer, &address, AddressSource::Owner)?;
        self.may_be_reached(peer);
        Ok(())
    }

    /// Removes an address, whoever has told it. Returns false if it was not known. What tells it again may add it again.
    pub fn remove_address(&mut self, peer: &PeerId, address: &Multiaddr) -> bool {
        self.book.remove(peer, address)
    }

    /// The addresses of a peer, without `/p2p/…`, in the order in which they are dialed, with the best source of each.
    pub fn addresses(&self, peer: &PeerId) -> impl Iterator<Item = (&Multiaddr, AddressSource)> {
        self.book.addresses(peer)
    }

    /// The peers of which an address is known, and those that are kept, in order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.book.peers()
    }

    /// Dials a peer in the next [`drive`](crate::notifee::Notifees::drive), for which
    /// [`poll_at`](crate::notifee::Notifees::poll_at) asks at once. The outcome is one [`Event`] for all calls before it. If
    /// the peer is connected, that is said at once; what waits to be dialed again does not wait longer.
    ///
    /// # Errors
    /// [`AddressBookError`]; nothing has changed.
    pub fn dial_peer(&mut self, peer: PeerId) -> Result<(), AddressBookError> {
        self.book.check_peer(peer)?;
        let is_connected = self.book.connection(&peer).is_some();
        let is_known = self.book.get(&peer).is_some_and(entry::PeerEntry::has_addresses);
        if !is_connected && !is_known {
            return Err(AddressBookError::NoAddress);
        }
        let was_asked = core::mem::replace(&mut self.book.get_or_insert(peer)?.is_asked, true);
        if !is_connected {
            self.stand_in_line(peer);
        } else if !was_asked {
            self.to_tell.push_back(peer);
        }
        Ok(())
    }

    /// Keeps a peer connected from now on: it is dialed whenever it is not. If no address of it is known, it is dialed as
    /// soon as one is. After our own close of its last connection it is left alone until this is called again.
    ///
    /// # Errors
    /// [`AddressBookError`]; nothing has changed.
    pub fn keep(&mut self, peer: PeerId) -> Result<(), AddressBookError> {
        let entry = self.book.get_or_insert(peer)?;
        entry.keep();
        self.may_be_reached(peer);
        Ok(())
    }

    /// Keeps a peer no longer. Its connections stay, and so does what is known of it; dials under way go on. Returns false
    /// if the peer was not kept.
    pub fn release(&mut self, peer: &PeerId) -> bool {
        let Some(entry) = self.book.get_mut(peer) else { return false };
        let was_kept = entry.release();
        if was_kept && !entry.is_dialing() {
            self.deadlines.set(*peer, &mut entry.deadline, None);
        }
        was_kept
    }

    /// Returns whether a peer is [kept](Self::keep).
    #[must_use]
    pub fn is_kept(&self, peer: &PeerId) -> bool {
        self.book.get(peer).is_some_and(entry::PeerEntry::is_kept)
    }

    /// The next event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Returns the number of events that were lost because their owner did not take them in time: all that
    /// [`Event::Lagged`] tells of.
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
