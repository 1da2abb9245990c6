//! [`SocketConnection`]: a connection with its socket, from the time when it gets an id to the close of the socket. An
//! accepted one was a visitor at the [door](super::door) before.
//!
//! ```text
//!  Dialing ──────────────────┐
//!                            ├─▶ Up ─▶ Closing ─▶ Over    (any of them ─▶ Over, when it breaks or is cut)
//!  an authenticated visitor ─┘
//! ```
//!
//! A connection whose peer has sent go-away 0 is `Closing`, too, but still serves its live streams.

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
use crate::connection::{Connection, PackedPeer, UNTIMED};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, ListenerId};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::pin::Pin;
use core::time::Duration;
pub(super) use ending::{EndCause, OfPeer};
use flush_tracker::FlushTracker;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The most reads in one helping. Without this limit, a pipe that brings a few bytes at a time would hold up the turn.
pub(super) const HELPING_READS: usize = 8;

/// One connection, and the socket that it runs on.
pub(super) struct SocketConnection<T: Transport> {
    pub(super) id: ConnectionId,
    pub(super) direction: Direction,
    pub(super) remote: Multiaddr,
    /// Our address of the socket, if the transport or the reactor has told it.
    pub(super) local: Option<Multiaddr>,
    /// The address to which the dialed name has led.
    reached: Option<Box<Multiaddr>>,
    pub(super) listener: Option<ListenerId>,
    /// The peer that the dial named, if it named one, until the real peer is known.
    pub(super) expected: Option<Box<PeerId>>,
    peer: Option<PackedPeer>,
    pub(super) error: Option<String>,
    /// The time at which it was dialed or accepted.
    pub(super) began: Duration,
    /// The deadline with which it is armed in the timers.
    pub(super) armed: Option<Duration>,
    /// It is in [`SwarmState::dirty`].
    pub(super) is_dirty: bool,
    /// It is in [`SwarmState::commanded`].
    is_commanded: bool,
    /// It has ever had an open stream.
    pub(super) has_had_stream: bool,
    /// The helpings that it has had in the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: ConnectionStage<T>,
    /// The output. `out[written..]` waits to be written.
    out: Vec<u8>,
    written: usize,
    /// The time since which the pipe has taken none of it, if it is blocked.
    blocked: Option<Duration>,
    flush_tracker: FlushTracker,
    /// The number of bytes that were read from its pipe. `sent` is the number written to it.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The bytes that it held when they were last counted.
    pub(super) account: ConnectionAccount,
    /// The number of its streams without an id, as it was last counted.
    unnamed: u32,
    /// The unread bytes that its streams hold after the connection is gone.
    left: usize,
    /// The number of streams of its peer that were ever paced, after the connection is gone.
    paced: u32,
}

pub(super) enum ConnectionStage<T: Transport> {
    Dialing(Pin<Box<T::Dial>>),
    Up(Pipe<T::Output>),
    /// Its owner or the swarm has closed it: pending output is written, then our side of the pipe ends, then the peer's. Or
    /// its peer has closed it: then our side goes on until the last stream has ended.
    Closing(Pipe<T::Output>, ConnectionEnd, OurSide),
    /// The socket is closed. It keeps the last round-trip time, if one was known.
    Over(Option<Duration>),
}

/// A byte pipe and the connection on it.
pub(super) struct Pipe<Io> {
    pub(super) io: Io,
    pub(super) connection: Connection,
}

/// The state of our side of a pipe that is being closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OurSide {
    /// The peer has sent go-away 0. Live streams go on; our own go-away follows after the last of them.
    Serving,
    /// Our go-away is written or pending.
    Open,
    /// The peer's last byte has come: the connection is over once ours is written.
    Last,
    Closed,
}

impl<T> SocketConnection<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    pub(super) fn new(
        id: ConnectionId,
        direction: Direction,
        remote: Multiaddr,
        stage: ConnectionStage<T>,
        now: Duration,
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

    /// Makes the connection out of a visitor at the door whose peer is authenticated.
    pub(super) fn accepted(id: ConnectionId, visitor: Visitor<T>, pipe: Pipe<T::Output>) -> Self {
        let Visitor { listener, remote, local, began, received, sent, out, written, .. } = visitor;
        let mut conn = Self::new(id, Direction::Inbound, remote, ConnectionStage::Up(pipe), began);
        conn.listener = Some(listener);
        conn.local = Some(local);
        (conn.received, conn.sent) = (received, sent);
        (conn.out, conn.written) = (out, written);
        // The output of the handshake is a batch of its own: no stream has written into it.
        conn.flush_tracker.taken();
        conn
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => Some(&mut pipe.connection),
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => None,
        }
    }

    /// Returns the peer, once it is authenticated.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer.and_then(PackedPeer::unpack)
    }

    /// Returns the last known round-trip time.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => pipe.connection.round_trip(),
            ConnectionStage::Dialing(_) => None,
            ConnectionStage::Over(last) => *last,
        }
    }

    /// Returns the number of the peer's streams that are paced now, and of those that ever were.
    pub(super) fn pace(&self) -> (usize, u32) {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                (pipe.connection.streams_waiting(), pipe.connection.streams_paced())
            }
            ConnectionStage::Dialing(_) => (0, 0),
            ConnectionStage::Over(_) => (0, self.paced),
        }
    }

    /// Returns a hash of the handshake's transcript, at the step at which this end knows its peer and the other end does
    /// not. The other end has the same transcript.
    fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.transcript(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Puts it in line for the output phase of this turn or the next one.
    pub(super) fn mark_dirty<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            state.dirty.push_back(self.id);
        }
    }

    /// Notes that a command has changed it. A command has no clock, so that the time-outs that it starts count from the next
    /// turn.
    pub(super) fn mark_commanded<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.mark_dirty(state);
        if !core::mem::replace(&mut self.is_commanded, true) {
            state.commanded.push(self.id);
        }
    }

    /// Starts the time-outs of the commands since the last turn, from `now` on.
    pub(super) fn count_from<const E: usize>(&mut self, state: &mut SwarmState<E>, now: Duration) {
        self.is_commanded = false;
        if self.began == UNTIMED {
            self.began = now;
        }
        if let Some(connection) = self.connection() {
            connection.count_from(&mut state.environment(now));
        }
    }
}
