//! The constructors of [`Swarm`].

use super::Swarm;
use super::config::Config;
use super::door::Door;
use super::error::NewSwarmError;
use super::listeners::Listeners;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::run_queue::RunQueue;
use super::seeds::Seeds;
use super::state::SwarmState;
use super::timers::SwarmTimers;
use super::trim::Trimming;
use super::wake::{WakeSet, WakeTarget};
use crate::clock::Clock;
use crate::connection::{Input, security};
use crate::lifecycle::Table;
use alloc::vec::Vec;
use core::time::Duration;
use libp2p_identity::Keypair;
use zeroize::Zeroizing;

impl<T> Swarm<T>
where
    T: PipeTransport,
{
    /// Makes a swarm over a transport that wakes its sockets without a [`Reactor`]. `identity` is the key of our node.
    /// `seed` must be 32 fresh random bytes from the system, since all ephemeral keys are derived from it. In a test, the
    /// same seed, transport and calls reproduce the same run.
    ///
    /// The event queue holds 256 events; [`with_events`](Self::with_events) makes a swarm with a queue of another size.
    ///
    /// # Errors
    /// [`NewSwarmError::Identity`] if the identity cannot sign.
    pub fn new(transport: T, identity: &Keypair, seed: [u8; 32], config: Config) -> Result<Self, NewSwarmError> {
        Self::with_events((), transport, identity, seed, config)
    }
}

impl<T, R> Swarm<T, 256, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Makes a swarm over a transport whose sockets `reactor` wakes. The swarm drives the reactor in its own turns. The
    /// other arguments are described at [`new`](Swarm::new).
    ///
    /// # Errors
    /// [`NewSwarmError::Identity`] if the identity cannot sign.
    pub fn with_reactor(
        reactor: R,
        transport: T,
        identity: &Keypair,
        seed: [u8; 32],
        config: Config,
    ) -> Result<Self, NewSwarmError> {
        Self::with_events(reactor, transport, identity, seed, config)
    }

    /// Makes a swarm like [`with_reactor`](Self::with_reactor), with a seed of random bytes from the system. For a transport
    /// that wakes its sockets without a reactor, pass the reactor `()`.
    ///
    /// ```
    /// use swarm_notify::swarm::{Config, Swarm};
    /// use swarm_notify::{keys, tcp};
    ///
    /// let identity = keys::generate()?;
    /// let reactor = tcp::Reactor::new()?;
    /// let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    /// let swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
    /// assert_eq!(swarm.local_peer(), identity.public().to_peer_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NewSwarmError::Randomness`] if the system gives no random bytes, and [`NewSwarmError::Identity`] if the identity cannot
    /// sign.
    #[cfg(feature = "rand")]
    pub fn from_os_rng(reactor: R, transport: T, identity: &Keypair, config: Config) -> Result<Self, NewSwarmError> {
        let seed = crate::keys::seed().map_err(NewSwarmError::Randomness)?;
        Self::with_reactor(reactor, transport, identity, seed, config)
    }

    /// Makes a swarm with an event queue of `EVENTS` events, and is otherwise like [`with_reactor`](Self::with_reactor). 1
    /// is enough; with a longer queue, more connections and streams can open in one turn before the owner drains the events.
    /// `EVENTS` is inferred if the swarm is assigned to a variable or field of known type. For a transport that wakes its
    /// sockets without a reactor, pass the reactor `()`.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// # use libp2p_core::transport::MemoryTransport;
    /// use swarm_notify::keys;
    /// use swarm_notify::swarm::{Config, Swarm};
    ///
    /// # let identity = keys::generate()?;
    /// let (one, other) = (keys::seed()?, keys::seed()?);
    /// let small = Swarm::with_events::<8>((), MemoryTransport::new(), &identity, one, Config::small())?;
    /// let inferred: Swarm<_, 8> = Swarm::with_events((), MemoryTransport::new(), &identity, other, Config::small())?;
    /// # let _ = (small, inferred);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NewSwarmError::Identity`] if the identity cannot sign.
    pub fn with_events<const EVENTS: usize>(
        reactor: R,
        transport: T,
        identity: &Keypair,
        seed: [u8; 32],
        config: Config,
    ) -> Result<Swarm<T, EVENTS, R>, NewSwarmError> {
        let mut seeds = Seeds::new(&Zeroizing::new(seed));
        // One static key of Noise, signed once, serves all connections. `libp2p-noise` generates and signs one for each
        // connection if its configuration is made anew for each, which takes 0.13 ms every time.
        let static_seed = seeds.next();
        let mut wakers = WakeSet::new(reactor.waker());
        // Makes the transport's waker, since only a slot that has one can be marked. It is marked because a transport has to
        // be polled once before it can wake anybody.
        let _ = wakers.waker(WakeTarget::Transport);
        wakers.mark(WakeTarget::Transport);
        Ok(Swarm {
            transport,
            security: security::config(identity, *static_seed)?,
            seeds,
            door: Door::new(&config),
            state: SwarmState::new(config, identity.public().to_peer_id()),
            listeners: Listeners::default(),
            connections: Table::new(),
            timers: SwarmTimers::default(),
            trimming: Trimming::default(),
            wakers,
            queue: RunQueue::default(),
            is_transport_due: false,
            is_shutting_down: false,
            closing: None,
            enforcing: None,
            clock: Clock::new(),
            now: Duration::ZERO,
            is_called: false,
            has_waited: false,
            hears_more: false,
            last_error: None,
            input: Input::new(),
            output: Vec::new(),
            reactor,
        })
    }
}
