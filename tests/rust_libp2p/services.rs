//! Services against those of rust-libp2p: both sides ask, and both answer.

use crate::Direction::{self, Inbound, Outbound};
use async_io::Timer;
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{noise, ping, tcp, yamux};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Failure};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::ping::{Config, Event, Ping};
use swarm_notify::swarm::{self, Multiaddr, Swarm};
use tokio::sync::oneshot;

/// Nothing here takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// What rust-libp2p has heard.
#[derive(PartialEq, Debug)]
enum Heard {
    Pong,
    NoPong(String),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    ping: ping::Behaviour,
}

/// A whole rust-libp2p node, on a thread of its own.
struct Theirs {
    address: Multiaddr,
    heard: mpsc::Receiver<Heard>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Theirs {
    /// One that listens, and dials too if there is an address to dial.
    fn start(dial: Option<Multiaddr>) -> Self {
        let (tell, heard) = mpsc::channel();
        let (listens, address) = mpsc::channel();
        let (stop, mut stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = swarm();
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                if let Some(address) = dial {
                    swarm.dial(address).unwrap();
                }
                loop {
                    let event = tokio::select! {
                        event = swarm.select_next_some() => event,
                        _ = &mut stopped => return,
                    };
                    // Nobody may listen any more.
                    let _ = match event {
                        SwarmEvent::NewListenAddr { address, .. } => {
                            listens.send(address.with_p2p(*swarm.local_peer_id()).unwrap()).is_ok()
                        }
                        SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { result: Ok(_), .. })) => {
                            tell.send(Heard::Pong).is_ok()
                        }
                        SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { result: Err(error), .. })) => {
                            tell.send(Heard::NoPong(error.to_string())).is_ok()
                        }
                        _ => true,
                    };
                }
            });
        });
        Self { address: address.recv().unwrap(), heard, stop, thread }
    }

    fn end(self) -> Vec<Heard> {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
        self.heard.try_iter().collect()
    }
}

fn swarm() -> libp2p::Swarm<Behaviour> {
    let ping = ping::Config::new().with_interval(Duration::from_millis(10));
    libp2p::SwarmBuilder::with_existing_identity(Keypair::generate_ed25519())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour { ping: ping::Behaviour::new(ping) })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build()
}

/// Our side: a swarm with its services, driven by the test's own thread.
struct Ours {
    swarm: Swarm<swarm_notify::tcp::Transport>,
    notifees: Notifees<Swarm<swarm_notify::tcp::Transport>>,
    start: Instant,
    timer: Timer,
}

impl Ours {
    fn new() -> Self {
        let identity = Keypair::generate_ed25519();
        let transport = swarm_notify::tcp::Transport::default();
        let swarm = Swarm::new(transport, &identity, [7; 32], swarm::Config::default()).unwrap();
        Self { swarm, notifees: Notifees::new(), start: Instant::now(), timer: Timer::never() }
    }

    /// A connection with a node of theirs.
    fn connect(&mut self, dialed: Direction) -> (Theirs, ConnectionId) {
        let theirs = match dialed {
            Outbound => {
                let theirs = Theirs::start(None);
                self.swarm.dial(theirs.address.clone()).unwrap();
                theirs
            }
            Inbound => {
                let listener = self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                self.until("listening", |ours| !ours.swarm.listener(listener).unwrap().addresses.is_empty());
                let address = self.swarm.listener(listener).unwrap().addresses[0].clone();
                Theirs::start(Some(address.with_p2p(self.swarm.local_peer()).unwrap()))
            }
        };
        self.until("a connection", |ours| ours.swarm.counters().connections.of(dialed).open == 1);
        (theirs, self.swarm.connections().next().unwrap())
    }

    /// Drives everything until `is_so`.
    #[track_caller]
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        async_io::block_on(poll_fn(|cx| {
            loop {
                assert!(self.start.elapsed() < LIMIT, "waited too long for {what}");
                let now = self.start.elapsed();
                let mut is_busy = self.swarm.poll(cx, now).is_ready();
                self.notifees.drive(&mut self.swarm, now);
                if is_so(self) {
                    return Poll::Ready(());
                }
                let next = [self.swarm.poll_at(), self.notifees.poll_at(), Some(LIMIT)].into_iter().flatten().min();
                let left = next.unwrap_or(LIMIT).saturating_sub(now);
                is_busy |= left.is_zero();
                if !is_busy {
                    self.timer.set_after(left);
                    is_busy = Pin::new(&mut self.timer).poll(cx).is_ready();
                }
                if !is_busy {
                    return Poll::Pending;
                }
            }
        }));
    }

    fn next_ping(&mut self, id: NotifeeId) -> Option<Result<(), Failure>> {
        match self.notifees.get_mut::<Ping>(id).unwrap().next_event()? {
            Event::Pong { .. } => Some(Ok(())),
            Event::Failed { reason, .. } => Some(Err(reason)),
            other => panic!("{other:?}"),
        }
    }

    fn end(mut self) {
        self.swarm.shutdown();
        self.until("the end", |ours| ours.swarm.is_shut_down());
    }
}

#[test]
fn both_sides_ping_again_and_again_each_on_one_stream() {
    for dialed in [Outbound, Inbound] {
        let mut ours = Ours::new();
        let mut config = Config::default();
        config.interval = Some(Duration::from_millis(10));
        let ping = ours.notifees.install(&mut ours.swarm, Ping::new([1; 32], config));
        let (theirs, _) = ours.connect(dialed);
        let (mut pongs, mut heard) = (0, 0);
        ours.until("pongs on both sides", |ours| {
            while let Some(pong) = ours.next_ping(ping) {
                assert_eq!(pong, Ok(()));
                pongs += 1;
            }
            for told in theirs.heard.try_iter() {
                assert_eq!(told, Heard::Pong);
                heard += 1;
            }
            pongs >= 5 && heard >= 5
        });
        let streams = ours.swarm.counters().streams;
        assert_eq!((streams.outbound.opened, streams.inbound.opened), (1, 1));
        assert_eq!((streams.outbound.closed, streams.inbound.closed), (0, 0));
        ours.end();
        assert!(theirs.end().iter().all(|heard| *heard == Heard::Pong));
    }
}

#[test]
fn each_ping_on_demand_has_a_stream_that_ends_on_both_sides() {
    for dialed in [Outbound, Inbound] {
        let mut ours = Ours::new();
        let mut config = Config::default();
        config.interval = None;
        let ping = ours.notifees.install(&mut ours.swarm, Ping::new([1; 32], config));
        let (theirs, connection) = ours.connect(dialed);
        for n in 1..=3 {
            ours.notifees.get_mut::<Ping>(ping).unwrap().ping(connection).unwrap();
            let mut pong = None;
            ours.until("a pong", |ours| {
                pong = pong.or_else(|| ours.next_ping(ping));
                pong.is_some() && ours.swarm.counters().streams.outbound.closed == n
            });
            assert_eq!(pong, Some(Ok(())));
        }
        ours.end();
        theirs.end();
    }
}
