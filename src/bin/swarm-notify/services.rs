//! [`Services`]: the services of a command (ping, identify and floodsub), and the lines of the log about their events.

use crate::error::Error;
use crate::node::{LoggedSwarm, Node};
use crate::output::STDOUT;
use crate::pace::Pace;
use crate::publish::{Publisher, Whose};
use crate::report::{LogLine, Reporter, seconds};
use crate::tally::Chat;
use crate::topic_router::{JoinedTopic, TopicRouter, TopicService};
use libp2p_identity::{Keypair, PeerId};
use std::task::Context;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use swarm_notify::lifecycle::{ConnectionId, Failure};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::FloodRouter;
use swarm_notify::protocols::gossipsub::{self, MeshRouter};
use swarm_notify::protocols::identify::{self, Identify, Info};
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::protocols::pubsub::{self, Event, Message, Signing};

/// The maximum number of floodsub messages that `dial` remembers, each for 120 s. In that time, `dial` accepts at most half
/// of this number from one author.
const MOST_SEEN_BY_DIAL: usize = 1 << 20;

/// The outcome of a request that the command has made through a service.
pub(crate) enum ServiceOutcome {
    /// The round-trip time of a ping, or the reason why the peer has not answered the ping.
    Ping(Result<Duration, Failure>),
    /// The peer has answered the identify request, or the request has failed for this reason.
    Identify(Result<(), Failure>),
}

/// The services that are installed in a node.
pub(crate) struct Services {
    ping: NotifeeId<Ping>,
    identify: NotifeeId<Identify>,
    pace: NotifeeId<Pace>,
    floodsub: Option<Publisher>,
    /// The maximum number of floodsub messages from one peer that are printed in a second. `dial` does not limit this
    /// number: it prints all messages, and waits if the reader of its output is slow.
    most_messages: u32,
    /// `true` if the mesh has changed since the last line `mesh`.
    has_new_mesh: bool,
}

impl Services {
    /// Installs the services in a node. In `dial`, the peer has to answer a ping or the identify request within the time of
    /// the option `--timeout`. Returns an error if the system returns no random bytes or the topic is too long.
    pub(crate) fn install(
        node: &mut Node,
        identity: &Keypair,
        topic: Option<JoinedTopic<'_>>,
        whose: Whose,
    ) -> Result<Self, Error> {
        let timeout = whose.timeout();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
        let Node { world, notifees, .. } = node;
        let mut config = ping::Config::default();
        config.interval = None;
        config.timeout = timeout.unwrap_or(config.timeout);
        let ping = notifees.install(world, Ping::new(seed, config));
        let mut config = identify::Config::default();
        config.asks = false;
        config.timeout = timeout.unwrap_or(config.timeout);
        config.agent_version = concat!("swarm-notify/", env!("CARGO_PKG_VERSION")).into();
        let identify = notifees.install(world, Identify::new(identity.public(), config));
        let floodsub = match topic {
            Some(topic) => {
                // The first sequence number is the present time in nanoseconds, so that it is greater than all sequence
                // numbers that this identity has used before.
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                let signing = Signing::strict_sign(identity.clone(), u64::try_from(now).unwrap_or(u64::MAX / 2));
                let mut config = pubsub::Config::default();
                if let Whose::Dial { .. } = whose {
                    // The user has chosen this one peer, and wants all messages that it sends, even the lines of a long
                    // file.
                    config.seen = MOST_SEEN_BY_DIAL;
                }
                let most = config.topic_bytes;
                let router = if topic.has_mesh {
                    let mut seed = [0; 32];
                    getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
                    TopicRouter::Mesh(Box::new(MeshRouter::new(gossipsub::Config::default(), seed)))
                } else {
                    TopicRouter::Flood(FloodRouter)
                };
                let mut service = TopicService::with_router(router, signing, config);
                let name = topic.name;
                service.subscribe(&mut world.swarm, name).map_err(|error| {
                    Error::Topic(topic.option(), format!("{error} ({} bytes, and {most} are allowed)", name.len()))
                })?;
                let floodsub = notifees.install(world, service);
                Some(Publisher::new(whose, topic, floodsub, identity.public().to_peer_id(), notifees))
            }
            None => None,
        };
        let pace = notifees.register(Pace::default());
        let most_messages = match whose {
            Whose::Listen => 1_000,
            Whose::Dial { .. } => u32::MAX,
        };
        Ok(Self { ping, identify, pace, floodsub, most_messages, has_new_mesh: false })
    }

    /// Sends a ping to the peer of a connection. Returns `false` if the connection is not open any more.
    pub(crate) fn ping(&self, notifees: &mut Notifees<LoggedSwarm>, connection: ConnectionId) -> bool {
        notifees.get_mut::<Ping>(self.ping).is_some_and(|ping| ping.ping(connection).is_ok())
    }

    /// Sends the identify request to the peer of a connection.
    pub(crate) fn identify(&self, notifees: &mut Notifees<LoggedSwarm>, connection: ConnectionId) {
        if let Some(identify) = notifees.get_mut::<Identify>(self.identify) {
            // An error means that the connection has ended, and its last event will be told soon.
            let _ = identify.identify(connection);
        }
    }

    /// Returns whether nothing is left to publish: standard input has ended and all of its lines were written to the
    /// network, or publishing was given up, or no topic was joined.
    pub(crate) fn has_published(&self) -> bool {
        self.floodsub.as_ref().is_none_or(Publisher::is_done)
    }

    /// Returns whether publishing has succeeded: no line of standard input was lost, and the input could be read.
    pub(crate) fn has_lost_nothing(&self) -> bool {
        self.floodsub.as_ref().is_none_or(Publisher::is_right)
    }

    /// Prints, at the end of the command, how many lines of the log were left out since a line has last told of them. Also
    /// prints, on standard error, how many lines of standard input were lost, and how many messages were dropped because
    /// subscribers were too slow.
    pub(crate) fn end(&mut self, reporter: Reporter, notifees: &mut Notifees<LoggedSwarm>) {
        if let Some(pace) = notifees.get_mut::<Pace>(self.pace) {
            pace.end(reporter);
        }
        if let Some(publisher) = &mut self.floodsub {
            publisher.end(notifees);
        }
    }

    /// Prints on standard error that standard input was not read to its end, unless another error has told this already. The
    /// caller has to call [`end`](Self::end) first, and must not call this function if a signal has ended the command.
    pub(crate) fn say_unread(&self) {
        if let Some(publisher) = &self.floodsub {
            publisher.say_unread();
        }
    }

    /// Returns, as phrases, the parts of publishing that a signal has interrupted. The caller has to call [`end`](Self::end)
    /// first.
    pub(crate) fn interrupted(&self) -> Vec<String> {
        self.floodsub.as_ref().map(Publisher::interrupted).unwrap_or_default()
    }

    /// Returns the number of published lines, the number of lost lines, and the number of messages that have arrived, or
    /// `None` if no topic was joined.
    pub(crate) fn chat(&self) -> Option<Chat> {
        let publisher = self.floodsub.as_ref()?;
        let (published, lost) = publisher.lines();
        Some(Chat { published, lost, messages: publisher.messages })
    }

    /// Prints the pending events of the services, up to the first one that is the outcome of a request, and returns that
    /// outcome. Returns `None` if no outcome is left, or while the queue of standard output is full.
    pub(crate) fn next(&mut self, world: &LoggedSwarm, notifees: &mut Notifees<LoggedSwarm>) -> Option<ServiceOutcome> {
        if STDOUT.is_full() {
            // The events wait in the services until the queue of standard output has room again.
            return None;
        }
        if let Some(publisher) = &mut self.floodsub {
            while let Some(event) = notifees.get_mut::<TopicService>(publisher.service())?.next_event() {
                let now = world.reporter.elapsed();
                if let Event::Lagged { events } = event {
                    notifees.get_mut::<Pace>(self.pace)?.lagged(world.reporter, events, now);
                    continue;
                }
                self.has_new_mesh |= matches!(event, Event::Grafted { .. } | Event::Pruned { .. });
                let (peer, name, most) = kind(&event, self.most_messages);
                publisher.messages += u64::from(name == "message");
                if !notifees.get_mut::<Pace>(self.pace)?.allows(peer, name, most, now) {
                    continue;
                }
                if let Some(line) = pubsub_line(world, name, event) {
                    world.reporter.print(&line);
                }
            }
        }
        self.print_mesh(world, notifees);
        while let Some(event) = notifees.get_mut::<Ping>(self.ping)?.next_event() {
            if let Some(outcome) = pinged(world, event) {
                return Some(outcome);
            }
        }
        while let Some(event) = notifees.get_mut::<Identify>(self.identify)?.next_event() {
            if let Some(outcome) = identified(world, event) {
                return Some(outcome);
            }
        }
        None
    }

    /// Prints the line `mesh`, if the mesh has changed since the last such line.
    fn print_mesh(&mut self, world: &LoggedSwarm, notifees: &mut Notifees<LoggedSwarm>) {
        let Some(publisher) = self.floodsub.as_ref().filter(|_| core::mem::take(&mut self.has_new_mesh)) else {
            return;
        };
        let (topic, now) = (publisher.topic(), world.reporter.elapsed());
        let mesh = notifees.get(publisher.service()).and_then(|service| service.router().mesh(topic));
        let is_allowed = notifees.get_mut::<Pace>(self.pace).is_some_and(|pace| pace.allows(None, "mesh", 10, now));
        if let Some(peers) = mesh.filter(|_| is_allowed) {
            let mut line = world.reporter.line("mesh");
            line.put("topic", topic);
            line.put("peers", peers.iter().map(ToString::to_string).collect::<Vec<_>>());
            world.reporter.print(&line);
        }
    }

    /// Publishes the lines of standard input while any peer has joined the topic. Returns whether it has done anything.
    pub(crate) fn publish(
        &mut self,
        cx: &mut Context<'_>,
        world: &mut LoggedSwarm,
        notifees: &mut Notifees<LoggedSwarm>,
    ) -> bool {
        self.floodsub.as_mut().is_some_and(|publisher| publisher.publish_lines(cx, world, notifees))
    }
}

fn pinged(world: &LoggedSwarm, event: ping::Event) -> Option<ServiceOutcome> {
    let about = |name, connection: ConnectionId, peer: PeerId| {
        let mut line = world.reporter.line(name);
        line.put("connection", connection.to_string());
        line.put("peer", peer.to_string());
        line
    };
    let (line, outcome) = match event {
        ping::Event::Pong { connection, peer, round_trip } => {
            let mut line = about("ping", connection, peer);
            line.put("seconds", seconds(round_trip));
            (line, Ok(round_trip))
        }
        ping::Event::Failed { connection, peer, reason } => {
            let mut line = about("ping_failed", connection, peer);
            line.put("reason", reason.to_string());
            (line, Err(reason))
        }
        // `Lagged` does not happen, since only one ping is under way at a time. Events that a later version of the library
        // adds have no line.
        ping::Event::Lagged { .. } | _ => return None,
    };
    world.reporter.print(&line);
    Some(ServiceOutcome::Ping(outcome))
}

fn identified(world: &LoggedSwarm, event: identify::Event) -> Option<ServiceOutcome> {
    let identified = |name, peer: PeerId, info: &Info| {
        let mut line = world.reporter.line(name);
        line.put("peer", peer.to_string());
        line.put("agent", info.agent_version.as_deref());
        line.put("protocols", info.protocols.iter().map(ToString::to_string).collect::<Vec<_>>());
        line.put("addresses", info.listen_addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        line.put("observed", info.observed_address.as_ref().map(ToString::to_string));
        line
    };
    let failed = |name, peer: PeerId, reason: Failure| {
        let mut line = world.reporter.line(name);
        line.put("peer", peer.to_string());
        line.put("reason", reason.to_string());
        line
    };
    let (line, outcome) = match event {
        identify::Event::Identified { peer, info, .. } => {
            (identified("identified", peer, &info), Some(ServiceOutcome::Identify(Ok(()))))
        }
        identify::Event::Pushed { peer, info, .. } => (identified("identify_pushed", peer, &info), None),
        identify::Event::Failed { peer, reason, .. } => {
            (failed("identify_failed", peer, reason), Some(ServiceOutcome::Identify(Err(reason))))
        }
        identify::Event::PushFailed { peer, reason, .. } => (failed("identify_push_failed", peer, reason), None),
        identify::Event::Lagged { events } => {
            let mut line = world.reporter.line("identify_lagged");
            line.put("missed", events);
            (line, None)
        }
        // An event that a later version adds.
        _ => return None,
    };
    world.reporter.print(&line);
    outcome
}

/// Returns the peer that has caused an event, the name of the line about the event, and the maximum number of lines with
/// this name that are printed for one peer in a second: `most_messages` for messages, and 10 for other events.
fn kind(event: &Event, most_messages: u32) -> (Option<PeerId>, &'static str, u32) {
    match event {
        Event::Message { via, .. } => (Some(*via), "message", most_messages),
        Event::PeerAdded { peer } => (Some(*peer), "peer_added", 10),
        Event::PeerGone { peer } => (Some(*peer), "peer_gone", 10),
        Event::Subscribed { peer, .. } => (Some(*peer), "subscribed", 10),
        Event::Unsubscribed { peer, .. } => (Some(*peer), "unsubscribed", 10),
        Event::Grafted { peer, .. } => (Some(*peer), "graft", 10),
        Event::Pruned { peer, .. } => (Some(*peer), "prune", 10),
        // `Lagged` has a line of its own. An event that a later version adds has none.
        Event::Lagged { .. } | _ => (None, "", u32::MAX),
    }
}

/// Returns the line of the log about an event. `name` is the name of the line, which [`kind`] has returned.
fn pubsub_line(world: &LoggedSwarm, name: &str, event: Event) -> Option<LogLine> {
    let mut line = world.reporter.line(name);
    match event {
        Event::Message { message, via } => put_message(&mut line, message, via),
        Event::PeerAdded { peer } | Event::PeerGone { peer } => line.put("peer", peer.to_string()),
        Event::Subscribed { peer, topic }
        | Event::Unsubscribed { peer, topic }
        | Event::Grafted { peer, topic }
        | Event::Pruned { peer, topic } => {
            line.put("peer", peer.to_string());
            line.put("topic", &*topic);
        }
        Event::Lagged { .. } | _ => return None,
    }
    Some(line)
}

fn put_message(line: &mut LogLine, message: Message, via: PeerId) {
    line.put("topic", &*message.topic);
    line.put("from", message.source.map(|source| source.to_string()));
    // The number is printed as a string, since it is above 2^53, where readers of JSON lose digits.
    line.put("seqno", message.seqno.map(|seqno| seqno.to_string()));
    line.put_data(&message.data);
    line.put("via", via.to_string());
}
