//! [`Handle`]: the commands of tasks to a host. Their outcomes are values of the types [`Listener`], [`Connection`] and
//! [`Stream`].

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

/// A handle to a host, with which tasks give it commands. Clones are handles to the same host, and belong to the thread of
/// the host.
///
/// A handle may be used anywhere: in a handler, inside a notification, in a waker, after the host is gone. A command begins
/// at once, or after the notification in which it was given, and makes progress while the host [runs](super::Host::run).
/// Once the host was dropped, every command fails with [`Error::Gone`].
///
/// A command begins when its future is first polled. If the future is dropped before its outcome, everything that the
/// command has begun is given up: the dial ends, the listener is closed, the stream is reset. Dropping a future that only
/// waits until something has ended changes nothing.
#[derive(Clone)]
pub struct Handle {
    shared: Rc<HostShared>,
    // The reference is weak: tasks of the executor own handles, and would keep the executor, and so themselves, alive for
    // ever.
    executor: Weak<LocalExecutor<'static>>,
}

impl Handle {
    pub(super) const fn new(shared: Rc<HostShared>, executor: Weak<LocalExecutor<'static>>) -> Self {
        Self { shared, executor }
    }

    /// Returns the peer id of the host's swarm.
    #[must_use]
    pub fn local_peer(&self) -> PeerId {
        self.shared.local_peer
    }

    /// Returns the time on the host's clock, which begins at zero when the host is created. Notifees and services get this
    /// time as [`NotifeeContext::now`](crate::notifee::NotifeeContext::now), and as [`Notifees::now`] in
    /// [`with`](Self::with). The clock continues after the host is gone.
    ///
    /// `Instant::now() - handle.now()` is the instant at which the clock was zero.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Listens on an address. The future is ready once peers can connect to the listener.
    ///
    /// # Errors
    /// [`Error::Failed`] if the transport cannot listen on the address (in use, not available, not permitted, not
    /// supported), [`Error::Limit`] at the limit of listeners, [`Error::Closing`] if the host is shutting down,
    /// [`Error::Gone`] if the host was dropped.
    pub fn listen(&self, address: Multiaddr) -> impl Future<Output = Result<Listener, Error>> + use<> {
        let shared = self.shared.clone();
        async move {
            let (id, addresses) = AwaitOutcome::begin(&shared, |slot| HostCommand::Listen(address, slot)).await?;
            Ok(Listener { shared, id, addresses })
        }
    }

    /// Dials an address. The future is ready once the peer is authenticated. With `/p2p/…` at the end of the address, only
    /// the peer with that id is accepted. Two dials of one address result in two connections.
    ///
    /// # Errors
    /// [`Error::Failed`] if the dial fails (refused, timed out, the wrong peer, …), [`Error::Limit`] at the limit of
    /// connections or of pending dials, [`Error::Closing`] if the host is shutting down, [`Error::Gone`] if the host was
    /// dropped.
    pub fn dial(&self, address: Multiaddr) -> impl Future<Output = Result<Connection, Error>> + use<> {
        let shared = self.shared.clone();
        async move {
            let (id, peer, remote) = AwaitOutcome::begin(&shared, |slot| HostCommand::Dial(address, slot)).await?;
            Ok(Connection { shared, id, peer, remote })
        }
    }

    /// Opens a stream on a connection, or on the oldest connection to a peer. The stream speaks the first of `protocols`
    /// that the peer accepts.
    ///
    /// If there are as many streams as the limits allow, the future fails with [`Error::Limit`]. After a call of
    /// [`OpenStream::wait_at_limit`], the future waits for a place instead.
    ///
    /// # Errors
    /// [`Error::Failed`] if the stream does not open (unsupported, reset, timed out, the connection ended, …),
    /// [`Error::NotConnected`] if there is no such connection, [`Error::NoProtocol`] if `protocols` is empty,
    /// [`Error::Limit`] at a limit of streams, [`Error::Closing`] if the connection or the host is closing, [`Error::Gone`]
    /// if the host was dropped.
    pub fn open_stream<T: Into<Target>>(&self, to: T, protocols: &[Protocol]) -> OpenStream {
        OpenStream::new(&self.shared, to.into(), Proposal::Agreed(protocols.to_vec()))
    }

    /// Opens a stream on a connection, or on the oldest connection to a peer, lazily: the stream can be used before the peer
    /// has accepted `protocol`. Bytes that are written at once are sent together with the proposal, which saves a round
    /// trip. The differences from [`open_stream`](Self::open_stream) are:
    ///
    /// - Only one protocol can be proposed.
    /// - The first read waits for the peer's answer, and fails if the peer does not speak the protocol. Its error contains
    ///   the reason, `Unsupported` if the peer refused the protocol, and each later read, write and close fails with the
    ///   same error. Bytes that were written before are then lost, although the writes succeeded.
    /// - Notifees are told `opened_stream` once the peer has accepted the protocol, or `stream_failed`.
    /// - Flushing bytes that were written before the peer's answer also waits for that answer.
    /// - Closing takes effect once the peer has accepted the protocol. If the stream is closed and then dropped before that,
    ///   all bytes are still sent. If the stream is dropped without a close before that, it is given up.
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
    /// [`Error::NotConnected`] if there is no such connection, [`Error::Limit`] at a limit of streams, [`Error::Closing`] if
    /// the connection or the host is closing, [`Error::Gone`] if the host was dropped.
    pub fn open_stream_lazy<T: Into<Target>>(&self, to: T, protocol: Protocol) -> OpenStream {
        OpenStream::new(&self.shared, to.into(), Proposal::Lazy(protocol))
    }

    /// Makes the swarm speak a protocol, and passes each inbound stream of the protocol to `handler`, in a task of its own.
    /// A handler that was set earlier for the same protocol gets no new streams.
    ///
    /// At most [`handlers`](super::Config::handlers) run at the same time. Further streams wait until a handler ends, and
    /// peers and connections take turns. Streams beyond [`waiting_streams`](super::Config::waiting_streams) are reset. The
    /// value that the handler returns is dropped. If the handler panics, its stream is reset, and everything else continues.
    ///
    /// Do not set a handler for a protocol that a [`Service`](crate::protocols::Service) speaks. Once the host is shutting
    /// down, this call has no effect.
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
    ///     stream.close().await // without this, the drop would reset the stream
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
    /// To limit the number of streams of the protocol that a peer may have open, call
    /// [`limit_protocol`](crate::swarm::Swarm::limit_protocol) on the swarm, which [`with`](Self::with) passes to its
    /// closure:
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
        // A shutdown unregisters the protocols of the handlers once, when it begins. A handler that is set later would make
        // the swarm speak its protocol again.
        if self.shared.phase.get() != HostPhase::Running {
            return;
        }
        // A handler may own handles to its host. This cycle does not leak memory, since the end of the host drops all
        // handlers.
        let (handler, shared) = (Rc::new(handler), self.shared.clone());
        let handler = Rc::new(move |opened| {
            let (handler, stream) = (handler.clone(), Stream::new(shared.clone(), opened));
            // The future of an `AsyncFn` borrows the function, so each task owns a reference to it. A handler that was
            // replaced lives until its last task has ended.
            Box::pin(async move { drop((*handler)(stream).await) }) as _
        });
        // The handler is there before the swarm speaks the protocol: a stream may open as soon as it does. The previous
        // handler is dropped while nothing is borrowed, since it may own handles and streams.
        let old = self.shared.waiters(|waiters| waiters.handlers.set(protocol.clone(), Some(handler)));
        drop(old);
        self.shared.act(HostCommand::Speak(protocol));
    }

    /// Removes the handler of a protocol, and makes the swarm stop speaking the protocol. Running handlers continue, and
    /// streams that wait for the handler are still passed to it.
    pub fn remove_handler(&self, protocol: &Protocol) {
        if self.shared.waiters(|waiters| waiters.handlers.handles(protocol)) {
            // The handler goes first. Streams that open until the swarm has stopped speaking the protocol are reset, so that
            // none waits for an answer that nobody gives.
            let old = self.shared.waiters(|waiters| waiters.handlers.set(protocol.clone(), None));
            drop(old);
            self.shared.act(HostCommand::SpeakNoMore(protocol.clone()));
        }
    }

    /// Calls `act` with the notifees and the swarm: to register a notifee, to install a service, or to give a service a
    /// command. The call happens at once, or after the notification in which this future was polled; [`Notifees::now`] is
    /// the time of the call. Commands that `act` gives to handles and streams are executed after `act` has returned. If the
    /// future is dropped after its first poll, `act` is called nevertheless.
    ///
    /// The swarm is a [`Node`](crate::notifee::Node), which services need for their commands:
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
    /// [`Error::Gone`] if the host is gone. `act` was not called.
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

    /// Calls `ask` with a notifee until `ask` returns `Some`, and returns that answer. `ask` is called at once, and then
    /// after each turn of the host.
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
    /// [`Error::NoNotifee`] if no notifee of that type has that id; [`Error::Gone`] if the host is gone.
    pub async fn wait_for<T: 'static, R>(
        &self,
        id: NotifeeId<T>,
        ask: impl FnMut(&mut T) -> Option<R> + Unpin,
    ) -> Result<R, Error> {
        WatchNotifee::new(self.shared.clone(), id, ask).await
    }

    /// Gives the host a command, which is executed at once, or after the notification that is being handled.
    pub(super) fn act(&self, command: HostCommand) {
        self.shared.act(command);
    }

    /// Returns a future that asks a notifee in the way that [`wait_for`](Self::wait_for) does, except that this future can
    /// be polled again after an answer.
    pub(super) fn watch<T, F>(&self, id: NotifeeId<T>, ask: F) -> WatchNotifee<T, F> {
        WatchNotifee::new(self.shared.clone(), id, ask)
    }

    /// Runs a task on the host's executor, while the host runs. Dropping the host drops the task. A panic in the task ends
    /// only the task. The caller has to bound the number of tasks.
    ///
    /// # Errors
    /// [`Error::Gone`] if the host is gone. The task is then dropped without having run.
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
