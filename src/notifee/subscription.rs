//! [`Subscription`]: the events of a network for another task or thread, which may be slow.
//!
//! ```text
//!  network's thread                                   another task or thread
//!  Notifees ─▶ Subscriber ─▶ ▢▢▢▢▢▢▢ capacity + 1 ─▶ Subscription ─▶ Snapshot, Connected, …, Lagged(n), Snapshot, …
//! ```
//!
//! - The first notice is a [`Snapshot`](Notice::Snapshot): a list of everything that is open. The following notices tell
//!   what has changed since.
//! - The network never waits for a slow receiver. While `capacity` notices wait to be received, further notices are lost,
//!   and one [`Lagged`](Notice::Lagged) is sent, for which one more place is reserved. When `Lagged` is received, it
//!   contains the number of notices that were lost until then; a snapshot follows, which replaces them.
//! - A snapshot is one notice and takes one place, however many ids are open. So it is never sent in part, and no event
//!   happens in the middle of it. At most one snapshot waits at a time: it is sent only after `Lagged`, the last notice in
//!   the channel, has been received. For n open ids a snapshot costs the network's thread O(n), and any other notice O(1).
//!   With a capacity of about n, snapshots cost no more than the other notices.
//! - So a receiver can keep a set of the open ids: a snapshot replaces the set, an opening adds an id, and a closing removes
//!   one. The set then contains exactly the ids that were open when the last notice was told. Each opening adds an id that
//!   is not in the set, and each closing removes an id that is.
//! - Refusals ([`Notice::Refused`]) are sent in the same order. While the subscription is full, they are dropped and do not
//!   count as lost: each refusal also contains the total number of its connection or listener and kind.
//! - The snapshot is sent even if no more events happen: receiving `Lagged` wakes the network's owner, and
//!   [`drive`](super::Notifees::drive) sends the snapshot. (If the owner only calls [`dispatch`](super::Notifees::dispatch),
//!   the snapshot is sent before the next event.)
//! - Dropping a subscription wakes the owner, too, and the next event or `drive` unregisters its subscriber. If the
//!   subscriber is dropped, for example with its registry, the receiver can still receive the notices that were sent, and
//!   then gets `None`.
//!
//! [`Notifees::spawn`](super::Notifees::spawn) makes a subscription and starts a thread that handles its notices.
//!
//! On the network's thread, a notice allocates memory only for the list of a listener's addresses. A snapshot allocates a
//! list of notices.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::{Interest, Notice, Notifees, subscription};
//! use swarm_notify::swarm::{Config, Swarm};
//!
//! let key = keys::generate()?;
//! let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &key, Config::default())?;
//! let mut notifees = Notifees::new();
//! let (subscriber, mut subscription) = subscription(64);
//! notifees.register(subscriber.only(Interest::LISTEN | Interest::LISTEN_CLOSE));
//! let thread = std::thread::spawn(move || {
//!     let snapshot = subscription.recv_blocking();
//!     assert_eq!(snapshot, Some(Notice::Snapshot(Vec::new())));
//!     subscription.recv_blocking()
//! });
//!
//! swarm.listen("/memory/4712".parse()?)?;
//! swarm.tick(Duration::ZERO);
//! notifees.drive(&mut swarm, Duration::ZERO);
//! let Some(Notice::Listen(listener)) = thread.join().unwrap() else { panic!() };
//! assert_eq!(listener.addresses, ["/memory/4712".parse()?]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{HasNode, Interest, Notice, Notifee, NotifeeContext, RefusalInfo};
use crate::lifecycle::{Event, Id};
use crate::swarm::{Refusal, RefusedAt};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use async_channel::{Receiver, Sender};
use core::error::Error;
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Poll, Waker, ready};
use core::time::Duration;
use futures_lite::stream::Stream;
use std::sync::OnceLock;

/// The kinds of notification that a subscription can send: the nine events and refusals.
const EVERYTHING: Interest = Interest::EVENTS.and(Interest::REFUSED);

/// Makes a subscription and the notifee that sends notices to it, for all nine events and refusals. Up to `capacity` notices
/// can wait to be received; 0 has the effect of 1. The memory for the places of the notices is allocated here.
#[must_use]
pub fn subscription(capacity: usize) -> (Subscriber, Subscription) {
    let capacity = capacity.max(1);
    let (sender, receiver) = async_channel::bounded(capacity.saturating_add(1));
    let shared = Arc::new(Shared { missed: AtomicU64::new(0), owner: OnceLock::new() });
    let subscriber =
        Subscriber { sender, shared: shared.clone(), capacity, interest: EVERYTHING, needs_snapshot: true };
    (subscriber, Subscription { receiver: Box::pin(receiver), shared })
}

/// An entry of the channel between a [`Subscriber`] and its [`Subscription`].
enum Sent {
    Notice(Notice),
    /// Notices were lost. Their number is read when this entry is received.
    Lagged,
}

#[derive(Debug)]
struct Shared {
    /// The number of notices that were lost since `Lagged` was sent; 0 after `Lagged` was received. While the number is
    /// above 0, `Lagged` waits to be received, and the sending half sends nothing.
    missed: AtomicU64,
    /// The waker that wakes the swarm's owner.
    owner: OnceLock<Waker>,
}

impl Shared {
    /// Counts one more lost notice if `Lagged` waits to be received, and returns whether it waits.
    fn misses(&self) -> bool {
        let count = |missed: u64| (missed > 0).then(|| missed.saturating_add(1));
        self.missed.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).is_ok()
    }

    fn wake_owner(&self) {
        if let Some(owner) = self.owner.get() {
            owner.wake_by_ref();
        }
    }
}

/// The sending half: a notifee to be registered, which sends notices to its [`Subscription`].
#[derive(Debug)]
pub struct Subscriber {
    sender: Sender<Sent>,
    shared: Arc<Shared>,
    capacity: usize,
    interest: Interest,
    /// `true` if nothing was sent yet, or if notices were lost after the last snapshot.
    needs_snapshot: bool,
}

impl Subscriber {
    /// Restricts the subscription to the kinds in `interest`: to some of the nine events, and to refusals if
    /// [`Interest::REFUSED`] is among them. Call this before the subscriber is registered. Notices of other kinds are not
    /// sent, and are not in snapshots.
    #[must_use]
    pub fn only(self, interest: Interest) -> Self {
        Self { interest: interest & EVERYTHING, ..self }
    }

    // Why the newest notices are lost, and why a snapshot replaces them: waiting for the receiver would stop the whole
    // node for as long as a reader pleases, and an unbounded queue would grow as fast as peers cause events. A count
    // alone would leave the receiver with a set of open ids that is wrong for ever. The snapshot costs O(open ids) once
    // for each loss, and the receiver decides when: no snapshot is made before it has received `Lagged`, so a receiver
    // that stands still costs nothing.
    fn told<N: HasNode>(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        // A replay has nothing to add to its snapshot.
        if cx.is_replay() || self.leaves(cx) {
            return;
        }
        if self.needs_snapshot {
            if self.shared.misses() {
                return;
            }
            self.send_snapshot(cx, Some(event));
        }
        // The id of the present event can be looked up.
        let Some(notice) = Notice::of(event, cx.network().node()) else { return };
        // Only this half sends, so a free place cannot be taken by anybody else before `send`.
        if self.sender.len() < self.capacity {
            self.send(Sent::Notice(notice));
        } else {
            self.needs_snapshot = true;
            // The count is stored before `Lagged` is sent: the receiver may take it at once.
            self.shared.missed.store(1, Ordering::Release);
            self.send(Sent::Lagged);
        }
    }

    /// Sends a snapshot of everything that was open before the event `before`, which is being told; or of everything that is
    /// open now, if there is no such event.
    fn send_snapshot<N: HasNode>(&mut self, cx: &mut NotifeeContext<'_, N>, before: Option<Event>) {
        let network = cx.network();
        // `subscription` makes both halves without a network, so the owner's waker is known from the first snapshot on.
        self.shared.owner.get_or_init(|| network.node().waker());
        let mut openings = network.event_source().openings();
        // The network has made the present event happen already. Its notice follows the snapshot, so the list is set
        // back to the state before it.
        if let Some(event) = before {
            match opening(event) {
                Some(opening) if event.is_last() => {
                    let place = openings.partition_point(|other| other.id() < opening.id());
                    openings.insert(place, opening);
                }
                Some(opening) => openings.retain(|other| *other != opening),
                None => {}
            }
        }
        let node = network.node();
        let openings = openings.into_iter().filter(|event| self.interest.contains(kind(*event)));
        let notices: Vec<Notice> = openings.filter_map(|event| Notice::of(event, node)).collect();
        self.needs_snapshot = false;
        self.send(Sent::Notice(Notice::Snapshot(notices)));
    }

    /// Sends an entry into the channel. The caller has made sure that there is a place, since only this sending half puts
    /// entries into the channel. If the receiving half was dropped, nothing is sent.
    fn send(&self, sent: Sent) {
        let sent = self.sender.try_send(sent);
        debug_assert!(sent.is_ok() || self.sender.is_closed(), "There is a place.");
    }

    /// Unregisters the subscriber if the receiving half was dropped. Returns whether it was.
    fn leaves<N>(&self, cx: &mut NotifeeContext<'_, N>) -> bool {
        let leaves = self.sender.is_closed();
        if leaves {
            let this = cx.this();
            cx.unregister(this);
        }
        leaves
    }

    fn is_snapshot_due(&self) -> bool {
        self.needs_snapshot && self.shared.missed.load(Ordering::Acquire) == 0
    }
}

/// Returns the kind of an opening event, as an [`Interest`] in this kind only.
const fn kind(event: Event) -> Interest {
    match event.id() {
        Id::Listener(_) => Interest::LISTEN,
        Id::Connection(_) => Interest::CONNECTED,
        Id::Stream(_) => Interest::OPENED_STREAM,
    }
}

/// Returns the event that tells that the listener, connection or stream in `event` has opened. Returns `None` if `event`
/// says that it could not open.
const fn opening(event: Event) -> Option<Event> {
    match event {
        Event::Listen { listener } | Event::ListenClose { listener, .. } => Some(Event::Listen { listener }),
        Event::Connected { connection } | Event::Disconnected { connection, .. } => {
            Some(Event::Connected { connection })
        }
        Event::OpenedStream { connection, stream } | Event::ClosedStream { connection, stream, .. } => {
            Some(Event::OpenedStream { connection, stream })
        }
        Event::ListenFailed { .. } | Event::ConnectFailed { .. } | Event::StreamFailed { .. } => None,
    }
}

impl<N: HasNode> Notifee<N> for Subscriber {
    fn interest(&self) -> Interest {
        self.interest | Interest::TIME
    }

    fn event(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        self.told(cx, event);
    }

    /// Sends a refusal if there is a place for it. Otherwise the refusal is dropped and does not count as lost: a snapshot
    /// would not contain it, but the total in the next refusal does.
    fn refused(&mut self, cx: &mut NotifeeContext<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        if self.leaves(cx) {
            return;
        }
        if self.is_snapshot_due() {
            self.send_snapshot(cx, None);
        }
        if !self.needs_snapshot && self.sender.len() < self.capacity {
            let notice = RefusalInfo::of(at, refusal, count, cx.network().node());
            self.send(Sent::Notice(Notice::Refused(notice)));
        }
    }

    /// Returns zero, which requests a tick at once, if a snapshot can be sent or the receiving half was dropped; otherwise
    /// `None`.
    fn poll_at(&self) -> Option<Duration> {
        (self.is_snapshot_due() || self.sender.is_closed()).then_some(Duration::ZERO)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        if !self.leaves(cx) && self.is_snapshot_due() {
            self.send_snapshot(cx, None);
        }
    }
}

/// The receiving half, for another task or thread. It is also a [`Stream`] of notices.
#[derive(Debug)]
pub struct Subscription {
    // Boxed, so that a `Subscription` is `Unpin`: a receiver of async-channel is not.
    receiver: Pin<Box<Receiver<Sent>>>,
    shared: Arc<Shared>,
}

impl Subscription {
    /// Receives the next notice; `None` if the subscriber was dropped and all notices that it has sent were received.
    pub async fn recv(&mut self) -> Option<Notice> {
        self.receiver.recv().await.ok().map(|sent| self.received(sent))
    }

    /// Receives the next notice, like [`recv`](Self::recv), and blocks the thread until there is one.
    pub fn recv_blocking(&mut self) -> Option<Notice> {
        self.receiver.recv_blocking().ok().map(|sent| self.received(sent))
    }

    /// Receives the next notice if one was sent already, without waiting.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if no notice waits to be received, and [`TryRecvError::Closed`] if there will never be one
    /// again.
    pub fn try_recv(&mut self) -> Result<Notice, TryRecvError> {
        match self.receiver.try_recv() {
            Ok(sent) => Ok(self.received(sent)),
            Err(async_channel::TryRecvError::Empty) => Err(TryRecvError::Empty),
            Err(async_channel::TryRecvError::Closed) => Err(TryRecvError::Closed),
        }
    }

    fn received(&self, sent: Sent) -> Notice {
        match sent {
            Sent::Notice(notice) => notice,
            Sent::Lagged => {
                let missed = self.shared.missed.swap(0, Ordering::AcqRel);
                // The owner's next drive sends the snapshot.
                self.shared.wake_owner();
                Notice::Lagged(missed)
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut core::task::Context<'_>) -> Poll<Option<Notice>> {
        let sent = ready!(self.receiver.as_mut().poll_next(cx));
        Poll::Ready(sent.map(|sent| self.received(sent)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // The channel is closed before the wake, so that the owner finds it closed.
        self.receiver.close();
        // The owner's next drive unregisters the subscriber.
        self.shared.wake_owner();
    }
}

/// The reason why [`Subscription::try_recv`] returns no notice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "more can come, or it cannot")]
pub enum TryRecvError {
    /// All notices that were sent have been received. The subscriber still exists, so that more notices may follow.
    Empty,
    /// All notices that were sent have been received, and the subscriber was dropped.
    Closed,
}

impl Error for TryRecvError {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is no notice yet",
            Self::Closed => "the subscriber is gone",
        })
    }
}
