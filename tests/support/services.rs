//! Services on a simulated pair: two swarms with their notifees, driven in virtual time to the end of what happens.
use super::sim::{A, B, Host as Name, Mode, Network, Shape, SimTransport};
use libp2p_identity::Keypair;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, StreamId};
use swarm_notify::notifee::{self, HasNode, Interest, Node, Notifee, NotifeeId, Notifees};
use swarm_notify::protocols::Service;
use swarm_notify::swarm::{Config, Swarm};

pub(crate) type Net<const EVENTS: usize> = Swarm<SimTransport, EVENTS>;

/// One swarm, and those who are told of it.
pub(crate) struct Host<const EVENTS: usize> {
    pub(crate) swarm: Net<EVENTS>,
    pub(crate) notifees: Notifees<Net<EVENTS>>,
    /// Nothing is drained.
    pub(crate) is_paused: bool,
    mode: Mode,
    flag: Arc<Flag>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn keypair(name: Name) -> Keypair {
    Keypair::ed25519_from_bytes([name.0; 32]).expect("32 bytes are a key")
}

impl<const EVENTS: usize> Host<EVENTS> {
    fn new(name: Name, network: &Network, mode: Mode, config: Config) -> Self {
        let transport = SimTransport::new(network, name.0);
        let swarm = Swarm::with_events((), transport, &keypair(name), [name.0; 32], config).expect("the key can sign");
        Self { swarm, notifees: Notifees::new(), is_paused: false, mode, flag: Arc::default() }
    }

    pub(crate) fn install<S: Service<Net<EVENTS>> + 'static>(&mut self, service: S) -> NotifeeId<S> {
        self.notifees.install(&mut self.swarm, service)
    }

    /// The one service of its type.
    pub(crate) fn service<S: 'static>(&mut self, id: NotifeeId<S>) -> &mut S {
        self.notifees.get_mut(id).expect("it is registered")
    }

    fn poll_at(&self) -> Option<Duration> {
        let notifees = self.notifees.poll_at().filter(|_| !self.is_paused);
        let swarm = if self.is_paused { self.swarm.next_deadline() } else { self.swarm.poll_at() };
        swarm.into_iter().chain(notifees).min()
    }

    fn is_due(&self, now: Duration) -> bool {
        self.flag.0.load(Ordering::SeqCst) || self.poll_at().is_some_and(|at| at <= now)
    }

    fn turn(&mut self, now: Duration) {
        self.flag.0.store(false, Ordering::SeqCst);
        match self.mode {
            Mode::Tick => self.swarm.tick(now),
            Mode::Turns(units) => {
                let mut left = units;
                let may = &mut || left.checked_sub(1).inspect(|less| left = *less).is_some();
                let _ = self.swarm.turn(now, may);
            }
            Mode::Sleep => {
                let waker = Waker::from(self.flag.clone());
                if self.swarm.poll(&mut Context::from_waker(&waker), now).is_ready() {
                    // There may be more behind what is drained now.
                    self.flag.0.store(true, Ordering::SeqCst);
                }
            }
        }
        if self.is_paused {
            // Whatever waits for it to drain, nothing happens by itself.
            self.flag.0.store(false, Ordering::SeqCst);
        } else {
            self.notifees.drive(&mut self.swarm, now);
        }
    }

    /// How many streams a connection has.
    pub(crate) fn streams(&self, connection: ConnectionId) -> usize {
        self.swarm.streams_of(connection).count()
    }
}

/// Two hosts, of which `a` has dialed `b`.
pub(crate) struct Both<const EVENTS: usize> {
    pub(crate) a: Host<EVENTS>,
    pub(crate) b: Host<EVENTS>,
    pub(crate) network: Network,
    pub(crate) now: Duration,
}

impl<const EVENTS: usize> Both<EVENTS> {
    pub(crate) fn new(shape: Shape) -> Self {
        Self::with(shape, Config::default())
    }

    pub(crate) fn with(shape: Shape, config: Config) -> Self {
        let network = Network::new(shape.cut, 7);
        let a = Host::new(A, &network, shape.mode, config.clone());
        let b = Host::new(B, &network, shape.mode, config);
        Self { a, b, network, now: Duration::ZERO }
    }

    /// Connects the two, and gives each side's id. The shape says who dials.
    #[track_caller]
    pub(crate) fn connect(&mut self, shape: Shape) -> (ConnectionId, ConnectionId) {
        let (listener, name) = if shape.swapped { (&mut self.a, A) } else { (&mut self.b, B) };
        listener.swarm.listen(name.at(4000)).expect("there is place");
        listener.turn(self.now);
        self.connect_again(shape)
    }

    /// Connects the two once more.
    #[track_caller]
    pub(crate) fn connect_again(&mut self, shape: Shape) -> (ConnectionId, ConnectionId) {
        let peers = (self.a.swarm.local_peer(), self.b.swarm.local_peer());
        let before = self.a.swarm.connections_of(peers.1).count();
        let (dialer, name) = if shape.swapped { (&mut self.b, A) } else { (&mut self.a, B) };
        dialer.swarm.dial(name.at(4000)).expect("there is place");
        loop {
            let connections =
                (self.a.swarm.connections_of(peers.1).nth(before), self.b.swarm.connections_of(peers.0).nth(before));
            if let (Some(a), Some(b)) = connections {
                return (a, b);
            }
            assert!(self.step(None), "they connect");
        }
    }

    /// Everything that can happen before `until` happens next. `false`: nothing can.
    fn step(&mut self, until: Option<Duration>) -> bool {
        let mut turned = false;
        for host in [&mut self.a, &mut self.b] {
            if host.is_due(self.now) {
                host.turn(self.now);
                turned = true;
            }
        }
        if turned {
            return true;
        }
        if self.network.deliver(self.now) {
            for host in [&self.a, &self.b] {
                if host.mode == Mode::Tick {
                    host.flag.0.store(true, Ordering::SeqCst);
                }
            }
            return true;
        }
        let arrival = self.network.next_arrival();
        let next = [self.a.poll_at(), self.b.poll_at(), arrival].into_iter().flatten().min();
        match (next, until) {
            (Some(next), Some(until)) if next <= until => self.now = next,
            (Some(next), None) if arrival.is_some() => self.now = next,
            _ => return false,
        }
        self.network.advance_to(self.now);
        true
    }

    /// Lets everything happen that is under way.
    pub(crate) fn settle(&mut self) {
        while self.step(None) {}
    }

    /// Lets time pass, and everything happen in it.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(Some(until)) {}
        self.now = until;
        self.network.advance_to(until);
    }

    /// Shuts both down; nothing is left.
    #[track_caller]
    pub(crate) fn end(mut self) {
        self.a.swarm.shutdown();
        self.b.swarm.shutdown();
        while !(self.a.swarm.is_shut_down() && self.b.swarm.is_shut_down()) {
            let hour = self.now + Duration::from_secs(3600);
            assert!(self.step(Some(hour)), "the end is stalled");
        }
        self.settle();
        assert!(self.network.is_empty(), "a socket is left open");
    }
}

/// A peer that does on its streams whatever a test wants: it is called for each stream that opens, ours or one of its
/// protocols', and each time that a stream is ready.
pub(crate) struct Script<F> {
    protocols: Vec<Protocol>,
    act: F,
    opened: Vec<StreamId>,
}

impl<F: FnMut(&mut dyn Node, StreamId)> Script<F> {
    pub(crate) fn new(protocols: &[Protocol], act: F) -> Self {
        Self { protocols: protocols.to_vec(), act, opened: Vec::new() }
    }
}

impl<N: HasNode, F: FnMut(&mut dyn Node, StreamId)> Notifee<N> for Script<F> {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM | Interest::STREAM_READY | Interest::DISCONNECTED
    }

    fn opened_stream(&mut self, cx: &mut notifee::NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId) {
        let node = cx.network().node_mut();
        let view = node.stream(stream).expect("it has just opened");
        if view.protocol.is_some_and(|protocol| self.protocols.contains(protocol)) {
            self.opened.push(stream);
            (self.act)(node, stream);
        }
    }

    fn stream_ready(&mut self, cx: &mut notifee::NotifeeContext<'_, N>, stream: StreamId, _: bool, _: bool) {
        if self.opened.contains(&stream) {
            (self.act)(cx.network().node_mut(), stream);
        }
    }

    fn disconnected(&mut self, _: &mut notifee::NotifeeContext<'_, N>, _: ConnectionId, _: ConnectionEnd) {
        self.opened.clear();
    }
}

impl<N: HasNode, F: FnMut(&mut dyn Node, StreamId)> Service<N> for Script<F> {
    fn protocols(&self) -> Vec<Protocol> {
        self.protocols.clone()
    }
}

/// Reads what is there; whether the end was read too.
pub(crate) fn read(node: &mut dyn Node, stream: StreamId) -> (Vec<u8>, bool) {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match node.read(stream, &mut buffer) {
            Ok(0) => return (all, true),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(_) => return (all, false),
        }
    }
}
