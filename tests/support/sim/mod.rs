//! A simulated network: swarms in one thread, in virtual time, with every fault that a network has.
//!
//! Nothing sleeps. Time jumps to the next arrival or deadline, so that a scenario of an hour takes as long as its work,
//! and the same scenario goes the same way every time.
mod attackers;
pub(crate) mod checker;
mod commands;
mod journal;
mod knobs;
mod network;
mod pair;
mod pipes;
mod raw;
mod reactor;
mod rogue;
mod side;
mod transport;
mod world;

pub(crate) use super::raw_frames::{ACK, ECHO_LINES, FIN, GO_AWAY, PING, SYN, UPDATE, data, frame, go_away};
pub(crate) use attackers::{Attackers, Form, proposal};
pub(crate) use journal::{Excuse, Journal, Marks, Told, content};
pub(crate) use network::{Cut, Exhausted, Network};
pub(crate) use pair::{A, B, ECHO, Host, Link, Pair, SINK, Shape, UNKNOWN, everywhere};
pub(crate) use raw::Raw;
pub(crate) use reactor::{Poller, Signal, SimReactor, SimSwarm};
pub(crate) use rogue::Rogues;
pub(crate) use side::{Mode, Side};
pub(crate) use transport::{RawDial, SimPipe, SimTransport, address};
pub(crate) use world::{LIVES, Member, World};
