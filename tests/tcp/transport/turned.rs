//! [`Turned`]: a transport without a swarm, and the reactor that its sockets wait with, turned by hand.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use swarm_notify::swarm::Reactor as _;
use swarm_notify::tcp::{Config, Reactor, Transport};

/// Nothing in these tests takes as long; it is what a hang costs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A transport that can be used as one, and its reactor.
pub(crate) struct Turned {
    transport: Transport,
    pub(crate) reactor: Reactor,
    began: Instant,
    /// The time, if it is a test's own and passes only as the test says.
    frozen: Option<Duration>,
}

/// Wakes a thread that polls something and turns its reactor.
struct Woken {
    is_woken: AtomicBool,
    thread: ThreadId,
    /// Ends a wait of the thread's.
    alarm: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        // What is woken in a turn of the reactor is polled after it.
        if thread::current().id() != self.thread {
            self.alarm.wake_by_ref();
        }
    }
}

impl Default for Turned {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Turned {
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, |transport| transport)
    }

    /// One whose transport somebody else does something to before it is used.
    pub(crate) fn with(config: Config, change: impl FnOnce(Transport) -> Transport) -> Self {
        let reactor = Reactor::new().expect("there are descriptors");
        let transport = change(Transport::new(reactor.handle(), config));
        Self { transport, reactor, began: Instant::now(), frozen: None }
    }

    /// From now on, the time stands still, at zero, but for [`pass_to`](Self::pass_to).
    pub(crate) fn freeze(mut self) -> Self {
        self.frozen = Some(Duration::ZERO);
        self
    }

    /// The time of a clock that stands still is this now.
    pub(crate) fn pass_to(&mut self, now: Duration) {
        self.frozen = Some(now);
        self.reactor.advance(now);
    }

    /// Drops the transport, and leaves the reactor.
    #[cfg(feature = "dns")]
    pub(crate) fn drop_transport(&mut self) {
        let other = Transport::new(self.reactor.handle(), Config::default());
        drop(std::mem::replace(&mut self.transport, other));
    }

    fn now(&self) -> Duration {
        self.frozen.unwrap_or_else(|| self.began.elapsed())
    }

    /// Has the reactor hear what has come, without waiting.
    pub(crate) fn turn(&mut self) {
        self.reactor.advance(self.now());
        while self.reactor.poll(Some(Duration::ZERO)).expect("it can be polled") {}
    }

    /// Turns the reactor and polls until it is ready. It sleeps in between until the reactor has something to say, and
    /// nothing else ends that but the limit.
    #[track_caller]
    pub(crate) fn run<R>(&mut self, mut poll: impl FnMut(&mut Transport, &mut Context<'_>) -> Poll<R>) -> R {
        let limit = Instant::now() + LIMIT;
        let woken =
            Arc::new(Woken { is_woken: false.into(), thread: thread::current().id(), alarm: self.reactor.waker() });
        let waker = Waker::from(woken.clone());
        loop {
            woken.is_woken.store(false, Ordering::SeqCst);
            self.reactor.advance(self.now());
            if let Poll::Ready(done) = poll(&mut self.transport, &mut Context::from_waker(&waker)) {
                return done;
            }
            let most = limit.saturating_duration_since(Instant::now());
            assert!(!most.is_zero(), "nothing comes");
            let due = self.reactor.poll_at().filter(|_| self.frozen.is_none());
            let left = due.map_or(most, |due| due.saturating_sub(self.now()).min(most));
            let left = if woken.is_woken.load(Ordering::SeqCst) { Duration::ZERO } else { left };
            self.reactor.poll(Some(left)).expect("it can be polled");
        }
    }

    /// Turns the reactor until a future is ready.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        self.run(|_, cx| future.as_mut().poll(cx))
    }
}

impl Deref for Turned {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        &self.transport
    }
}

impl DerefMut for Turned {
    fn deref_mut(&mut self) -> &mut Transport {
        &mut self.transport
    }
}
