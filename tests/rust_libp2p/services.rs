//! Services against those of rust-libp2p: both sides ask, and both answer.

use crate::Direction::{self, Inbound, Outbound};
use crate::node::from_new_port;
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{identify, noise, ping, tcp, yamux};
use std::sync::mpsc;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Failure};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::identify::{self as ours_identify, Identify};
use swarm_notify::protocols::ping::{self as ours_ping, Ping};
use swarm_notify::swarm::{self, Multiaddr};
use tokio::sync::{mpsc as unbounded, oneshot};

/// Nothing here takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// What rust-libp2p has heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Pong,
    NoPong(String),
    Info(Box<identify::Info>),
    Failed(String),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    ping: ping::Behaviour,
    identify: identify::Behaviour,
}

/// A whole rust-libp2p node, on a thread of its own.
pub(crate) struct Theirs {
    pub(crate) address: Multiaddr,
    identity: Keypair,
    heard: mpsc::Receiver<Heard>,
    /// Where it is to listen, too.
    listen: unbounded::UnboundedSender<Multiaddr>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Theirs {
    /// One that listens, and dials too if there is an address to dial. Whatever it hears wakes `waker`.
    pub(crate) fn start(dial: Option<Multiaddr>, waker: Waker) -> Self {
        let (tell, heard) = mpsc::channel();
        let (listens, address) = mpsc::channel();
        let (stop, mut stopped) = oneshot::channel();
        let (listen, mut to_listen) = unbounded::unbounded_channel();
        let identity = Keypair::generate_ed25519();
        let key = identity.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = swarm(key);
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                if let Some(address) = dial {
                    swarm.dial(from_new_port(address)).unwrap();
                }
                loop {
                    let event = tokio::select! {
                        event = swarm.select_next_some() => event,
                        Some(address) = to_listen.recv() => {
                            swarm.listen_on(address).unwrap();
                            continue;
                        }
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
                        SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => match event {
                            identify::Event::Received { info, .. } => tell.send(Heard::Info(info.into())).is_ok(),
                            identify::Event::Error { error, .. } => tell.send(Heard::Failed(error.to_string())).is_ok(),
                            identify::Event::Sent { .. } | identify::Event::Pushed { .. } => true,
                        },
                        _ => true,
                    };
                    waker.wake_by_ref();
                }
            });
        });
        Self { address: address.recv().unwrap(), identity, heard, listen, stop, thread }
    }

    pub(crate) fn end(self) -> Vec<Heard> {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
        self.heard.try_iter().collect()
    }
}

fn swarm(identity: Keypair) -> libp2p::Swarm<Behaviour> {
    let identify = identify::Config::new_with_signed_peer_record("/test/1.0.0".into(), &identity)
        .with_agent_version("theirs/1.0.0".into())
        .with_push_listen_addr_updates(true);
    let ping = ping::Config::new().with_interval(Duration::from_millis(10));
    libp2p::SwarmBuilder::with_existing_identity(identity)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour {
            ping: ping::Behaviour::new(ping),
            identify: identify::Behaviour::new(identify),
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build()
}

/// Our side: a swarm with its services, driven by the test's own thread.
struct Ours {
    identity: Keypair,
    swarm: swarm_notify::tcp::Swarm,
    notifees: Notifees<swarm_notify::tcp::Swarm>,
    start: Instant,
}

impl Ours {
    fn new() -> Self {
        let identity = Keypair::generate_ed25519();
        let swarm = crate::ours::swarm(&identity, [7; 32], swarm::Config::default());
        Self { identity, swarm, notifees: Notifees::new(), start: Instant::now() }
    }

    /// A connection with a node of theirs.
    fn connect(&mut self, dialed: Direction) -> (Theirs, ConnectionId) {
        let theirs = match dialed {
            Outbound => {
                let theirs = Theirs::start(None, self.swarm.waker());
                self.swarm.dial(theirs.address.clone()).unwrap();
                theirs
            }
            Inbound => {
                let listener = self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                self.until("listening", |ours| !ours.swarm.listener(listener).unwrap().addresses.is_empty());
                let address = self.swarm.listener(listener).unwrap().addresses[0].clone();
                Theirs::start(Some(address.with_p2p(self.swarm.local_peer()).unwrap()), self.swarm.waker())
            }
        };
        self.until("a connection", |ours| ours.swarm.counters().connections.of(dialed).open == 1);
        (theirs, self.swarm.connections().next().unwrap())
    }

    /// Drives everything until `is_so`.
    #[track_caller]
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        loop {
            let now = self.start.elapsed();
            self.swarm.tick(now);
            self.notifees.drive(&mut self.swarm, now);
            if is_so(self) {
                return;
            }
            self.swarm.flush_all(self.start.elapsed());
            assert!(self.start.elapsed() < LIMIT, "waited too long for {what}");
            let next = self.notifees.poll_at().map_or(LIMIT, |at| at.min(LIMIT));
            let now = self.start.elapsed();
            self.swarm.wait(now, Some(next.saturating_sub(now))).unwrap();
        }
    }

    fn next_ping(&mut self, id: NotifeeId<Ping>) -> Option<Result<(), Failure>> {
        match self.notifees.get_mut(id).unwrap().next_event()? {
            ours_ping::Event::Pong { .. } => Some(Ok(())),
            ours_ping::Event::Failed { reason, .. } => Some(Err(reason)),
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
        let mut config = ours_ping::Config::default();
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
                match told {
                    Heard::Pong => heard += 1,
                    Heard::NoPong(error) => panic!("{error}"),
                    // We do not speak it here.
                    Heard::Info(_) | Heard::Failed(_) => {}
                }
            }
            pongs >= 5 && heard >= 5
        });
        let streams = ours.swarm.counters().streams;
        assert_eq!((streams.outbound.opened, streams.inbound.opened), (1, 1));
        assert_eq!((streams.outbound.closed, streams.inbound.closed), (0, 0));
        ours.end();
        assert!(!theirs.end().iter().any(|heard| matches!(heard, Heard::NoPong(_))));
    }
}

#[test]
fn each_ping_on_demand_has_a_stream_that_ends_on_both_sides() {
    for dialed in [Outbound, Inbound] {
        let mut ours = Ours::new();
        let mut config = ours_ping::Config::default();
        config.interval = None;
        let ping = ours.notifees.install(&mut ours.swarm, Ping::new([1; 32], config));
        let (theirs, connection) = ours.connect(dialed);
        for n in 1..=3 {
            ours.notifees.get_mut(ping).unwrap().ping(connection).unwrap();
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

impl Ours {
    /// A service that signs its records, and a connection of which both sides have asked: what each has heard.
    fn acquainted(&mut self, dialed: Direction) -> (NotifeeId<Identify>, Theirs, ours_identify::Info, identify::Info) {
        let service = Identify::new(self.identity.public(), ours_identify::Config::default());
        let service = service.with_signed_record(self.identity.clone(), 1);
        let id = self.notifees.install(&mut self.swarm, service);
        let (theirs, _) = self.connect(dialed);
        let (mut info, mut heard) = (None, None);
        self.until("each other's word", |ours| {
            info = info.take().or_else(|| match ours.next_identify(id)? {
                ours_identify::Event::Identified { peer, info, .. } => {
                    assert_eq!(peer, theirs.identity.public().to_peer_id());
                    Some((*info).clone())
                }
                other => panic!("{other:?}"),
            });
            heard = heard.take().or_else(|| theirs.next_info());
            info.is_some() && heard.is_some()
        });
        (id, theirs, info.unwrap(), heard.unwrap())
    }

    fn next_identify(&mut self, id: NotifeeId<Identify>) -> Option<ours_identify::Event> {
        self.notifees.get_mut(id).unwrap().next_event()
    }
}

impl Theirs {
    fn next_info(&self) -> Option<identify::Info> {
        self.heard.try_iter().find_map(|heard| match heard {
            Heard::Info(info) => Some(*info),
            Heard::Failed(error) => panic!("{error}"),
            // We do not answer these here.
            Heard::Pong | Heard::NoPong(_) => None,
        })
    }

    /// Where it listens, without its name.
    fn plain(&self) -> Multiaddr {
        let mut address = self.address.clone();
        address.pop();
        address
    }
}

#[test]
fn each_side_learns_all_that_the_other_says() {
    for dialed in [Outbound, Inbound] {
        let mut ours = Ours::new();
        let (_, theirs, info, heard) = ours.acquainted(dialed);
        assert_eq!(info.protocol_version.as_deref(), Some("/test/1.0.0"));
        assert_eq!(info.agent_version.as_deref(), Some("theirs/1.0.0"));
        assert_eq!(info.public_key, Some(theirs.identity.public()));
        assert_eq!(info.listen_addresses, [theirs.plain()]);
        assert_eq!(info.record.as_ref().expect("it signs").addresses(), [theirs.plain()]);
        for protocol in [ours_identify::PROTOCOL, ours_identify::PUSH_PROTOCOL, ours_ping::PROTOCOL] {
            assert!(info.speaks(&protocol), "{protocol}");
        }
        let listens: Vec<Multiaddr> = match dialed {
            Outbound => vec![],
            Inbound => ours.swarm.listener(ours.swarm.listeners().next().unwrap()).unwrap().addresses.to_vec(),
        };
        assert_eq!(heard.listen_addrs, listens);
        assert_eq!(heard.public_key, ours.identity.public());
        assert_eq!(heard.protocol_version, "ipfs/0.1.0");
        assert_eq!(heard.agent_version, format!("swarm-notify/{}", env!("CARGO_PKG_VERSION")));
        let protocols: Vec<_> = heard.protocols.iter().map(|protocol| protocol.as_ref()).collect();
        assert_eq!(protocols, ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0"]);
        // What each side saw of the other's end.
        match dialed {
            Outbound => assert_eq!(heard.observed_addr, theirs.plain()),
            Inbound => assert_eq!(info.observed_address.as_ref(), Some(&listens[0])),
        }
        ours.end();
        theirs.end();
    }
}

#[test]
fn each_side_hears_what_the_other_pushes() {
    for dialed in [Outbound, Inbound] {
        let mut ours = Ours::new();
        let (id, theirs, ..) = ours.acquainted(dialed);
        let address: Multiaddr = "/ip4/192.0.2.1/tcp/4001".parse().unwrap();
        ours.notifees.get_mut(id).unwrap().add_external_address(address.clone());
        ours.until("our push", |_| theirs.next_info().is_some_and(|info| info.listen_addrs.contains(&address)));
        theirs.listen.send("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        ours.until("their push", |ours| match ours.next_identify(id) {
            Some(ours_identify::Event::Pushed { info, .. }) => info.listen_addresses.len() == 2,
            None => false,
            other => panic!("{other:?}"),
        });
        ours.end();
        theirs.end();
    }
}
