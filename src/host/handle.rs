//! [`Handle`]: how tasks ask a host for things, and what they get: a [`Listener`], a [`Connection`].

mod closing;

use super::any_swarm::AnySwarm;
use super::command::{HostCommand, Proposal};
use super::connection::Connection;
use super::error::Error;
use super::listener::Listener;
use super::open_stream::OpenStream;
use super::outcome::PendingOutcome;
use super::shared::{HostPhase, HostShared};
use super::stream::Stream;
use super::wait::{AwaitOutcome, WatchNotifee};
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::notifee::{NotifeeId, Notifees};
use crate::protocols::Target;
use crate::swarm::Multiaddr;
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::fmt;
use core::future::Future;
use core::time::Duration;
use smol::LocalExecutor;

/// A handle of a host: tasks ask the host for things with it. Clones are handles of the same host; all belong to its thread.
///
/// A handle may be used anywhere: in a handler, inside a notification, in a waker, after the host is gone. What it asks
/// for is begun at once, or after the notification that it was asked in, and comes about while the host
/// [runs](super::Host::run). Once the host was dropped, everything is [`Error::Gone`].
///
/// Nothing is begun before a future is polled. One that is dropped before its outcome gives up what it has begun: the dial ends, the listener is closed, the
/// stream is reset. Those that wait for an end change nothing when they are dropped.
#[derive(Clone)]
pub struct Handle {
    shared: Rc<HostShared>,
    executor: Weak<LocalExecutor<'static>>,
}

impl Handle {
    pub(super) const fn new(shared: Rc<HostShared>, executor: Weak<LocalExecutor<'static>>) -> Self {
        Self { shared, executor }
    }

    /// Who we are to our peers.
    #[must_use]
    pub fn local_peer(&self) -> PeerId {
        self.shared.local_peer
    }

    /// Returns the time on the host's clock, which counts from the making of the host: what notifees and services are given
    /// as [`NotifeeContext::now`](crate::notifee::NotifeeContext::now), and as [`Notifees::now`] in
    /// [`with`](Self::with). It goes on after the host is gone.
    ///
    /// `Instant::now() - handle.now()` is the instant at which it was zero.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Listens on an address. The future is ready once a connect succeeds.
    ///
    /// # Errors
    /// [`Error::Failed`] with what was wrong with the address (in use, not available, not permitted, not one of our
    /// transport's), [`Error::Limit`], [`Error::Closing`], [`Error::Gone`].
    pub fn listen(&self, address: Multiaddr) -> impl Future<Output = Result<Listener, Error>> + use<> {
        let shared = self.shared.clone();
        async move {
            let (id, addresses) = AwaitOutcome::begin(&shared, |slot| HostCommand::Listen(address, slot)).await?;
            Ok(Listener { shared, id, addresses })
        }
    }

    /// Dials an address. The future is ready once the peer is authenticated. With `/p2p/…` at the address's end, no other
    /// peer is accepted. Two dials of one address are two connections.
    ///
    /// # Errors
    /// [`Error::Failed`] (refused, timed out, the wrong peer, …), [`Error::Limit`], [`Error::Closing`],
    /// [`Error::Gone`].
    pub fn dial(&self, address: Multiaddr) -> impl Future<Output = Result<Connection, Error>> + use<> {
        let shared = self.shared.clone();
        async move {
            let (id, peer, remote) = AwaitOutcome::begin(&shared, |slot| HostCommand::Dial(address, slot)).await?;
            Ok(Connection { shared, id, peer, remote })
        }
    }

    /// Opens a stream over a connection, or over the oldest one to a peer, that speaks the first of `protocols` that the peer speaks too.
    ///
    /// Where there are as many streams as the limits allow, it fails with [`Error::Limit`], or waits for a place if you
    /// ask it to: [`OpenStream::wait_at_limit`].
    ///
    /// # Errors
    /// [`Error::Failed`] (unsupported, reset, timed out, the connection ended, …), [`Error::NotConnected`],
    /// [`Error::NoProtocol`], [`Error::Limit`], [`Error::Closing`], [`Error::Gone`].
    pub fn open_stream<T: Into<Target>>(&self, to: T, protocols: &[Protocol]) -> OpenStream {
        OpenStream::new(&self.shared, to.into(), Proposal::Agreed(protocols.to_vec()))
    }

    /// Opens a stream over a connection, or to a peer, lazily: it is there before the peer has agreed to speak
    /// `protocol`, so that what is written at once travels with the proposal, and a round trip is saved. What is
    /// different from [`open_stream`](Self::open_stream):
    ///
    /// - Only one protocol can be proposed.
    /// - Whether the peer speaks it shows at the first read, which waits for its word: an error says what the stream has
    ///   failed of, `Unsupported` if the peer refused it, and every later read, write and close gives it again. What was
    ///   written before is lost then, though the writes went well.
    /// - Notifees are told `opened_stream` once the peer has agreed, or `stream_failed`.
    /// - Flushing what was written before waits for the peer's word, too.
    /// - Closing takes effect when the peer has agreed. Closed and dropped before that, it is still sent to its end;
    ///   dropped without, it is given up.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use smol::io::{self, AsyncReadExt, AsyncWriteExt};
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    ///
    /// const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
    /// let mut server = Host::new(&keys::generate()?, Config::default())?; // it speaks nothing
    /// let mut client = Host::new(&keys::generate()?, Config::default())?;
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let talk = client.run_until(async {
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
    ///     let mut stream = connection.open_stream_lazy(ECHO).await?;
    ///     stream.write_all(b"hello").await?; // on its way with the proposal
    ///     Ok::<_, Box<dyn std::error::Error>>(stream.read(&mut [0; 8]).await.map_err(|error| error.kind()))
    /// });
    /// assert_eq!(smol::block_on(server.run_until(talk))?, Err(io::ErrorKind::Unsupported));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Limit`], [`Error::Closing`], [`Error::Gone`].
    pub fn open_stream_lazy<T: Into<Target>>(&self, to: T, protocol: Protocol) -> OpenStream {
        OpenStream::new(&self.shared, to.into(), Proposal::Lazy(protocol))
    }

    /// Gives each inbound stream of a protocol to `handler`, in a task of its own, from now on: the protocol is spoken.
    /// A handler that was there before gets no new streams.
    ///
    /// At most [`handlers`](super::Config::handlers) run at the same time; beyond that streams wait, their connections
    /// in turn, and beyond [`waiting_streams`](super::Config::waiting_streams) they are reset. What the handler returns is dropped. If it
    /// panics, its stream is reset, and everything else goes on.
    ///
    /// A protocol that a [`Service`](crate::protocols::Service) speaks is not for a handler. Once the host is shutting
    /// down, nothing changes.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use smol::io::{self, AsyncReadExt, AsyncWriteExt};
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::host::{Config, Host, Stream};
    /// use swarm_notify::keys;
    ///
    /// async fn shout(mut stream: Stream) -> io::Result<()> {
    ///     let mut text = String::new();
    ///     stream.read_to_string(&mut text).await?; // until the peer closes its side
    ///     stream.write_all(text.to_uppercase().as_bytes()).await?;
    ///     stream.close().await // without this, the drop would reset it
    /// }
    ///
    /// const SHOUT: Protocol = Protocol::from_static("/shout/1.0.0");
    /// let mut server = Host::new(&keys::generate()?, Config::default())?;
    /// let mut client = Host::new(&keys::generate()?, Config::default())?;
    /// server.handle().set_handler(SHOUT, shout);
    ///
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let talk = client.run_until(async {
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
    ///     let mut stream = connection.open_stream(&[SHOUT]).await?;
    ///     stream.write_all(b"hello").await?;
    ///     stream.close().await?;
    ///     let mut answer = String::new();
    ///     stream.read_to_string(&mut answer).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(answer)
    /// });
    /// assert_eq!(smol::block_on(server.run_until(talk))?, "HELLO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// To limit the streams of the protocol that a peer may have open, reach the swarm by [`with`](Self::with), and use
    /// [`limit_protocol`](crate::swarm::Swarm::limit_protocol):
    ///
    /// ```
    /// # use swarm_notify::connection::Protocol;
    /// # use swarm_notify::host::{Config, Host};
    /// # use swarm_notify::identity::Keypair;
    /// use swarm_notify::notifee::Node;
    /// use swarm_notify::swarm::ProtocolLimits;
    ///
    /// # const SHOUT: Protocol = Protocol::from_static("/shout/1.0.0");
    /// # let mut host = Host::new(&Keypair::ed25519_from_bytes([1; 32])?, Config::default())?;
    /// # let handle = host.handle();
    /// let limits = ProtocolLimits::new().with_per_peer(4).with_total(100);
    /// let limited = handle.with(move |_, swarm| swarm.limit_protocol(&SHOUT, limits));
    /// # smol::block_on(host.run_until(limited))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_handler<R>(&self, protocol: Protocol, handler: impl AsyncFn(Stream) -> R + 'static) {
        if self.shared.phase.get() != HostPhase::Running {
            return;
        }
        // The host's end drops all handlers, so that they may own what they stand in.
        let (handler, shared) = (Rc::new(handler), self.shared.clone());
        let handler = Rc::new(move |opened| {
            let (handler, stream) = (handler.clone(), Stream::new(shared.clone(), opened));
            Box::pin(async move { drop((*handler)(stream).await) }) as _
        });
        let old = self.shared.waiters(|waiters| waiters.handlers.set(protocol.clone(), Some(handler)));
        drop(old);
        self.shared.act(HostCommand::Speak(protocol));
    }

    /// Takes the handler of a protocol away: the protocol is spoken no more. Handlers that run go on, and streams that
    /// wait for a place still get it.
    pub fn remove_handler(&self, protocol: &Protocol) {
        if self.shared.waiters(|waiters| waiters.handlers.handles(protocol)) {
            let old = self.shared.waiters(|waiters| waiters.handlers.set(protocol.clone(), None));
            drop(old);
            self.shared.act(HostCommand::SpeakNoMore(protocol.clone()));
        }
    }

    /// Does something with the notifees and the swarm: registers a notifee, installs a service, asks one what it knows.
    /// It is done at once, or after the notification that it was asked in; [`Notifees::now`] is the time then. What `act` asks of handles, streams included,
    /// is done after it. It is done also if the future is dropped after it was polled once.
    ///
    /// The swarm is a [`Node`](crate::notifee::Node), so services take their commands with it:
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::notifee::Node;
    /// use swarm_notify::protocols::floodsub::FloodSub;
    /// use swarm_notify::protocols::pubsub::{self, Signing};
    ///
    /// let identity = keys::generate()?;
    /// let mut host = Host::new(&identity, Config::default())?;
    /// let service = FloodSub::new(Signing::strict_sign(identity, 1), pubsub::Config::default());
    /// let floodsub = host.with(|notifees, swarm| notifees.install(swarm, service))?;
    ///
    /// let handle = host.handle();
    /// let joined = handle.with(move |notifees, swarm| {
    ///     let floodsub = notifees.get_mut(floodsub).expect("it is installed");
    ///     floodsub.subscribe(swarm, "news")
    /// });
    /// assert_eq!(smol::block_on(host.run_until(joined))?, Ok(true));
    /// let open = handle.with(|_, swarm| swarm.counters().connections.inbound.open);
    /// assert_eq!(smol::block_on(host.run_until(open))?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Gone`]; `act` was not called.
    pub async fn with<R: 'static>(
        &self,
        act: impl FnOnce(&mut Notifees<AnySwarm>, &mut AnySwarm) -> R + 'static,
    ) -> Result<R, Error> {
        let command = |slot: Rc<PendingOutcome<R>>| {
            HostCommand::With(Box::new(move |host_swarm| {
                slot.fill(
                    host_swarm
                        .map(|host_swarm| act(&mut host_swarm.notifees, &mut host_swarm.swarm))
                        .ok_or(Error::Gone),
                )
            }))
        };
        AwaitOutcome::begin(&self.shared, command).await
    }

    /// Waits until `ask` gets something out of a notifee: asks at once, and after each of the host's turns.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::protocols::ping::{self, Event, Ping};
    ///
    /// let mut server = Host::new(&keys::generate()?, Config::default())?;
    /// let mut client = Host::new(&keys::generate()?, Config::default())?;
    /// let seed = keys::seed()?;
    /// server.with(|notifees, swarm| notifees.install(swarm, Ping::new(seed, ping::Config::default())))?;
    /// let ping = client.with(|notifees, swarm| notifees.install(swarm, Ping::new(seed, ping::Config::default())))?;
    ///
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let task = client.run_until(async {
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     dialing.dial(listener.addresses()[0].clone()).await?;
    ///     let event = dialing.wait_for(ping, Ping::next_event).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(event)
    /// });
    /// assert!(matches!(smol::block_on(server.run_until(task))?, Event::Pong { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoNotifee`] if no notifee of that type has that id, [`Error::Gone`].
    pub async fn wait_for<T: 'static, R>(
        &self,
        id: NotifeeId<T>,
        ask: impl FnMut(&mut T) -> Option<R> + Unpin,
    ) -> Result<R, Error> {
        WatchNotifee::new(self.shared.clone(), id, ask).await
    }

    /// Has the host do something, at once or after the notification that it is asked in.
    pub(super) fn act(&self, command: HostCommand) {
        self.shared.act(command);
    }

    /// Asks a notifee as [`wait_for`](Self::wait_for) does, again and again.
    pub(super) fn watch<T, F>(&self, id: NotifeeId<T>, ask: F) -> WatchNotifee<T, F> {
        WatchNotifee::new(self.shared.clone(), id, ask)
    }

    /// Runs a task beside the others, while the host runs. It is dropped with the host, and alone if it panics. How many
    /// there are is for the caller to bound.
    ///
    /// # Errors
    /// [`Error::Gone`]; the task was dropped.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> Result<(), Error> {
        match self.executor.upgrade() {
            Some(executor) => {
                executor.spawn(task).detach();
                Ok(())
            }
            None => Err(Error::Gone),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("local_peer", &self.shared.local_peer).finish_non_exhaustive()
    }
}
