//! [`Subscription`]: events for another task or thread, which may be as slow as it likes.
//!
//! ```text
//!  network's thread                                   another task or thread
//!  Notifees ─▶ Subscriber ─▶ ▢▢▢▢▢▢▢ capacity + 1 ─▶ Subscription ─▶ Snapshot, Connected, …, Lagged(n), Snapshot, …
//! ```
//!
//! - The first notice is a [`Snapshot`](Notice::Snapshot) of what is open already; what follows fits to it.
//! - Nobody waits for a slow one. When `capacity` notices wait to be received, the next goes missing, and
//!   [`Lagged`](Notice::Lagged) takes the one place that is kept for it. When it is received it says how many went
//!   missing up to then; the snapshot that comes next, at the same place in the order, makes up for them.
//! - A snapshot is one notice and takes one place, however much is open: so it is never half sent, nothing can happen
//!   in the middle of it, and there is at most one at a time, because `Lagged` is the last in its channel and has been
//!   received when a snapshot is sent. It costs the network's thread O(what is open); a notice costs O(1). A capacity
//!   of about as much as is open makes snapshots cost no more than notices do.
//! - So who applies the notices to a set (a snapshot replaces it, an opening adds, a closing removes) has in it exactly
//!   what was open when the last of them was told; each opening adds something new, and each closing finds its opening.
//! - Refusals ([`Notice::Refused`]) come in their place, too. One that finds no place is not sent, and not missed: each has
//!   the total of its connection and kind, too.
//! - A quiet network is no obstacle: receiving `Lagged` wakes who polls the swarm, and
//!   [`drive`](super::Notifees::drive) sends the snapshot. (One who only [dispatches](super::Notifees::dispatch) sends
//!   it ahead of the next event.)
//! - A subscription that is dropped unregisters its subscriber with the next event or `drive`, which it wakes for, too.
//!   If the subscriber goes, with its registry for instance, what was sent can still be received, and then `None`.
//!
//! [`Notifees::spawn`](super::Notifees::spawn) makes a subscription and a thread that handles its notices, and joins the
//! thread in the end.
//!
//! On the network's thread nothing is allocated for a notice, but the list of a listener's addresses.
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

/// What can leave the network's thread: the nine events and refusals.
const EVERYTHING: Interest = Interest::EVENTS.and(Interest::REFUSED);

/// A subscription and the notifee that feeds it, of all nine events and of refusals, with place for `capacity` notices; 0 counts as 1.
/// The places are allocated here.
#[must_use]
pub fn subscription(capacity: usize) -> (Subscriber, Subscription) {
    let capacity = capacity.max(1);
    let (sender, receiver) = async_channel::bounded(capacity.saturating_add(1));
    let shared = Arc::new(Shared { missed: AtomicU64::new(0), owner: OnceLock::new() });
    let subscriber =
        Subscriber { sender, shared: shared.clone(), capacity, interest: EVERYTHING, needs_snapshot: true };
    (subscriber, Subscription { receiver: Box::pin(receiver), shared })
}

/// What is in the channel.
enum Sent {
    Notice(Notice),
    /// How many went missing is known when it is received.
    Lagged,
}

#[derive(Debug)]
struct Shared {
    /// How many notices have gone missing since `Lagged` was sent; 0 from when it is received. It is the turn of the
    /// receiving half while it is more than 0, and of the sending half otherwise.
    missed: AtomicU64,
    /// Who polls the swarm.
    owner: OnceLock<Waker>,
}

impl Shared {
    /// Counts one more, if `Lagged` has not been received yet.
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

/// The half that is registered: a notifee that feeds its [`Subscription`].
#[derive(Debug)]
pub struct Subscriber {
    sender: Sender<Sent>,
    shared: Arc<Shared>,
    capacity: usize,
    interest: Interest,
    /// Nothing was sent yet, or something went missing.
    needs_snapshot: bool,
}

impl Subscriber {
    /// Subscribes to these of the nine events, and to refusals if [`Interest::REFUSED`] is among them, before it is registered. What is left out takes no place, and is not
    /// in snapshots.
    #[must_use]
    pub fn only(self, interest: Interest) -> Self {
        Self { interest: interest & EVERYTHING, ..self }
    }

    fn told<N: HasNode>(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        // It has a snapshot of its own.
        if cx.is_replay() || self.leaves(cx) {
            return;
        }
        if self.needs_snapshot {
            if self.shared.misses() {
                return;
            }
            self.send_snapshot(cx, Some(event));
        }
        // What is being told can be looked up.
        let Some(notice) = Notice::of(event, cx.network().node()) else { return };
        if self.sender.len() < self.capacity {
            self.send(Sent::Notice(notice));
        } else {
            self.needs_snapshot = true;
            self.shared.missed.store(1, Ordering::Release);
            self.send(Sent::Lagged);
        }
    }

    /// What is open, as it was before the event that is being told.
    fn send_snapshot<N: HasNode>(&mut self, cx: &mut NotifeeContext<'_, N>, before: Option<Event>) {
        let network = cx.network();
        self.shared.owner.get_or_init(|| network.node().waker());
        let mut openings = network.event_source().openings();
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

    /// There is a place: only this half fills them. Nobody to receive it is seen to by [`leaves`](Self::leaves).
    fn send(&self, sent: Sent) {
        let sent = self.sender.try_send(sent);
        debug_assert!(sent.is_ok() || self.sender.is_closed(), "There is a place.");
    }

    /// Whether the other half is gone, for which it unregisters.
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

/// The kind of an opening.
const fn kind(event: Event) -> Interest {
    match event.id() {
        Id::Listener(_) => Interest::LISTEN,
        Id::Connection(_) => Interest::CONNECTED,
        Id::Stream(_) => Interest::OPENED_STREAM,
    }
}

/// The event with which something opened, if this one says that it did or that it is over.
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

    /// One that finds no place is not sent. It is no lag: a snapshot would not make up for it, and the total of the next
    /// one does.
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

    /// At once, when a snapshot can be sent, or nobody is there to receive it.
    fn poll_at(&self) -> Option<Duration> {
        (self.is_snapshot_due() || self.sender.is_closed()).then_some(Duration::ZERO)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        if !self.leaves(cx) && self.is_snapshot_due() {
            self.send_snapshot(cx, None);
        }
    }
}

/// The half that receives, in another task or thread. It is also a [`Stream`] of notices.
#[derive(Debug)]
pub struct Subscription {
    receiver: Pin<Box<Receiver<Sent>>>,
    shared: Arc<Shared>,
}

impl Subscription {
    /// The next notice; `None` when the subscriber is gone and all it sent has been received.
    pub async fn recv(&mut self) -> Option<Notice> {
        self.receiver.recv().await.ok().map(|sent| self.received(sent))
    }

    /// The same for a thread without tasks: it blocks.
    pub fn recv_blocking(&mut self) -> Option<Notice> {
        self.receiver.recv_blocking().ok().map(|sent| self.received(sent))
    }

    /// The next notice, if there is one already.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if there is none yet, and [`TryRecvError::Closed`] if there will be none.
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
                // For the snapshot.
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
        self.receiver.close();
        // To be unregistered.
        self.shared.wake_owner();
    }
}

/// The reason why there is no notice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "more can come, or it cannot")]
pub enum TryRecvError {
    /// All that was sent has been received.
    Empty,
    /// All that was sent has been received, and the subscriber is gone.
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
