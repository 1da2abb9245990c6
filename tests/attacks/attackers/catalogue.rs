//! All attacks on a node that listens, by name.

use super::doors::{connect_and_close, handshakes, rsa_handshakes};
use super::events::{pushes, questions};
use super::frames::{self, frames};
use super::pubsub::{duplicates, flapping, forgeries, rsa_forgeries, unwanted};
use super::resets::{self, resets};
use super::scene::Scene;
use super::seen::{self, seen};
use super::silent::{self, silent, silent_of_many};
use super::speaker::{Packing, Speech, proposal};
use super::streams::{crowd, idle, unread};

/// One attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// What it does, in its whole instance.
    pub(crate) about: &'static str,
    /// An honest publisher beside it is a third probe.
    pub(crate) publishes: bool,
    /// Attackers and honest peers come over IPv6.
    pub(crate) is_ipv6: bool,
    /// The attackers are many peers or addresses.
    pub(crate) are_many: bool,
    /// The most descriptors that the node may have.
    pub(crate) descriptors: Option<u32>,
    /// Attacks until the scene is over.
    pub(crate) run: fn(&Scene),
}

const fn attack(name: &'static str, about: &'static str, run: fn(&Scene)) -> Attack {
    Attack { name, about, publishes: false, is_ipv6: false, are_many: false, descriptors: None, run }
}

const fn many(name: &'static str, about: &'static str, run: fn(&Scene)) -> Attack {
    Attack { are_many: true, ..attack(name, about, run) }
}

const fn beside_publisher(name: &'static str, about: &'static str, run: fn(&Scene)) -> Attack {
    Attack { publishes: true, ..attack(name, about, run) }
}

fn say(scene: &Scene, connections: usize, protocol: &str, refrain: &[u8], packing: Packing, reads: bool) {
    Speech { opening: proposal(protocol), refrain: refrain.to_vec(), packing, reads }.say(scene, connections);
}

const ECHO: &str = "/echo/1.0.0";
const SINK: &str = "/sink/1.0.0";
const PING: &str = "/ipfs/ping/1.0.0";

/// All attacks, in the order of the table.
pub(crate) static ATTACKS: &[Attack] = &[
    // Streams that are reset.
    attack("resets", "SYN and RST, 12 bytes each", |s| resets(s, 1, resets::Form::Bare)),
    attack("resets_unsupported", "header, unsupported proposal, RST", |s| resets(s, 1, resets::Form::Unsupported)),
    attack("resets_supported", "header, supported proposal, RST", |s| resets(s, 1, resets::Form::Supported)),
    attack("polite", "supported proposal, FIN", |s| resets(s, 1, resets::Form::Polite)),
    many("resets_64", "SYN and RST from 64 peers", |s| resets(s, s.pick(64, 8), resets::Form::Bare)),
    // Sockets that do not shake hands.
    attack("silent", "600 silent sockets", |s| silent(s, s.pick(600, 300), silent::Form::Nothing)),
    attack("silent_4000", "4 000 silent sockets", |s| silent(s, s.pick(4_000, 1_100), silent::Form::Nothing)),
    attack("silent_slow", "600 sockets, a byte a second", |s| silent(s, s.pick(600, 300), silent::Form::Slowly)),
    attack("silent_noise", "600 sockets, Noise message 1", |s| {
        silent(s, s.pick(600, 300), silent::Form::FirstMessage);
    }),
    many("silent_1100", "1 100 sockets of an address each, Noise message 1", |s| {
        silent_of_many(s, 1_100, silent::Form::FirstMessage);
    }),
    Attack {
        is_ipv6: true,
        ..attack("silent_ipv6", "600 silent sockets of ::1", |s| silent(s, s.pick(600, 300), silent::Form::Nothing))
    },
    // Echoes that are not read.
    attack("unread_1", "1 000 unread echoes", |s| unread(s, 1, s.pick(1_000, 100))),
    many("unread_12", "12 x 1 000 unread echoes", |s| unread(s, s.pick(12, 3), s.pick(1_000, 20))),
    many("unread_64", "64 x 1 000 unread echoes", |s| unread(s, s.pick(64, 8), s.pick(1_000, 10))),
    // Streams that do nothing.
    attack("idle_66", "66 x 1 000 idle streams, one identity", |s| idle(s, 66, 1_000)),
    // What is told at the attacker's pace.
    attack("pushes", "identify pushes of 16 kB", pushes),
    attack("questions", "identify asked", questions),
    // Pub/sub.
    beside_publisher("forgeries", "messages with wrong signatures", forgeries),
    beside_publisher("forgeries_rsa", "the same of RSA-4096", rsa_forgeries),
    beside_publisher("duplicates", "one message again and again", duplicates),
    beside_publisher("unwanted", "messages of topics that nobody has here", unwanted),
    beside_publisher("flapping", "topics subscribed and given up", flapping),
    beside_publisher("seen", "11 000 own messages a second, and an old one again", |s| seen(s, seen::Author::One)),
    beside_publisher("seen_authors", "the same of a new author each", |s| seen(s, seen::Author::Endless)),
    beside_publisher("places_1030", "1 030 silent connections, fresh keys", |s| crowd(s, 1_030, false)),
    // Frames.
    attack("syn", "SYN", |s| frames(s, 1, frames::Form::Syn)),
    many("syn_64", "SYN from 64 peers", |s| frames(s, s.pick(64, 8), frames::Form::Syn)),
    attack("empty", "data of no bytes", |s| frames(s, 1, frames::Form::Empty)),
    attack("unknown", "windows of unknown streams", |s| frames(s, 1, frames::Form::Unknown)),
    attack("pongs", "answers to no ping", |s| frames(s, 1, frames::Form::Pong)),
    attack("pings", "yamux pings", |s| frames(s, 1, frames::Form::Ping)),
    attack("bytes_sink", "1-byte frames to sink", |s| say(s, 1, SINK, &[7; 64], Packing::ByteFrames, true)),
    attack("bytes_echo", "1-byte frames to echo", |s| say(s, 1, ECHO, &[7; 64], Packing::ByteFrames, true)),
    many("bytes_400", "1-byte frames to echo from 400 peers", |s| {
        say(s, s.pick(400, 8), ECHO, &[7; 64], Packing::ByteFrames, true);
    }),
    attack("tiny_noise", "1-byte Noise messages", |s| say(s, 1, SINK, &[7; 64], Packing::ByteMessages, true)),
    // The ping service.
    attack("ping_service", "pings on a stream", |s| say(s, 1, PING, &[7; 32], Packing::Long, true)),
    attack("ping_unread", "pings whose answers are not read", |s| say(s, 1, PING, &[7; 32], Packing::Long, false)),
    many("ping_64", "pings on a stream from 64 peers", |s| {
        say(s, s.pick(64, 4), PING, &[7; 32], Packing::Long, true);
    }),
    // Connections that come and go, or stay.
    attack("connect_close", "connect and close", connect_and_close),
    attack("handshakes", "handshakes, 2 at a time", |s| handshakes(s, 2)),
    many("handshakes_64", "handshakes, 64 at a time", |s| handshakes(s, s.pick(64, 16))),
    attack("handshakes_rsa", "handshakes of RSA-4096, 2 at a time", |s| rsa_handshakes(s, 2)),
    many("crowd", "16 384 connections of 2 048 addresses", |s| crowd(s, s.pick(16_384, 200), true)),
    Attack {
        descriptors: Some(64),
        ..attack("descriptors", "128 connections, 64 descriptors", |s| crowd(s, 128, false))
    },
];
