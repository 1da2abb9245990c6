//! [`Reactor`]: the poller with which the sockets of a [`Transport`](super::Transport) are registered, and its timers.

use super::address::{self, SocketAddresses};
use super::lock;
use super::source::Source;
use super::timer_queue::TimerQueue;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use core::time::Duration;
use libp2p_core::Multiaddr;
use mio::{Events, Interest, Token};
use slab::Slab;
use std::io;
use std::sync::{Mutex, MutexGuard};

/// The maximum number of events that one poll returns.
const EVENTS: usize = 1024;

/// The token of the [`Alarm`]. No socket has this token.
const WAKER: Token = Token(usize::MAX);

/// The number of low bits of a token that contain the index of a socket in the slab. The other bits contain the socket's
/// generation, by which it differs from earlier sockets with the same index.
const INDEX_BITS: u32 = usize::BITS - 16;

/// The poller of one swarm's TCP sockets: epoll, kqueue or IOCP, through `mio`, edge-triggered.
///
/// For its owner the reactor is a single descriptor, and it starts no thread. A [`Swarm`](super::Swarm) drives it in its own
/// turns. A [`Transport`](super::Transport) that is used without a swarm makes progress only while its owner calls
/// [`advance`](crate::swarm::Reactor::advance) and [`poll`](crate::swarm::Reactor::poll) on the reactor.
///
/// On Unix the reactor implements [`AsFd`](std::os::fd::AsFd), so that it can be nested in another event loop: the
/// descriptor is readable while an event has arrived that no poll has returned. Do not use the reactor after a fork: parent
/// and child would share the poller.
///
#[cfg_attr(feature = "rand", doc = "```")]
#[cfg_attr(not(feature = "rand"), doc = "```ignore")]
/// use swarm_notify::keys;
/// use swarm_notify::swarm::{Config, Swarm};
/// use swarm_notify::tcp;
///
/// let reactor = tcp::Reactor::new()?;
/// let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
/// let identity = keys::generate()?; // yours, kept in a file (`keys::KeyFile`)
/// let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
/// swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reactor {
    poll: mio::Poll,
    events: Events,
    shared: Arc<Shared>,
    alarm: Arc<Alarm>,
}

/// A handle to a [`Reactor`], with which sockets and timers are registered at the reactor.
/// [`Transport::new`](super::Transport::new) requires a handle. Clones are handles to the same reactor, and any thread can
/// use them.
///
/// After the reactor has been dropped, the sockets and timers of its handles do not become ready any more.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

/// The part of a reactor that the reactor and its handles share.
struct Shared {
    registry: mio::Registry,
    sources: Mutex<Sources>,
    timers: Mutex<TimerQueue>,
    /// The addresses of the last socket that a dial has connected, and the number of the [thread](here) that polled the
    /// dial.
    dialed: Mutex<Option<(usize, SocketAddresses)>>,
}

/// The registered sockets, each with its generation.
#[derive(Default)]
struct Sources {
    slab: Slab<(u16, Arc<Source>)>,
    /// The generation of the socket that was registered last.
    generation: u16,
    /// The number of sockets that have closed since the slab was last considered for shrinking.
    left: usize,
    /// The total number of sockets that have closed. The number wraps around.
    closed: u64,
    /// The wakers of the tasks that wait for a socket to close.
    waiting: Vec<Waker>,
}

/// The capacity of the slab, in sockets, at or below which the slab is never shrunk.
const FEW: usize = 64;

/// The implementation of the reactor's [waker](crate::swarm::Reactor::waker): it ends a wait of the poller from any thread.
struct Alarm {
    waker: mio::Waker,
    /// The number of the [thread](here) in which a poll is calling the wakers of sockets, or 0 if no poll is calling wakers.
    ///
    /// A wake from within that poll has no effect, since the caller of the poll checks at once everything that was woken.
    /// Otherwise each wait with an event would cost a write and another wait: ten system calls for a round trip instead of
    /// six. Wakes from other threads always take effect.
    calling: AtomicUsize,
}

/// A guard that exists while [`Alarm::calling`] contains the number of a thread. Its drop sets that number to 0, even if a
/// waker panics.
struct Calling<'a>(&'a AtomicUsize);

impl<'a> Calling<'a> {
    fn new(calling: &'a AtomicUsize) -> Self {
        calling.store(here(), Ordering::Relaxed);
        Self(calling)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Returns a number of the current thread that no other living thread has, or 0 while this thread is ending.
///
/// The number is the address of a thread-local variable.
fn here() -> usize {
    std::thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.try_with(|here| core::ptr::from_ref(here).addr()).unwrap_or(0)
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The ordering `Relaxed` is enough: a thread finds its own number here only if the same thread has stored the number
        // and has not cleared it since.
        let calling = self.calling.load(Ordering::Relaxed);
        if calling != 0 && calling == here() {
            return;
        }
        if let Err(error) = self.waker.wake() {
            log::error!("the reactor cannot be woken: {error}");
        }
    }
}

impl Reactor {
    /// Creates a reactor without sockets and timers. On Linux it takes three descriptors: an epoll of its own, a duplicate
    /// of the epoll for its handles, and an eventfd.
    ///
    /// # Errors
    /// The system's error if it has no descriptor or memory left for a poller.
    pub fn new() -> io::Result<Self> {
        // The poller is `mio`, in edge-triggered mode, which costs one system call for each wait. On the same work,
        // `polling` costs five and is 4 to 8 % faster than `async-io`, where edge-triggered epoll is 36 % faster. With
        // io_uring a round trip took two calls in place of six, and was no faster.
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let alarm = Arc::new(Alarm { waker: mio::Waker::new(&registry, WAKER)?, calling: AtomicUsize::new(0) });
        let shared = Arc::new(Shared {
            registry,
            sources: Mutex::default(),
            timers: Mutex::default(),
            dialed: Mutex::default(),
        });
        Ok(Self { poll, events: Events::with_capacity(EVENTS), shared, alarm })
    }

    /// Returns a handle, with which a [`Transport`](super::Transport) registers its sockets at this reactor.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }
}

impl crate::swarm::Reactor for Reactor {
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            // The owner may have to act on the signal, so that the wait is not repeated here.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let _calling = Calling::new(&self.alarm.calling);
        let mut count = 0;
        for event in &self.events {
            count += 1;
            // A waker that is called for an earlier event of this loop may have closed the socket of a later one. Its token
            // then names no socket, or, once the index is used again, one of another generation.
            if let Some(source) = self.shared.source(event.token()) {
                source.happened(event);
            }
        }
        Ok(count == self.events.capacity())
    }

    fn advance(&mut self, now: Duration) {
        // The wakers are called behind this line, when the lock has been released: they are code of others, and may create
        // a timer.
        let due = lock(&self.shared.timers).advance(now);
        due.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll_at(&self) -> Option<Duration> {
        lock(&self.shared.timers).first()
    }

    fn waker(&self) -> Waker {
        Waker::from(self.alarm.clone())
    }

    fn dialed_from(&mut self) -> Option<Multiaddr> {
        // A dial may be polled on another thread meanwhile, with a clone of the handle. Its address would be taken for that
        // of the dial that was polled here.
        let (_, ends) = lock(&self.shared.dialed).take_if(|(thread, _)| *thread == here() && *thread != 0)?;
        Some(address::to_multiaddr(ends.local))
    }

    fn dialed_to(&mut self) -> Option<Multiaddr> {
        let dialed = *lock(&self.shared.dialed);
        dialed
            .filter(|(thread, _)| *thread == here() && *thread != 0)
            .map(|(_, ends)| address::to_multiaddr(ends.remote))
    }
}

/// Returns the poller's descriptor, for level-triggered and edge-triggered loops. It is readable while an event has arrived
/// that no poll has returned. Only wait until the descriptor is readable: do not read from it, and register nothing else
/// with it.
#[cfg(unix)]
impl std::os::fd::AsFd for Reactor {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("sockets", &lock(&self.shared.sources).slab.len()).finish_non_exhaustive()
    }
}

impl Handle {
    /// Records the addresses of a socket that a dial has connected, which
    /// [`dialed_from`](crate::swarm::Reactor::dialed_from) and [`dialed_to`](crate::swarm::Reactor::dialed_to) return.
    pub(super) fn connected(&self, ends: SocketAddresses) {
        *lock(&self.0.dialed) = Some((here(), ends));
    }

    pub(super) fn timers(&self) -> MutexGuard<'_, TimerQueue> {
        lock(&self.0.timers)
    }

    /// Returns the number of sockets of this reactor that have closed. The number wraps around; use it only to find out
    /// whether a socket has closed between two calls.
    pub(super) fn closed(&self) -> u64 {
        lock(&self.0.sources).closed
    }

    /// Returns whether a socket of this reactor has closed since [`closed`](Self::closed) returned `seen`. If none has,
    /// `waker` is woken when the next socket closes.
    pub(super) fn has_closed_since(&self, seen: u64, waker: &Waker) -> bool {
        let mut sources = lock(&self.0.sources);
        let has_closed = sources.closed != seen;
        if !has_closed && !sources.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            sources.waiting.push(waker.clone());
        }
        has_closed
    }

    /// Registers a socket with the poller. From now on, events of the socket are recorded in `source`.
    pub(super) fn register(
        &self,
        socket: &mut impl mio::event::Source,
        source: Arc<Source>,
        interest: Interest,
    ) -> io::Result<Registration> {
        let (index, token) = lock(&self.0.sources).insert(source)?;
        // If the poller refuses the socket, dropping `place` removes its source again.
        let place = Registration { shared: self.0.clone(), index, token };
        self.0.registry.register(socket, token, interest)?;
        Ok(place)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Shared {
    /// Returns the [`Source`] of the socket that a token names, or `None` if that socket has been closed.
    fn source(&self, token: Token) -> Option<Arc<Source>> {
        let sources = lock(&self.sources);
        let (generation, source) = sources.slab.get(token.0 & ((1 << INDEX_BITS) - 1))?;
        (usize::from(*generation) == token.0 >> INDEX_BITS).then(|| source.clone())
    }
}

impl Sources {
    /// Adds a socket, and returns its index and its token. Fails only if the index is too large for the bits of a token.
    fn insert(&mut self, source: Arc<Source>) -> io::Result<(usize, Token)> {
        let index = self.slab.vacant_key();
        if index >> INDEX_BITS != 0 {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // The generation `u16::MAX` is never used: with it the last index would have the token of the alarm.
        self.generation = (self.generation + 1) % u16::MAX;
        self.slab.insert((self.generation, source));
        Ok((index, Token(index | usize::from(self.generation) << INDEX_BITS)))
    }

    /// Removes a socket, and returns the wakers of the tasks that wait for a socket to close.
    ///
    /// The slab is shrunk to its last socket when two conditions hold: as many sockets have closed since the last decision
    /// as are left, and more than three quarters of the capacity are free. Nothing has to be kept for a removed socket,
    /// since all sockets share one counter of generations.
    ///
    /// After a shrink, a new socket gets the lowest free index. While one socket with a high index stays open, the slab is
    /// therefore not shrunk and grown again whenever other sockets open and close.
    fn remove(&mut self, index: usize) -> Vec<Waker> {
        self.closed = self.closed.wrapping_add(1);
        self.left += usize::from(self.slab.try_remove(index).is_some());
        if self.left >= self.slab.len() {
            self.left = 0;
            if self.slab.capacity() > FEW && self.slab.len() < self.slab.capacity() / 4 {
                self.slab.shrink_to_fit();
            }
        }
        core::mem::take(&mut self.waiting)
    }
}

/// The entry of one socket in the table of registered sockets. Its drop removes the entry.
pub(super) struct Registration {
    shared: Arc<Shared>,
    index: usize,
    token: Token,
}

impl Registration {
    /// Makes the system report only the readiness in `interest` for a socket that [`Handle::register`] has registered.
    pub(super) fn reregister(&self, socket: &mut impl mio::event::Source, interest: Interest) -> io::Result<()> {
        self.shared.registry.reregister(socket, self.token, interest)
    }

    /// Makes the system report no more events for a socket.
    pub(super) fn deregister(&self, socket: &mut impl mio::event::Source) -> io::Result<()> {
        self.shared.registry.deregister(socket)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let waiting = lock(&self.shared.sources).remove(self.index);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
