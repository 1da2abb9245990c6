//! Requests and responses against rust-libp2p's behaviour of that name, with its JSON codec: both sides ask, and both answer.

use crate::Direction::{self, Inbound, Outbound};
use crate::node::from_new_port;
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::request_response::{self as theirs, Message, ProtocolSupport, json};
use libp2p::swarm::SwarmEvent;
use libp2p::{StreamProtocol, noise, tcp, yamux};
use std::sync::mpsc;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::Failure;
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::request_response::{Codec, Config, Event, RequestResponse};
use swarm_notify::swarm::{self, Multiaddr};
use tokio::sync::oneshot;

/// Nothing here takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);
/// The bytes of a long message: more than a window of either side.
const LONG: usize = 600_000;

/// Strings as JSON.
struct Json;

impl Codec for Json {
    type Request = String;
    type Response = String;
    type Error = serde_json::Error;

    fn encode_request(&mut self, request: &String, bytes: &mut Vec<u8>) -> Result<(), Self::Error> {
        serde_json::to_writer(bytes, request)
    }

    fn decode_request(&mut self, bytes: Vec<u8>) -> Result<String, Self::Error> {
        serde_json::from_slice(&bytes)
    }

    fn encode_response(&mut self, response: &String, bytes: &mut Vec<u8>) -> Result<(), Self::Error> {
        serde_json::to_writer(bytes, response)
    }

    fn decode_response(&mut self, bytes: Vec<u8>) -> Result<String, Self::Error> {
        serde_json::from_slice(&bytes)
    }
}

/// A rust-libp2p node on a thread of its own, which answers in capitals, but for what begins with `!`.
struct Theirs {
    address: Multiaddr,
    answers: mpsc::Receiver<Result<String, String>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Theirs {
    /// One that listens, and dials too if there is an address to dial. It asks `asks` of whoever connects.
    fn start(dial: Option<Multiaddr>, asks: &'static [&'static str], waker: Waker) -> Self {
        let (tell, answers) = mpsc::channel();
        let (listens, address) = mpsc::channel();
        let (stop, mut stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = swarm();
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                if let Some(address) = dial {
                    swarm.dial(from_new_port(address)).unwrap();
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
                        SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                            for request in asks {
                                swarm.behaviour_mut().send_request(&peer_id, long(request));
                            }
                            true
                        }
                        SwarmEvent::Behaviour(theirs::Event::Message { message, .. }) => match message {
                            Message::Request { request, channel, .. } if request.starts_with('!') => {
                                drop(channel);
                                true
                            }
                            Message::Request { request, channel, .. } => {
                                swarm.behaviour_mut().send_response(channel, request.to_uppercase()).is_ok()
                            }
                            Message::Response { response, .. } => tell.send(Ok(response)).is_ok(),
                        },
                        SwarmEvent::Behaviour(theirs::Event::OutboundFailure { error, .. }) => {
                            tell.send(Err(error.to_string())).is_ok()
                        }
                        _ => true,
                    };
                    waker.wake_by_ref();
                }
            });
        });
        Self { address: address.recv().unwrap(), answers, stop, thread }
    }

    fn end(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
    }
}

fn swarm() -> libp2p::Swarm<json::Behaviour<String, String>> {
    let protocol = StreamProtocol::new("/shout/1.0.0");
    libp2p::SwarmBuilder::with_existing_identity(Keypair::generate_ed25519())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| json::Behaviour::new([(protocol, ProtocolSupport::Full)], theirs::Config::default()))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build()
}

/// What is to be said: a word, or a long text of it.
fn long(word: &str) -> String {
    word.strip_suffix('…').map_or_else(|| word.to_owned(), |letter| letter.repeat(LONG))
}

/// What came of our requests, in their order, and of theirs.
type Outcomes = (Vec<Result<String, Failure>>, Vec<Result<String, String>>);

/// Both sides ask.
fn exchange(dialed: Direction, ours: &[&str], asks: &'static [&'static str]) -> Outcomes {
    let identity = Keypair::generate_ed25519();
    let mut swarm = crate::ours::swarm(&identity, [7; 32], swarm::Config::default());
    let mut notifees = Notifees::new();
    let service = RequestResponse::new([Protocol::from_static("/shout/1.0.0")], Json, Config::default());
    let shout = notifees.install(&mut swarm, service);
    let start = Instant::now();
    let theirs = match dialed {
        Outbound => {
            let theirs = Theirs::start(None, asks, swarm.waker());
            swarm.dial(theirs.address.clone()).unwrap();
            theirs
        }
        Inbound => {
            let listener = swarm.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
            swarm.tick(start.elapsed());
            let address = swarm.listener(listener).unwrap().addresses[0].clone();
            Theirs::start(Some(address.with_p2p(swarm.local_peer()).unwrap()), asks, swarm.waker())
        }
    };
    let (mut ids, mut answers, mut their_answers) = (Vec::new(), Vec::new(), Vec::new());
    let mut sent = 0;
    while answers.len() < ours.len() || their_answers.len() < asks.len() || sent < asks.len() {
        let now = start.elapsed();
        assert!(now < LIMIT, "{answers:?}, {their_answers:?}");
        let next = swarm.poll_at().into_iter().chain(notifees.poll_at()).min();
        swarm.wait(now, Some(next.map_or(LIMIT, |at| at.saturating_sub(now)).min(LIMIT))).unwrap();
        swarm.tick(start.elapsed());
        notifees.drive(&mut swarm, start.elapsed());
        let service = notifees.get_mut(shout).unwrap();
        if ids.is_empty()
            && let Some(connection) = swarm.connections().find(|id| swarm.connection(*id).unwrap().peer.is_some())
            && let Ok(first) = service.request(connection, &long(ours[0]))
        {
            ids.push(first);
            ids.extend(ours[1..].iter().map(|word| service.request(connection, &long(word)).unwrap()));
        }
        while let Some(event) = service.next_event() {
            match event {
                Event::Request { id, request, .. } if request.starts_with('!') => assert!(service.refuse(id)),
                Event::Request { id, request, .. } => service.respond(id, &request.to_uppercase()).unwrap(),
                Event::Response { id, response, .. } => answers.push((id, Ok(response))),
                Event::OutboundFailure { id, reason, .. } => answers.push((id, Err(reason))),
                Event::ResponseSent { .. } | Event::InboundFailure { .. } => sent += 1,
                other => panic!("{other}"),
            }
        }
        their_answers.extend(theirs.answers.try_iter());
    }
    swarm.shutdown();
    theirs.end();
    answers.sort_by_key(|(id, _)| *id);
    assert!(answers.iter().map(|(id, _)| *id).eq(ids), "each request has one outcome");
    (answers.into_iter().map(|(_, answer)| answer).collect(), their_answers)
}

#[test]
fn both_sides_answer_all_requests_of_any_length() {
    for dialed in [Outbound, Inbound] {
        let (mut ours, mut theirs) = exchange(dialed, &["a", "", "b…", "c"], &["d", "e…", ""]);
        assert_eq!(ours[..2], [Ok("A".into()), Ok(String::new())]);
        assert!(ours.remove(2).is_ok_and(|answer| answer == "B".repeat(LONG)));
        assert_eq!(ours[2], Ok("C".into()));
        theirs.sort_by_key(|answer| answer.clone().map(|answer| answer.len()));
        assert!(theirs.pop().is_some_and(|answer| answer == Ok("E".repeat(LONG))));
        assert_eq!(theirs, [Ok(String::new()), Ok("D".into())]);
    }
}

#[test]
fn what_one_side_does_not_answer_fails_once_at_the_other() {
    for dialed in [Outbound, Inbound] {
        let (ours, theirs) = exchange(dialed, &["!", "a"], &["!", "b"]);
        assert!(matches!(ours[0], Err(Failure::Protocol | Failure::Reset(_) | Failure::Eof)), "{:?}", ours[0]);
        assert_eq!(ours[1], Ok("A".into()));
        assert_eq!(theirs.iter().filter(|answer| answer.is_err()).count(), 1, "{theirs:?}");
        assert!(theirs.contains(&Ok("B".into())));
    }
}
