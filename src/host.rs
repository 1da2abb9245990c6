//! A swarm for `smol` programs, with async streams and handlers.
//!
//! A [`Host`] owns a swarm, its notifees and an executor for one thread. Tasks use a [`Handle`] to listen, dial and open
//! streams by awaiting futures; the streams are values of type [`Stream`], which implements `AsyncRead` and `AsyncWrite`. A
//! handler is a function that answers the inbound streams of a protocol. The host makes progress while [`run`](Host::run) or
//! [`run_until`](Host::run_until) is awaited, on any executor: `smol`'s, `async-io`'s, or another.
//!
//! The example `chat_host` is a whole program. The following example has two hosts on one thread. One host echoes the bytes
//! that the other sends:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use smol::io::{self, AsyncReadExt, AsyncWriteExt};
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::host::{Config, Host};
//! use swarm_notify::keys;
//!
//! const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
//! let mut server = Host::new(&keys::generate()?, Config::default())?;
//! let mut client = Host::new(&keys::generate()?, Config::default())?;
//! server.handle().set_handler(ECHO, async |stream| {
//!     let (mut reader, mut writer) = io::split(stream);
//!     io::copy(&mut reader, &mut writer).await?; // until the peer closes its side
//!     writer.close().await // without this, the drop would reset the stream
//! });
//!
//! let (listening, dialing) = (server.handle(), client.handle());
//! let talk = client.run_until(async {
//!     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
//!     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
//!     let mut stream = connection.open_stream(&[ECHO]).await?;
//!     stream.write_all(b"hello").await?;
//!     stream.close().await?;
//!     let mut echo = String::new();
//!     stream.read_to_string(&mut echo).await?;
//!     dialing.shutdown().await; // every closing event is still told
//!     Ok::<_, Box<dyn std::error::Error>>(echo)
//! });
//! assert_eq!(smol::block_on(server.run_until(talk))?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//!
//! - No byte that has arrived is lost before it is read, even if the connection ends first. For streams that have ended,
//!   this is true as long as their unread bytes do not exceed [`unread_bytes`](Config::unread_bytes). A reader can always
//!   distinguish a stream that was cut off from a stream that its peer has finished.
//! - A dropped stream is reset, and a dropped dial is given up.
//! - Everything is bounded. Yamux's window bounds unread bytes. [`Config`] bounds the running handlers, the streams that
//!   wait for a handler, and the openings of streams that [wait for a place](OpenStream::wait_at_limit). The number of live
//!   futures and streams bounds the commands. Each peer has a maximum number of handlers, and the peer for which the fewest
//!   handlers run is served next.
//! - Handles and streams can be used and dropped anywhere: in handlers, in notifications, in wakers that poll at once, after
//!   the host is gone. Nothing is borrowed while your code or a waker runs, except the swarm itself while notifees are told
//!   of events. Commands that are given during a notification are executed after it.
//!
//! # Services and notifees
//!
//! [`Host::with`] and [`Handle::with`] give access to the notifees and the swarm, to install services such as ping and to
//! give them commands. [`Handle::events`] and [`Handle::wait_for`] wait for the events of a service. The host has a clock of
//! its own: a service of your own that has a timeout counts from [`Notifees::now`] or [`Handle::now`]. The notifees of a
//! host are told of all events, as the notifees of any swarm are. The host's own notifee is told first.
//!
//! - [`open_stream_lazy`](Handle::open_stream_lazy) saves the round trip of the negotiation: bytes that are written at once
//!   are sent together with the proposal, and the first read fails if the peer does not speak the protocol.
//! - [`wait_at_limit`](OpenStream::wait_at_limit) makes the opening of a stream wait in a queue, oldest first, while there
//!   are as many streams as the limits allow.
//! - [`Handle::request`] sends a request to a peer and returns its response; [`Handle::answer`] sets a handler that answers
//!   the requests of peers.
//! - The swarm that `with` passes to its closure is a [`Node`](crate::notifee::Node). It executes commands itself, and
//!   services need it for their commands: `floodsub.subscribe(swarm, "news")`.
//! - To pass the events of identify to any number of tasks, register a notifee that clones the events of `emitted` into a
//!   channel for each task.
//!
//! A host, its handles and its streams belong to one thread. Other threads use a [`Remote`]: `remote.run(async move |handle|
//! …).await` runs a job on the host's thread and returns its output.
//!
//! # What it costs
//!
//! The bare swarm in a loop needs 2 to 3 µs for a stream, for both sides together (`cargo bench --features host --bench
//! host`). In a host a stream takes 1.2 times as long if streams are opened one at a time. If 64 streams are opened at a
//! time, a stream takes 1.6 to 1.8 times as long when it is opened lazily, and 1.8 to 2 times as long when its opening waits
//! until the peer has accepted the protocol. Both sides allocate five times more for each stream: its outcome, the state
//! that its holder shares with the host, the handler's future, and the handler's task.

mod any_swarm;
mod begin_stream;
mod command;
mod config;
mod connection;
mod driver;
mod error;
mod events;
mod execute;
mod handle;
mod handler_queue;
mod handlers;
mod listener;
mod notifee;
mod open_stream;
mod opened_stream;
mod opening_queues;
mod outcome;
mod remote;
mod requests;
mod running_handlers;
mod shared;
mod stream;
mod unread;
mod wait;

use crate::identity::Keypair;
use crate::notifee::Notifees;
pub use crate::protocols::Target;
use crate::swarm::{PipeTransport, Reactor, Swarm};
use crate::tcp;
use alloc::rc::Rc;
pub use any_swarm::AnySwarm;
pub use config::Config;
pub use connection::Connection;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use driver::Driver;
pub use error::Error;
pub use events::Events;
pub use handle::Handle;
pub use listener::Listener;
use notifee::HostNotifee;
pub use open_stream::OpenStream;
pub use remote::{Remote, RemoteEvents};
use ring::rand::{SecureRandom, SystemRandom};
use shared::HostShared;
use smol::LocalExecutor;
use std::os::fd::AsFd;
pub use stream::Stream;

/// A swarm, its notifees, and an executor for the tasks that use them. See the [module](self).
///
/// A host belongs to one thread. It is not [`Send`], and neither are its handles and streams, which share it by `Rc`. Its
/// tasks, handlers and notifees may therefore keep values that are not `Send`, and sending or receiving bytes needs no lock
/// and no atomic counter. Create a host in the thread that runs it. Other threads talk to a task of the host through a
/// channel:
///
#[cfg_attr(feature = "rand", doc = "```")]
#[cfg_attr(not(feature = "rand"), doc = "```ignore")]
/// use swarm_notify::host::{Config, Host};
/// use swarm_notify::keys;
///
/// let (ask, asked) = smol::channel::bounded::<String>(16);
/// let (answer, answered) = smol::channel::bounded(16);
/// type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
///
/// let thread = std::thread::spawn(move || -> Result<()> {
///     let identity = keys::generate()?;
///     let mut host = Host::new(&identity, Config::default())?;
///     let handle = host.handle();
///     smol::block_on(host.run_until(async {
///         while let Ok(address) = asked.recv().await {
///             let Ok(address) = address.parse() else { continue };
///             let outcome = handle.dial(address).await.map(|connection| connection.peer());
///             let _ = answer.send(outcome.map_err(|error| error.to_string())).await;
///         }
///         handle.shutdown().await;
///     }));
///     Ok(())
/// });
/// ask.send_blocking("/ip4/127.0.0.1/tcp/1".into())?; // where nobody listens
/// assert!(answered.recv_blocking()?.is_err());
/// drop(ask); // the task ends, and the thread with it
/// thread.join().expect("it does not panic")?;
/// # Result::Ok(())
/// ```
///
/// ```compile_fail,E0277
/// # let identity = swarm_notify::identity::Keypair::ed25519_from_bytes([7; 32]).unwrap();
/// # let host = swarm_notify::host::Host::new(&identity, Default::default()).unwrap();
/// std::thread::spawn(move || drop(host)); // cannot be sent between threads
/// ```
///
/// Dropping a host closes all its sockets at once and drops its tasks. Remaining handles and streams return errors. The drop
/// does not wait for the threads of [spawned](Notifees::spawn) notifees, since an executor's thread must not block: they
/// handle the notifications that they were sent, and then end. [`Handle::shutdown`] shuts a host down politely, and waits
/// for these threads, too.
pub struct Host {
    driver: Driver,
    executor: Rc<LocalExecutor<'static>>,
}

impl Host {
    /// Creates a host over TCP whose identity to its peers is `identity`. No socket is opened.
    ///
    /// # Errors
    /// [`Error::Identity`] if the identity cannot sign, [`Error::Randomness`] if the system returns no randomness,
    /// [`Error::Reactor`] if the system has no descriptor left.
    pub fn new(identity: &Keypair, config: Config) -> Result<Self, Error> {
        let mut seed = [0; 32];
        // `ring` is needed for Noise in any case. `getrandom` comes with the feature `rand`, which a host does not need.
        SystemRandom::new().fill(&mut seed).map_err(|_| Error::Randomness)?;
        let reactor = tcp::Reactor::new().map_err(|error| Error::Reactor(error.kind()))?;
        let transport = tcp::Transport::new(reactor.handle(), config.tcp.clone());
        let swarm = Swarm::with_reactor(reactor, transport, identity, seed, config.swarm.clone());
        Self::with_reactor(swarm?, config)
    }

    /// Creates a host from a swarm that has a reactor, such as a swarm over WebSocket over TCP. The reactor's descriptor
    /// wakes the host. The swarm must be new: the host has a clock of its own, so no time must have been passed to the
    /// swarm.
    ///
    /// # Errors
    /// [`Error::Reactor`] if `async-io` cannot wait for the reactor's descriptor.
    pub fn with_reactor<T, const EVENTS: usize, R>(swarm: Swarm<T, EVENTS, R>, config: Config) -> Result<Self, Error>
    where
        T: PipeTransport + 'static,
        R: Reactor + AsFd + 'static,
    {
        Ok(Self::of(AnySwarm::nested(swarm).map_err(|error| Error::Reactor(error.kind()))?, config))
    }

    /// Creates a host from a swarm without a reactor, over any transport that wakes the task that polls it, such as a
    /// transport in memory. The swarm must be new: the host has a clock of its own, so no time must have been passed to the
    /// swarm.
    #[must_use]
    pub fn with_swarm<T, const EVENTS: usize>(swarm: Swarm<T, EVENTS>, config: Config) -> Self
    where
        T: PipeTransport + 'static,
    {
        Self::of(AnySwarm::woken(swarm), config)
    }

    fn of(swarm: AnySwarm, config: Config) -> Self {
        let shared = HostShared::new(swarm, config);
        // This succeeds: nobody else can have borrowed the swarm of a host that was just created.
        let _ = shared.try_world(|host_swarm| host_swarm.notifees.register(HostNotifee(shared.clone())));
        Self { driver: Driver::new(shared), executor: Rc::new(LocalExecutor::new()) }
    }

    /// Returns a handle to this host, for its tasks, handlers and notifees.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.driver.shared.clone(), Rc::downgrade(&self.executor))
    }

    /// Returns a handle to this host for other threads. Each call creates a handle with a queue of its own; clones share the
    /// queue.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(&self.handle(), self.driver.shared.config.remote_jobs, self.driver.shared.end_of_host())
    }

    /// Calls `act` with the notifees and the swarm, at once: to register a notifee, to install a service, or to give the
    /// swarm or a service a command. The swarm is a [`Node`](crate::notifee::Node), and [`Notifees::now`] is the present
    /// time.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::lifecycle::ConnectionId;
    /// use swarm_notify::notifee::{Notifee, NotifeeContext};
    ///
    /// struct Peers(usize);
    ///
    /// impl<N> Notifee<N> for Peers {
    ///     fn connected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId) {
    ///         self.0 += 1;
    ///     }
    /// }
    ///
    /// let mut host = Host::new(&keys::generate()?, Config::default())?;
    /// let peers = host.with(|notifees, _| notifees.register(Peers(0)))?;
    /// assert_eq!(host.with(|notifees, _| notifees.get(peers).unwrap().0)?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Busy`] if the host has been moved into one of its own notifees and is used during a notification. `act` was
    /// not called.
    pub fn with<R>(&mut self, act: impl FnOnce(&mut Notifees<AnySwarm>, &mut AnySwarm) -> R) -> Result<R, Error> {
        let shared = &self.driver.shared;
        let done = shared.try_world(|host_swarm| {
            host_swarm.notifees.set_now(shared.now());
            act(&mut host_swarm.notifees, &mut host_swarm.swarm)
        });
        self.driver.shared.wake_driver();
        done.map_err(Error::from)
    }

    /// Drives the host until it is [shut down](Handle::shutdown).
    ///
    /// Between two runs, and while a task of its executor blocks, the host does nothing. Peers with this crate's defaults
    /// close their connections to the host 45 s after they last received a byte from it.
    pub async fn run(&mut self) {
        let Self { driver, executor } = self;
        executor.run(poll_fn(|cx| driver.poll(cx, executor))).await;
    }

    /// Drives the host until `task` has ended, and returns the output of `task`. The host is not shut down then, and can be
    /// run again. If the host is shut down before `task` has ended, `task` continues without the host.
    pub async fn run_until<R>(&mut self, task: impl Future<Output = R>) -> R {
        let Self { driver, executor } = self;
        let mut task = pin!(task);
        let both = poll_fn(|cx| {
            // The driver is ready once the host is shut down, and the task continues without it.
            // The driver is polled first, so that `task` finds the outcomes of this turn. A command that `task` gives wakes
            // the driver, so it does not wait for the next event.
            let _ = driver.poll(cx, executor);
            task.as_mut().poll(cx)
        });
        executor.run(both).await
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The tasks are dropped after this call. Their streams and futures then find that everything has ended.
        self.driver.shared.close();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("local_peer", &self.driver.shared.local_peer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
