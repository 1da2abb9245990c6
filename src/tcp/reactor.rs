//! [`Reactor`]: the poller that the sockets of a [`Transport`](super::Transport) are registered with, and its timers.

use super::timer::Timers;
use alloc::sync::Arc;
use alloc::task::Wake;
use atomic_waker::AtomicWaker;
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use mio::event::Event;
use mio::{Events, Interest, Token};
use slab::Slab;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many events one poll takes.
const EVENTS: usize = 1024;

/// Names the waker of other threads; no socket has it.
const WAKER: Token = Token(usize::MAX);

/// How many bits of a token are a place in the slab; the others are the generation of what sits there.
const PLACE_BITS: u32 = usize::BITS - 16;

/// The poller of one swarm's TCP sockets: epoll, kqueue or IOCP, by way of `mio`, edge-triggered.
///
/// It is one descriptor, and no thread. A [`Swarm`](super::Swarm) drives it in its own turns. A
/// [`Transport`](super::Transport) that is used without a swarm makes progress only while somebody calls
/// [`advance`](crate::swarm::Reactor::advance) and [`poll`](crate::swarm::Reactor::poll).
///
/// On Unix it has [`AsFd`](std::os::fd::AsFd), so that it nests in another loop: the descriptor is readable while
/// something has come that no poll has taken. It must not be used after a fork: the child shares it with its parent.
///
/// ```
/// use swarm_notify::identity::Keypair;
/// use swarm_notify::swarm::{Config, Swarm};
/// use swarm_notify::tcp;
///
/// let reactor = tcp::Reactor::new()?;
/// let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
/// let identity = Keypair::ed25519_from_bytes([7; 32])?; // yours, kept in a file
/// let seed = [9; 32]; // fresh randomness of the system's
/// let mut swarm: tcp::Swarm = Swarm::with_reactor(reactor, transport, &identity, seed, Config::default())?;
/// swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reactor {
    poll: mio::Poll,
    events: Events,
    shared: Arc<Shared>,
    alarm: Arc<Alarm>,
}

/// A reactor, as its sockets and timers know it. Clones are of the same reactor.
///
/// What is registered after its [`Reactor`] is gone never becomes ready.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    registry: mio::Registry,
    sources: Mutex<Sources>,
    timers: Mutex<Timers>,
}

/// What is registered, by place.
#[derive(Default)]
struct Sources {
    slab: Slab<(u16, Arc<Source>)>,
    /// The generation of what is registered next.
    generation: u16,
}

/// How ready a socket is, and who waits for it.
#[derive(Default)]
struct Source {
    /// [`READABLE`] and the other marks, and above them how often the poller has set one: a mark is cleared only if none
    /// was set meanwhile.
    ready: AtomicU32,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

const READABLE: u32 = 1;
const WRITABLE: u32 = 2;
/// The other side has ended: its end is still to be read, and no short read hides it.
const READ_CLOSED: u32 = 4;
const SET_ONCE: u32 = 8;

/// Wakes the poller from any thread.
struct Alarm {
    waker: mio::Waker,
    /// The [thread](here) in which a poll has ended its wait and calls wakers, or 0. Whoever is woken from there is about
    /// to look for itself: ringing would cost a write and another wait for each socket that a wait hears of, ten system
    /// calls a round trip instead of six. A wake of another thread rings at any time.
    calling: AtomicUsize,
}

/// The part of a poll in which it calls wakers, which may panic.
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

/// A number that no other thread has while this one lives, or 0 where it is about to end.
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
        // Only this thread stores its own number, so that it never reads that of an earlier moment.
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
    /// A reactor with nothing registered.
    ///
    /// # Errors
    /// The system's, if it has no descriptor left for a poller.
    pub fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let alarm = Arc::new(Alarm { waker: mio::Waker::new(&registry, WAKER)?, calling: AtomicUsize::new(0) });
        let shared = Arc::new(Shared { registry, sources: Mutex::default(), timers: Mutex::default() });
        Ok(Self { poll, events: Events::with_capacity(EVENTS), shared, alarm })
    }

    /// What a [`Transport`](super::Transport) needs of it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }
}

impl crate::swarm::Reactor for Reactor {
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let _calling = Calling::new(&self.alarm.calling);
        let mut count = 0;
        for event in &self.events {
            count += 1;
            if let Some(source) = self.shared.source(event.token()) {
                source.happened(event);
            }
        }
        Ok(count == self.events.capacity())
    }

    fn advance(&mut self, now: Duration) {
        let due = lock(&self.shared.timers).advance(now);
        due.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll_at(&self) -> Option<Duration> {
        lock(&self.shared.timers).first()
    }

    fn waker(&self) -> Waker {
        Waker::from(self.alarm.clone())
    }
}

/// The poller's descriptor. It is readable while something has come that no turn has heard, under level and edge
/// triggers alike. Only wait for it: what is read from it, or registered with it, is lost to the reactor.
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
    /// The time of the reactor's last turn, on its owner's clock. Timers count from it.
    #[must_use]
    pub fn now(&self) -> Duration {
        lock(&self.0.timers).now()
    }

    pub(super) fn timers(&self) -> MutexGuard<'_, Timers> {
        lock(&self.0.timers)
    }

    /// Registers a socket, of which nothing is known to be ready.
    pub(super) fn register<S: mio::event::Source>(
        &self,
        mut socket: S,
        interest: Interest,
    ) -> io::Result<Registered<S>> {
        let source = Arc::new(Source::default());
        let (place, token) = lock(&self.0.sources).insert(source.clone())?;
        let registration = Registration { shared: self.0.clone(), source, place, token, interest };
        // On an error the registration gives its place back.
        self.0.registry.register(&mut socket, token, interest)?;
        Ok(Registered { socket, registration })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Shared {
    /// What is registered under a token, unless that has left.
    fn source(&self, token: Token) -> Option<Arc<Source>> {
        let sources = lock(&self.sources);
        let (generation, source) = sources.slab.get(token.0 & ((1 << PLACE_BITS) - 1))?;
        (usize::from(*generation) == token.0 >> PLACE_BITS).then(|| source.clone())
    }
}

impl Sources {
    fn insert(&mut self, source: Arc<Source>) -> io::Result<(usize, Token)> {
        let place = self.slab.vacant_key();
        if place >> PLACE_BITS != 0 {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // One is left out, whose last place would have the token of the waker.
        self.generation = (self.generation + 1) % u16::MAX;
        self.slab.insert((self.generation, source));
        Ok((place, Token(place | usize::from(self.generation) << PLACE_BITS)))
    }
}

impl Source {
    /// The poller has something to say of it.
    fn happened(&self, event: &Event) {
        let (mut marks, mut reads, mut writes) = (0, false, false);
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            (marks, reads) = (marks | READABLE, true);
        }
        if event.is_read_closed() || event.is_error() {
            marks |= READ_CLOSED;
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            (marks, writes) = (marks | WRITABLE, true);
        }
        let _ = self
            .ready
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |ready| Some((ready | marks).wrapping_add(SET_ONCE)));
        if reads {
            self.reader.wake();
        }
        if writes {
            self.writer.wake();
        }
    }
}

/// A place among what is registered.
struct Registration {
    shared: Arc<Shared>,
    source: Arc<Source>,
    place: usize,
    token: Token,
    /// What the system tells of.
    interest: Interest,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared.sources).slab.try_remove(self.place);
    }
}

/// A socket that is registered with a reactor. Dropping it deregisters it before it closes: a copy of its descriptor,
/// in a child between fork and exec, would be reported on otherwise.
pub(super) struct Registered<S: mio::event::Source> {
    pub(super) socket: S,
    registration: Registration,
}

impl<S: mio::event::Source> Registered<S> {
    /// Makes one try after the other with the socket while it is marked readable; `Pending` once one would block, with
    /// the waker registered.
    pub(super) fn poll_read<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        let source = &self.registration.source;
        poll(&source.ready, READABLE, &source.reader, cx, || attempt(&mut self.socket))
    }

    /// The same with writing. The system tells of places to write from the first time on that there is none.
    pub(super) fn poll_write<A>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut S) -> io::Result<A>,
    ) -> Poll<io::Result<A>> {
        let source = &self.registration.source;
        let polled = poll(&source.ready, WRITABLE, &source.writer, cx, || attempt(&mut self.socket));
        if polled.is_pending() && !self.registration.interest.is_writable() {
            // A place that has come meanwhile is told of, since the system looks anew.
            self.hear_of(Interest::READABLE | Interest::WRITABLE)?;
        }
        polled
    }

    /// Has the system tell only when there is something to read, until a write finds no place. The handshake of a
    /// connection that is accepted, its ends, and each read would be told as writable, too: two waits for each
    /// connection in which nothing has come, and one more where it is dialed.
    pub(super) fn hear_of_reads(&mut self) -> io::Result<()> {
        self.hear_of(Interest::READABLE)
    }

    fn hear_of(&mut self, interest: Interest) -> io::Result<()> {
        let Registration { shared, token, .. } = &self.registration;
        shared.registry.reregister(&mut self.socket, *token, interest)?;
        self.registration.interest = interest;
        Ok(())
    }

    /// A read has brought less than there was place for: the system has no more, and says when it has. So the next one
    /// need not find that out by a call. Where the system says only once after an attempt that would block (IOCP), and
    /// where the other side has ended, it has to.
    pub(super) fn read_short(&self) {
        let ready = self.registration.source.ready.load(Ordering::Acquire);
        if cfg!(unix) && ready & READ_CLOSED == 0 {
            clear(&self.registration.source.ready, ready, READABLE);
        }
    }

    /// Takes it for writable: what was just connected is.
    pub(super) fn assume_writable(&self) {
        self.registration.source.ready.fetch_or(WRITABLE, Ordering::AcqRel);
    }

    /// Takes it for readable until an attempt says otherwise.
    pub(super) fn assume_readable(&self) {
        self.registration.source.ready.fetch_or(READABLE, Ordering::AcqRel);
    }
}

impl<S: mio::event::Source> Drop for Registered<S> {
    fn drop(&mut self) {
        // A socket that the system has no registration of has nothing to be deregistered.
        let _ = self.registration.shared.registry.deregister(&mut self.socket);
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

fn poll<A>(
    ready: &AtomicU32,
    mark: u32,
    waiting: &AtomicWaker,
    cx: &Context<'_>,
    mut attempt: impl FnMut() -> io::Result<A>,
) -> Poll<io::Result<A>> {
    loop {
        let mut seen = ready.load(Ordering::Acquire);
        if seen & mark == 0 {
            waiting.register(cx.waker());
            // The poller may have set it before it could see the waker.
            seen = ready.load(Ordering::Acquire);
            if seen & mark == 0 {
                return Poll::Pending;
            }
        }
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => clear(ready, seen, mark),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Takes a mark back, unless the poller has set one since `seen` was seen.
fn clear(ready: &AtomicU32, seen: u32, mark: u32) {
    let mut current = seen;
    // Another half of the same socket may clear its own mark at the same time.
    while let Err(changed) = ready.compare_exchange(current, current & !mark, Ordering::AcqRel, Ordering::Acquire) {
        if changed / SET_ONCE != seen / SET_ONCE {
            return;
        }
        current = changed;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done with the lock panics in between.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
