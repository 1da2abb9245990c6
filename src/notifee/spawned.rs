//! Notifees that may block: each runs on a thread of its own, and receives notices (events with details) from a bounded
//! subscription.
//!
//! ```text
//!  owner's thread                                             thread "notifee n3"
//!  Notifees ─▶ Subscriber ─▶ ▢▢▢▢▢▢▢ capacity + 1 ─▶ Snapshot, Connected, …, Lagged(n), Snapshot, … ─▶ BlockingNotifee
//! ```
//!
//! [`Notifees::spawn`](super::Notifees::spawn) starts a thread for a [`BlockingNotifee`], and
//! [`Notifees::spawn_fn`](super::Notifees::spawn_fn) for a closure.
//!
//! - **Nothing waits for the notifee.** It is told in order, as the module [`subscription`](mod@super::subscription)
//!   promises: first a snapshot (a list of everything that is open), then events. If the notifee is slow and `capacity`
//!   notices wait for it, further events are lost: `lagged` tells the notifee their number, and a new snapshot follows.
//! - **The notifee has no access to the network**, which is on another thread. To give a command, it sends the command to
//!   the owner on a channel of yours, and wakes the owner ([`Swarm::waker`](crate::swarm::Swarm::waker)). The owner has no
//!   access to the notifee either: [`Notifees::get`](super::Notifees::get) returns `None`.
//! - **The notifee can be unregistered** anywhere, even inside a notification. Unregistering does not wait for the thread,
//!   which handles the notices that it was sent, and then ends.
//! - **No thread outlives the registry.** [`Notifees::join`](super::Notifees::join), and the drop of the registry, wait
//!   until all threads have handled the notices that they were sent, of which each thread has at most `capacity` plus one.
//!   So a notifee must not wait for something that the owner's thread does. After a shutdown of the swarm, each notifee has
//!   been sent every closing event, or its last `lagged` counted the events that were lost.
//! - **If the notifee panics**, the panic is logged as an error and kept for [`take_panics`](super::Notifees::take_panics)
//!   and `join`. The thread ends, and wakes the owner. The notifee is unregistered with the next event or drive, and all
//!   others go on. With `panic = "abort"` the process ends instead.
//!
//! An owner that must not block uses [`Notifees::poll_join`](super::Notifees::poll_join).
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

/// The maximum number of panics that are kept until [`Threads::take_panics`] is called. Further panics are only logged.
const MOST_PANICS: usize = 64;

/// An observer that may block, and runs on a thread of its own: see the [module](self). Every method is empty by default.
/// The methods of events have the same names as in [`Notifee`](super::Notifee), and their arguments contain the data that
/// could be looked up when the event was told.
pub trait BlockingNotifee {
    /// Returns the kinds of event that the notifee wants. The default is the nine events and [`Interest::REFUSED`]; other
    /// kinds are ignored. The method is called once, on the thread that calls `spawn`.
    fn interest(&self) -> Interest {
        Interest::EVENTS | Interest::REFUSED
    }

    /// Handles the event that a listener has opened, that is, has its first address.
    fn listen(&mut self, _listener: ListenerInfo) {}

    /// Handles the event that a listener could not open.
    fn listen_failed(&mut self, _listener: ListenerInfo, _reason: Failure) {}

    /// Handles the event that an open listener has ended.
    fn listen_close(&mut self, _listener: ListenerInfo, _reason: ListenerEnd) {}

    /// Handles the event that a connection has opened.
    fn connected(&mut self, _connection: ConnectionInfo) {}

    /// Handles the event that a connection could not open.
    fn connect_failed(&mut self, _connection: ConnectionInfo, _reason: Failure) {}

    /// Handles the event that an open connection has ended.
    fn disconnected(&mut self, _connection: ConnectionInfo, _reason: ConnectionEnd) {}

    /// Handles the event that a stream has opened.
    fn opened_stream(&mut self, _stream: StreamInfo) {}

    /// Handles the event that a stream could not open.
    fn stream_failed(&mut self, _stream: StreamInfo, _reason: Failure) {}

    /// Handles the event that an open stream has ended.
    fn closed_stream(&mut self, _stream: StreamInfo, _reason: StreamEnd) {}

    /// Handles the news of refusals: peers were refused something, or connections or streams of theirs ended before they had
    /// an id. See [`Notifee::refused`](super::Notifee::refused).
    fn refused(&mut self, _refusal: RefusalInfo) {}

    /// Handles the news that this notifee was too slow, so that `missed` events, at least 1, were lost. A
    /// [`snapshot`](Self::snapshot) follows, unless the notifee has been unregistered meanwhile.
    fn lagged(&mut self, _missed: u64) {}

    /// Handles a snapshot: the opening notices of all listeners, connections and streams that are open at this point in the
    /// order of events. A snapshot is sent at the beginning and after each loss of events, and replaces all that the notifee
    /// knew before.
    fn snapshot(&mut self, _open: Vec<Notice>) {}
}

impl Notice {
    /// Calls the method of `notifee` that handles this notice. A task that receives notices from a [`Subscription`] can use
    /// this method, too.
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

/// A panic of a spawned notifee. The panic has ended the notifee's thread.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ThreadPanic {
    /// The notifee that panicked. It has been unregistered already, or will be unregistered by the next event or drive.
    pub notifee: NotifeeId,
    /// The event that the notifee was being told when it panicked; `None` if it was told something other than one of the
    /// nine events, or was being dropped.
    pub event: Option<Event>,
    /// The panic message, or a remark that the panic had no message.
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

/// The threads of all spawned notifees of a registry. Dropping this value waits until the threads end, so the subscribers
/// that send notices to them have to be dropped before.
#[derive(Default)]
pub(super) struct Threads {
    /// The threads that have not been joined, each with the id of its notifee.
    handles: Vec<(NotifeeId, JoinHandle<()>)>,
    /// The state that the threads share with this registry; `None` before the first thread starts.
    shared: Option<Arc<Shared>>,
}

/// The state that the threads of spawned notifees share with their registry.
#[derive(Default)]
struct Shared {
    /// The number of threads that have not ended.
    running: AtomicUsize,
    panics: Mutex<Vec<ThreadPanic>>,
    /// The waker of the caller that waits until all threads have ended. Each thread wakes it when it ends.
    waiting: AtomicWaker,
}

impl Threads {
    pub(super) const fn new() -> Self {
        Self { handles: Vec::new(), shared: None }
    }

    /// Starts a thread that receives notices from `subscription` and calls `told` with each.
    pub(super) fn start(
        &mut self,
        id: NotifeeId,
        subscription: Subscription,
        told: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<()> {
        self.join_ended();
        // The thread is counted before it starts, so that `poll_join` does not overlook a thread that has not run yet.
        // If it cannot start, the closure is dropped, and the guard in it counts down.
        let ending = RunningThread::of(self.shared.get_or_insert_default());
        let thread = thread::Builder::new().name(format!("notifee {id}"));
        let handle = thread.spawn(move || run(id, subscription, told, ending))?;
        self.handles.push((id, handle));
        Ok(())
    }

    /// Returns the ids of the notifees whose threads have not been joined.
    pub(super) fn ids(&self) -> Vec<NotifeeId> {
        self.handles.iter().map(|(id, _)| *id).collect()
    }

    pub(super) fn running(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.running.load(Ordering::Acquire))
    }

    pub(super) fn take_panics(&mut self) -> Vec<ThreadPanic> {
        self.shared.as_ref().map(|shared| core::mem::take(&mut *shared.panics())).unwrap_or_default()
    }

    /// Joins the threads that have ended already.
    fn join_ended(&mut self) {
        for (_, handle) in self.handles.extract_if(.., |(_, handle)| handle.is_finished()) {
            join(handle);
        }
    }

    /// Waits until all threads have ended.
    pub(super) fn join(&mut self) {
        self.handles.drain(..).for_each(|(_, handle)| join(handle));
    }

    /// Returns `Ready` when all threads have ended and been joined; otherwise registers the waker of `cx`, which the threads
    /// wake when they end.
    pub(super) fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(shared) = &self.shared {
            // The waker is registered before the count is read: a thread that ends in between wakes it.
            shared.waiting.register(cx.waker());
            if shared.running.load(Ordering::Acquire) > 0 {
                return Poll::Pending;
            }
        }
        // The threads have nothing left to do but to exit.
        self.join();
        Poll::Ready(())
    }

    /// Gives up the handles of all threads without waiting. The threads end by themselves.
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
        // This is no panic of a notifee, since those are caught. A waker has panicked, or the payload of a notifee's panic
        // as it was dropped.
        log::error!("a notifee's thread panicked as it ended: {}", message(&*payload));
        // Dropping the payload may panic once more.
        core::mem::forget(payload);
    }
}

impl Shared {
    fn panics(&self) -> std::sync::MutexGuard<'_, Vec<ThreadPanic>> {
        // A panic under this lock leaves a usable vector behind.
        self.panics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn panicked(&self, panic: ThreadPanic) {
        log::error!("{panic}");
        let mut panics = self.panics();
        // Nobody has to call `take_panics`, and a notifee may be spawned again after each panic.
        if panics.len() < MOST_PANICS {
            panics.push(panic);
        }
    }
}

/// A guard that counts a thread as running until the guard is dropped, however the thread ends.
struct RunningThread(Arc<Shared>);

impl RunningThread {
    fn of(shared: &Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::AcqRel);
        Self(shared.clone())
    }
}

impl Drop for RunningThread {
    fn drop(&mut self) {
        // The count goes down before the wake, so that the task that is woken finds it.
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.waiting.wake();
    }
}

/// Calls `told` with each notice of the subscription until there are no more, or `told` panics. This is the main function of
/// a spawned notifee's thread.
fn run(id: NotifeeId, mut subscription: Subscription, mut told: impl FnMut(Notice), ending: RunningThread) {
    let event = Cell::new(None);
    let told_all = catch_unwind(AssertUnwindSafe(|| {
        while let Some(notice) = subscription.recv_blocking() {
            event.set(notice.event());
            told(notice);
        }
    }));
    // The notifee is dropped under its own `catch_unwind`: a second panic while the first one unwinds would end the process.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(told)));
    for (outcome, event) in [(&told_all, event.get()), (&dropped, None)] {
        if let Err(payload) = outcome {
            ending.0.panicked(ThreadPanic { notifee: id, event, message: message(&**payload) });
        }
    }
    // The subscription is dropped last and wakes the owner, who then finds the panic, and one thread fewer.
    let _subscription = subscription;
    let _ending = ending;
    drop((told_all, dropped));
}
