//! [`SocketConnection`]: a connection with its socket, from its id to the socket's end. An accepted one has stood at the
//! [door](super::door) before.
//!
//! ```text
//!  Dialing ──────────────────┐
//!                            ├─▶ Up ─▶ Closing ─▶ Over    (any of them ─▶ Over, when it breaks or is cut)
//!  an authenticated visitor ─┘
//! ```
//!
//! A connection whose peer has sent go-away 0 is `Closing`, too, but goes on serving the streams that live.

mod denying;
mod ending;
mod facts;
mod flush_tracker;
mod held_bytes;
mod reading;
mod share;
mod streams;
mod writing;

use super::door::Visitor;
use super::held_bytes::ConnectionAccount;
use super::run_queue::HelpingsTaken;
use super::state::SwarmState;
use crate::connection::{Connection, Now, PackedPeer};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, ListenerId};
use crate::swarm::SwarmTransport;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::pin::Pin;
use core::time::Duration;
pub(super) use ending::{EndCause, OfPeer};
use flush_tracker::FlushTracker;
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The most reads of one helping. A pipe that brings a few bytes at a time would hold the turn otherwise.
pub(super) const HELPING_READS: usize = 8;

/// One connection and what it runs on.
pub(super) struct SocketConnection<T: Transport> {
    pub(super) id: ConnectionId,
    pub(super) direction: Direction,
    pub(super) remote: Multiaddr,
    /// Our address of the socket, if its transport or its reactor has told.
    pub(super) local: Option<Multiaddr>,
    /// The address that the name has led to which was dialed.
    reached: Option<Box<Multiaddr>>,
    pub(super) listener: Option<ListenerId>,
    /// The peer that it was dialed for, if one was named, until its peer is known.
    pub(super) expected: Option<Box<PeerId>>,
    peer: Option<PackedPeer>,
    pub(super) error: Option<String>,
    /// When it was dialed.
    pub(super) began: Now,
    /// What it is armed with in the timers.
    pub(super) armed: Option<Duration>,
    /// It stands in [`SwarmState::dirty`].
    pub(super) is_dirty: bool,
    /// It stands in [`SwarmState::commanded`].
    is_commanded: bool,
    /// A stream has opened on it, ever.
    pub(super) has_had_stream: bool,
    /// The helpings that it has had of the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: ConnectionStage<T>,
    /// What has been transmitted and not been written yet: `out[written..]`.
    out: Vec<u8>,
    written: usize,
    /// Since when the pipe has taken nothing of it.
    blocked: Option<Duration>,
    flush_tracker: FlushTracker,
    /// The bytes that its pipe has given, and those that its pipe has taken.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The bytes that it holds, as they were counted last.
    pub(super) account: ConnectionAccount,
    /// The streams without an id that are counted of it.
    unnamed: u32,
    /// What its streams hold of unread bytes, once its connection is gone.
    left: usize,
    /// The streams of the peer's that were paced, once its connection is gone.
    paced: u32,
}

pub(super) enum ConnectionStage<T: Transport> {
    Dialing(Pin<Box<T::Dial>>),
    Up(Pipe<T::Output>),
    /// Its owner, or we, have closed it: what is due is written, then our side of the pipe ends, then the peer's. Or the
    /// peer has: then our side goes on until the last stream has ended.
    Closing(Pipe<T::Output>, ConnectionEnd, OurSide),
    /// The socket is closed. The last round trip, if one was known.
    Over(Option<Duration>),
}

/// A byte pipe and the connection on it.
pub(super) struct Pipe<Io> {
    pub(super) io: Io,
    pub(super) connection: Connection,
}

/// How far our side of a pipe that is being closed has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OurSide {
    /// The peer has sent go-away 0. Live streams go on, and our own go-away follows the last of them.
    Serving,
    /// Our go-away is written, or pending.
    Open,
    /// The peer has said its last word: once ours is written it is over.
    Last,
    Closed,
}

impl<T> SocketConnection<T>
where
    T: SwarmTransport,
{
    pub(super) fn new(
        id: ConnectionId,
        direction: Direction,
        remote: Multiaddr,
        stage: ConnectionStage<T>,
        now: Now,
    ) -> Self {
        Self {
            id,
            direction,
            remote,
            local: None,
            reached: None,
            listener: None,
            expected: None,
            peer: None,
            error: None,
            began: now,
            armed: None,
            is_dirty: false,
            is_commanded: false,
            has_had_stream: false,
            share: HelpingsTaken::default(),
            stage,
            out: Vec::new(),
            written: 0,
            blocked: None,
            flush_tracker: FlushTracker::default(),
            received: 0,
            sent: 0,
            account: ConnectionAccount::default(),
            unnamed: 0,
            left: 0,
            paced: 0,
        }
    }

    /// Makes the connection of an accepted connection whose peer is authenticated, out of what stood at the door.
    pub(super) fn accepted(id: ConnectionId, visitor: Visitor<T>, pipe: Pipe<T::Output>) -> Self {
        let Visitor { listener, remote, local, began, received, sent, out, written, .. } = visitor;
        let mut conn = Self::new(id, Direction::Inbound, remote, ConnectionStage::Up(pipe), began.into());
        conn.listener = Some(listener);
        conn.local = Some(local);
        (conn.received, conn.sent) = (received, sent);
        (conn.out, conn.written) = (out, written);
        // All that was said at the door is a batch of its own: no stream has written into it.
        conn.flush_tracker.taken();
        conn
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => Some(&mut pipe.connection),
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => None,
        }
    }

    /// The peer, once it is authenticated.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer.and_then(PackedPeer::unpack)
    }

    /// Returns the last round-trip time that is known.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => pipe.connection.round_trip(),
            ConnectionStage::Dialing(_) => None,
            ConnectionStage::Over(last) => *last,
        }
    }

    /// Returns the number of the peer's streams that wait for their turn, and of those that ever have.
    pub(super) fn pace(&self) -> (usize, u32) {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                (pipe.connection.streams_waiting(), pipe.connection.streams_paced())
            }
            ConnectionStage::Dialing(_) => (0, 0),
            ConnectionStage::Over(_) => (0, self.paced),
        }
    }

    /// Returns a hash of the handshake's transcript, which the other end has, too, while this end knows its peer and the
    /// other does not.
    fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.transcript(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Puts it in line for the output phase of this turn, or of the next one.
    pub(super) fn mark_dirty<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            state.dirty.push_back(self.id);
        }
    }

    /// Notes that a command acts on it. A command has no clock, so the time-outs that it starts count from the next turn.
    pub(super) fn mark_commanded<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.mark_dirty(state);
        if !core::mem::replace(&mut self.is_commanded, true) {
            state.commanded.push(self.id);
        }
    }

    /// Starts the time-outs of commands that were given since the last turn: they count from `now`.
    pub(super) fn count_from<const E: usize>(&mut self, state: &mut SwarmState<E>, now: Duration) {
        self.is_commanded = false;
        self.began = self.began.or(now);
        if let Some(connection) = self.connection() {
            connection.count_from(&mut state.environment(now));
        }
    }
}
