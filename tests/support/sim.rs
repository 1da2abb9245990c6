//! A simulated network: swarms in one thread, in virtual time, with every fault that a network has.
//!
//! Nothing sleeps. Time jumps to the next arrival or deadline, so that a scenario of an hour takes as long as its work,
//! and the same scenario goes the same way every time.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test crate uses its part of it")]

#[path = "sim/checker.rs"]
mod checker;
#[path = "sim/journal.rs"]
mod journal;
#[path = "sim/knobs.rs"]
mod knobs;
#[path = "sim/network.rs"]
mod network;
#[path = "sim/pair.rs"]
mod pair;
#[path = "sim/pipes.rs"]
mod pipes;
#[path = "sim/raw.rs"]
mod raw;
#[path = "raw_frames.rs"]
mod raw_frames;
#[path = "sim/reactor.rs"]
mod reactor;
#[path = "sim/rogue.rs"]
mod rogue;
#[path = "sim/side.rs"]
mod side;
#[path = "sim/transport.rs"]
mod transport;
#[path = "sim/world.rs"]
mod world;

pub(crate) use journal::{Excuse, Journal, Marks, Told, content};
pub(crate) use network::{Cut, Exhausted, Network};
pub(crate) use pair::{A, B, ECHO, Host, Link, Pair, SINK, Shape, UNKNOWN, everywhere};
pub(crate) use raw::Raw;
pub(crate) use raw_frames::{ACK, ECHO_LINES, FIN, GO_AWAY, PING, SYN, UPDATE, data, frame, go_away};
pub(crate) use reactor::{Poller, SimReactor, SimSwarm};
pub(crate) use rogue::Rogues;
pub(crate) use side::{Mode, Side};
pub(crate) use transport::{RawDial, SimPipe, SimTransport, address};
pub(crate) use world::{LIVES, Member, World};
