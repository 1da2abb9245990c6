//! [`Services`]: ping, identify and floodsub beside what a command does, and what they print.

use crate::lines::Lines;
use crate::node::{Error, Node, World};
use crate::pace::Pace;
use crate::report::{Line, seconds};
use data_encoding::BASE64;
use libp2p_identity::{Keypair, PeerId};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};
use swarm_notify::lifecycle::{ConnectionId, Failure};
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::identify::{self, Identify, Info};
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::protocols::pubsub::{self, Event, Message, Signing};

/// What has come of something that was asked for.
pub(crate) enum Outcome {
    /// A ping was answered, or was not.
    Ping { is_right: bool },
    /// The peer has said who it is, or has not.
    Identify { is_right: bool },
}

/// Services that are installed.
pub(crate) struct Services {
    ping: NotifeeId,
    identify: NotifeeId,
    pace: NotifeeId,
    floodsub: Option<Topic>,
}

/// A topic that lines are published on.
struct Topic {
    floodsub: NotifeeId,
    name: String,
    /// Standard input, until its end.
    lines: Option<Lines>,
    /// A line that waits for somebody to subscribe.
    line: Option<Vec<u8>>,
}

impl Services {
    pub(crate) fn install(node: &mut Node, identity: &Keypair, topic: Option<&str>) -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
        let Node { world, notifees, .. } = node;
        let mut config = ping::Config::default();
        config.interval = None;
        let ping = notifees.install(world, Ping::new(seed, config));
        let mut config = identify::Config::default();
        config.asks = false;
        config.agent_version = concat!("swarm-notify/", env!("CARGO_PKG_VERSION")).into();
        let identify = notifees.install(world, Identify::new(identity.public(), config));
        let floodsub = match topic {
            Some(name) => {
                // Above whatever this identity has signed before.
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                let signing = Signing::strict_sign(identity.clone(), u64::try_from(now).unwrap_or(u64::MAX / 2));
                let mut service = FloodSub::new(signing, pubsub::Config::default());
                service.subscribe(&mut world.swarm, name).map_err(|error| Error::Topic(error.to_string()))?;
                let floodsub = notifees.install(world, service);
                Some(Topic { floodsub, name: name.to_owned(), lines: Some(Lines::new()), line: None })
            }
            None => None,
        };
        let pace = notifees.register(Pace::default());
        Ok(Self { ping, identify, pace, floodsub })
    }

    /// Pings a connection.
    pub(crate) fn ping(&self, notifees: &mut Notifees<World>, connection: ConnectionId) {
        if let Some(ping) = notifees.get_mut::<Ping>(self.ping) {
            // It is open, or its end is on its way.
            let _ = ping.ping(connection);
        }
    }

    /// Asks the peer of a connection who it is.
    pub(crate) fn identify(&self, notifees: &mut Notifees<World>, connection: ConnectionId) {
        if let Some(identify) = notifees.get_mut::<Identify>(self.identify) {
            // It is open, or its end is on its way.
            let _ = identify.identify(connection);
        }
    }

    /// Whether standard input has ended, if it is read, and all of it has been handed to the network.
    pub(crate) fn has_published(&self) -> bool {
        self.floodsub.as_ref().is_none_or(|topic| topic.lines.is_none() && topic.line.is_none())
    }

    /// Prints what the services have to say, and gives the next thing that was asked for.
    pub(crate) fn next(&self, world: &World, notifees: &mut Notifees<World>) -> Option<Outcome> {
        if let Some(topic) = &self.floodsub {
            while let Some(event) = notifees.get_mut::<FloodSub>(topic.floodsub)?.next_event() {
                let (peer, name, most) = kind(&event);
                let now = world.reporter.elapsed();
                if notifees.get_mut::<Pace>(self.pace)?.allows(peer, name, most, now) {
                    world.reporter.print(&pubsub_line(world, event));
                }
            }
        }
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

    /// Publishes the lines of standard input, while somebody subscribes. `true`: something has happened.
    pub(crate) fn publish(&mut self, cx: &mut Context<'_>, world: &mut World, notifees: &mut Notifees<World>) -> bool {
        let Some(topic) = &mut self.floodsub else { return false };
        let Some(floodsub) = notifees.get_mut::<FloodSub>(topic.floodsub) else { return false };
        let mut happened = false;
        loop {
            if let Some(line) = &topic.line {
                if floodsub.peers_of(&topic.name).next().is_none() {
                    return happened;
                }
                if let Err(error) = floodsub.publish(&mut world.swarm, &topic.name, line) {
                    eprintln!("swarm-notify: a line is not published: {error}");
                }
                topic.line = None;
            }
            let Some(lines) = &mut topic.lines else { return happened };
            match lines.poll_next(cx) {
                Poll::Pending => return happened,
                Poll::Ready(None) => topic.lines = None,
                Poll::Ready(line) => topic.line = line,
            }
            happened = true;
        }
    }
}

fn pinged(world: &World, event: ping::Event) -> Option<Outcome> {
    let about = |name, connection: ConnectionId, peer: PeerId| {
        let mut line = world.reporter.line(name);
        line.put("connection", connection.to_string());
        line.put("peer", peer.to_string());
        line
    };
    let (line, is_right) = match event {
        ping::Event::Pong { connection, peer, round_trip } => {
            let mut line = about("ping", connection, peer);
            line.put("seconds", seconds(round_trip));
            (line, true)
        }
        ping::Event::Failed { connection, peer, reason } => {
            let mut line = about("ping_failed", connection, peer);
            line.put("reason", reason.to_string());
            (line, false)
        }
        // A later version's.
        _ => return None,
    };
    world.reporter.print(&line);
    Some(Outcome::Ping { is_right })
}

fn identified(world: &World, event: identify::Event) -> Option<Outcome> {
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
            (identified("identified", peer, &info), Some(Outcome::Identify { is_right: true }))
        }
        identify::Event::Pushed { peer, info, .. } => (identified("identify_pushed", peer, &info), None),
        identify::Event::Failed { peer, reason, .. } => {
            (failed("identify_failed", peer, reason), Some(Outcome::Identify { is_right: false }))
        }
        identify::Event::PushFailed { peer, reason, .. } => (failed("identify_push_failed", peer, reason), None),
        // A later version's.
        _ => return None,
    };
    world.reporter.print(&line);
    outcome
}

/// The peer that paces an event, the name of its line, and the most such lines of one peer in a second.
fn kind(event: &Event) -> (Option<PeerId>, &'static str, u32) {
    match event {
        Event::Message { via, .. } => (Some(*via), "message", 1_000),
        Event::PeerAdded { peer } => (Some(*peer), "peer_added", 10),
        Event::PeerGone { peer } => (Some(*peer), "peer_gone", 10),
        Event::Subscribed { peer, .. } => (Some(*peer), "subscribed", 10),
        Event::Unsubscribed { peer, .. } => (Some(*peer), "unsubscribed", 10),
        Event::Lagged { .. } => (None, "lagged", 10),
        _ => (None, "other", 10),
    }
}

fn pubsub_line(world: &World, event: Event) -> Line {
    let reporter = &world.reporter;
    let about = |name, peer: PeerId| {
        let mut line = reporter.line(name);
        line.put("peer", peer.to_string());
        line
    };
    let on = |name, peer, topic: &str| {
        let mut line = about(name, peer);
        line.put("topic", topic);
        line
    };
    match event {
        Event::Message { message, via } => message_line(reporter.line("message"), message, via),
        Event::PeerAdded { peer } => about("peer_added", peer),
        Event::PeerGone { peer } => about("peer_gone", peer),
        Event::Subscribed { peer, topic } => on("subscribed", peer, &topic),
        Event::Unsubscribed { peer, topic } => on("unsubscribed", peer, &topic),
        Event::Lagged { events } => {
            let mut line = reporter.line("lagged");
            line.put("events", events);
            line
        }
        // What a later version tells is not what was asked for.
        _ => reporter.line("other"),
    }
}

fn message_line(mut line: Line, message: Message, via: PeerId) -> Line {
    line.put("topic", &*message.topic);
    line.put("from", message.source.map(|source| source.to_string()));
    line.put("seqno", message.seqno);
    match String::from_utf8(message.data) {
        Ok(text) => line.put_data("data", &text),
        Err(error) => line.put_data("data_base64", &BASE64.encode(error.as_bytes())),
    }
    line.put("via", via.to_string());
    line
}
