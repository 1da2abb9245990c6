//! Our gossipsub with rust-libp2p's: messages both ways, each in the other's mesh, gossip to who is in no mesh, late joiners,
//! IDONTWANT, and peers that are killed and come again.

use crate::node::from_new_port;
use crate::support::sleep::{Sleeper, sleep};
use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use libp2p::gossipsub::{self as theirs, Behaviour, ConfigBuilder, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, noise, tcp as their_tcp, yamux};
use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::Direction::{self, Inbound, Outbound};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::gossipsub::{self, GossipSub};
use swarm_notify::protocols::pubsub::{self, Event, Signing};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;
use tokio::runtime::Builder;

const TOPIC: &str = "news";

/// Nothing here takes as long.
const LIMIT: Duration = Duration::from_secs(60);

/// A node of ours with gossipsub.
struct Ours {
    swarm: tcp::Swarm,
    notifees: Notifees<tcp::Swarm>,
    service: NotifeeId<GossipSub>,
    events: Vec<Event>,
    start: Instant,
}

impl Ours {
    fn new(number: u8, config: gossipsub::Config) -> Self {
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let key = Keypair::ed25519_from_bytes([number; 32]).unwrap();
        let mut swarm = tcp::Swarm::with_reactor(reactor, transport, &key, [number; 32], Config::default()).unwrap();
        let mut notifees = Notifees::new();
        let service = GossipSub::new(Signing::strict_sign(key, 1), pubsub::Config::default(), config, [number; 32]);
        let service = notifees.install(&mut swarm, service);
        Self { swarm, notifees, service, events: Vec::new(), start: Instant::now() }
    }

    fn peer(&self) -> PeerId {
        self.swarm.local_peer()
    }

    fn service(&mut self) -> &mut GossipSub {
        self.notifees.get_mut(self.service).unwrap()
    }

    fn subscribe(&mut self) {
        let service = self.notifees.get_mut(self.service).unwrap();
        assert_eq!(service.subscribe(&mut self.swarm, TOPIC), Ok(true));
    }

    fn unsubscribe(&mut self) {
        let service = self.notifees.get_mut(self.service).unwrap();
        assert!(service.unsubscribe(&mut self.swarm, TOPIC));
    }

    fn publish(&mut self, data: &[u8]) {
        let service = self.notifees.get_mut(self.service).unwrap();
        service.publish(&mut self.swarm, TOPIC, data).unwrap();
    }

    fn listen(&mut self) -> Multiaddr {
        let listener = self.swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        self.turn();
        let view = self.swarm.listener(listener).unwrap();
        view.addresses[0].clone().with_p2p(self.peer()).unwrap()
    }

    fn mesh(&self) -> BTreeSet<PeerId> {
        self.notifees.get(self.service).unwrap().mesh_peers(TOPIC).collect()
    }

    /// One turn of the owner's loop.
    fn turn(&mut self) {
        let now = self.start.elapsed();
        self.swarm.tick(now);
        self.notifees.drive(&mut self.swarm, now);
        self.swarm.flush_all(now);
        let service = self.notifees.get_mut(self.service).unwrap();
        while let Some(event) = service.next_event() {
            self.events.push(event);
        }
    }

    /// The messages that were told, as text.
    fn messages(&self) -> Vec<String> {
        let messages = self.events.iter().filter_map(|event| match event {
            Event::Message { message, .. } => Some(String::from_utf8_lossy(&message.data).into_owned()),
            _ => None,
        });
        messages.collect()
    }

    fn has(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(is_it)
    }
}

impl Sleeper for Ours {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.swarm.as_fd()
    }

    fn left(&self) -> Option<Duration> {
        let next = [self.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.start.elapsed()))
    }
}

/// Drives the nodes until it is so.
#[track_caller]
fn until(nodes: &mut [Ours], mut is_so: impl FnMut(&mut [Ours]) -> bool) {
    let limit = Instant::now() + LIMIT;
    loop {
        nodes.iter_mut().for_each(Ours::turn);
        if is_so(nodes) {
            return;
        }
        let sleepers: Vec<_> = nodes.iter().map(|node| node as &dyn Sleeper).collect();
        // Their node tells by a channel, which wakes nobody here.
        let soon = Instant::now() + Duration::from_millis(20);
        let _ = sleep(&sleepers, soon.min(limit));
        let events = nodes.iter().map(|node| &node.events).collect::<Vec<_>>();
        assert!(Instant::now() < limit, "it takes too long: {events:#?}");
    }
}

enum Command {
    Dial(Multiaddr),
    Publish(Vec<u8>),
    Subscribe,
    Unsubscribe,
    Mesh(std::sync::mpsc::Sender<Vec<PeerId>>),
}

/// A rust-libp2p node with gossipsub, on a thread of its own.
struct Theirs {
    address: Multiaddr,
    peer: PeerId,
    commands: mpsc::UnboundedSender<Command>,
    told: mpsc::UnboundedReceiver<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Theirs {
    fn start(number: u8) -> Self {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (commands, asked) = mpsc::unbounded();
        let (tell, told) = mpsc::unbounded();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = their_swarm(number);
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                let address = loop {
                    if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                        break address.with_p2p(*swarm.local_peer_id()).unwrap();
                    }
                };
                ready.send((address, *swarm.local_peer_id())).unwrap();
                tokio::select! {
                    () = run(swarm, asked, tell) => {}
                    _ = stopped => {}
                }
            });
        });
        let (address, peer) = is_ready.recv().unwrap();
        Self { address, peer, commands, told, stop, thread }
    }

    fn ask(&self, command: Command) {
        self.commands.unbounded_send(command).unwrap();
    }

    /// Its mesh of the topic.
    fn mesh(&self) -> Vec<PeerId> {
        let (answer, answered) = std::sync::mpsc::channel();
        self.ask(Command::Mesh(answer));
        answered.recv().unwrap()
    }

    /// Whether it has told a line by now.
    fn has_told(&mut self, line: &str) -> bool {
        while let Ok(told) = self.told.try_recv() {
            if told == line {
                return true;
            }
        }
        false
    }

    fn kill(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
    }
}

fn their_swarm(number: u8) -> libp2p::Swarm<Behaviour> {
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes([number; 32]).unwrap();
    let builder = libp2p::SwarmBuilder::with_existing_identity(keypair.clone()).with_tokio();
    let tcp = their_tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default).unwrap();
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .max_transmit_size(1 << 20)
        .heartbeat_initial_delay(Duration::from_millis(100))
        .heartbeat_interval(Duration::from_millis(300))
        .message_id_fn(|message| {
            let mut id = message.source.map(|peer| peer.to_bytes()).unwrap_or_default();
            id.extend(message.sequence_number.unwrap_or_default().to_be_bytes());
            id.into()
        })
        .build()
        .unwrap();
    let behaviour = Behaviour::new(MessageAuthenticity::Signed(keypair), config).unwrap();
    let Ok(builder) = builder.with_behaviour(|_| behaviour);
    builder.with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600))).build()
}

async fn run(
    mut swarm: libp2p::Swarm<Behaviour>,
    mut asked: mpsc::UnboundedReceiver<Command>,
    tell: mpsc::UnboundedSender<String>,
) {
    let topic = IdentTopic::new(TOPIC);
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                let SwarmEvent::Behaviour(event) = event else { continue };
                let _ = tell.unbounded_send(match event {
                    theirs::Event::Message { message, .. } if message.data.len() > 100 => {
                        format!("message of {}", message.data.len())
                    }
                    theirs::Event::Message { message, .. } => format!("message {}", message.data.escape_ascii()),
                    other => format!("{other:?}"),
                });
            }
            command = asked.next() => match command {
                Some(Command::Dial(address)) => swarm.dial(from_new_port(address)).unwrap(),
                Some(Command::Publish(data)) => drop(swarm.behaviour_mut().publish(topic.clone(), data).unwrap()),
                Some(Command::Subscribe) => assert!(swarm.behaviour_mut().subscribe(&topic).unwrap()),
                Some(Command::Unsubscribe) => assert!(swarm.behaviour_mut().unsubscribe(&topic)),
                Some(Command::Mesh(answer)) => {
                    answer.send(swarm.behaviour().mesh_peers(&topic.hash()).copied().collect()).unwrap();
                }
                None => return,
            },
        }
    }
}

/// One of ours and one of theirs that are in each other's mesh.
fn meshed(dialed: Direction) -> ([Ours; 1], Theirs) {
    let (mut ours, theirs) = ([Ours::new(1, gossipsub::Config::default())], Theirs::start(200));
    match dialed {
        Outbound => drop(ours[0].swarm.dial(theirs.address.clone()).unwrap()),
        Inbound => {
            let address = ours[0].listen();
            theirs.ask(Command::Dial(address));
        }
    }
    ours[0].subscribe();
    theirs.ask(Command::Subscribe);
    let us = ours[0].peer();
    until(&mut ours, |ours| ours[0].mesh().contains(&theirs.peer) && theirs.mesh() == [us]);
    (ours, theirs)
}

#[test]
fn messages_go_both_ways_in_a_mesh_with_rust() {
    for dialed in [Outbound, Inbound] {
        let (mut ours, mut theirs) = meshed(dialed);
        for number in 0..10 {
            ours[0].publish(format!("ours {number}").as_bytes());
            theirs.ask(Command::Publish(format!("theirs {number}").into()));
        }
        until(&mut ours, |_| theirs.has_told("message ours 9"));
        until(&mut ours, |ours| ours[0].messages().len() == 10);
        let expected: Vec<_> = (0..10).map(|number| format!("theirs {number}")).collect();
        assert_eq!(ours[0].messages(), expected);
        let counters = ours[0].service().counters();
        assert_eq!((counters.invalid, counters.received, counters.sent), (0, 10, 10));
        theirs.kill();
    }
}

#[test]
fn a_prune_of_either_side_is_seen_by_the_other() {
    let (mut ours, theirs) = meshed(Outbound);
    theirs.ask(Command::Unsubscribe);
    let peer = theirs.peer;
    until(&mut ours, |ours| {
        ours[0].has(|event| matches!(event, Event::Pruned { peer: pruned, .. } if *pruned == peer))
    });
    assert!(ours[0].mesh().is_empty());
    theirs.ask(Command::Subscribe);
    // Both have a backoff of ten seconds; it is theirs that ends it, by a GRAFT.
    let us = ours[0].peer();
    until(&mut ours, |ours| ours[0].mesh().contains(&peer) && theirs.mesh() == [us]);
    ours[0].unsubscribe();
    until(&mut ours, |_| theirs.mesh().is_empty());
    theirs.kill();
}

#[test]
fn a_large_message_crosses_a_triangle_once_each_way() {
    let theirs = [Theirs::start(200), Theirs::start(201)];
    let mut ours = [Ours::new(1, gossipsub::Config::default())];
    for one in &theirs {
        ours[0].swarm.dial(one.address.clone()).unwrap();
        one.ask(Command::Subscribe);
    }
    theirs[0].ask(Command::Dial(theirs[1].address.clone()));
    ours[0].subscribe();
    until(&mut ours, |ours| ours[0].mesh().len() == 2 && theirs.iter().all(|one| one.mesh().len() == 2));
    let mut theirs = theirs;
    theirs[0].ask(Command::Publish(vec![b'x'; 200_000]));
    until(&mut ours, |ours| ours[0].messages().len() == 1);
    until(&mut ours, |_| theirs[1].has_told("message of 200000"));
    ours[0].publish(&[b'y'; 100_000]);
    until(&mut ours, |_| theirs[0].has_told("message of 100000"));
    until(&mut ours, |_| theirs[1].has_told("message of 100000"));
    // We have told the mesh that we need no further copy of what we got.
    assert!(ours[0].service().router_counters().idontwants >= 1);
    theirs.into_iter().for_each(Theirs::kill);
}

#[test]
fn a_late_joiner_and_one_that_comes_again_get_messages() {
    let (mut ours, mut theirs) = meshed(Inbound);
    ours[0].publish(b"before");
    until(&mut ours, |_| theirs.has_told("message before"));
    let mut late = Theirs::start(202);
    late.ask(Command::Subscribe);
    ours[0].swarm.dial(late.address.clone()).unwrap();
    let peer = late.peer;
    until(&mut ours, |ours| ours[0].mesh().contains(&peer));
    ours[0].publish(b"for both");
    until(&mut ours, |_| late.has_told("message for both"));
    late.kill();
    until(&mut ours, |ours| ours[0].has(|event| matches!(event, Event::PeerGone { peer: gone } if *gone == peer)));
    assert!(!ours[0].mesh().contains(&peer));
    let mut again = Theirs::start(202);
    again.ask(Command::Subscribe);
    ours[0].swarm.dial(again.address.clone()).unwrap();
    until(&mut ours, |ours| ours[0].mesh().contains(&peer));
    again.ask(Command::Publish(b"from the new one".into()));
    until(&mut ours, |_| theirs.has_told("message from the new one"));
    ours[0].publish(b"for the new one");
    until(&mut ours, |_| again.has_told("message for the new one"));
    again.kill();
    theirs.kill();
}
