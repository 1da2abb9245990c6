//! Notifees that may block: each runs on a thread of its own, which a bounded subscription feeds.
//!
//! ```text
//!  owner's thread                                             thread "notifee n3"
//!  Notifees ─▶ Subscriber ─▶ ▢▢▢▢▢▢▢ capacity + 1 ─▶ Snapshot, Connected, …, Lagged(n), Snapshot, … ─▶ BlockingNotifee
//! ```
//!
//! [`Notifees::spawn`](super::Notifees::spawn) takes a [`BlockingNotifee`],
//! [`Notifees::spawn_fn`](super::Notifees::spawn_fn) a closure.
//!
//! - **Nobody waits for it.** It is told in order, as the module [`subscription`](mod@super::subscription) promises: first a
//!   snapshot, then events. If it is slow and `capacity` notices wait for it, it misses events: it is told their number as
//!   `lagged`, and a new snapshot after that.
//! - **It has no network in its hands**, since that is on another thread. To give a command, it sends it to the owner on a
//!   channel of yours and wakes the owner ([`Swarm::waker`](crate::swarm::Swarm::waker)). Nor does
//!   [`Notifees::get`](super::Notifees::get) lend it to the owner: that gives `None`.
//! - **It can be unregistered** anywhere, inside a notification, too. That never waits: the thread handles what it was sent
//!   and ends.
//! - **No thread outlives the registry.** [`Notifees::join`](super::Notifees::join), and the drop of the registry, wait
//!   until all have handled what they were sent, at most the capacity and one notice each. So a notifee must not wait there
//!   for something that the owner's thread does. After a shutdown of the swarm each has been sent every closing event;
//!   those that found no place are in the number of the last lag.
//! - **If it panics**, the panic is logged as an error and kept for [`take_panics`](super::Notifees::take_panics) and
//!   `join`. The thread ends, its subscriber unregisters with the next event or drive, which it wakes for, and everybody
//!   else goes on. With `panic = "abort"` the process ends instead.
//!
//! An owner that must not block has [`Notifees::poll_join`](super::Notifees::poll_join).
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::{BlockingNotifee, ListenerInfo, Notifees};
//! use swarm_notify::swarm::{Config, Swarm};
//!
//! /// Writes to a file that may be slow.
//! struct Journal(std::sync::mpsc::Sender<String>);
//!
//! impl BlockingNotifee for Journal {
//!     fn listen(&mut self, listener: ListenerInfo) {
//!         std::thread::sleep(Duration::from_millis(5)); // the swarm goes on meanwhile
//!         self.0.send(format!("on {}", listener.addresses[0])).unwrap();
//!     }
//! }
//!
//! let key = keys::generate()?;
//! let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &key, Config::default())?;
//! let mut notifees = Notifees::new();
//! let (lines, written) = std::sync::mpsc::channel();
//! notifees.spawn(64, Journal(lines))?;
//! swarm.listen("/memory/4714".parse()?)?;
//! swarm.tick(Duration::ZERO);
//! notifees.drive(&mut swarm, Duration::ZERO);
//! assert!(notifees.join().is_empty(), "nobody has panicked");
//! assert_eq!(written.recv()?, "on /memory/4714");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::caught::message;
use super::{ConnectionInfo, Interest, ListenerInfo, Notice, NotifeeId, RefusalInfo, StreamInfo, Subscription};
use crate::lifecycle::{ConnectionEnd, Event, Failure, ListenerEnd, StreamEnd};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use atomic_waker::AtomicWaker;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The most panics that are kept until somebody asks for them. Each is logged.
const MOST_PANICS: usize = 64;

/// An observer that may block, on a thread of its own: see the [module](self). Every method is empty by default. Each
/// is given what could be looked up when the event was told, and has the name of that event in
/// [`Notifee`](super::Notifee).
pub trait BlockingNotifee {
    /// Returns the kinds of event that it is told of. The default is the nine events and [`Interest::REFUSED`]. Other kinds
    /// take no place. It is asked once, on the thread that spawns.
    fn interest(&self) -> Interest {
        Interest::EVENTS | Interest::REFUSED
    }

    /// A listener has its first address.
    fn listen(&mut self, _listener: ListenerInfo) {}

    /// A listener could not open.
    fn listen_failed(&mut self, _listener: ListenerInfo, _reason: Failure) {}

    /// An open listener has ended.
    fn listen_close(&mut self, _listener: ListenerInfo, _reason: ListenerEnd) {}

    /// A connection is up.
    fn connected(&mut self, _connection: ConnectionInfo) {}

    /// A connection could not open.
    fn connect_failed(&mut self, _connection: ConnectionInfo, _reason: Failure) {}

    /// An open connection has ended.
    fn disconnected(&mut self, _connection: ConnectionInfo, _reason: ConnectionEnd) {}

    /// A stream is up.
    fn opened_stream(&mut self, _stream: StreamInfo) {}

    /// A stream could not open.
    fn stream_failed(&mut self, _stream: StreamInfo, _reason: Failure) {}

    /// An open stream has ended.
    fn closed_stream(&mut self, _stream: StreamInfo, _reason: StreamEnd) {}

    /// Something of a peer's was refused, or was over, that has no id. See [`Notifee::refused`](super::Notifee::refused).
    fn refused(&mut self, _refusal: RefusalInfo) {}

    /// So many events found no place, at least 1: it was too slow. A [`snapshot`](Self::snapshot) comes next, unless it was
    /// unregistered meanwhile.
    fn lagged(&mut self, _missed: u64) {}

    /// All that is open at this place in the order, each as the notice of its opening: at the beginning, and after each
    /// lag. Whatever was known before is out of date.
    fn snapshot(&mut self, _open: Vec<Notice>) {}
}

impl Notice {
    /// Calls the method of a [`BlockingNotifee`] that this notice is for. Tasks that receive from a
    /// [`Subscription`] themselves can be written as one, too.
    pub fn tell<T: BlockingNotifee + ?Sized>(self, notifee: &mut T) {
        match self {
            Self::Listen(info) => notifee.listen(info),
            Self::ListenFailed(info, reason) => notifee.listen_failed(info, reason),
            Self::ListenClose(info, reason) => notifee.listen_close(info, reason),
            Self::Connected(info) => notifee.connected(info),
            Self::ConnectFailed(info, reason) => notifee.connect_failed(info, reason),
            Self::Disconnected(info, reason) => notifee.disconnected(info, reason),
            Self::OpenedStream(info) => notifee.opened_stream(info),
            Self::StreamFailed(info, reason) => notifee.stream_failed(info, reason),
            Self::ClosedStream(info, reason) => notifee.closed_stream(info, reason),
            Self::Refused(info) => notifee.refused(info),
            Self::Lagged(missed) => notifee.lagged(missed),
            Self::Snapshot(open) => notifee.snapshot(open),
        }
    }
}

/// A panic of a spawned notifee, which has ended its thread.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ThreadPanic {
    /// The notifee that panicked. It is registered no more, or not for much longer.
    pub notifee: NotifeeId,
    /// The event that it was being told of; none for a lag, a snapshot and its own drop.
    pub event: Option<Event>,
    /// The message, if the panic had one; a remark that it had none otherwise.
    pub message: String,
}

impl fmt::Display for ThreadPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { notifee, event, message } = self;
        write!(f, "the thread of the notifee {notifee} panicked")?;
        if let Some(event) = event {
            write!(f, ", told {} {}", event.name(), event.id())?;
        }
        write!(f, ": {message}")
    }
}

/// The threads of a registry. Dropping this joins them: their subscribers have to be dropped before.
#[derive(Default)]
pub(super) struct Threads {
    /// Those that have not been joined, with the notifee of each.
    handles: Vec<(NotifeeId, JoinHandle<()>)>,
    /// It is there once there was a thread.
    shared: Option<Arc<Shared>>,
}

/// The state that threads share with their registry.
#[derive(Default)]
struct Shared {
    /// The number of threads that have not ended.
    running: AtomicUsize,
    panics: Mutex<Vec<ThreadPanic>>,
    /// Woken at the end of each thread.
    waiting: AtomicWaker,
}

impl Threads {
    pub(super) const fn new() -> Self {
        Self { handles: Vec::new(), shared: None }
    }

    /// Starts a thread that has `told` handle what is received.
    pub(super) fn start(
        &mut self,
        id: NotifeeId,
        subscription: Subscription,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<()> {
        self.join_ended();
        let ending = RunningThread::of(self.shared.get_or_insert_default());
        let thread = thread::Builder::new().name(format!("notifee {id}"));
        let handle = thread.spawn(move || run(id, subscription, told, ending))?;
        self.handles.push((id, handle));
        Ok(())
    }

    /// The notifees whose threads have not been joined.
    pub(super) fn ids(&self) -> Vec<NotifeeId> {
        self.handles.iter().map(|(id, _)| *id).collect()
    }

    pub(super) fn running(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.running.load(Ordering::Acquire))
    }

    pub(super) fn take_panics(&mut self) -> Vec<ThreadPanic> {
        self.shared.as_ref().map(|shared| core::mem::take(&mut *shared.panics())).unwrap_or_default()
    }

    /// Joins those that have ended already.
    fn join_ended(&mut self) {
        for (_, handle) in self.handles.extract_if(.., |(_, handle)| handle.is_finished()) {
            join(handle);
        }
    }

    /// Waits until all have ended.
    pub(super) fn join(&mut self) {
        self.handles.drain(..).for_each(|(_, handle)| join(handle));
    }

    /// Ready when all have ended, and been joined.
    pub(super) fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(shared) = &self.shared {
            shared.waiting.register(cx.waker());
            if shared.running.load(Ordering::Acquire) > 0 {
                return Poll::Pending;
            }
        }
        // They have nothing left to do but to exit.
        self.join();
        Poll::Ready(())
    }

    /// Lets them end by themselves.
    #[cfg(all(feature = "host", unix))]
    pub(super) fn detach(&mut self) {
        for (id, _) in self.handles.drain(..).filter(|(_, handle)| !handle.is_finished()) {
            log::warn!("nobody waits for the thread of the notifee {id}");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.join();
    }
}

fn join(handle: JoinHandle<()>) {
    if let Err(payload) = handle.join() {
        // No notifee: those are caught. A waker has panicked, or what a notifee had panicked with, as it was dropped.
        log::error!("a notifee's thread panicked as it ended: {}", message(&*payload));
        core::mem::forget(payload);
    }
}

impl Shared {
    fn panics(&self) -> std::sync::MutexGuard<'_, Vec<ThreadPanic>> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn panicked(&self, panic: ThreadPanic) {
        log::error!("{panic}");
        let mut panics = self.panics();
        if panics.len() < MOST_PANICS {
            panics.push(panic);
        }
    }
}

/// Counts a thread that runs, until this is dropped, however the thread ends.
struct RunningThread(Arc<Shared>);

impl RunningThread {
    fn of(shared: &Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::AcqRel);
        Self(shared.clone())
    }
}

impl Drop for RunningThread {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.waiting.wake();
    }
}

/// A thread's life.
fn run(id: NotifeeId, mut subscription: Subscription, mut told: impl FnMut(Notice), ending: RunningThread) {
    let event = Cell::new(None);
    let told_all = catch_unwind(AssertUnwindSafe(|| {
        while let Some(notice) = subscription.recv_blocking() {
            event.set(notice.event());
            told(notice);
        }
    }));
    // It is dropped apart: a second panic, while the first unwinds, would end the process.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(told)));
    for (outcome, event) in [(&told_all, event.get()), (&dropped, None)] {
        if let Err(payload) = outcome {
            ending.0.panicked(ThreadPanic { notifee: id, event, message: message(&**payload) });
        }
    }
    // The subscription goes last, and wakes the owner: who was woken by it finds the panic, and one thread fewer.
    let _subscription = subscription;
    let _ending = ending;
    drop((told_all, dropped));
}
