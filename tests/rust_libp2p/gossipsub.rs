//! Floodsub with rust-libp2p's gossipsub, which speaks it with those who speak nothing else: messages both ways, signed
//! and verified by both, subscriptions seen on both sides, and an end.

use crate::node::from_new_port;
use crate::support::floodsub::drive::{Tcp, during, listen, node, pass, shut_down, until};
use crate::support::floodsub::keypair;
use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use libp2p::gossipsub::{Behaviour, ConfigBuilder, Event, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, noise, tcp, yamux};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use swarm_notify::lifecycle::Direction::{self, Inbound, Outbound};
use swarm_notify::protocols::pubsub::Config;
use tokio::runtime::Builder;

/// What a gossipsub node is asked to do.
enum Command {
    Dial(Multiaddr),
    Publish(&'static str),
    Subscribe,
    Unsubscribe,
}

/// A rust-libp2p node with gossipsub and its support of floodsub, on a thread of its own.
struct Gossip {
    /// Where it listens, with its `/p2p/…`.
    address: Multiaddr,
    commands: mpsc::UnboundedSender<Command>,
    told: mpsc::UnboundedReceiver<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

const TOPIC: &str = "news";

/// The number of its identity.
const GOSSIP: u8 = 200;

impl Gossip {
    fn start() -> Self {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (commands, asked) = mpsc::unbounded();
        let (tell, told) = mpsc::unbounded();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = swarm();
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                let address = loop {
                    if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                        break address.with_p2p(*swarm.local_peer_id()).unwrap();
                    }
                };
                ready.send(address).unwrap();
                tokio::select! {
                    () = run(swarm, asked, tell) => {}
                    _ = stopped => {}
                }
            });
            // Its sockets are closed here: nobody says goodbye.
            drop(runtime);
        });
        Self { address: is_ready.recv().unwrap(), commands, told, stop, thread }
    }

    fn ask(&self, command: Command) {
        self.commands.unbounded_send(command).unwrap();
    }

    /// What it tells next.
    fn told(&mut self, ours: &mut [Tcp]) -> String {
        during(ours, self.told.next()).expect("the node runs")
    }

    fn kill(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
    }
}

fn swarm() -> libp2p::Swarm<Behaviour> {
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes([GOSSIP; 32]).unwrap();
    let builder = libp2p::SwarmBuilder::with_existing_identity(keypair.clone()).with_tokio();
    let tcp = tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default).unwrap();
    let config = ConfigBuilder::default().support_floodsub().validation_mode(ValidationMode::Strict).build().unwrap();
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
                    Event::Message { message, .. } => {
                        format!("message {} {}", message.sequence_number.unwrap(), message.data.escape_ascii())
                    }
                    Event::Subscribed { topic, .. } => format!("subscribed {topic}"),
                    Event::Unsubscribed { topic, .. } => format!("unsubscribed {topic}"),
                    other => format!("{other:?}"),
                });
            }
            command = asked.next() => match command {
                Some(Command::Dial(address)) => swarm.dial(from_new_port(address)).unwrap(),
                Some(Command::Publish(data)) => drop(swarm.behaviour_mut().publish(topic.clone(), data).unwrap()),
                Some(Command::Subscribe) => assert!(swarm.behaviour_mut().subscribe(&topic).unwrap()),
                Some(Command::Unsubscribe) => assert!(swarm.behaviour_mut().unsubscribe(&topic)),
                None => return,
            },
        }
    }
}

/// One of our nodes, connected with a gossipsub node.
fn connected(dialed: Direction) -> ([Tcp; 1], Gossip) {
    let (mut ours, gossip) = ([node(1, Config::default())], Gossip::start());
    match dialed {
        Outbound => drop(ours[0].swarm.dial(gossip.address.clone()).unwrap()),
        Inbound => {
            let address = listen(&mut ours);
            gossip.ask(Command::Dial(address));
        }
    }
    until(&mut ours, |ours| ours[0].peers() == [GOSSIP]);
    (ours, gossip)
}

#[test]
fn messages_go_both_ways_and_subscriptions_are_seen() {
    for dialed in [Outbound, Inbound] {
        let (mut ours, mut gossip) = connected(dialed);
        ours[0].subscribe(TOPIC);
        assert_eq!(gossip.told(&mut ours), "subscribed news");
        gossip.ask(Command::Subscribe);
        until(&mut ours, |ours| ours[0].peers_of(TOPIC) == [GOSSIP]);
        for data in ["one", "two", "three"] {
            ours[0].publish(TOPIC, data);
        }
        for told in ["message 1 one", "message 2 two", "message 3 three"] {
            assert_eq!(gossip.told(&mut ours), told);
        }
        for data in ["four", "five"] {
            gossip.ask(Command::Publish(data));
        }
        until(&mut ours, |ours| ours[0].messages.len() == 2);
        let gossips = keypair(GOSSIP).public().to_peer_id();
        for ((message, via), data) in ours[0].messages.iter().zip(["four", "five"]) {
            assert_eq!((message.source, &message.data[..], *via), (Some(gossips), data.as_bytes(), gossips));
        }
        gossip.ask(Command::Unsubscribe);
        until(&mut ours, |ours| ours[0].peers_of(TOPIC).is_empty());
        ours[0].unsubscribe(TOPIC);
        assert_eq!(gossip.told(&mut ours), "unsubscribed news");
        let counters = ours[0].floodsub().counters();
        assert_eq!((counters.invalid, counters.duplicates, counters.received, counters.sent), (0, 0, 2, 3));
        shut_down(&mut ours);
        gossip.kill();
    }
}

#[test]
fn a_message_reaches_the_other_end_through_gossipsub() {
    let gossip = Gossip::start();
    let mut ours = [node(1, Config::default()), node(2, Config::default())];
    gossip.ask(Command::Subscribe);
    for node in &mut ours {
        node.subscribe(TOPIC);
        node.swarm.dial(gossip.address.clone()).unwrap();
    }
    until(&mut ours, |ours| ours.iter_mut().all(|node| node.peers_of(TOPIC) == [GOSSIP]));
    // It forwards to those of whose subscriptions it has heard.
    let mut gossip = gossip;
    assert_eq!([gossip.told(&mut ours), gossip.told(&mut ours)], ["subscribed news", "subscribed news"]);
    ours[0].publish(TOPIC, "hello");
    until(&mut ours, |ours| ours[1].messages.len() == 1);
    let log = ours[1].take_log();
    assert_eq!(log.last().map(String::as_str), Some("message news 1#1 hello via 200"));
    shut_down(&mut ours);
    gossip.kill();
}

#[test]
fn a_message_reaches_gossipsub_through_us() {
    // Two of ours in a row, and gossipsub behind the second.
    let mut gossip = Gossip::start();
    let mut ours = [node(1, Config::default()), node(2, Config::default())];
    let address = listen(&mut ours);
    gossip.ask(Command::Subscribe);
    ours.iter_mut().for_each(|node| node.subscribe(TOPIC));
    ours[1].swarm.dial(address).unwrap();
    ours[1].swarm.dial(gossip.address.clone()).unwrap();
    until(&mut ours, |ours| ours[0].peers_of(TOPIC) == [2] && ours[1].peers_of(TOPIC).len() == 2);
    ours[0].publish(TOPIC, "hello");
    assert_eq!([gossip.told(&mut ours), gossip.told(&mut ours)], ["subscribed news", "message 1 hello"]);
    shut_down(&mut ours);
    gossip.kill();
}

/// A message each way, between two that know each other's subscriptions; `n` is the number of ours.
fn exchange(ours: &mut [Tcp; 1], gossip: &mut Gossip, n: usize) {
    ours[0].publish(TOPIC, "tick");
    assert_eq!(gossip.told(ours), format!("message {n} tick"));
    let before = ours[0].messages.len();
    gossip.ask(Command::Publish("tock"));
    until(ours, |ours| ours[0].messages.len() > before);
    assert_eq!(ours[0].messages.last().unwrap().0.data, b"tock");
}

/// Sixty heartbeats of gossipsub's, in which it may prune, send IHAVE and what else it does to a peer of a mesh; and in
/// the second half nobody says anything.
#[test]
#[ignore = "takes a minute"]
fn a_minute_beside_gossipsub_loses_nothing() {
    let beside = |dialed| {
        let (mut ours, mut gossip) = connected(dialed);
        ours[0].subscribe(TOPIC);
        gossip.ask(Command::Subscribe);
        assert_eq!(gossip.told(&mut ours), "subscribed news");
        until(&mut ours, |ours| ours[0].peers_of(TOPIC) == [GOSSIP]);
        let connection = ours[0].swarm.connections().next().unwrap();
        for n in 1..=30 {
            exchange(&mut ours, &mut gossip, n);
            pass(&mut ours, Duration::from_secs(1));
        }
        pass(&mut ours, Duration::from_secs(30));
        exchange(&mut ours, &mut gossip, 31);
        assert!(ours[0].swarm.connections().eq([connection]), "it is the same connection still");
        assert_eq!((ours[0].peers(), ours[0].peers_of(TOPIC)), (vec![GOSSIP], vec![GOSSIP]));
        let log = ours[0].take_log();
        assert_eq!(log[..2], ["added 200", "subscribed 200 news"]);
        assert!(log.len() == 33 && log[2..].iter().all(|line| line.starts_with("message ")), "{log:#?}");
        let counters = ours[0].floodsub().counters();
        assert_eq!((counters.invalid, counters.dropped, counters.received, counters.sent), (0, 0, 31, 31));
        let streams = ours[0].swarm.counters().streams;
        assert_eq!((streams.outbound.opened, streams.outbound.open), (1, 1), "our stream was never opened again");
        assert_eq!((streams.inbound.opened, streams.inbound.open), (1, 1), "nor was its");
        shut_down(&mut ours);
        gossip.kill();
    };
    thread::scope(|scope| {
        let both = [Outbound, Inbound].map(|dialed| scope.spawn(move || beside(dialed)));
        both.into_iter().for_each(|one| one.join().expect("nothing is lost"));
    });
}

#[test]
fn a_gossipsub_node_that_is_killed_is_a_peer_no_longer() {
    let (mut ours, gossip) = connected(Outbound);
    gossip.ask(Command::Subscribe);
    until(&mut ours, |ours| ours[0].peers_of(TOPIC) == [GOSSIP]);
    gossip.kill();
    until(&mut ours, |ours| ours[0].peers().is_empty());
    assert_eq!(ours[0].peers_of(TOPIC), [0; 0]);
    ours[0].expect(&["added 200", "subscribed 200 news", "gone 200"]);
    shut_down(&mut ours);
}
