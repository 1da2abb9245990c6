//! TCP over IPv4 and IPv6: a [`Transport`] of raw byte pipes, which the swarm authenticates and multiplexes, and the
//! [`Reactor`] that wakes its sockets. The page of the transport describes, with an example, how it listens, dials and
//! closes.

mod address;
mod attempt;
mod dial;
mod interfaces;
mod listener;
#[cfg(feature = "dns")]
mod names;
#[cfg(feature = "dns")]
mod race;
mod reactor;
mod registered;
mod source;
mod stream;
mod timer;
mod timer_queue;

pub use dial::Dial;
pub use reactor::{Handle, Reactor};
pub use stream::Stream;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
#[cfg(feature = "dns")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Ready;
use core::net::IpAddr;
#[cfg(feature = "dns")]
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use interfaces::Interfaces;
use libp2p_core::Multiaddr;
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use listener::{ListenerPoll, ListeningSocket};
#[cfg(feature = "dns")]
use names::Names;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A swarm over TCP with a reactor of its own. [`with_reactor`](crate::swarm::Swarm::with_reactor) and
/// [`from_os_rng`](crate::swarm::Swarm::from_os_rng) create it.
///
/// This swarm has no method `poll` that takes a waker. It checks its sockets only in its own turns, so a task that polled it
/// once and then waited for its waker would hang.
///
/// ```compile_fail,E0599
/// # use core::{task::{Context, Waker}, time::Duration};
/// fn poll(swarm: &mut swarm_notify::tcp::Swarm) {
///     let _ = swarm.poll(&mut Context::from_waker(Waker::noop()), Duration::ZERO);
/// }
/// ```
pub type Swarm<const EVENTS: usize = 256> = crate::swarm::Swarm<Transport, EVENTS, Reactor>;

/// An event of [`Transport`]. An accepted [`Stream`] can be used at once, so the future of its upgrade is a [`Ready`].
type Event = TransportEvent<Ready<io::Result<Stream>>, io::Error>;

/// The options of the sockets, and the bounds and durations, of a [`Transport`].
///
/// ```
/// use swarm_notify::tcp::Config;
///
/// let mut config = Config::default();
/// config.lookups = 4;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The value of the option `TCP_NODELAY` of accepted and dialed connections: with `true`, the system sends small writes
    /// at once. Default: `true`, since a muxer gathers its frames itself.
    pub nodelay: bool,
    /// The maximum number of connections that the kernel holds for a listener until they are accepted. The system may have a
    /// lower limit of its own (`somaxconn` on Linux), and decides whether a connection beyond the backlog is refused or may
    /// try again. Default: 1 024.
    pub backlog: u32,
    /// The time for which a listener pauses after an accept has failed for lack of descriptors or memory. The pause ends
    /// early when a socket of the same reactor closes, since that may have freed the lacking resource. Less than 1 ms counts
    /// as 1 ms, so that a lack of resources never becomes a busy loop. Default: 100 ms.
    pub accept_pause: Duration,
    /// The interval at which the addresses of this machine's interfaces are read again, while any listener is on a wildcard
    /// address. A change is reported after that time at the latest. Less than 1 ms counts as 1 ms. With [`Duration::MAX`]
    /// the addresses are read only when another listener on a wildcard address begins. Default: 5 s.
    pub interfaces_interval: Duration,
    /// The maximum number of interface addresses that a listener on a wildcard address reports as its own at a time: the
    /// first ones that the system returns. Connections to the other addresses of the machine are also accepted. 0 counts as
    /// 1. Default: 64.
    pub wildcard_addresses: usize,
    /// The maximum number of names that are looked up at a time (feature `dns`), each on a thread of its own. Dials of
    /// further names wait in a queue. The system bounds the duration of a lookup; this crate does not. A lookup counts until
    /// it has ended, even if its dial has been dropped. 0 counts as 1. Default: 16.
    pub lookups: usize,
    /// The maximum number of addresses of one name that a dial tries: the first ones that the lookup returns. 0 counts as 1.
    /// Default: 8.
    pub addresses_per_name: usize,
    /// The time that the attempt at one address of a name runs before the attempt at the next address begins beside it (RFC
    /// 8305, "Connection Attempt Delay"). Less than 10 ms, the minimum of that RFC, counts as 10 ms. Default: 250 ms.
    pub attempt_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodelay: true,
            backlog: 1024,
            accept_pause: Duration::from_millis(100),
            interfaces_interval: Duration::from_secs(5),
            wildcard_addresses: 64,
            lookups: 16,
            addresses_per_name: 8,
            attempt_delay: Duration::from_millis(250),
        }
    }
}

/// A [`libp2p_core::Transport`] whose outputs are TCP connections as raw byte pipes ([`Stream`]).
///
/// **Addresses.** The transport listens on and dials `/ip4/…/tcp/…` and `/ip6/…/tcp/…`. With the feature `dns` it also dials
/// `/dns/…/tcp/…`, `/dns4/…/tcp/…` and `/dns6/…/tcp/…`. A `/p2p/…` at the end is ignored, since the swarm checks the
/// identity of the peer. Any other address, including `/dnsaddr` and addresses with a zone, is refused with
/// [`MultiaddrNotSupported`](TransportError::MultiaddrNotSupported). An IPv6 socket serves IPv6 only, so that `0.0.0.0` and
/// `::` can share a port.
///
/// **Listening.** [`listen_on`](libp2p_core::Transport::listen_on) binds the socket and listens before it returns; a connect
/// to the socket succeeds from then on. If the system refuses (address in use, not available, not permitted), the error is
/// [`Other`](TransportError::Other) with the system's [`io::ErrorKind`], and nothing has changed. An id that is in use is
/// refused with [`io::ErrorKind::AlreadyExists`]. The next poll reports the address that the socket is bound to; if the
/// requested port is 0, it contains the port that the system chose.
///
/// **Wildcards.** A listener on `/ip4/0.0.0.0` or `/ip6/::` reports the addresses of this machine's interfaces instead of
/// its own: those of its family, loopback included, each as one [`NewAddress`](TransportEvent::NewAddress). Changes are
/// noticed after [`Config::interfaces_interval`] at the latest, and reported as `NewAddress` and
/// [`AddressExpired`](TransportEvent::AddressExpired). Interfaces that are down are left out, and so are link-local IPv6
/// addresses, which cannot be dialed without a zone. The wildcard itself is never reported, since nobody can dial it. While
/// the machine has no address of the family, no address is reported, and a swarm does not report the listener as open. Until
/// the system has returned its interfaces for the first time, the loopback address is reported.
///
/// **Closing.** [`remove_listener`](libp2p_core::Transport::remove_listener) closes the socket before it returns, so that
/// its port can be bound again at once, even while accepted connections of the listener are open or linger in `TIME_WAIT`
/// (`SO_REUSEADDR`). The system resets connections that were not accepted yet. The next poll reports
/// [`ListenerClosed`](TransportEvent::ListenerClosed). An address that was not reported before the removal is never
/// reported.
///
/// **Errors of accept.** A connection that died before it was accepted is skipped. When descriptors or memory have run out,
/// the listener reports [`ListenerError`](TransportEvent::ListenerError), pauses for [`Config::accept_pause`] or until a
/// socket of the same reactor closes, and tries again. During the pause, connections wait in the backlog, and other
/// listeners continue. If the listening socket itself is broken, the listener ends with `ListenerClosed { reason: Err(…) }`.
///
/// **Dialing.** See [`Dial`]. The system looks up names (`getaddrinfo`, which also reads `/etc/hosts`). Each lookup has a
/// thread of its own, which ends with the lookup; without a dial by name there is no thread. Port 0 and wildcard addresses
/// are refused with [`MultiaddrNotSupported`](TransportError::MultiaddrNotSupported). [`DialOpts::port_use`] is ignored:
/// each dial uses a local port that the system chooses. [`DialOpts::role`] is ignored, too.
///
/// **Polling.** One poll reports one event, and serves the listeners in turn, so that none starves another. A poll visits
/// each listener, but makes a system call only for those whose sockets were woken. Once in [`Config::interfaces_interval`]
/// it also asks the system for its interfaces, if any listener is on a wildcard address. Nothing bounds the number of
/// listeners but the caller of `listen_on`.
///
/// ```
/// use core::pin::Pin;
/// use core::task::{Context, Poll, Waker};
/// use libp2p_core::Transport as _;
/// use libp2p_core::transport::{ListenerId, TransportEvent};
/// use swarm_notify::tcp;
///
/// let reactor = tcp::Reactor::new()?;
/// let mut transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
/// transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse()?)?;
/// let event = Pin::new(&mut transport).poll(&mut Context::from_waker(Waker::noop()));
/// let Poll::Ready(TransportEvent::NewAddress { listen_addr, .. }) = event else { panic!("the address comes first") };
/// assert!(!listen_addr.to_string().ends_with("/tcp/0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Transport {
    handle: Handle,
    config: Config,
    listeners: Vec<ListeningSocket>,
    interfaces: Interfaces,
    #[cfg(feature = "dns")]
    names: Names,
    /// The index of the listener that the next poll visits first. It may exceed the last index, and is then reduced modulo
    /// the number of listeners.
    next: usize,
    /// The listeners that were removed and whose sockets are closed, but whose end is not reported yet, oldest first.
    removed: VecDeque<ListenerId>,
    /// The waker of the last poll that found no event. It is woken when a call of another method causes an event.
    waker: Option<Waker>,
}

impl Transport {
    /// Creates a transport without listeners. The reactor of `handle` wakes its sockets. No socket is opened.
    #[must_use]
    pub fn new(handle: Handle, config: Config) -> Self {
        Self {
            handle,
            listeners: Vec::new(),
            interfaces: Interfaces::of_system(),
            #[cfg(feature = "dns")]
            names: Names::of_system(config.lookups),
            next: 0,
            removed: VecDeque::new(),
            waker: None,
            config,
        }
    }

    /// Makes the transport call `source` for the addresses of this machine's interfaces, instead of asking the system: for
    /// owners who know the public addresses of the machine, and for tests. `source` is called when a listener on a wildcard
    /// address begins, and then once in [`Config::interfaces_interval`]. `listen_on` and `poll` call `source` themselves, so
    /// it should return quickly. If it returns an error, the addresses that it returned last remain valid.
    ///
    /// ```
    /// use swarm_notify::tcp::{Config, Reactor, Transport};
    ///
    /// let (reactor, public) = (Reactor::new()?, "203.0.113.7".parse()?);
    /// let transport = Transport::new(reactor.handle(), Config::default()).with_interfaces(move || Ok(vec![public]));
    /// # drop(transport);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_interfaces(mut self, source: impl FnMut() -> io::Result<Vec<IpAddr>> + Send + 'static) -> Self {
        self.interfaces = Interfaces::from_source(Box::new(source));
        self
    }

    /// Replaces the system's lookup of names by `resolver`, a function that returns the socket addresses of a host and a
    /// port, the best first. The function may block, since each call runs on a thread of its own, with at most
    /// [`Config::lookups`] threads at a time. If it panics, the dial fails.
    ///
    /// ```
    /// use swarm_notify::tcp::{Config, Reactor, Transport};
    ///
    /// let reactor = Reactor::new()?;
    /// let transport = Transport::new(reactor.handle(), Config::default()).with_resolver(|host, port| match host {
    ///     "seed.example" => Ok(vec![([192, 0, 2, 1], port).into()]),
    ///     _ => Err(std::io::ErrorKind::NotFound.into()),
    /// });
    /// # drop(transport);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn with_resolver(
        mut self,
        resolver: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.names.ask(Arc::new(resolver));
        self
    }

    /// Wakes the task of the last poll, since a call of a method has caused an event that the next poll will report.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Transport {
    /// Closes all listeners. Streams stay open, and dials continue.
    fn drop(&mut self) {
        self.listeners.drain(..).for_each(ListeningSocket::close);
    }
}

impl libp2p_core::Transport for Transport {
    type Output = Stream;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<Stream>>;
    type Dial = Dial;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        let Some(address) = address::from_multiaddr(&addr) else {
            return Err(TransportError::MultiaddrNotSupported(addr));
        };
        if self.removed.contains(&id) || self.listeners.iter().any(|listener| listener.id() == id) {
            return Err(TransportError::Other(io::ErrorKind::AlreadyExists.into()));
        }
        let listener = ListeningSocket::bind(id, address, &self.handle, &self.config).map_err(TransportError::Other)?;
        // The addresses are read now, and not after the first interval (5 s by default), so that the next poll can report
        // them.
        if listener.is_wildcard() {
            self.interfaces.look();
        }
        self.listeners.push(listener);
        self.wake();
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let Some(index) = self.listeners.iter().position(|listener| listener.id() == id) else { return false };
        self.listeners.remove(index).close();
        self.removed.push_back(id);
        self.wake();
        true
    }

    fn dial(&mut self, addr: Multiaddr, _: DialOpts) -> Result<Dial, TransportError<io::Error>> {
        // A name with port 0 is refused below: its dial could only fail, after a lookup with a thread of its own.
        #[cfg(feature = "dns")]
        if let Some(name) = address::name_from_multiaddr(&addr).filter(|name| name.port != 0) {
            return Ok(Dial::by_name(self.handle.clone(), name, &self.names, &self.config));
        }
        match address::from_multiaddr(&addr) {
            Some(address) if address.port() != 0 && !address.ip().is_unspecified() => {
                Ok(Dial::new(self.handle.clone(), address, self.config.nodelay))
            }
            Some(_) | None => Err(TransportError::MultiaddrNotSupported(addr)),
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Event> {
        let this = self.get_mut();
        if let Some(listener_id) = this.removed.pop_front() {
            return Poll::Ready(TransportEvent::ListenerClosed { listener_id, reason: Ok(()) });
        }
        match this.listeners.iter().any(ListeningSocket::is_wildcard) {
            true => this.interfaces.poll(cx, &this.handle, this.config.interfaces_interval),
            false => this.interfaces.rest(),
        }
        let count = this.listeners.len();
        for step in 0..count {
            let index = (this.next % count + step) % count;
            let listener = &mut this.listeners[index];
            if let Poll::Ready(outcome) = listener.poll(cx, &this.handle, &this.config, &this.interfaces) {
                // The next poll begins behind this listener: one whose backlog never empties cannot keep the others from
                // being served.
                this.next = index + 1;
                return Poll::Ready(match outcome {
                    ListenerPoll::Event(event) => event,
                    ListenerPoll::Broken(error) => {
                        let listener_id = this.listeners.remove(index).id();
                        TransportEvent::ListenerClosed { listener_id, reason: Err(error) }
                    }
                });
            }
        }
        match &mut this.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => this.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Locks a mutex, even if a panic has poisoned it: no code in this module leaves a value half changed when it panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
